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

    public override func forward(_ input: Value) throws -> Value {
        try input.mapTensor(typeName) { [activation] tensor in
            let values = tensor.values
            let result = try Matrix(rows: values.rows, planes: values.planes)
            try activation.forward(values, into: result)
            return Tape.result(shape: tensor.shape, values: result, inputs: [tensor]) { gradient in
                let byInput = try Matrix(rows: values.rows, planes: values.planes)
                try activation.backward(input: values, output: result, gradient: gradient, into: byInput)
                return [.fresh(byInput)]
            }
        }
    }
}
