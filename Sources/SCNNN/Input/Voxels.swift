public import SCNCore
public import SCNGeometry

/// Points in space, sorted into voxels: point p lies in voxel floor((p - origin) / size) along each axis, in double
/// precision.
public struct Voxels: Sendable {
    package let geometry: Geometry
    private let map: InputMap

    /// How points become voxels.
    public struct Options: Hashable, Sendable {
        /// Where voxel 0 begins along each axis, not above any point; nil for the least coordinates of the points.
        public var origin: [Double]?
        /// The sample of each point; nil if there is only one sample.
        public var batch: [Int]?
        /// A lower bound on the batch size, for trailing samples without points.
        public var batchSize: Int
        /// The size of the field, in which all voxels must lie; nil for the smallest that holds them.
        public var spatialSize: [Int]?
        /// How the features of several points in one voxel are combined.
        public var reduction: VoxelReduction
        /// The seed of the reduction ``VoxelReduction/random``; nil for the generator's next number.
        public var seed: UInt64?

        /// Options. By default voxels start at the least coordinates of the points, and features are averaged.
        public init(
            origin: [Double]? = nil, batch: [Int]? = nil, batchSize: Int = 0, spatialSize: [Int]? = nil,
            reduction: VoxelReduction = .mean, seed: UInt64? = nil
        ) {
            self.origin = origin
            self.batch = batch
            self.batchSize = batchSize
            self.spatialSize = spatialSize
            self.reduction = reduction
            self.seed = seed
        }
    }

    /// Sorts points [rows, dimension] into voxels.
    ///
    /// - Parameters:
    ///   - points: Row-major and finite.
    ///   - size: The edge lengths of a voxel, one for each axis, above 0.
    public init(_ points: [Float], size: [Double], options: Options = Options()) throws {
        self = try points.withUnsafeBufferPointer { try Voxels($0, size: size, options: options) }
    }

    /// Sorts points in double precision into voxels.
    public init(_ points: [Double], size: [Double], options: Options = Options()) throws {
        self = try points.withUnsafeBufferPointer { try Voxels($0, size: size, options: options) }
    }

    /// Sorts points in a buffer into voxels.
    public init(_ points: UnsafeBufferPointer<Float>, size: [Double], options: Options = Options()) throws {
        self = try withUnsafePointer(to: 0) { none in
            try Voxels(.float32(points.baseAddress ?? none), points.count, size, options)
        }
    }

    /// Sorts points in a buffer, in double precision, into voxels.
    public init(_ points: UnsafeBufferPointer<Double>, size: [Double], options: Options = Options()) throws {
        self = try withUnsafePointer(to: 0) { none in
            try Voxels(.float64(points.baseAddress ?? none), points.count, size, options)
        }
    }

    private init(_ points: PointCoordinates, _ count: Int, _ size: [Double], _ options: Options) throws {
        let rows = try Self.rows(count, size, options.batch)
        let batch = try options.batch.map { try Storage(converting: $0, "batch") }
        self.init(
            try Voxels.geometry(
                points, rows: rows, size: size, origin: options.origin, batch: batch.map { UnsafePointer($0.pointer) },
                batchSize: options.batchSize, spatialSize: options.spatialSize, reduction: options.reduction,
                seed: options.seed))
        withExtendedLifetime(batch) {}
    }

    /// The number of points that so many entries are.
    static func rows(_ count: Int, _ size: [Double], _ batch: [Int]?) throws(SCNError) -> Int {
        let dimension = max(1, size.count)
        try require(
            count % dimension == 0, .shape, "points: has \(counted(count, .entry)), expected a multiple of \(dimension)"
        )
        let rows = count / dimension
        if let batch {
            try require(
                batch.count == rows, .shape,
                "batch: has \(counted(batch.count, .entry)), expected \(rows), one for each point")
        }
        return rows
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
    public var voxelOfPoint: [Int] { map.siteOfRow.map(Int.init) }

    /// The number of points in each voxel.
    public var pointCounts: [Int] { (0..<count).map { Int(map.starts[$0 + 1] - map.starts[$0]) } }

    /// The coordinates, one array per voxel, batch index last, sorted by batch index, then coordinates.
    public func coordinates() throws -> [[Int]] { try sites.coordinateRows() }

    /// The coordinates [voxels, dimension + 1] as one row-major array, batch index last, in the same order.
    ///
    /// - Parameter type: The type of the numbers. Throws an error if it cannot represent one of them.
    public func flatCoordinates<Number: FixedWidthInteger>(as type: Number.Type = Int.self) throws(SCNError) -> [Number]
    {
        try sites.flatCoordinates(type)
    }

    /// Copies ``flatCoordinates(as:)`` into a buffer of `count * (dimension + 1)` elements.
    public func copyCoordinates(into buffer: UnsafeMutableBufferPointer<some FixedWidthInteger>) throws(SCNError) {
        try sites.copyCoordinates(into: buffer)
    }

    private var sites: SiteSet { geometry.sites(geometry.input) }

    /// A sparse tensor of the points' features [points, planes], combined in each voxel. Gradients flow back.
    public func sparse(_ features: Tensor) throws -> SparseTensor {
        try Points.requireFeatures(features, rows: map.rowCount)
        return try geometry.enter(features)
    }
}
