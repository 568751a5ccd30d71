public import SCNCore
public import SCNGeometry

/// Points in space, sorted into voxels: voxel v of point p is floor((p - origin) / size) on each axis, in double precision.
public struct Voxels {
    package let geometry: Geometry
    private let map: InputMap

    /// Sorts points [rows, dimension] into voxels.
    ///
    /// - Parameters:
    ///   - points: row-major, finite.
    ///   - size: edge lengths of a voxel, above 0: one for all axes, or one an axis.
    ///   - origin: where voxel 0 begins on each axis, not above any point; nil for the least coordinates of the points.
    ///   - batch: the sample of each point; nil where there is one sample.
    ///   - batchSize: a lower bound, for trailing samples without points.
    ///   - spatialSize: that all voxels must lie in; nil for the least that holds them.
    ///   - reduction: what becomes of the features of several points in one voxel.
    ///   - seed: of reduction `random`; nil for the generator's next number.
    public init(
        points: [Float], dimension: Int, size: [Double], origin: [Double]? = nil, batch: [Int]? = nil, batchSize: Int = 0,
        spatialSize: [Int]? = nil, reduction: VoxelReduction = .mean, seed: UInt64? = nil
    ) throws {
        let voxelization = try Voxelization(dimension, size, origin, spatialSize, reduction, seed)
        self = try points.withUnsafeBufferPointer {
            try Voxels(voxelization, $0.count, batch, batchSize, .float32($0.baseAddress ?? [0].withUnsafeBufferPointer(\.baseAddress!)))
        }
    }
}
