import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct ActivationTests {
    static let activations: [Activation] = [
        .relu, .leakyReLU(0.25), .elu, .selu, .tanh, .sigmoid, .gelu, .silu, .hardSwish, .softplus,
    ]

    static func run(_ activation: Activation, _ input: [Float], _ gradient: [Float], planes: Int) throws -> [[Float]] {
        let values = try Matrix(rows: input.count / planes, planes: planes, input)
        let output = try unwritten(values.rows, planes)
        try activation.forward(values, into: output)
        let byInput = try unwritten(values.rows, planes)
        try activation.backward(
            input: values, output: output, gradient: Matrix(rows: values.rows, planes: planes, gradient), into: byInput)
        return [output.elements, byInput.elements]
    }

    @Test(arguments: activations.indices) func agreesWithItsFunction(index: Int) throws {
        var random = Random(seed: 41)
        let function = RowOracle.activations[index].function
        for (rows, planes) in [(0, 3), (1, 1), (1, 37), (50, 17), (700, 37)] {
            // Away from the kink at 0, where a difference is no derivative.
            let input = random.floats(rows * planes).map { 4 * $0 + ($0 < 0 ? -0.001 : 0.001) }
            let gradient = random.floats(rows * planes)
            try withEachInstructionSet { name in
                let results = try Self.run(Self.activations[index], input, gradient, planes: planes)
                #expect(worstError(results[0], input.doubles.map(function)) < 1e-6, name)
                let error = gradientError(results[1], at: input.doubles, step: 1e-5, limit: 60) {
                    dot($0.map(function), gradient.doubles)
                }
                #expect(error < 2e-6, name)
            }
        }
    }

    @Test(arguments: activations.indices) func keepsItsLimitsAndZero(index: Int) throws {
        let input: [Float] = [-1e30, -100, 0, 100, 1e30, .leastNonzeroMagnitude, -.leastNonzeroMagnitude]
        let expected = input.doubles.map(RowOracle.activations[index].function)
        let slopes: [[Float]] = [
            [0, 0, 0, 1, 1, 1, 0], [0.25, 0.25, 0.25, 1, 1, 1, 0.25], [0, 0, 1, 1, 1, 1, 1],
            [0, 0, 1.7580993, 1.050701, 1.050701, 1.050701, 1.7580993], [0, 0, 1, 0, 0, 1, 1],
            [0, 0, 0.25, 0, 0, 0.25, 0.25], [0, 0, 0.5, 1, 1, 0.5, 0.5], [0, 0, 0.5, 1, 1, 0.5, 0.5],
            [0, 0, 0.5, 1, 1, 0.5, 0.5], [0, 0, 0.5, 1, 1, 0.5, 0.5],
        ]
        try withEachInstructionSet { name in
            let results = try Self.run(Self.activations[index], input, input.map { _ in 1 }, planes: 1)
            #expect(worstError(results[0], expected) < 1e-6, name)
            #expect(worstError(results[1], slopes[index].doubles) < 1e-6, name)
        }
    }

    /// -inf becomes the limit, NaN stays; a ReLU passes the gradient at NaN and stops what is not finite below 0, as
    /// torch's.
    @Test func whatIsNotFinite() throws {
        // Of several lengths, for whole vectors and what is left.
        for copies in [1, 5, 13] {
            func repeated(_ values: [Float]) -> [Float] { (0..<copies).flatMap { _ in values } }
            func same(_ a: [Float], _ b: [Float]) -> Bool { zip(a, b).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN } }
            let input = repeated([-.infinity, .nan, -1, .infinity, 2])
            let gradient = repeated([.nan, 3, .infinity, 4, .nan])
            try withEachInstructionSet { name in
                let relu = try Self.run(.relu, input, gradient, planes: 1)
                #expect(same(relu[0], repeated([0, .nan, 0, .infinity, 2])), name)
                #expect(same(relu[1], repeated([0, 3, 0, 4, .nan])), name)
                let leaky = try Self.run(.leakyReLU(0.5), input, gradient, planes: 1)
                #expect(same(leaky[0], repeated([-.infinity, .nan, -0.5, .infinity, 2])), name)
                #expect(same(leaky[1], repeated([.nan, 1.5, .infinity, 4, .nan])), name)
                for (index, activation) in Self.activations.enumerated().dropFirst(2) {
                    let results = try Self.run(activation, input, repeated([1, 1, 1, 1, 1]), planes: 1)
                    let limits: [Float] = [
                        index == 2 || index == 4 ? -1 : index == 3 ? -1.7580993 : 0,
                        index == 4 || index == 5 ? 1 : .infinity,
                    ]
                    for (place, value) in zip(input, results[0]) {
                        if place.isNaN { #expect(value.isNaN, name) }
                        if place.isInfinite { #expect(value == limits[place > 0 ? 1 : 0], name) }
                    }
                    #expect(zip(input, results[1]).allSatisfy { $0.isNaN == $1.isNaN }, name)
                }
            }
        }
    }

    @Test(arguments: activations.indices) func givesTheSameBitsOnAllThreadCounts(index: Int) throws {
        var random = Random(seed: 42)
        let (input, gradient) = (random.floats(60_000), random.floats(60_000))
        #expect(
            try bitsAgreeOnAllThreadCounts { try Self.run(Self.activations[index], input, gradient, planes: 3) })
    }

    @Test func refusesOtherShapes() throws {
        #expect(throws: SCNError.self) {
            try Activation.relu.forward(Matrix(zeros: 3, planes: 2), into: Matrix(zeros: 2, planes: 3))
        }
    }
}
