internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Keeps the sites that a 1-plane ``NetworkInNetwork`` scores high; all planes of a kept site stay as they are.
///
/// A site stays if its score is above 0, or above 0.5 if there is an activation. The scores of all input sites are the
/// result's ``SparseTensor/mask``, through which a loss trains them. State: `net.weight` and `net.bias`, or
/// `net.0.weight` and `net.0.bias` if there is an activation, as in SparseConvNet.
public final class Sparsify: SpatialLayer {
    /// The activation of the scores.
    public enum Activation: String, Sendable, CaseIterable {
        /// 1 / (1 + e^-x).
        case sigmoid
        /// 1 above 0, else 0; the gradient passes as if it were the identity.
        case fakeGradHardSigmoid
    }

    /// The activation of the scores, if any.
    public let activation: Activation?
    private let net: NetworkInNetwork

    static let layerType = LayerType(
        "Sparsify", "Keeps the sites that a NetworkInNetwork of one plane scores high, with all planes.",
        [
            .dimension, .inPlanes,
            LayerArgument(
                "activation", .choice(Activation.allCases.map(\.rawValue)),
                "What follows the scores: null (those above 0 stay), sigmoid or a step (those above 0.5).",
                fallback: .null, display: .value),
        ],
        state: [
            .parameter("net.weight", "[in_planes, 1]", "N(0, 2 / in_planes); net.0.weight behind an activation"),
            .parameter("net.bias", "[1]", "zeros; net.0.bias behind an activation"),
        ]
    ) { try Sparsify($0) }

    /// A layer for sparse tensors of `inPlanes` planes.
    public convenience init(dimension: Int, in inPlanes: Int, activation: Activation? = nil) throws {
        try self.init(
            Arguments(
                Self.layerType,
                [
                    "dimension": .integer(dimension), "in_planes": .integer(inPlanes),
                    "activation": activation.map { .string($0.rawValue) } ?? .null,
                ]))
    }

    init(_ arguments: Arguments) throws {
        activation = arguments.optionalText("activation").flatMap(Activation.init)
        net = try NetworkInNetwork(in: arguments.integer("in_planes"), out: 1, bias: true)
        super.init(madeWith: arguments)
    }

    public override var ownState: [StateEntry] {
        let path = activation == nil ? "net" : "net.0"
        return net.ownState.map {
            StateEntry(name: "\(path).\($0.name)", tensor: $0.tensor, isParameter: $0.isParameter)
        }
    }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension, planes: net.inPlanes)
        // Rounded scores would keep other sites.
        let scores = try Autocast.with(.float32) { try activated(net.apply(sparse.features.inFloat32())) }
        let mask = try scores.reshaped([sparse.siteCount])
        let least: Float = activation == nil ? 0 : 0.5
        return .sparse(
            try sparse.keeping(mask.values.reshaped(rows: sparse.siteCount, planes: 1), above: least, mask: mask))
    }

    private func activated(_ scores: Tensor) throws -> Tensor {
        switch activation {
        case nil: return scores
        case .sigmoid: return try ActivationLayer(.sigmoid)(scores).dense
        case .fakeGradHardSigmoid:
            let values = scores.values
            let steps = try Matrix(rows: values.rows, planes: values.planes)
            try Elements.step(values, into: steps)
            return Tape.result(shape: scores.shape, values: steps, inputs: [scores]) { [.shared($0)] }
        }
    }
}

/// Keeps the sites whose first plane is above 0.
public final class SparsifyFCS: SpatialLayer {
    static let layerType = LayerType(
        "SparsifyFCS", "Keeps the sites whose first plane is above 0.", [.dimension]
    ) { SparsifyFCS(madeWith: $0) }

    /// A layer for sites of the given dimension, 1 ... 10.
    public convenience init(dimension: Int) throws {
        try self.init(madeWith: Arguments(Self.layerType, ["dimension": .integer(dimension)]))
    }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        try require(
            sparse.planes >= 1 || sparse.siteCount == 0, .shape,
            "input: has no planes, expected at least 1 for SparsifyFCS")
        return .sparse(try sparse.keeping(sparse.features.inFloat32().values, above: 0, mask: nil))
    }
}

extension SparseTensor {
    /// The sites whose row of `values` begins with a number above `least`, with their features.
    fileprivate func keeping(_ values: Matrix, above least: Float, mask: Tensor?) throws -> SparseTensor {
        let keep = try RowGathering.marks(values, above: least)
        let (output, rules) = try geometry.subset(siteSetID, keeping: keep.pointer)
        let (rows, planes, places) = (siteCount, planes, rules.inputRows)
        let features = try features.inFloat32()
        let result = try Matrix(rows: places.count, planes: planes)
        try RowGathering.gather(features.values, at: places, into: result)
        let kept = Tape.result(matrix: result, inputs: [features]) { gradient in
            let byInput = try Matrix(rows: rows, planes: planes)
            try RowGathering.scatter(gradient, at: places, into: byInput)
            return [.fresh(byInput)]
        }
        return try SparseTensor(features: kept, geometry: geometry, sites: output, mask: mask)
    }
}
