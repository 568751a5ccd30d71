import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct MeanOnlyNormalizationTests {
    struct Results {
        let output, byInput, byBias, mean: [Float]
        var all: [[Float]] { [output, byInput, byBias, mean] }
    }

    static func run(
        _ input: [Float], _ gradient: [Float], bias: [Float]?, planes: Int, leakiness: Double, isTraining: Bool
    ) throws -> Results {
        let rows = input.count / max(1, planes)
        let operation = try MeanOnlyNormalizationOperation(momentum: 0.9, leakiness: leakiness)
        let source = try Matrix(rows: rows, planes: planes, input)
        let (output, byInput, byBias) = (
            try unwritten(rows, planes), try unwritten(rows, planes), try unwritten(1, planes)
        )
        let (mean, given) = (try vector([Float](repeating: 0.5, count: planes)), try bias.map(vector))
        if isTraining {
            try operation.forwardTraining(source, bias: given, runningMean: mean, into: output)
        } else {
            try operation.forwardEvaluation(source, bias: given, runningMean: mean, into: output)
        }
        try operation.backward(
            output: output, gradient: Matrix(rows: rows, planes: planes, gradient), isTraining: isTraining,
            biasResult: byBias, into: byInput)
        return Results(
            output: output.elements, byInput: byInput.elements, byBias: byBias.elements, mean: mean.elements)
    }

    @Test(arguments: [1, 3, 17, 37], [0, 0.333, 1])
    func agreesWithTheDefinition(planes: Int, leakiness: Double) throws {
        var random = Random(seed: 61)
        for (rows, isTraining) in [(0, true), (1, true), (7, true), (700, true), (0, false), (7, false)] {
            let (input, gradient) = (random.floats(rows * planes), random.floats(rows * planes))
            for bias in [random.floats(planes), nil] {
                func expected(_ input: [Double], _ bias: [Double]) -> [Double] {
                    let mean =
                        isTraining
                        ? RowOracle.moments(input, rows: rows, planes: planes).mean
                        : [Double](repeating: 0.5, count: planes)
                    return RowOracle.normalized(
                        input, mean: mean, variance: [Double](repeating: 1, count: planes), weight: nil, bias: bias,
                        epsilon: 0, leakiness: Double(Float(leakiness)))
                }
                let shift = bias?.doubles ?? [Double](repeating: 0, count: planes)
                try withEachInstructionSet { name in
                    let results = try Self.run(
                        input, gradient, bias: bias, planes: planes, leakiness: leakiness, isTraining: isTraining)
                    #expect(worstError(results.output, expected(input.doubles, shift)) < 1e-5, name)
                    let kept: Float = isTraining && rows > 0 ? 0.9 : 1
                    let mean = RowOracle.moments(input.doubles, rows: max(1, rows), planes: rows == 0 ? 0 : planes).mean
                    for p in 0..<planes {
                        let wanted = kept * 0.5 + (1 - kept) * (mean.isEmpty ? 0 : Float(mean[p]))
                        #expect(abs(results.mean[p] - wanted) < 1e-6, name)
                    }
                    // At a single row every value is 0 without a bias: on the edge of the activation.
                    if rows == 1 && bias == nil { return }
                    let byInput = gradientError(results.byInput, at: input.doubles, step: 1e-7, limit: 30) {
                        dot(expected($0, shift), gradient.doubles)
                    }
                    let byBias = gradientError(results.byBias, at: shift, step: 1e-7, limit: 37) {
                        dot(expected(input.doubles, $0), gradient.doubles)
                    }
                    #expect(byInput < 1e-4 && byBias < 1e-4, name)
                }
            }
        }
    }

    @Test func aMeanFarFromZero() throws {
        let input = (0..<3_000).map { Float(10_000 + 0.001 * Double($0 % 7)) }
        let results = try Self.run(input, input, bias: [0], planes: 1, leakiness: 1, isTraining: true)
        let mean = input.doubles.reduce(0, +) / 3_000
        #expect(worstError(results.output, input.doubles.map { $0 - mean }) < 1e-6)
    }

    /// In evaluation rows do not depend on each other.
    @Test func inEvaluationWhatIsNotFiniteStaysInItsRow() throws {
        var random = Random(seed: 64)
        let input = random.floats(6 * 5).map { $0 + 2 }
        for value: Float in [.nan, .infinity] {
            var gradient = random.floats(6 * 5)
            gradient[7] = 1
            let clean = try Self.run(input, gradient, bias: nil, planes: 5, leakiness: 0.333, isTraining: false)
            gradient[7] = value
            let results = try Self.run(input, gradient, bias: nil, planes: 5, leakiness: 0.333, isTraining: false)
            for index in 0..<30 where index != 7 { #expect(results.byInput[index] == clean.byInput[index]) }
            #expect(results.byInput[7].isNaN == value.isNaN && !results.byInput[7].isFinite)
        }
    }

    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 62)
        let (input, gradient, bias) = (random.floats(340_000), random.floats(340_000), random.floats(17))
        for isTraining in [true, false] {
            #expect(
                try bitsAgreeOnAllThreadCounts {
                    try Self.run(
                        input, gradient, bias: bias, planes: 17, leakiness: 0.333, isTraining: isTraining
                    ).all
                })
        }
    }

    @Test func refusesWhatMakesNoSense() {
        for (momentum, leakiness) in [(-0.1, 1), (1.1, 1), (.nan, 1), (0.9, -1), (0.9, .nan), (0.9, .infinity)] {
            let error = thrownError {
                _ = try MeanOnlyNormalizationOperation(momentum: momentum, leakiness: leakiness)
            }
            #expect(error?.kind == .invalidArgument)
        }
    }

    @Test(arguments: [(0, 3), (7, 37), (3_000, 17), (2, 0)]) func planeScaling(rows: Int, planes: Int) throws {
        var random = Random(seed: 63)
        let (input, factors) = (random.floats(rows * planes), random.floats(planes))
        let (source, scale) = (try Matrix(rows: rows, planes: planes, input), try vector(factors))
        try withEachInstructionSet { name in
            let result = try unwritten(rows, planes)
            try PlaneScaling.apply(source, factors: scale, into: result)
            #expect(result.elements == input.indices.map { input[$0] * factors[$0 % planes] }, name)
        }
        #expect(thrownError { try PlaneScaling.apply(source, factors: scale, into: unwritten(1, 5)) } != nil)
    }
}
