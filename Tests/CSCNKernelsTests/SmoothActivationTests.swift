import CSCNKernels
import Testing

@Suite struct SmoothActivationTests {
    /// Values known to more digits than a float has, at -1, 0, 1 and far out.
    @Test func forwardMatchesKnownValues() {
        let input: [Float] = [-100, -1, 0, 1, 100]
        let known: [(scn_smooth_activation, [Double])] = [
            (SCN_ELU, [-1, -0.632120558828558, 0, 1, 100]),
            (SCN_SELU, [-1.758099340847377, -1.111330737812563, 0, 1.0507009873554805, 105.07009873554805]),
            (SCN_TANH, [-1, -0.761594155955765, 0, 0.761594155955765, 1]),
            (SCN_SIGMOID, [0, 0.268941421369995, 0.5, 0.731058578630005, 1]),
        ]
        for (kind, expected) in known {
            let buffer = Buffer(input)
            scn_smooth_activation_forward(kind, buffer.pointer, 5, buffer.pointer)
            #expect(worstError(buffer.values, expected) < 1e-6)
            #expect(buffer.guardsAreIntact)
        }
    }

    @Test(arguments: [SCN_ELU.rawValue, SCN_SELU.rawValue, SCN_TANH.rawValue, SCN_SIGMOID.rawValue])
    func backwardIsTheSlopeOfForward(raw: UInt32) {
        let kind = scn_smooth_activation(rawValue: raw)
        let count = 40
        let step: Float = 1.0 / 64
        let points = (0..<count).map { Float($0) / 8 - 2.53125 }
        func forward(_ input: [Float]) -> [Float] {
            let buffer = Buffer(input)
            scn_smooth_activation_forward(kind, buffer.pointer, Int64(count), buffer.pointer)
            return buffer.values
        }
        let above = forward(points.map { $0 + step })
        let below = forward(points.map { $0 - step })
        let slopes = zip(above, below).map { Double($0 - $1) / (2 * Double(step)) * 3 }
        let gradient = Buffer([Float](repeating: 3, count: count))
        scn_smooth_activation_backward(kind, forward(points), gradient.pointer, Int64(count), gradient.pointer)
        #expect(worstError(gradient.values, slopes) < 1e-3)
    }
}
