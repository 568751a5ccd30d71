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
        if Elements.areConverted(input, result) {
            return try Elements.forRowsAsFloat32(input, into: result) { kernels, rows, source, _, target in
                apply(kernels, source, Int64(rows * input.planes), target)
            }
        }
        try Kernels.forElements(["input": input, "result": result]) { kernels, start, count in
            apply(kernels, input.pointer + start, count, result.pointer + start)
        }
    }

    private func apply(
        _ kernels: scn_kernel_table, _ source: UnsafePointer<Float>, _ count: Int64,
        _ target: UnsafeMutablePointer<Float>
    ) {
        switch form {
        case .linear(let leak): kernels.leaky_relu(source, count, leak, target)
        case .smooth(let kind): kernels.smooth_activation(kind, source, count, target)
        }
    }

    /// result: by the input, from input and output of the forward pass.
    package func backward(input: Matrix, output: Matrix, gradient: Matrix, into result: Matrix) throws(SCNError) {
        let operands: KeyValuePairs<String, Matrix?> = [
            "input": input, "output": output, "gradient": gradient, "result": result,
        ]
        try Kernels.forElements(operands) { kernels, start, count in
            let (source, target) = (gradient.pointer + start, result.pointer + start)
            switch self.form {
            case .linear(let leak):
                kernels.leaky_relu_backward(input.pointer + start, source, count, leak, target)
            case .smooth(let kind):
                kernels.smooth_activation_backward(
                    kind, input.pointer + start, output.pointer + start, source, count, target)
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
