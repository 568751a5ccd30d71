import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct MaxPoolingTests {
    static func run(
        _ setup: FilterSetup, _ input: [Float], _ gradient: [Float], planes: Int, dropped: Int
    ) throws -> (output: [Float], byInput: [Float]) {
        let values = try Matrix(rows: setup.inputSites.count, planes: planes, input)
        let output = try unwritten(setup.outputSites.count, planes - dropped)
        try MaxPoolingOperation.forward(setup.rules, input: values, featuresToDrop: dropped, into: output)
        let byInput = try unwritten(values.rows, planes)
        try MaxPoolingOperation.backward(
            setup.rules, input: values, output: output,
            gradient: Matrix(rows: output.rows, planes: output.planes, gradient), featuresToDrop: dropped, into: byInput
        )
        return (output.elements, byInput.elements)
    }

    @Test(arguments: FilterCase.stridedCases, [(1, 0), (3, 0), (3, 2), (17, 5), (37, 0)])
    func agreesWithADensePooling(filterCase: FilterCase, width: (planes: Int, dropped: Int)) throws {
        var random = Random(seed: 11)
        let setup = try FilterSetup(filterCase, &random)
        let (planes, dropped) = width
        let rows = setup.outputSites.count
        let input = random.floats(setup.inputSites.count * planes)
        let gradient = random.floats(rows * (planes - dropped))
        func pooled(_ input: [Double]) -> [Double] {
            DenseMaxPooling.forward(
                setup.reads, rows: rows, grid: setup.grid(input, planes: planes), planes: planes, dropped: dropped)
        }
        let expected = pooled(input.doubles)
        try withEachInstructionSet { name in
            let results = try Self.run(setup, input, gradient, planes: planes, dropped: dropped)
            #expect(worstError(results.output, expected) == 0, name)
            // No two of these numbers are as close as the step, so that the same one stays the largest.
            let error = gradientError(results.byInput, at: input.doubles, step: 1e-8, limit: 40) {
                dot(pooled($0), gradient.doubles)
            }
            #expect(error < 1e-5, name)
        }
    }

    /// Small integers: many maxima are tied, and many zeros tie with the zero that the maximum starts at.
    @Test(arguments: FilterCase.stridedCases) func givesTheGradientToAllThatTie(filterCase: FilterCase) throws {
        var random = Random(seed: 12)
        let setup = try FilterSetup(filterCase, &random)
        let rows = setup.outputSites.count
        for (planes, dropped) in [(3, 0), (18, 1)] {
            let input = (0..<setup.inputSites.count * planes).map { _ in Float(Int.random(in: -2...2, using: &random)) }
            let gradient = random.floats(rows * (planes - dropped))
            let grid = setup.grid(input.doubles, planes: planes)
            let output = DenseMaxPooling.forward(
                setup.reads, rows: rows, grid: grid, planes: planes, dropped: dropped)
            let byGrid = DenseMaxPooling.backward(
                setup.reads, grid: grid, output: output, gradient: gradient.doubles, planes: planes, dropped: dropped)
            let expected = DenseGrid.sampled(
                byGrid, at: setup.inputSites, planes: planes, size: filterCase.spatialSize)
            try withEachInstructionSet { name in
                let results = try Self.run(setup, input, gradient, planes: planes, dropped: dropped)
                #expect(worstError(results.output, output) == 0, name)
                #expect(worstError(results.byInput, expected) < 1e-6, name)
            }
        }
    }

    @Test func anInputOfZeroTiesWithTheInitialZero() throws {
        var random = Random(seed: 13)
        let setup = try FilterSetup(.strided([2], [2], [2], sites: 1, 3, 3), &random)
        let results = try Self.run(setup, [0, -1, 2], [5, 6, 7], planes: 3, dropped: 0)
        #expect(results.output == [0, 0, 2])
        #expect(results.byInput == [5, 0, 7])
    }

    /// NaN is the largest, wherever it lies under the window, and gets the gradient; -inf is below the initial zero.
    @Test(arguments: [1, 5, 19]) func aNaNWins(planes: Int) throws {
        var random = Random(seed: 16)
        let setup = try FilterSetup(.strided([12, 14], [4, 4], [2, 2], sites: 60, 1, 1), &random)
        let (inputs, outputs) = (setup.inputSites.count, setup.outputSites.count)
        for value: Float in [.nan, -.infinity, .infinity] {
            for hit in 0..<inputs {
                var input = random.floats(inputs * planes)
                input[hit * planes + planes - 1] = value
                let gradient = random.floats(outputs * planes)
                var (expected, byInput) = (
                    [Float](repeating: 0, count: outputs * planes), [Float](repeating: 0, count: inputs * planes)
                )
                for read in 0..<setup.rules.ruleCount {
                    for p in 0..<planes {
                        let x = input[Int(setup.rules.inputRows[read]) * planes + p]
                        let place = Int(setup.rules.outputRows[read]) * planes + p
                        if x.isNaN || x > expected[place] { expected[place] = x }
                    }
                }
                for read in 0..<setup.rules.ruleCount {
                    for p in 0..<planes {
                        let place = Int(setup.rules.inputRows[read]) * planes + p
                        let output = Int(setup.rules.outputRows[read]) * planes + p
                        let isLargest =
                            input[place] == expected[output] || input[place].isNaN && expected[output].isNaN
                        if isLargest { byInput[place] += gradient[output] }
                    }
                }
                try withEachInstructionSet { name in
                    let results = try Self.run(setup, input, gradient, planes: planes, dropped: 0)
                    for (a, b) in zip(results.output, expected) { #expect(a == b || a.isNaN && b.isNaN, name) }
                    #expect(worstError(results.byInput, byInput.doubles) < 1e-6, name)
                }
            }
        }
    }

    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 14)
        let setup = try FilterSetup(.strided([151, 201], [3, 3], [2, 2], sites: 20_000, 5, 3), &random)
        let input = random.floats(setup.inputSites.count * 5)
        let gradient = random.floats(setup.outputSites.count * 4)
        #expect(
            try bitsAgreeOnAllThreadCounts {
                let results = try Self.run(setup, input, gradient, planes: 5, dropped: 1)
                return [results.output, results.byInput]
            })
        let expected = DenseMaxPooling.forward(
            setup.reads, rows: setup.outputSites.count, grid: setup.grid(input.doubles, planes: 5), planes: 5,
            dropped: 1)
        let results = try Self.run(setup, input, gradient, planes: 5, dropped: 1)
        #expect(worstError(results.output, expected) == 0)
    }

    @Test func refusesToDropTooMuch() throws {
        var random = Random(seed: 15)
        let setup = try FilterSetup(.strided([9], [3], [2], 3, 3), &random)
        let input = try Matrix(zeros: setup.inputSites.count, planes: 3)
        for dropped in [-1, 3, Int.max, Int.min] {
            let error = thrownError {
                try MaxPoolingOperation.forward(
                    setup.rules, input: input, featuresToDrop: dropped,
                    into: Matrix(zeros: setup.outputSites.count, planes: 3))
            }
            #expect(error?.kind == .invalidArgument)
        }
    }
}
