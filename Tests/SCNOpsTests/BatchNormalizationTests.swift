import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct BatchNormalizationTests {
    struct Setup {
        var rows: Int
        var planes: Int
        var leakiness: Double
        var isAffine = true
        var epsilon = 1e-4
        var momentum = 0.9
        var input: [Float] = []
        var gradient: [Float] = []
        var weight: [Float] = []
        var bias: [Float] = []
        var mean: [Float] = []
        var variance: [Float] = []

        init(rows: Int, planes: Int, leakiness: Double, isAffine: Bool = true, _ random: inout Random) {
            self.rows = rows
            self.planes = planes
            self.leakiness = leakiness
            self.isAffine = isAffine
            input = random.floats(rows * planes)
            gradient = random.floats(rows * planes)
            weight = random.floats(planes).map { $0 + ($0 < 0 ? -0.5 : 0.5) }
            bias = random.floats(planes)
            mean = random.floats(planes)
            variance = random.floats(planes).map { 1.5 + $0 }
        }

        var operation: BatchNormalizationOperation {
            get throws {
                try BatchNormalizationOperation(epsilon: epsilon, momentum: momentum, leakiness: leakiness)
            }
        }

        /// The normalized input by the oracle: training statistics, or the running ones.
        func normalized(_ input: [Double], _ weight: [Double], _ bias: [Double], isTraining: Bool) -> [Double] {
            if rows == 0 { return [] }
            let moments =
                isTraining
                ? RowOracle.moments(input, rows: rows, planes: planes) : (mean.doubles, variance.doubles)
            return RowOracle.normalized(
                input, mean: moments.0, variance: moments.1, weight: isAffine ? weight : nil,
                bias: isAffine ? bias : nil, epsilon: epsilon, leakiness: Double(Float(leakiness)))
        }
    }

    struct Results {
        var output: [Float]
        var byInput: [Float]
        var byWeight: [Float]
        var byBias: [Float]
        var mean: [Float]
        var variance: [Float]

        var all: [[Float]] { [output, byInput, byWeight, byBias, mean, variance] }
    }

    static func run(_ setup: Setup, isTraining: Bool) throws -> Results {
        let (rows, planes) = (setup.rows, setup.planes)
        let operation = try setup.operation
        let input = try Matrix(rows: rows, planes: planes, setup.input)
        let gradient = try Matrix(rows: rows, planes: planes, setup.gradient)
        let (output, byInput) = (try unwritten(rows, planes), try unwritten(rows, planes))
        let (weight, bias) = setup.isAffine ? (try vector(setup.weight), try vector(setup.bias)) : (nil, nil)
        let running = BatchNormalizationOperation.Running(
            mean: try vector(setup.mean), variance: try vector(setup.variance))
        let saved = BatchNormalizationOperation.Saved(
            mean: try unwritten(1, planes), inverseDeviation: try unwritten(1, planes),
            remainder: try unwritten(1, planes))
        let (byWeight, byBias) = (try unwritten(1, planes), try unwritten(1, planes))
        if isTraining {
            try operation.forwardTraining(
                input, weight: weight, bias: bias, running: running, saved: saved, into: output)
            try operation.backwardTraining(
                input: input, output: output, gradient: gradient, weight: weight, saved: saved, weightResult: byWeight,
                biasResult: byBias, into: byInput)
        } else {
            try operation.forwardEvaluation(input, weight: weight, bias: bias, running: running, into: output)
            try operation.backwardEvaluation(
                input: input, output: output, gradient: gradient, weight: weight, running: running,
                weightResult: byWeight, biasResult: byBias, into: byInput)
        }
        return Results(
            output: output.elements, byInput: byInput.elements, byWeight: byWeight.elements, byBias: byBias.elements,
            mean: running.mean.elements, variance: running.variance.elements)
    }

    /// Checks one set-up against the oracle and its differences.
    static func check(
        _ setup: Setup, isTraining: Bool, step: Double = 1e-6
    ) throws {
        let (input, weight, bias) = (setup.input.doubles, setup.weight.doubles, setup.bias.doubles)
        let gradient = setup.gradient.doubles
        let expected = setup.normalized(input, weight, bias, isTraining: isTraining)
        try withEachInstructionSet { name in
            let results = try run(setup, isTraining: isTraining)
            #expect(worstError(results.output, expected) < 2e-5, name)
            let byInput = gradientError(results.byInput, at: input, step: step, limit: 30) {
                dot(setup.normalized($0, weight, bias, isTraining: isTraining), gradient)
            }
            #expect(byInput < 1e-4, name)
            let byWeight = gradientError(results.byWeight, at: weight, step: step, limit: 37) {
                var affine = setup
                affine.isAffine = true
                let zeros = [Double](repeating: 0, count: setup.planes)
                let (scale, shift) = setup.isAffine ? ($0, bias) : (zip($0, weight).map { $0 - $1 + 1 }, zeros)
                return dot(affine.normalized(input, scale, shift, isTraining: isTraining), gradient)
            }
            #expect(byWeight < 1e-4, name)
            let byBias = gradientError(results.byBias, at: bias, step: step, limit: 37) {
                var affine = setup
                affine.isAffine = true
                let ones = [Double](repeating: 1, count: setup.planes)
                let (scale, shift) = setup.isAffine ? (weight, $0) : (ones, zip($0, bias).map { $0 - $1 })
                return dot(affine.normalized(input, scale, shift, isTraining: isTraining), gradient)
            }
            #expect(byBias < 1e-4, name)
        }
    }

    @Test(arguments: [1, 3, 17, 37], [0, 0.333, 1])
    func agreesWithTheDefinition(planes: Int, leakiness: Double) throws {
        var random = Random(seed: 21)
        for rows in [0, 2, 7, 300] {
            for isAffine in [true, false] {
                let setup = Setup(rows: rows, planes: planes, leakiness: leakiness, isAffine: isAffine, &random)
                try Self.check(setup, isTraining: true)
                try Self.check(setup, isTraining: false)
            }
        }
    }

    @Test func agreesWhereThereAreManyChunks() throws {
        var random = Random(seed: 22)
        let setup = Setup(rows: 2_500, planes: 5, leakiness: 0.333, &random)
        try Self.check(setup, isTraining: true, step: 1e-7)
        try Self.check(setup, isTraining: false, step: 1e-7)
    }

    @Test(arguments: [1, 3, 17, 37]) func keepsAFractionOfTheStatistics(planes: Int) throws {
        var random = Random(seed: 23)
        for rows in [2, 5, 3_000] {
            let setup = Setup(rows: rows, planes: planes, leakiness: 0, &random)
            let moments = RowOracle.moments(setup.input.doubles, rows: rows, planes: planes)
            let unbiased = moments.variance.map { $0 * Double(rows) / Double(rows - 1) }
            try withEachInstructionSet { name in
                let results = try Self.run(setup, isTraining: true)
                let mean = zip(setup.mean.doubles, moments.mean).map { 0.9 * $0 + 0.1 * $1 }
                let variance = zip(setup.variance.doubles, unbiased).map { 0.9 * $0 + 0.1 * $1 }
                #expect(worstError(results.mean, mean) < 1e-6, name)
                #expect(worstError(results.variance, variance) < 1e-6, name)
                let evaluated = try Self.run(setup, isTraining: false)
                #expect(evaluated.mean == setup.mean && evaluated.variance == setup.variance)
            }
        }
    }

    /// One row is its own mean: the bias comes out, no gradient goes back, and the variance average gets a zero.
    @Test(arguments: [1, 17]) func oneRow(planes: Int) throws {
        var random = Random(seed: 24)
        let setup = Setup(rows: 1, planes: planes, leakiness: 1, &random)
        try Self.check(setup, isTraining: true)
        try Self.check(setup, isTraining: false)
        let results = try Self.run(setup, isTraining: true)
        #expect(results.output == setup.bias)
        #expect(results.byInput.allSatisfy { abs($0) < 2e-5 })
        #expect(results.byBias == setup.gradient)
        #expect(worstError(results.variance, setup.variance.doubles.map { 0.9 * $0 }) < 1e-6)
    }

    @Test func noRows() throws {
        var random = Random(seed: 25)
        let setup = Setup(rows: 0, planes: 3, leakiness: 0, &random)
        for isTraining in [true, false] {
            let results = try Self.run(setup, isTraining: isTraining)
            #expect(results.output.isEmpty && results.byInput.isEmpty)
            #expect(results.byWeight == [0, 0, 0] && results.byBias == [0, 0, 0])
            #expect(results.mean == setup.mean && results.variance == setup.variance)
        }
    }

    /// Squares of these numbers are further apart in float32 than the variance is large.
    @Test(arguments: [3, 17]) func aMeanFarFromZero(planes: Int) throws {
        var random = Random(seed: 26)
        for rows in [5, 1_000] {
            var setup = Setup(rows: rows, planes: planes, leakiness: 1, &random)
            setup.input = setup.input.indices.map { _ in Float(1000 + 0.01 * random.normal()) }
            setup.epsilon = 1e-8
            try Self.check(setup, isTraining: true, step: 1e-5)
            setup.momentum = 0
            let moments = RowOracle.moments(setup.input.doubles, rows: rows, planes: planes)
            let unbiased = moments.variance.map { $0 * Double(rows) / Double(rows - 1) }
            let results = try Self.run(setup, isTraining: true)
            for p in 0..<planes { #expect(abs(Double(results.variance[p]) / unbiased[p] - 1) < 1e-5) }
        }
    }

    /// In evaluation rows do not depend on each other: what is not finite stays where it is.
    @Test(arguments: [0, 0.333, 1]) func inEvaluationANaNStaysInItsRow(leakiness: Double) throws {
        var random = Random(seed: 28)
        for value: Float in [.nan, .infinity] {
            var setup = Setup(rows: 6, planes: 19, leakiness: leakiness, &random)
            let place = 2 * 19 + 4
            // Above zero, so that the activation lets it pass.
            (setup.weight[4], setup.bias[4]) = (1, 9)
            let before = try Self.run(setup, isTraining: false)
            setup.gradient[place] = value
            let after = try Self.run(setup, isTraining: false)
            #expect(after.byInput[place].isNaN == value.isNaN && !after.byInput[place].isFinite)
            setup.input[place] = value
            let both = try Self.run(setup, isTraining: false)
            for index in before.byInput.indices where index != place {
                #expect(after.byInput[index] == before.byInput[index] && both.byInput[index] == before.byInput[index])
                #expect(both.output[index] == before.output[index])
            }
            #expect(!both.output[place].isFinite)
        }
    }

    /// A fraction of 0 takes nothing, not even a NaN.
    @Test func whatHasNoPartLeavesNoTrace() throws {
        var random = Random(seed: 29)
        var setup = Setup(rows: 5, planes: 3, leakiness: 1, &random)
        setup.momentum = 0
        (setup.mean, setup.variance) = ([.nan, .infinity, 1], [.infinity, .nan, 1])
        let fresh = try Self.run(setup, isTraining: true)
        #expect(fresh.mean.allSatisfy { $0.isFinite } && fresh.variance.allSatisfy { $0.isFinite })
        setup.momentum = 1
        (setup.mean, setup.variance) = ([1, 2, 3], [4, 5, 6])
        setup.input = setup.input.map { _ in .nan }
        let kept = try Self.run(setup, isTraining: true)
        #expect(kept.mean == [1, 2, 3] && kept.variance == [4, 5, 6])
    }

    @Test func sumsOfManyRowsAreExact() throws {
        var random = Random(seed: 30)
        var setup = Setup(rows: 70_001, planes: 3, leakiness: 1, &random)
        setup.momentum = 0
        for value: Float in [0.1, 1001, 3e38] {
            setup.input = setup.input.map { _ in value }
            setup.gradient = setup.gradient.map { _ in 0.1 }
            try withEachInstructionSet { name in
                let results = try Self.run(setup, isTraining: true)
                #expect(results.mean == [value, value, value] && results.variance == [0, 0, 0], name)
                #expect(results.output == (0..<70_001).flatMap { _ in setup.bias }, name)
                let byBias = [Double](repeating: Double(Float(0.1)) * 70_001, count: 3)
                #expect(worstError(results.byBias, byBias) < 1e-6, name)
            }
        }
    }

    @Test(arguments: [0, 0.333, 1]) func givesTheSameBitsOnAllThreadCounts(leakiness: Double) throws {
        var random = Random(seed: 27)
        let setup = Setup(rows: 20_000, planes: 17, leakiness: leakiness, &random)
        #expect(try bitsAgreeOnAllThreadCounts { try Self.run(setup, isTraining: true).all })
        #expect(try bitsAgreeOnAllThreadCounts { try Self.run(setup, isTraining: false).all })
    }

    @Test func refusesWhatMakesNoSense() {
        func kind(_ epsilon: Double, _ momentum: Double, _ leakiness: Double) -> SCNError.Kind? {
            thrownError {
                _ = try BatchNormalizationOperation(epsilon: epsilon, momentum: momentum, leakiness: leakiness)
            }?.kind
        }
        #expect(kind(1e-4, 0.9, 1) == nil)
        for (epsilon, momentum, leakiness) in [
            (0, 0.9, 1), (-1, 0.9, 1), (.nan, 0.9, 1), (.infinity, 0.9, 1), (1e-4, -0.1, 1), (1e-4, 1.1, 1),
            (1e-4, .nan, 1), (1e-4, 0.9, -1), (1e-4, 0.9, .nan), (1e-4, 0.9, .infinity),
        ] {
            #expect(kind(epsilon, momentum, leakiness) == .invalidArgument)
        }
    }
}
