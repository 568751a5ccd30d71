internal import SCNCore
internal import SCNGeometry

/// Builds a sparse tensor site by site and sample by sample: SparseConvNet's older interface.
public final class InputBatch {
    /// The number of coordinates of a site, not counting the batch index.
    public let dimension: Int
    /// The size of the field along each axis.
    public let spatialSize: [Int]
    /// The number of samples that were added or named so far.
    public private(set) var sampleCount = 0

    /// [locations, dimension + 1], the sample last.
    private var locations: [Int] = []
    /// [locations, planes].
    private var vectors: [Float] = []
    private var overwrites: [Bool] = []
    /// Of all vectors; nil before the first.
    private var planes: Int?
    /// One above the largest value of each coordinate and of the sample.
    private let limits: [Int]
    private var currentSample: Int?
    private var made: SparseTensor?

    /// An empty batch for a field of the given size.
    public init(dimension: Int, spatialSize: Size) throws {
        _ = try InputLayer(dimension: dimension, spatialSize: spatialSize)
        self.dimension = dimension
        self.spatialSize = try spatialSize.axes(dimension, "spatial_size")
        limits = self.spatialSize + [Int(Int32.max)]
    }

    /// Starts the next sample, to which ``setLocation(_:_:overwrite:)`` adds.
    public func addSample() {
        currentSample = sampleCount
        sampleCount += 1
        made = nil
    }

    /// Sets the vector of a site.
    ///
    /// - Parameters:
    ///   - location: `dimension` coordinates in the current sample, or the sample as one more number.
    ///   - vector: As many planes as all other vectors have.
    ///   - overwrite: Whether to replace the vector that the site already has.
    public func setLocation(_ location: [Int], _ vector: [Float], overwrite: Bool = false) throws {
        try setLocations([location], [vector], overwrite: overwrite)
    }

    /// Sets the vectors of several sites in order; see ``setLocation(_:_:overwrite:)``.
    public func setLocations(_ locations: [[Int]], _ vectors: [[Float]], overwrite: Bool = false) throws {
        try require(
            locations.count == vectors.count, .shape,
            "vectors: has \(counted(vectors.count, .row)), expected \(locations.count) as locations has")
        let planes = planes ?? vectors.first?.count ?? 0
        for (index, vector) in vectors.enumerated() {
            try require(
                vector.count == planes, .shape,
                "vectors: row \(index) has \(counted(vector.count, .plane)), expected \(planes)")
        }
        var added: [Int] = []
        for (index, location) in locations.enumerated() { try append(location, index, to: &added) }
        add(added, Array(vectors.joined()), planes: planes, overwrite: overwrite)
    }

    /// Sets the vectors of several sites in order, from flat arrays or buffers.
    ///
    /// - Parameters:
    ///   - locations: [rows, columns], row-major, integers of any type.
    ///   - columns: `dimension` for sites of the current sample, or `dimension + 1` if the last column is the sample.
    ///   - vectors: [rows, planes], row-major.
    ///   - overwrite: Whether to replace the vectors that sites already have.
    public func setLocations<Coordinate: FixedWidthInteger>(
        _ locations: some Collection<Coordinate>, columns: Int, vectors: some Collection<Float>,
        overwrite: Bool = false
    ) throws {
        try require(
            columns == dimension || columns == dimension + 1, .invalidArgument,
            "columns: is \(columns), expected \(dimension) or \(dimension + 1)")
        let count = locations.count
        try require(
            count.isMultiple(of: columns), .shape,
            "locations: has \(counted(count, .entry)), expected a multiple of \(columns)")
        let rows = count / columns
        let planes = planes ?? (rows == 0 ? 0 : vectors.count / rows)
        try require(
            vectors.count == rows * planes, .shape,
            "vectors: has \(counted(vectors.count, .element)), expected \(rows) x \(planes)")
        let flat = try Storage<Int64>(converting: locations, "locations")
        var added: [Int] = []
        added.reserveCapacity(rows * (dimension + 1))
        for row in 0..<rows {
            try append(flat.buffer[row * columns..<(row + 1) * columns].lazy.map(Int.init), row, to: &added)
        }
        add(added, vectors, planes: planes, overwrite: overwrite)
    }

    /// Appends the coordinates and the sample of a location, or throws an error that names its row.
    private func append(_ location: some Collection<Int>, _ row: Int, to added: inout [Int]) throws(SCNError) {
        let (start, count) = (added.count, location.count)
        added.append(contentsOf: location)
        if count == dimension {
            guard let currentSample else {
                throw SCNError(.state, "locations: there is no sample yet; call addSample first")
            }
            added.append(currentSample)
        }
        try require(
            added.count - start == dimension + 1, .shape,
            "locations: row \(row) has \(counted(count, .entry)), expected \(dimension) or \(dimension + 1)")
        for (axis, size) in limits.enumerated() where !(0..<size).contains(added[start + axis]) {
            throw SCNError(
                .coordinate,
                "locations: row \(row) has \(added[start + axis]) on axis \(axis), expected 0 ... \(size - 1)")
        }
    }

    private func add(_ locations: [Int], _ vectors: some Collection<Float>, planes: Int, overwrite: Bool) {
        let rows = locations.count / (dimension + 1)
        if rows > 0 { self.planes = planes }
        self.locations += locations
        self.vectors += vectors
        overwrites += repeatElement(overwrite, count: rows)
        for row in 0..<rows { sampleCount = max(sampleCount, locations[row * (dimension + 1) + dimension] + 1) }
        made = nil
    }

    /// Starts the next sample with those cells of a dense array [...size, planes], shifted by `offset`, in which the
    /// magnitude of some value is above the threshold. Cells that then lie outside the spatial size are left out.
    public func addSample(from elements: [Float], shape: [Int], offset: [Int], threshold: Float = 0) throws {
        try elements.withUnsafeBufferPointer {
            try addSample(from: $0, shape: shape, offset: offset, threshold: threshold)
        }
    }

    /// Starts the next sample with cells of a dense array in a buffer; see ``addSample(from:shape:offset:threshold:)``.
    public func addSample(
        from elements: UnsafeBufferPointer<Float>, shape: [Int], offset: [Int], threshold: Float = 0
    ) throws {
        try require(
            shape.count == dimension + 1 && shape.allSatisfy { $0 >= 0 }, .shape,
            "tensor: has shape \(shape), expected \(dimension) sizes and the planes")
        try require(
            offset.count == dimension, .shape, "offset: has \(counted(offset.count, .entry)), expected \(dimension)")
        let count = try checkedProduct(shape, "tensor")
        try require(
            elements.count == count, .shape, "tensor: has \(counted(elements.count, .element)), expected \(count)")
        let planes = shape[dimension]
        try require(
            self.planes == nil || self.planes == planes, .shape,
            "tensor: has \(counted(planes, .plane)), expected \(self.planes ?? planes)")
        addSample()
        for cell in 0..<(planes == 0 ? 0 : count / planes) {
            let vector = elements[cell * planes..<(cell + 1) * planes]
            guard vector.contains(where: { abs($0) > threshold }) else { continue }
            var (site, rest) = (offset + [sampleCount - 1], cell)
            var isInside = true
            for axis in (0..<dimension).reversed() {
                let (place, overflow) = site[axis].addingReportingOverflow(rest % shape[axis])
                isInside = isInside && !overflow && (0..<spatialSize[axis]).contains(place)
                site[axis] = place
                rest /= shape[axis]
            }
            if isInside { add(site, vector, planes: planes, overwrite: false) }
        }
    }

    /// The sparse tensor of all samples; its features are a copy.
    public func tensor() throws -> SparseTensor {
        if let made { return made }
        // The last row wins: the last that overwrites, or else the first of the others.
        let rows = overwrites.indices
        let ordered = rows.filter { !overwrites[$0] }.reversed() + rows.filter { overwrites[$0] }
        let (planes, columns) = (planes ?? 0, dimension + 1)
        let coordinates = try Storage<Int64>(count: locations.count)
        let features = try Matrix(rows: ordered.count, planes: planes)
        for (place, row) in ordered.enumerated() {
            for column in 0..<columns {
                coordinates.pointer[place * columns + column] = Int64(locations[row * columns + column])
            }
            for plane in 0..<planes { features.pointer[place * planes + plane] = vectors[row * planes + plane] }
        }
        let points = try Points(
            coordinates: coordinates, rows: ordered.count, columns: columns, features: Tensor(matrix: features),
            batchSize: sampleCount)
        let layer = try InputLayer(dimension: dimension, spatialSize: Size(spatialSize), mode: .last)
        let tensor = try layer(points).sparse
        made = tensor
        return tensor
    }

    /// Builds the rulebooks for submanifold convolutions of size 3 and for convolutions or poolings of `size` (2 or 3)
    /// and stride 2, level by level for as long as the spatial size divides. A data loader's thread can do this ahead
    /// of time.
    public func precomputeMetadata(_ size: Int) throws {
        try require(size == 2 || size == 3, .invalidArgument, "size: is \(size), expected 2 or 3")
        try Transaction.run { try precompute(size, try tensor()) }
    }

    private func precompute(_ size: Int, _ tensor: SparseTensor) throws {
        let axes = spatialSize.map { _ in 1 }
        var id = tensor.siteSetID
        while true {
            _ = try tensor.geometry.submanifold(id, .submanifold(size: axes.map { $0 * 3 }))
            let current = tensor.geometry.sites(id).field.shown.size
            guard current.allSatisfy({ $0 >= size && ($0 - size) % 2 == 0 }) else { return }
            id = try tensor.geometry.strided(id, .strided(size: axes.map { $0 * size }, stride: axes.map { $0 * 2 }))
                .output
        }
    }
}
