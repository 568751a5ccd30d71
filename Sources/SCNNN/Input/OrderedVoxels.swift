internal import SCNCore
public import SCNGeometry

/// Points in space, sorted into voxels that are numbered in the order in which points first enter them, with as many
/// points of each as a detector wants.
///
/// Point p lies in voxel floor((p - origin) / size) along each axis, in double precision.
public struct OrderedVoxels: Sendable {
    private let voxels: VoxelsInOrder

    /// How points become voxels.
    public struct Options: Hashable, Sendable {
        /// Where voxel 0 begins along each axis; nil for the least coordinates of the points.
        public var origin: [Double]?
        /// The sample of each point; nil if there is only one sample.
        public var batch: [Int]?
        /// The size of the field, in which voxels must lie; nil for no limit.
        public var spatialSize: [Int]?
        /// The most voxels of a sample: those that points enter first. Nil for no limit.
        public var maximumCount: Int?
        /// Whether points that are not finite or lie outside of the field are left out; otherwise they are errors.
        public var dropsOutside: Bool

        /// Options. By default voxels start at the least coordinates of the points, and there is no limit.
        public init(
            origin: [Double]? = nil, batch: [Int]? = nil, spatialSize: [Int]? = nil, maximumCount: Int? = nil,
            dropsOutside: Bool = false
        ) {
            self.origin = origin
            self.batch = batch
            self.spatialSize = spatialSize
            self.maximumCount = maximumCount
            self.dropsOutside = dropsOutside
        }
    }

    /// Sorts points [rows, dimension] into voxels.
    ///
    /// - Parameters:
    ///   - points: Row-major.
    ///   - size: The edge lengths of a voxel, one for each axis, above 0.
    public init(_ points: [Float], size: [Double], options: Options = Options()) throws {
        voxels = try points.withUnsafeBufferPointer { points in
            try withUnsafePointer(to: 0) { none in
                try Self.sorted(.float32(points.baseAddress ?? none), points.count, size, options)
            }
        }
    }

    /// Sorts points in double precision into voxels.
    public init(_ points: [Double], size: [Double], options: Options = Options()) throws {
        voxels = try points.withUnsafeBufferPointer { points in
            try withUnsafePointer(to: 0) { none in
                try Self.sorted(.float64(points.baseAddress ?? none), points.count, size, options)
            }
        }
    }

    private static func sorted(
        _ points: PointCoordinates, _ count: Int, _ size: [Double], _ options: Options
    ) throws -> VoxelsInOrder {
        let rows = try Voxels.rows(count, size, options.batch)
        let batch = try options.batch.map { try Storage(converting: $0, "batch") }
        defer { withExtendedLifetime(batch) {} }
        return try sorted(
            points, rows: rows, size: size, origin: options.origin, spatialSize: options.spatialSize,
            batch: batch.map { UnsafePointer($0.pointer) }, limit: options.maximumCount,
            dropsOutside: options.dropsOutside)
    }

    package static func sorted(
        _ points: PointCoordinates, rows: Int, size: [Double], origin: [Double]?, spatialSize: [Int]?,
        batch: UnsafePointer<Int64>?, limit: Int?, dropsOutside: Bool
    ) throws -> VoxelsInOrder {
        var voxelization = Voxelization(size: size)
        voxelization.origin = origin
        voxelization.spatialSize = spatialSize
        voxelization.dropsOutside = dropsOutside
        return try voxelization.sitesInOrder(points, rows: rows, batch: batch, limit: limit)
    }

    /// The number of voxels.
    public var count: Int { voxels.count }

    /// The voxel of each point; -1 for points that were left out, and for those beyond the limit of voxels.
    public var voxelOfPoint: [Int] { pointNumbers { voxels.copyPoints(voxel: $0, place: nil) } }

    /// How many points of its voxel come before each point; -1 for those without a voxel.
    public var placeOfPoint: [Int] { pointNumbers { voxels.copyPoints(voxel: nil, place: $0) } }

    /// The coordinates, one array per voxel in their order, batch index last.
    public func coordinates() throws -> [[Int]] {
        let columns = voxels.dimension + 1
        let flat = try Storage<Int64>(count: checkedProduct([count, columns], "coordinates of \(count) voxels"))
        voxels.copyCoordinates(into: flat.pointer)
        return (0..<count).map { row in (0..<columns).map { Int(flat[row * columns + $0]) } }
    }

    /// The points of each voxel, of which only the first `pointsPerVoxel` count; nil: all.
    public func segments(pointsPerVoxel: Int? = nil) throws -> Segments {
        let (voxel, place) = (try Storage<Int64>(count: voxels.rows), try Storage<Int64>(count: voxels.rows))
        voxels.copyPoints(voxel: voxel.pointer, place: place.pointer)
        if let pointsPerVoxel {
            for row in 0..<voxels.rows where place[row] >= pointsPerVoxel { voxel[row] = -1 }
        }
        return try Segments(voxel.pointer, rows: voxels.rows, count: count)
    }

    private func pointNumbers(_ copy: (UnsafeMutablePointer<Int64>) -> Void) -> [Int] {
        [Int](unsafeUninitializedCapacity: voxels.rows) { buffer, filled in
            filled = voxels.rows
            guard let base = buffer.baseAddress else { return }
            base.withMemoryRebound(to: Int64.self, capacity: filled) { copy($0) }
        }
    }
}
