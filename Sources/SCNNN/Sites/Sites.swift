public import SCNCore
public import SCNGeometry

/// A set of active sites, sorted by sample, then by coordinates, the last axis fastest: those of a sparse tensor,
/// chosen ones, or what follows from others. Rulebooks between any two of them are made once, then shared.
///
/// Sets that are combined or related come from each other, or are ``taken(_:columns:spatialSize:lower:)``.
public struct Sites: Sendable {
    let geometry: Geometry
    let id: SiteSetID

    init(_ geometry: Geometry, _ id: SiteSetID) { (self.geometry, self.id) = (geometry, id) }

    /// The sites of a sparse tensor.
    public init(of tensor: SparseTensor) { self.init(tensor.geometry, tensor.siteSetID) }

    /// Sites from coordinates [rows, columns], row by row; those that come several times count once.
    ///
    /// - Parameters:
    ///   - columns: The dimension, or one more where the last column is the batch index.
    ///   - spatialSize: The size of the field, which then begins at `lower`, or at 0; nil for a field without bounds,
    ///     which may have negative coordinates.
    ///   - batchSize: A lower bound for the number of samples.
    public init(
        dimension: Int, _ coordinates: some Collection<some FixedWidthInteger>, columns: Int,
        spatialSize: [Int]? = nil, lower: [Int]? = nil, batchSize: Int = 0
    ) throws(SCNError) {
        let (sites, map) = try Self.built(dimension, coordinates, columns, spatialSize, lower, batchSize)
        let geometry = Geometry(sites, inputMap: map)
        self.init(geometry, geometry.input)
    }

    private static func built(
        _ dimension: Int, _ coordinates: some Collection<some FixedWidthInteger>, _ columns: Int, _ spatialSize: [Int]?,
        _ lower: [Int]?, _ batchSize: Int
    ) throws(SCNError) -> (SiteSet, InputMap) {
        let flat = try Storage(converting: coordinates, "coordinates")
        try require(columns >= 1, .shape, "columns: is \(columns), expected at least 1")
        try require(
            flat.count % columns == 0, .shape,
            "coordinates: has \(counted(flat.count, .entry)), expected a multiple of \(columns)")
        let built = try InputSites.build(
            dimension: dimension, spatialSize: spatialSize, lower: lower, coordinates: flat.pointer,
            rows: flat.count / columns, columns: columns, batchSize: batchSize, mode: .first)
        withExtendedLifetime(flat) {}
        return built
    }

    private var siteSet: SiteSet { geometry.sites(id) }

    /// The number of coordinates of a site, not counting the batch index.
    public var dimension: Int { siteSet.dimension }
    /// The number of sites.
    public var count: Int { siteSet.count }
    /// The number of samples.
    public var batchSize: Int { siteSet.batchSize }
    /// The size of the field along each axis; of a field without bounds, that of the box around its sites.
    public var spatialSize: [Int] { siteSet.field.shown.size }
    /// Where the field begins on each axis.
    public var lower: [Int] { siteSet.field.shown.lower }
    /// Whether the field has no bounds.
    public var isUnbounded: Bool { siteSet.field.isShownUnbounded }

    /// The coordinates, one array per site: `dimension` of them, then the batch index.
    public func coordinates() throws(SCNError) -> [[Int]] { try siteSet.coordinateRows() }

    /// The coordinates [count, dimension + 1] as one row-major array, batch index last.
    public func flatCoordinates<Number: FixedWidthInteger>(as type: Number.Type = Int.self) throws(SCNError) -> [Number]
    {
        try siteSet.flatCoordinates(type)
    }

    /// A sparse tensor with features [count, planes] on these sites, in their order.
    public func with(features: Tensor) throws(SCNError) -> SparseTensor {
        try SparseTensor(features: features, geometry: geometry, sites: id)
    }
}

// MARK: Other sets

extension Sites {
    /// Chosen sites as a set that can be related to this one. Arguments: as those of
    /// ``init(dimension:_:columns:spatialSize:lower:batchSize:)``.
    public func taken(
        _ coordinates: some Collection<some FixedWidthInteger>, columns: Int, spatialSize: [Int]? = nil,
        lower: [Int]? = nil
    ) throws(SCNError) -> Sites {
        let (sites, _) = try Self.built(dimension, coordinates, columns, spatialSize, lower, batchSize)
        return Sites(geometry, geometry.add(sites))
    }

    /// The sites floor(coordinate / stride), each once.
    public func floored(by stride: Size) throws(SCNError) -> Sites {
        Sites(geometry, geometry.add(try siteSet.floored(by: stride.axes(dimension, "stride"))))
    }

    /// The sites of both. Fields are the same, or one has no bounds.
    public func union(_ other: Sites) throws(SCNError) -> Sites {
        Sites(geometry, geometry.add(try SiteUnion(siteSet, other.siteSet).sites))
    }

    /// The sites that both have.
    public func intersection(_ other: Sites) throws(SCNError) -> Sites {
        Sites(geometry, geometry.add(try siteSet.sites(where: siteSet.rows(in: other.siteSet), areFound: true)))
    }

    /// The sites that the other set does not have.
    public func subtracting(_ other: Sites) throws(SCNError) -> Sites {
        Sites(geometry, geometry.add(try siteSet.sites(where: siteSet.rows(in: other.siteSet), areFound: false)))
    }

    /// The sites at which `keep` [count] is true, in their order, and the way there, a rulebook of one filter offset.
    public func subset(_ keep: [Bool]) throws(SCNError) -> (sites: Sites, rulebook: Rulebook) {
        try require(keep.count == count, .shape, "keep: has \(counted(keep.count, .entry)), expected \(count)")
        let marks = try Storage<UInt8>(count: count)
        for (row, isKept) in keep.enumerated() { marks[row] = isKept ? 1 : 0 }
        return try subset(marks)
    }

    /// The sites at `rows`, in any order, each once and in the order of the sites, and the way there.
    public func subset(rows: some Sequence<Int>) throws(SCNError) -> (sites: Sites, rulebook: Rulebook) {
        let marks = try Storage<UInt8>(count: count, zeroed: true)
        for row in rows {
            try require(
                row >= 0 && row < count, .invalidArgument, "rows: one is \(row), expected rows below \(count)")
            marks[row] = 1
        }
        return try subset(marks)
    }

    private func subset(_ marks: Storage<UInt8>) throws(SCNError) -> (sites: Sites, rulebook: Rulebook) {
        let (output, rulebook) = try geometry.subset(id, keeping: UnsafePointer(marks.pointer))
        withExtendedLifetime(marks) {}
        return (Sites(geometry, output), rulebook)
    }
}

// MARK: Rows and rules

extension Sites {
    /// The row of each of some coordinates [n, columns], row by row, -1 where no site is.
    public func rows(
        of coordinates: some Collection<some FixedWidthInteger>, columns: Int
    ) throws(SCNError) -> [Int] {
        let flat = try Storage(converting: coordinates, "coordinates")
        try require(
            columns >= 1 && flat.count % columns == 0, .shape,
            "coordinates: has \(counted(flat.count, .entry)), expected a multiple of \(columns) columns")
        let found = try siteSet.rows(ofCoordinates: flat.pointer, count: flat.count / columns, columns: columns)
        withExtendedLifetime(flat) {}
        return found.map(Int.init)
    }

    /// The row of each site in another set, which may come from other input, -1 where it is not there.
    public func rows(in other: Sites) throws(SCNError) -> [Int] {
        try siteSet.rows(in: other.siteSet).map(Int.init)
    }

    /// The rules from these sites to others: under filter offset k, an output site reads the input site with input *
    /// inputStride = output * outputStride + offsets[k] on each axis.
    public func rulebook(
        to output: Sites, offsets: [[Int]], inputStride: Size = 1, outputStride: Size = 1
    ) throws(SCNError) -> Rulebook {
        let target = output.geometry === geometry ? output.id : geometry.add(output.siteSet)
        return try geometry.between(id, target, relation(offsets, inputStride, outputStride))
    }

    /// All sites that some site of this set is related to, and the rules to them.
    public func covering(
        offsets: [[Int]], inputStride: Size = 1, outputStride: Size = 1
    ) throws(SCNError) -> (sites: Sites, rulebook: Rulebook) {
        let (output, rulebook) = try geometry.covering(id, relation(offsets, inputStride, outputStride))
        return (Sites(geometry, output), rulebook)
    }

    /// The rules from these sites to points between them, and what each weighs, [rules]: under filter offset k, one of
    /// the 2^dimension corners in row-major order, a point reads the site floor(point) + corner. Along them flow values
    /// at the points, `features.summed(rulebook, weights: weights)`; along `rulebook.reversed`, what **splats** values
    /// of points on the sites around them.
    ///
    /// - Parameters:
    ///   - points: [n, dimension], in units of the sites; gradients flow into them.
    ///   - batch: The sample of each point; nil for the first.
    ///   - isRescaled: Whether a site that is not there does not count, so that what the others weigh is divided by
    ///     their sum.
    public func interpolation(
        at points: Tensor, batch: [Int]? = nil, isRescaled: Bool = false
    ) throws -> (rulebook: Rulebook, weights: Tensor) {
        guard let batch else { return try siteSet.interpolation(at: points, batch: nil, isRescaled: isRescaled) }
        let rows = points.shape.first ?? 1
        try require(batch.count == rows, .shape, "batch: has \(counted(batch.count, .entry)), expected \(rows)")
        let samples = try Storage(converting: batch, "batch")
        defer { withExtendedLifetime(samples) {} }
        return try siteSet.interpolation(at: points, batch: UnsafePointer(samples.pointer), isRescaled: isRescaled)
    }

    private func relation(
        _ offsets: [[Int]], _ inputStride: Size, _ outputStride: Size
    ) throws(SCNError) -> SiteRelation {
        for (index, offset) in offsets.enumerated() where offset.count != dimension {
            throw SCNError(
                .shape, "offsets[\(index)]: has \(counted(offset.count, .entry)), expected \(dimension)")
        }
        return try SiteRelation(
            dimension: dimension, offsets: Array(offsets.joined()),
            inputStride: inputStride.axes(dimension, "input_stride"),
            outputStride: outputStride.axes(dimension, "output_stride"))
    }

    /// The offsets of a filter of these sites' dimension. `shape`: a box around 0, tap t of an axis at (t - size / 2) *
    /// dilation; a box from 0 on, t * dilation; or the center, then the centered taps of each axis.
    public func filterOffsets(
        _ size: Size, _ shape: ConvolutionOnto.FilterShape = .centered, dilation: Size = 1
    ) throws(SCNError) -> [[Int]] {
        let filter = try FilterGeometry.strided(
            size: size.axes(dimension, "size"), stride: Array(repeating: 1, count: dimension),
            padding: Array(repeating: 0, count: dimension), dilation: dilation.axes(dimension, "dilation"))
        let flat = try SiteRelation.offsets(filter, shape.shape)
        return stride(from: 0, to: flat.count, by: dimension).map { Array(flat[$0..<$0 + dimension]) }
    }
}
