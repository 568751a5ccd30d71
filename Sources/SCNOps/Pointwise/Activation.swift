internal import CSCNKernels
package import SCNCore

/// Activations, element by element.
public enum Activation: Hashable, Sendable {
    /// x > 0 ? x : 0.
    case relu
    /// x > 0 ? x : leak * x.
    case leakyReLU(Float)
    /// x > 0 ? x : e^x - 1 (Clevert, Unterthiner and Hochreiter, 2016).
    case elu
    /// A scaled ELU (Klambauer et al., 2017).
    case selu
    /// The hyperbolic tangent.
    case tanh
    /// 1 / (1 + e^-x).
    case sigmoid
    /// x times the normal distribution function of x (Hendrycks and Gimpel, 2016), not its approximation by tanh.
    case gelu
    /// x / (1 + e^-x), also called swish (Elfwing, Uchibe and Doya, 2017; Ramachandran, Zoph and Le, 2017).
    case silu
    /// x * min(max(x + 3, 0), 6) / 6 (Howard et al., "Searching for MobileNetV3", 2019).
    case hardSwish
    /// log(1 + e^x).
    case softplus

    /// result, of input's shape, each float32 or bfloat16; in place allowed.
    package func forward(_ input: Matrix, into result: Matrix) throws(SCNError) {
        try Elements.forElementsAsFloat32(input, into: result) { rows in
            switch form {
            case .linear(let leak): rows.kernels.leaky_relu(rows.a, rows.elements, leak, rows.result)
            case .smooth(let kind): rows.kernels.smooth_activation(kind, rows.a, rows.elements, rows.result)
            }
        }
    }

    /// result: by the input, from input and output of the forward pass; each float32 or bfloat16. It is none of them.
    package func backward(input: Matrix, output: Matrix, gradient: Matrix, into result: Matrix) throws(SCNError) {
        _ = try Kernels.converting(["output": output])
        try output.requireSameShape(as: input, "output")
        switch form {
        case .linear(let leak):
            try Elements.forElementsAsFloat32(input, ["gradient": gradient], into: result) { rows in
                rows.kernels.leaky_relu_backward(rows.a, rows.b, rows.elements, leak, rows.result)
            }
        case .smooth(let kind) where output.type == .bfloat16:
            // Where an activation levels off, rounding its result costs most of its slope.
            try Elements.forElementsAsFloat32(input, ["gradient": gradient], into: result) { rows in
                rows.kernels.smooth_activation(kind, rows.a, rows.elements, rows.result)
                rows.kernels.smooth_activation_backward(
                    kind, rows.a, rows.result, rows.b, rows.elements, rows.result)
            }
        case .smooth(let kind):
            try Elements.forElementsAsFloat32(input, ["output": output, "gradient": gradient], into: result) { rows in
                rows.kernels.smooth_activation_backward(kind, rows.a, rows.b, rows.c, rows.elements, rows.result)
            }
        }
    }

    private enum Form {
        case linear(Float)
        case smooth(scn_smooth_activation)
    }

    private var form: Form {
        switch self {
        case .relu: .linear(0)
        case .leakyReLU(let leak): .linear(leak)
        case .elu: .smooth(SCN_ELU)
        case .selu: .smooth(SCN_SELU)
        case .tanh: .smooth(SCN_TANH)
        case .sigmoid: .smooth(SCN_SIGMOID)
        case .gelu: .smooth(SCN_GELU)
        case .silu: .smooth(SCN_SILU)
        case .hardSwish: .smooth(SCN_HARD_SWISH)
        case .softplus: .smooth(SCN_SOFTPLUS)
        }
    }
}
