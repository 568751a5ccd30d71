internal import SCNCore
package import SCNFiles
public import SCNOps

/// An activation, element by element, of a sparse or dense tensor.
public final class ActivationLayer: Module {
    /// Which activation.
    public let activation: Activation

    /// Throws where the leak of a leaky ReLU is not finite.
    public init(_ activation: Activation) throws {
        if case .leakyReLU(let leak) = activation {
            try require(leak.isFinite, .invalidArgument, "leak: is \(leak), expected a finite number")
        }
        self.activation = activation
    }

    public override var typeName: String {
        switch activation {
        case .relu: "ReLU"
        case .leakyReLU: "LeakyReLU"
        case .elu: "ELU"
        case .selu: "SELU"
        case .tanh: "Tanh"
        case .sigmoid: "Sigmoid"
        }
    }

    public override var summary: String {
        if case .leakyReLU(let leak) = activation { "leak \(leak)" } else { "" }
    }

    package override var arguments: [(key: String, value: JSON)]? {
        if case .leakyReLU(let leak) = activation { [("leak", .number(Double(leak)))] } else { [] }
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
