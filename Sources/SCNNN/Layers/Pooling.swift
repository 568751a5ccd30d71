internal import SCNCore
package import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// What poolings of a fixed window share: their arguments.
public class PoolingLayer: Module {
    /// The number of coordinates of a site, the batch index not counted.
    public let dimension: Int
    /// Leaves out the first planes.
    public let featuresToDrop: Int
    let filter: FilterGeometry

    /// Sizes are one number for all axes, or one an axis; `featuresToDrop` leaves out the first planes.
    public required init(
        dimension: Int, poolSize: Size, poolStride: Size, featuresToDrop: Int = 0, padding: Size = 0, dilation: Size = 1
    ) throws {
        try require(
            featuresToDrop >= 0, .invalidArgument, "features_to_drop: is \(featuresToDrop), expected at least 0")
        self.dimension = dimension
        self.featuresToDrop = featuresToDrop
        filter = try stridedFilter(dimension, poolSize, poolStride, padding, dilation)
    }

    public override var summary: String {
        "size \(describe(filter.size)), stride \(describe(filter.stride))"
            + (featuresToDrop == 0 ? "" : ", drops \(featuresToDrop)")
    }

    package override var arguments: [(key: String, value: JSON)]? {
        [
            ("dimension", .integer(dimension)), ("pool_size", .sizes(filter.size)),
            ("pool_stride", .sizes(filter.stride)), ("features_to_drop", .integer(featuresToDrop)),
            ("padding", .sizes(filter.padding)), ("dilation", .sizes(filter.dilation)),
        ]
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try filter.inputSize(of: outputSize)
    }
}

/// Average pooling: the sum under the window divided by the filter volume, so that inactive sites count as zeros.
public final class AveragePooling: PoolingLayer {
    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        let (output, rulebook) = try sparse.geometry.strided(sparse.siteSetID, filter)
        return .sparse(
            try sparse.sumPooled(
                rulebook, to: output, dropping: featuresToDrop, factor: 1 / Double(filter.volume), for: typeName))
    }
}

/// The earlier convolution or pooling with the same window that led to these sites, reversed: each of its input sites gets
/// the sum of the vectors of the windows over it.
public final class UnPooling: PoolingLayer {
    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        let (output, rulebook) = try sparse.geometry.reverse(sparse.siteSetID, filter)
        return .sparse(
            try sparse.sumPooled(rulebook, to: output, dropping: featuresToDrop, factor: 1, for: typeName))
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try filter.outputSize(of: outputSize)
    }
}

extension SparseTensor {
    func sumPooled(
        _ rulebook: Rulebook, to output: SiteSetID, dropping dropped: Int, factor: Double, for module: String
    ) throws -> SparseTensor {
        let values = features.values
        try requirePlanes(beyond: dropped, for: module)
        let result = try Matrix(rows: rulebook.outputCount, planes: values.planes - dropped)
        try SumPoolingOperation.forward(rulebook, input: values, featuresToDrop: dropped, factor: factor, into: result)
        let features = Tape.result(matrix: result, inputs: [features]) { gradient in
            let byInput = try Matrix(rows: values.rows, planes: values.planes)
            try SumPoolingOperation.backward(
                rulebook, gradient: gradient, featuresToDrop: dropped, factor: factor, into: byInput)
            return [.fresh(byInput)]
        }
        return try SparseTensor(features: features, geometry: geometry, sites: output)
    }

    /// Throws where a pooling that leaves out the first planes would leave none.
    func requirePlanes(beyond dropped: Int, for module: String) throws(SCNError) {
        try require(
            dropped == 0 || dropped < planes, .shape,
            "input: \(module) got \(planes) planes, expected more than the \(dropped) it drops")
    }
}
