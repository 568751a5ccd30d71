internal import SCNCore
package import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Max pooling. Inactive sites count as zero and the maximum starts at zero; tied maxima all get the gradient.
public final class MaxPooling: Module {
    public let dimension: Int
    /// Leaves out the first planes.
    public let featuresToDrop: Int
    private let filter: FilterGeometry

    public init(
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

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        let (output, rulebook) = try sparse.geometry.strided(sparse.siteSetID, filter)
        let (values, dropped) = (sparse.features.values, featuresToDrop)
        try require(
            dropped == 0 || dropped < values.planes, .shape,
            "input: \(typeName) got \(values.planes) planes, expected more than the \(dropped) it drops")
        let result = try Matrix(rows: rulebook.outputCount, planes: values.planes - dropped)
        try MaxPoolingOperation.forward(rulebook, input: values, featuresToDrop: dropped, into: result)
        let features = Tape.result(matrix: result, inputs: [sparse.features]) { gradient in
            let byInput = try Matrix(rows: values.rows, planes: values.planes)
            try MaxPoolingOperation.backward(
                rulebook, input: values, output: result, gradient: gradient, featuresToDrop: dropped, into: byInput)
            return [.fresh(byInput)]
        }
        return .sparse(try SparseTensor(features: features, geometry: sparse.geometry, sites: output))
    }
}
