internal import SCNCore
internal import SCNGeometry
internal import SCNOps

/// Shared base of max poolings: inactive sites count as zero and the maximum starts at zero; NaN is larger than all
/// numbers; tied maxima all get the gradient.
public class MaxPoolingLayer: PoolingLayer {
    /// The rules for these sites, and the sites of the result.
    func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        preconditionFailure("overridden by every subclass")
    }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        let (output, rulebook) = try rules(sparse)
        return .sparse(try sparse.maxPooled(rulebook, to: output, dropping: featuresToDrop, for: typeName))
    }
}

/// Max pooling. Inactive sites count as zero and the maximum starts at zero; NaN is larger than all numbers; tied
/// maxima all get the gradient.
public final class MaxPooling: MaxPoolingLayer {
    override class var layerType: LayerType { type }
    private static let type = layerType(
        "MaxPooling",
        "The largest value under the window, at least zero: sites without features count as zero."
    ) { try MaxPooling($0) }

    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        try input.geometry.strided(input.siteSetID, filter)
    }
}

/// Max pooling whose windows are displaced at random in training: along each axis the steps are a shuffle of stride -
/// 1, stride + 1 and stride, a third of the windows each. In evaluation it is ``MaxPooling``.
///
/// The displacement is drawn once for a site set and a filter, and shared by all layers of that filter; each pass in
/// training takes one number from the generator.
public final class RandomizedStrideMaxPooling: MaxPoolingLayer {
    override class var layerType: LayerType { type }
    private static let type = layerType(
        "RandomizedStrideMaxPooling",
        "In training a max pooling whose windows are displaced at random; in evaluation a MaxPooling."
    ) { try RandomizedStrideMaxPooling($0) }

    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        try input.geometry.strided(input.siteSetID, filter, isRandomized: isTraining)
    }
}

extension SparseTensor {
    func maxPooled(
        _ rulebook: Rulebook, to output: SiteSetID, dropping dropped: Int, for module: String
    ) throws -> SparseTensor {
        let values = features.values
        try requirePlanes(beyond: dropped, for: module)
        let result = try Matrix(rows: rulebook.outputCount, planes: values.planes - dropped, type: values.type)
        try MaxPoolingOperation.forward(rulebook, input: values, featuresToDrop: dropped, into: result)
        let features = Tape.result(matrix: result, inputs: [features]) { gradient in
            let byInput = try Matrix(rows: values.rows, planes: values.planes, type: values.type)
            try MaxPoolingOperation.backward(
                rulebook, input: values, output: result, gradient: gradient, featuresToDrop: dropped, into: byInput)
            return [.fresh(byInput)]
        }
        return try SparseTensor(features: features, geometry: geometry, sites: output)
    }
}
