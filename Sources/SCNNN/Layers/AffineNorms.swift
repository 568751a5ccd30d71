internal import SCNCore
internal import SCNFiles
internal import SCNOps

/// Shared base of normalizations that keep no statistics.
///
/// State, each [planes], where affine: `weight` (ones), `bias` (zeros).
public class AffineNorm: Module {
    /// The planes of input and result.
    public let planes: Int
    /// What is added to the variance.
    public let epsilon: Double
    /// What each plane is multiplied by after normalizing, [planes]; nil where not affine.
    public let weight: Tensor?
    /// What is added to each plane after that, [planes]; nil where not affine.
    public let bias: Tensor?

    static func type(
        _ name: String, _ documentation: String, _ make: @escaping @Sendable (Arguments) throws -> Module
    ) -> LayerType {
        LayerType(
            name, documentation, [.planes(), .epsilon(1e-5), .affine], state: [.affineWeight, .affineBias], make: make)
    }

    static func arguments(_ type: LayerType, planes: Int, epsilon: Double, affine: Bool) throws -> Arguments {
        try Arguments(type, ["planes": .integer(planes), "epsilon": .number(epsilon), "affine": .bool(affine)])
    }

    init(_ arguments: Arguments) throws {
        planes = arguments.integer("planes")
        epsilon = arguments.real("epsilon")
        let isAffine = arguments.flag("affine")
        weight = isAffine ? try .parameter([planes], filledWith: 1) : nil
        bias = isAffine ? try .parameter([planes], filledWith: 0) : nil
        super.init(madeWith: arguments)
    }

    public override var ownState: [StateEntry] { StateEntry.parameters(weight: weight, bias: bias) }
}

/// Instance normalization (Ulyanov, Vedaldi and Lempitsky, 2016) of a sparse tensor: each plane over each sample's
/// sites has a mean and a (biased) variance of its own, in training and in evaluation.
public final class InstanceNorm: AffineNorm {
    private let operation: GroupNormalizationOperation

    static let layerType = type("InstanceNorm", "Normalizes each plane over each sample's sites.") {
        try InstanceNorm($0)
    }

    /// `epsilon`: a normal number of float32, above 0; `affine`: whether to have weight and bias.
    public convenience init(planes: Int, epsilon: Double = 1e-5, affine: Bool = true) throws {
        try self.init(Self.arguments(Self.layerType, planes: planes, epsilon: epsilon, affine: affine))
    }

    override init(_ arguments: Arguments) throws {
        operation = try GroupNormalizationOperation(
            groups: arguments.integer("planes"), epsilon: arguments.real("epsilon"))
        try super.init(arguments)
    }

    public override func forward(_ input: Value) throws -> Value {
        .sparse(try operation.normalized(input.sparse(for: typeName, planes: planes), weight: weight, bias: bias))
    }
}

/// Layer normalization (Ba, Kiros and Hinton, 2016) of a sparse tensor or of a dense one [n, planes]: the planes of
/// each row have a mean and a (biased) variance of their own, in training and in evaluation.
public final class LayerNorm: AffineNorm {
    private let operation: LayerNormalizationOperation

    static let layerType = type("LayerNorm", "Normalizes the planes of each row of a sparse tensor or a matrix.") {
        try LayerNorm($0)
    }

    /// `epsilon`: a normal number of float32, above 0; `affine`: whether to have weight and bias.
    public convenience init(planes: Int, epsilon: Double = 1e-5, affine: Bool = true) throws {
        try self.init(Self.arguments(Self.layerType, planes: planes, epsilon: epsilon, affine: affine))
    }

    override init(_ arguments: Arguments) throws {
        operation = try LayerNormalizationOperation(epsilon: arguments.real("epsilon"))
        try super.init(arguments)
    }

    public override func forward(_ input: Value) throws -> Value {
        try input.mapTensor(typeName) { tensor in
            try tensor.requireRows(of: planes, for: typeName)
            let values = tensor.values
            let result = try Matrix(rows: values.rows, planes: values.planes)
            try operation.forward(values, weight: weight?.values, bias: bias?.values, into: result)
            let scale = weight?.values
            let parameters = [weight, bias].compactMap { $0 }
            let wanted = parameters.map(\.requiresGradient)
            return Tape.result(matrix: result, inputs: [tensor] + parameters) { [operation] gradient in
                let byInput = try Matrix(rows: values.rows, planes: values.planes)
                let byParameters = try wanted.map { $0 ? try Matrix(rows: 1, planes: values.planes) : nil }
                try operation.backward(
                    input: values, gradient: gradient, weight: scale, weightResult: byParameters.first ?? nil,
                    biasResult: byParameters.last ?? nil, into: byInput)
                return [.fresh(byInput)] + byParameters.map { $0.map { .fresh($0) } }
            }
        }
    }
}
