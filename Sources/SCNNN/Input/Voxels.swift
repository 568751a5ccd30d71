public import SCNCore
public import SCNGeometry

/// Points in space, sorted into voxels: that of point p is floor((p - origin) / size) on each axis, in double precision.
public struct Voxels {
    package let geometry: Geometry
    private let map: InputMap

    /// How points become voxels.
    public struct Options: Sendable {
        /// Where voxel 0 begins on each axis, not above any point; nil: at the least coordinates of the points.
        public var origin: [Double]?
        /// The sample of each point; nil where there is one sample.
        public var batch: [Int]?
        /// A lower bound, for trailing samples without points.
        public var batchSize = 0
        /// That all voxels must lie in; nil for the least that holds them.
        public var spatialSize: [Int]?
        /// What becomes of the features of several points in one voxel.
        public var reduction = VoxelReduction.mean
        /// Of reduction `random`; nil for the generator's next number.
        public var seed: UInt64?

        /// The defaults: means, from the least coordinates of the points.
        public init() {}
    }

    /// Sorts points [rows, dimension] into voxels.
    ///
    /// - Parameters:
    ///   - points: row-major, finite.
    ///   - size: edge lengths of a voxel, one an axis, above 0.
    public init(_ points: [Float], size: [Double], options: Options = Options()) throws {
        self = try points.withUnsafeBufferPointer { try Voxels($0, size: size, options: options) }
    }

    /// The same for points in double precision.
    public init(_ points: [Double], size: [Double], options: Options = Options()) throws {
        self = try points.withUnsafeBufferPointer { try Voxels($0, size: size, options: options) }
    }

    /// The same for points in a buffer.
    public init(_ points: UnsafeBufferPointer<Float>, size: [Double], options: Options = Options()) throws {
        self = try withUnsafePointer(to: 0) { none in
            try Voxels(.float32(points.baseAddress ?? none), points.count, size, options)
        }
    }

    /// The same for points in a buffer, in double precision.
    public init(_ points: UnsafeBufferPointer<Double>, size: [Double], options: Options = Options()) throws {
        self = try withUnsafePointer(to: 0) { none in
            try Voxels(.float64(points.baseAddress ?? none), points.count, size, options)
        }
    }

    private init(_ points: PointCoordinates, _ count: Int, _ size: [Double], _ options: Options) throws {
        let dimension = max(1, size.count)
        try require(
            count % dimension == 0, .shape, "points: has \(count) entries, expected a multiple of \(dimension)")
        let rows = count / dimension
        if let batch = options.batch {
            try require(
                batch.count == rows, .shape, "batch: has \(batch.count) entries, expected \(rows), one for each point")
        }
        let batch = try options.batch.map { try Storage(converting: $0, "batch") }
        self.init(
            try Voxels.geometry(
                points, rows: rows, size: size, origin: options.origin, batch: batch.map { UnsafePointer($0.pointer) },
                batchSize: options.batchSize, spatialSize: options.spatialSize, reduction: options.reduction,
                seed: options.seed))
        withExtendedLifetime(batch) {}
    }

    private init(_ geometry: Geometry) {
        self.geometry = geometry
        map = geometry.inputMap!
    }

    /// The geometry whose input sites are the voxels of the points [rows, axes of `size`].
    package static func geometry(
        _ points: PointCoordinates, rows: Int, size: [Double], origin: [Double]?, batch: UnsafePointer<Int64>?,
        batchSize: Int, spatialSize: [Int]?, reduction: VoxelReduction, seed: UInt64?
    ) throws -> Geometry {
        var voxelization = Voxelization(size: size)
        voxelization.origin = origin
        voxelization.spatialSize = spatialSize
        voxelization.reduction = reduction
        if reduction == .random { voxelization.seed = seed ?? Generator.withRandom { $0.next() } }
        let (sites, map) = try voxelization.sites(points, rows: rows, batch: batch, batchSize: batchSize)
        return Geometry(sites, inputMap: map)
    }

    /// The number of voxels.
    public var count: Int { map.siteCount }

    /// The voxel of each point: a row of ``coordinates()`` and of the features.
    public var voxelOfPoint: [Int] { map.siteOfRow.buffer.map(Int.init) }

    /// The number of points in each voxel.
    public var pointCounts: [Int] { (0..<count).map { Int(map.starts[$0 + 1] - map.starts[$0]) } }

    /// The coordinates, an array for each voxel, batch index last, sorted by batch index, then coordinates.
    public func coordinates() throws -> [[Int]] { try sites.coordinateRows() }

    /// The coordinates [voxels, dimension + 1] in one array, row-major, batch index last, in the same order.
    ///
    /// - Parameter type: What the numbers are; an error where it does not hold one of them.
    public func flatCoordinates<Number: FixedWidthInteger>(as type: Number.Type = Int.self) throws(SCNError) -> [Number]
    {
        try sites.flatCoordinates(type)
    }

    /// Writes ``flatCoordinates(as:)`` into a buffer of `count * (dimension + 1)` elements.
    public func copyCoordinates(into buffer: UnsafeMutableBufferPointer<some FixedWidthInteger>) throws(SCNError) {
        try sites.copyCoordinates(into: buffer)
    }

    private var sites: SiteSet { geometry.sites(geometry.input) }

    /// The points' features [points, planes], combined in each voxel: what a network takes. Gradients flow back.
    public func sparse(_ features: Tensor) throws -> SparseTensor {
        try Points.requireFeatures(features, rows: map.rowCount)
        return try geometry.enter(features)
    }
}
