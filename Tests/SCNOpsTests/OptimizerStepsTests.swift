import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct OptimizerStepsTests {
    static let counts = [0, 1, 3, 17, 37, 40_000]

    static let sgdOptions: [OptimizerSteps.SGD] =
        [(0, 0, 0, false), (0.9, 0, 0, false), (0.9, 0.3, 0.1, false), (0.9, 0, 0.01, true)].map {
            momentum, dampening, decay, nesterov in
            OptimizerSteps.SGD(
                learningRate: 0.1, momentum: momentum, dampening: dampening, weightDecay: decay, nesterov: nesterov)
        }

    @Test(arguments: sgdOptions.indices) func sgd(index: Int) throws {
        let options = Self.sgdOptions[index]
        for count in Self.counts {
            try withEachInstructionSet { name in
                var random = Random(seed: 101)
                let start = random.floats(count)
                let parameter = try Matrix(rows: 1, planes: count, start)
                // What is in the velocity before the first step does not count.
                let velocity = options.momentum == 0 ? nil : try unwritten(1, count)
                var oracle = OptimizerOracle(start.doubles)
                for step in 0..<6 {
                    let gradient = random.floats(count)
                    try OptimizerSteps.sgd(
                        parameter, gradient: Matrix(rows: 1, planes: count, gradient), velocity: velocity,
                        options: options, isFirstStep: step == 0)
                    oracle.sgd(
                        gradient.doubles, rate: options.learningRate, momentum: options.momentum,
                        dampening: options.dampening, decay: options.weightDecay, nesterov: options.nesterov)
                    #expect(worstError(parameter.elements, oracle.parameter) < 2e-6, name)
                }
            }
        }
    }

    @Test(arguments: [(0.0, false), (0.1, false), (0.1, true)]) func adam(decay: Double, decoupled: Bool) throws {
        let options = OptimizerSteps.Adam(
            learningRate: 0.05, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: decay, decoupled: decoupled)
        for count in Self.counts {
            try withEachInstructionSet { name in
                var random = Random(seed: 102)
                let start = random.floats(count)
                let parameter = try Matrix(rows: 1, planes: count, start)
                let moments = (try Matrix(zeros: 1, planes: count), try Matrix(zeros: 1, planes: count))
                var oracle = OptimizerOracle(start.doubles)
                var (power1, power2) = (1.0, 1.0)
                for _ in 0..<8 {
                    let gradient = random.floats(count)
                    (power1, power2) = (power1 * 0.9, power2 * 0.999)
                    try OptimizerSteps.adam(
                        parameter, gradient: Matrix(rows: 1, planes: count, gradient), firstMoment: moments.0,
                        secondMoment: moments.1, options: options, corrections: (1 - power1, 1 - power2))
                    oracle.adam(
                        gradient.doubles, rate: 0.05, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: decay,
                        decoupled: decoupled)
                    // 1 - 0.999 has 1.3e-5 of rounding in float32, a root of which is in each step of up to 0.05.
                    #expect(worstError(parameter.elements, oracle.parameter) < 5e-6, name)
                }
            }
        }
    }

    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 103)
        let (start, gradient) = (random.floats(60_000), random.floats(60_000))
        let gradients = try Matrix(rows: 1, planes: 60_000, gradient)
        #expect(
            try bitsAgreeOnAllThreadCounts {
                let parameter = try Matrix(rows: 1, planes: 60_000, start)
                let state = try [0, 1, 2].map { _ in try Matrix(zeros: 1, planes: 60_000) }
                try OptimizerSteps.sgd(
                    parameter, gradient: gradients, velocity: state[0], options: Self.sgdOptions[3], isFirstStep: false)
                try OptimizerSteps.adam(
                    parameter, gradient: gradients, firstMoment: state[1], secondMoment: state[2],
                    options: .init(
                        learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, decoupled: true),
                    corrections: (0.1, 0.01))
                return [parameter.elements] + state.map(\.elements)
            })
    }

    @Test func refusesAGradientOfAnotherShape() throws {
        let (a, b) = (try Matrix(zeros: 2, planes: 3), try Matrix(zeros: 3, planes: 2))
        #expect(
            thrownError {
                try OptimizerSteps.sgd(a, gradient: b, velocity: nil, options: Self.sgdOptions[0], isFirstStep: true)
            }?.kind == .shape)
    }
}
