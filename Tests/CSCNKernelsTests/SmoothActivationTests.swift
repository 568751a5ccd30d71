import CSCNKernels
import Testing

@Suite struct SmoothActivationTests {
    /// Values known to more digits than a float has, at -1, 0, 1 and far out.
    static let known: [(scn_smooth_activation, [Double])] = [
        (SCN_ELU, [-1, -0.632120558828558, 0, 1, 100]),
        (SCN_SELU, [-1.758099340847377, -1.111330737812563, 0, 1.0507009873554805, 105.07009873554805]),
        (SCN_TANH, [-1, -0.761594155955765, 0, 0.761594155955765, 1]),
        (SCN_SIGMOID, [0, 0.268941421369995, 0.5, 0.731058578630005, 1]),
        (SCN_GELU, [0, -0.158655253931457, 0, 0.841344746068543, 100]),
        (SCN_SILU, [0, -0.268941421369995, 0, 0.731058578630005, 100]),
        (SCN_HARD_SWISH, [0, -1.0 / 3, 0, 2.0 / 3, 100]),
        (SCN_SOFTPLUS, [0, 0.313261687518223, 0.693147180559945, 1.313261687518223, 100]),
    ]

    @Test func forwardMatchesKnownValues() {
        for kernels in Table.all.map(\.kernels) {
            for (kind, expected) in Self.known {
                let buffer = Buffer([-100, -1, 0, 1, 100])
                kernels.smooth_activation(kind, buffer.pointer, 5, buffer.pointer)
                #expect(worstError(buffer.values, expected) < 1e-6)
                #expect(buffer.guardsAreIntact)
            }
        }
    }

    @Test(arguments: known.map(\.0.rawValue)) func backwardIsTheSlopeOfForward(raw: UInt32) {
        let kind = scn_smooth_activation(rawValue: raw)
        let step: Float = 1.0 / 64
        for (kernels, count) in Table.all.flatMap({ table in [1, 15, 40, 67].map { (table.kernels, $0) } }) {
            let points = (0..<count).map { Float($0) / 8 - 2.53125 }
            func forward(_ input: [Float]) -> Buffer {
                let buffer = Buffer(input)
                kernels.smooth_activation(kind, buffer.pointer, Int64(count), buffer.pointer)
                return buffer
            }
            let (above, below) = (forward(points.map { $0 + step }), forward(points.map { $0 - step }))
            let slopes = zip(above.values, below.values).map { Double($0 - $1) / (2 * Double(step)) * 3 }
            let (input, output) = (Buffer(points), forward(points))
            let gradient = Buffer([Float](repeating: 3, count: count))
            kernels.smooth_activation_backward(
                kind, input.pointer, output.pointer, gradient.pointer, Int64(count), gradient.pointer)
            #expect(worstError(gradient.values, slopes) < 1e-3)
            #expect(gradient.guardsAreIntact)
        }
    }
}
