internal import SCNCore
internal import SCNFiles
internal import SCNOps

/// Layer normalization (Ba, Kiros and Hinton, 2016) of a sparse tensor or of a dense one [n, planes]: the planes of
/// each row have a mean and a (biased) variance of their own, in training and in evaluation.
///
/// State, each [planes], where affine: `weight` (ones), `bias` (zeros).
public final class LayerNorm: Module {
    /// The planes of input and result.
    public let planes: Int
    /// What is added to the variance.
    public let epsilon: Double
    /// What each plane is multiplied by after normalizing, [planes]; nil where not affine.
    public let weight: Tensor?
    /// What is added to each plane after that, [planes]; nil where not affine.
    public let bias: Tensor?
    private let operation: LayerNormalizationOperation

    static let layerType = LayerType(
        "LayerNorm", "Normalizes the planes of each row of a sparse tensor or a matrix.",
        [.planes(), .epsilon(1e-5), .affine], state: [.affineWeight, .affineBias]
    ) { try LayerNorm($0) }

    /// `epsilon`: a normal number of float32, above 0; `affine`: whether to have weight and bias.
    public convenience init(planes: Int, epsilon: Double = 1e-5, affine: Bool = true) throws {
        try self.init(
            Arguments(
                Self.layerType,
                ["planes": .integer(planes), "epsilon": .number(epsilon), "affine": .bool(affine)]))
    }

    init(_ arguments: Arguments) throws {
        planes = arguments.integer("planes")
        epsilon = arguments.real("epsilon")
        operation = try LayerNormalizationOperation(epsilon: epsilon)
        let isAffine = arguments.flag("affine")
        weight = isAffine ? try .parameter([planes], filledWith: 1) : nil
        bias = isAffine ? try .parameter([planes], filledWith: 0) : nil
        super.init(madeWith: arguments)
    }

    public override var ownState: [StateEntry] { StateEntry.parameters(weight: weight, bias: bias) }

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

/// A ReLU whose leaks are learned (He et al., "Delving deep into rectifiers", 2015), x > 0 ? x : leak * x, of a sparse
/// tensor or of a dense one [n, planes].
///
/// State: `weight`, the leak of each plane, or one for all: [planes of the leaks].
public final class PReLU: Module {
    /// The number of leaks: 1, or the planes of the input.
    public let planes: Int
    /// The leaks, [planes].
    public let weight: Tensor

    static let layerType = LayerType(
        "PReLU", "x > 0 ? x : leak * x with leaks that are learned (He et al., 2015).",
        [
            LayerArgument(
                "planes", .planes, "The number of leaks: 1 for all planes together, or the planes of the input.",
                fallback: .integer(1), sparseConvNet: "nPlanes", display: .value),
            LayerArgument(
                "leak", .real(.finite), "What the leaks are at first.", fallback: .number(0.25),
                display: .labeled("leak")),
        ], state: [.parameter("weight", "[planes]", "leak")]
    ) { try PReLU($0) }

    /// `planes`: 1 for one leak of all planes, or the planes of the input; `leak`: what they are at first, finite.
    public convenience init(planes: Int = 1, leak: Double = 0.25) throws {
        try self.init(Arguments(Self.layerType, ["planes": .integer(planes), "leak": .number(leak)]))
    }

    init(_ arguments: Arguments) throws {
        planes = arguments.integer("planes")
        weight = try .parameter([planes], filledWith: Float(arguments.real("leak")))
        super.init(madeWith: arguments)
    }

    public override var ownState: [StateEntry] { StateEntry.parameters(weight: weight, bias: nil) }

    public override func forward(_ input: Value) throws -> Value {
        try input.mapTensor(typeName) { tensor in
            if planes > 1 { try tensor.requireRows(of: planes, for: typeName) }
            let values = tensor.values
            let isShared = planes == 1
            let leaks = isShared ? try Matrix(rows: 1, planes: values.planes) : weight.values
            if isShared { try Elements.fill(leaks, with: weight.values.pointer[0]) }
            let result = try Matrix(rows: values.rows, planes: values.planes)
            try ParametricReLU.forward(values, leaks: leaks, into: result)
            let isWanted = weight.requiresGradient
            return Tape.result(shape: tensor.shape, values: result, inputs: [tensor, weight]) { gradient in
                let byInput = try Matrix(rows: values.rows, planes: values.planes)
                let byLeaks = isWanted ? try Matrix(rows: 1, planes: values.planes) : nil
                try ParametricReLU.backward(
                    input: values, gradient: gradient, leaks: leaks, leaksResult: byLeaks, into: byInput)
                guard isShared, let byLeaks else { return [.fresh(byInput), byLeaks.map { .fresh($0) }] }
                let sum = try Matrix(rows: 1, planes: 1)
                sum.pointer[0] = Float(byLeaks.elements.reduce(0.0) { $0 + Double($1) })
                return [.fresh(byInput), .fresh(sum)]
            }
        }
    }
}
