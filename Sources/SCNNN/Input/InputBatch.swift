internal import SCNCore
internal import SCNGeometry

/// Builds a sparse tensor site by site and sample by sample; SparseConvNet's older way in.
public final class InputBatch {
    /// The number of coordinates of a site, the batch index not counted.
    public let dimension: Int
    /// The size of the field along each axis.
    public let spatialSize: [Int]
    /// Samples that were added or named so far.
    public private(set) var sampleCount = 0

    private struct Row {
        var site: [Int]
        var vector: [Float]
        var overwrites: Bool
    }

    private var rows: [Row] = []
    private var currentSample: Int?
    private var made: SparseTensor?

    /// A batch without samples, of a field of the given size.
    public init(dimension: Int, spatialSize: Size) throws {
        let like = try InputLayer(dimension: dimension, spatialSize: spatialSize)
        self.dimension = dimension
        self.spatialSize = like.spatialSize
    }

    /// Begins the next sample, to which ``setLocation(_:_:overwrite:)`` adds.
    public func addSample() {
        currentSample = sampleCount
        sampleCount += 1
        made = nil
    }

    /// Gives a site its vector. location: `dimension` coordinates of the current sample, or one more, the sample. A site that
    /// has a vector keeps it unless `overwrite`.
    public func setLocation(_ location: [Int], _ vector: [Float], overwrite: Bool = false) throws {
        try setLocations([location], [vector], overwrite: overwrite)
    }

    /// Gives several sites their vectors, one after the other.
    public func setLocations(_ locations: [[Int]], _ vectors: [[Float]], overwrite: Bool = false) throws {
        try require(
            locations.count == vectors.count, .shape,
            "vectors: has \(vectors.count) rows, expected \(locations.count) as locations has")
        let planes = rows.first?.vector.count ?? vectors.first?.count ?? 0
        var added: [Row] = []
        for (index, (location, vector)) in zip(locations, vectors).enumerated() {
            try require(
                vector.count == planes, .shape, "vectors: row \(index) has \(vector.count) planes, expected \(planes)")
            var site = location
            if location.count == dimension {
                guard let currentSample else {
                    throw SCNError(.state, "locations: there is no sample yet; call addSample first")
                }
                site.append(currentSample)
            }
            try require(
                site.count == dimension + 1, .shape,
                "locations: row \(index) has \(location.count) entries, expected \(dimension) or \(dimension + 1)")
            for (axis, size) in (spatialSize + [Int(Int32.max)]).enumerated() where !(0..<size).contains(site[axis]) {
                throw SCNError(
                    .coordinate,
                    "locations: row \(index) has \(site[axis]) on axis \(axis), expected 0 ... \(size - 1)")
            }
            added.append(Row(site: site, vector: vector, overwrites: overwrite))
        }
        rows += added
        sampleCount = max(sampleCount, (added.lazy.map { $0.site[self.dimension] }.max() ?? -1) + 1)
        made = nil
    }

    /// Begins the next sample with the cells of a dense array [...size, planes], moved by `offset`, in which some |value| is
    /// above the threshold; cells that then lie outside of the spatial size are left out.
    public func addSample(from elements: [Float], shape: [Int], offset: [Int], threshold: Float = 0) throws {
        try require(
            shape.count == dimension + 1 && shape.allSatisfy { $0 >= 0 }, .shape,
            "tensor: has shape \(shape), expected \(dimension) sizes and the planes")
        try require(offset.count == dimension, .shape, "offset: has \(offset.count) entries, expected \(dimension)")
        let count = try checkedProduct(shape, "tensor")
        try require(elements.count == count, .shape, "tensor: has \(elements.count) elements, expected \(count)")
        let planes = shape[dimension]
        try require(
            rows.isEmpty || rows[0].vector.count == planes, .shape,
            "tensor: has \(planes) planes, expected \(rows.first?.vector.count ?? planes)")
        addSample()
        for cell in 0..<(planes == 0 ? 0 : count / planes) {
            let vector = Array(elements[cell * planes..<(cell + 1) * planes])
            guard vector.contains(where: { abs($0) > threshold }) else { continue }
            var (site, rest) = (offset + [sampleCount - 1], cell)
            var isInside = true
            for axis in (0..<dimension).reversed() {
                let (place, overflow) = site[axis].addingReportingOverflow(rest % shape[axis])
                isInside = isInside && !overflow && (0..<spatialSize[axis]).contains(place)
                site[axis] = place
                rest /= shape[axis]
            }
            if isInside { rows.append(Row(site: site, vector: vector, overwrites: false)) }
        }
    }

    /// The sparse tensor of all samples; its features are a copy.
    public func tensor() throws -> SparseTensor {
        if let made { return made }
        // The last row wins: of those that overwrite the last, else the first of the others.
        let ordered = rows.filter { !$0.overwrites }.reversed() + rows.filter(\.overwrites)
        let planes = rows.first?.vector.count ?? 0
        let features = try Tensor(Array(ordered.map(\.vector).joined()), shape: [ordered.count, planes])
        let points = try Points(ordered.map(\.site), features: features, batchSize: sampleCount)
        let layer = try InputLayer(dimension: dimension, spatialSize: Size(spatialSize), mode: .last)
        guard case .sparse(let tensor) = try layer(points) else { preconditionFailure("an input layer makes sites") }
        made = tensor
        return tensor
    }

    /// Makes the rules that submanifold convolutions of size 3 and convolutions or poolings of `size`, 2 or 3, and stride 2
    /// need, level by level as long as the spatial size divides; a data loader's thread can do that ahead.
    public func precomputeMetadata(_ size: Int) throws {
        try require(size == 2 || size == 3, .invalidArgument, "size: is \(size), expected 2 or 3")
        try Transaction.run { try precompute(size, try tensor()) }
    }

    private func precompute(_ size: Int, _ tensor: SparseTensor) throws {
        let axes = spatialSize.map { _ in 1 }
        var id = tensor.siteSetID
        while true {
            _ = try tensor.geometry.submanifold(id, .submanifold(size: axes.map { $0 * 3 }))
            let current = tensor.geometry.sites(id).spatialSize
            guard current.allSatisfy({ $0 >= size && ($0 - size) % 2 == 0 }) else { return }
            id = try tensor.geometry.strided(id, .strided(size: axes.map { $0 * size }, stride: axes.map { $0 * 2 }))
                .output
        }
    }
}
