internal import SCNCore
internal import SCNFiles
public import SCNOps

/// An activation, element by element, of a sparse or dense tensor.
public final class ActivationLayer: Module {
    /// Which activation.
    public let activation: Activation

    static let layerTypes: [LayerType] = [
        type(.relu, "x > 0 ? x : 0"),
        LayerType(
            "LeakyReLU", "x > 0 ? x : leak * x",
            [
                LayerArgument(
                    "leak", .real(.finite), "What negative numbers are multiplied by.", fallback: .number(1.0 / 3),
                    display: .labeled("leak"))
            ]
        ) { ActivationLayer($0, .leakyReLU(Float($0.real("leak")))) },
        type(.elu, "x > 0 ? x : e^x - 1"), type(.selu, "The self-normalizing ELU (Klambauer et al., 2017)."),
        type(.tanh, "tanh(x)"), type(.sigmoid, "1 / (1 + e^-x)"),
        type(.gelu, "x times the normal distribution function of x (Hendrycks and Gimpel, 2016)"),
        type(.silu, "x / (1 + e^-x)"), type(.hardSwish, "x * min(max(x + 3, 0), 6) / 6 (Howard et al., 2019)"),
        type(.softplus, "log(1 + e^x)"),
    ]

    private static func type(_ activation: Activation, _ documentation: String) -> LayerType {
        LayerType(name(activation), documentation) { ActivationLayer($0, activation) }
    }

    private static func name(_ activation: Activation) -> String {
        switch activation {
        case .relu: "ReLU"
        case .leakyReLU: "LeakyReLU"
        case .elu: "ELU"
        case .selu: "SELU"
        case .tanh: "Tanh"
        case .sigmoid: "Sigmoid"
        case .gelu: "GELU"
        case .silu: "SiLU"
        case .hardSwish: "Hardswish"
        case .softplus: "Softplus"
        }
    }

    /// Throws where the leak of a leaky ReLU is not finite.
    public convenience init(_ activation: Activation) throws {
        let name = Self.name(activation)
        guard let type = Self.layerTypes.first(where: { $0.name == name }) else {
            preconditionFailure("\(name) is no layer")
        }
        if case .leakyReLU(let leak) = activation {
            try self.init(Arguments(type, ["leak": .number(Double(leak))]), activation)
        } else {
            try self.init(Arguments(type), activation)
        }
    }

    private init(_ arguments: Arguments, _ activation: Activation) {
        self.activation = activation
        super.init(madeWith: arguments)
    }

    package override var takesBFloat16: Bool { true }

    public override func forward(_ input: Value) throws -> Value {
        try input.mapTensor(typeName) { [activation] tensor in
            let values = tensor.values
            let result = try Matrix(rows: values.rows, planes: values.planes, type: values.type)
            try activation.forward(values, into: result)
            return Tape.result(shape: tensor.shape, values: result, inputs: [tensor]) { gradient in
                let byInput = try Matrix(rows: values.rows, planes: values.planes, type: values.type)
                try activation.backward(input: values, output: result, gradient: gradient, into: byInput)
                return [.fresh(byInput)]
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
            let leaks = weight.values
            let result = try Matrix(rows: values.rows, planes: values.planes)
            try ParametricReLU.forward(values, leaks: leaks, into: result)
            let isWanted = weight.requiresGradient
            return Tape.result(shape: tensor.shape, values: result, inputs: [tensor, weight]) { gradient in
                let byInput = try Matrix(rows: values.rows, planes: values.planes)
                let byLeaks = isWanted ? try Matrix(rows: 1, planes: leaks.planes) : nil
                try ParametricReLU.backward(
                    input: values, gradient: gradient, leaks: leaks, leaksResult: byLeaks, into: byInput)
                return [.fresh(byInput), byLeaks.map { .fresh($0) }]
            }
        }
    }
}
