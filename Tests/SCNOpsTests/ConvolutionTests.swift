import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct ConvolutionTests {
    /// Sums of up to 37 * 81 products of numbers below 1, in float32.
    static let tolerance = 2e-5
    static let cases =
        FilterCase.submanifoldCases + FilterCase.stridedCases + FilterCase.stridedCases.map(\.reversed)

    /// What the engine makes of one case.
    struct Results {
        var output: [Float]
        var byInput: [Float]
        var byWeight: [Float]
        var byBias: [Float]
    }

    struct Numbers {
        var input: [Float]
        var weight: [Float]
        var bias: [Float]?
        var gradient: [Float]

        init(_ setup: FilterSetup, _ random: inout Random) {
            let filterCase = setup.filterCase
            input = random.floats(setup.inputSites.count * filterCase.inPlanes)
            weight = random.floats(
                filterCase.oracle.volume * filterCase.inPlanes * filterCase.outPlanes / filterCase.groups)
            bias = filterCase.hasBias ? random.floats(filterCase.outPlanes) : nil
            gradient = random.floats(setup.outputSites.count * filterCase.outPlanes)
        }
    }

    static func run(_ setup: FilterSetup, _ numbers: Numbers) throws -> Results {
        let filterCase = setup.filterCase
        let (inPlanes, outPlanes, groups) = (filterCase.inPlanes, filterCase.outPlanes, filterCase.groups)
        let input = try Matrix(rows: setup.inputSites.count, planes: inPlanes, numbers.input)
        let gradient = try Matrix(rows: setup.outputSites.count, planes: outPlanes, numbers.gradient)
        let weight = try Matrix(
            rows: setup.rules.volume * inPlanes, planes: outPlanes / groups, numbers.weight)
        let output = try unwritten(setup.outputSites.count, outPlanes)
        try ConvolutionOperation.forward(
            setup.rules, input: input, weight: weight, bias: numbers.bias.map(vector), groups: groups,
            into: output)
        let byInput = try unwritten(input.rows, inPlanes)
        try ConvolutionOperation.backwardInput(
            setup.rules, gradient: gradient, weight: weight, groups: groups, into: byInput)
        let byWeight = try unwritten(weight.rows, weight.planes)
        let byBias = try unwritten(1, outPlanes)
        try ConvolutionOperation.backwardWeight(
            setup.rules, input: input, gradient: gradient, groups: groups, weightResult: byWeight,
            biasResult: byBias)
        return Results(
            output: output.elements, byInput: byInput.elements, byWeight: byWeight.elements, byBias: byBias.elements)
    }

    @Test(arguments: cases) func agreesWithADenseConvolution(filterCase: FilterCase) throws {
        var random = Random(seed: 1)
        let setup = try FilterSetup(filterCase, &random)
        let numbers = Numbers(setup, &random)
        let (input, weight, bias) = (numbers.input.doubles, numbers.weight.doubles, numbers.bias?.doubles)
        let gradient = numbers.gradient.doubles
        let expected = setup.convolved(input, weight, bias)
        let zeros = [Double](repeating: 0, count: filterCase.outPlanes)
        try withEachInstructionSet { name in
            let results = try Self.run(setup, numbers)
            #expect(worstError(results.output, expected) < Self.tolerance, name)
            // Linear in each argument: central differences are exact at any step.
            let byInput = gradientError(results.byInput, at: input, step: 1, limit: 60) {
                dot(setup.convolved($0, weight, nil), gradient)
            }
            #expect(byInput < Self.tolerance, name)
            let byWeight = gradientError(results.byWeight, at: weight, step: 1, limit: 60) {
                dot(setup.convolved(input, $0, nil), gradient)
            }
            #expect(byWeight < Self.tolerance, name)
            let byBias = gradientError(results.byBias, at: bias ?? zeros, step: 1) {
                dot(setup.convolved(input, weight, $0), gradient)
            }
            #expect(byBias < Self.tolerance, name)
        }
    }

    /// Enough sites for several chunks of rows and of rules.
    static let large: [FilterCase] = [
        .submanifold([150, 200], [3, 3], sites: 20_000, 3, 5, bias: true),
        .strided([151, 201], [3, 3], [2, 2], sites: 20_000, 5, 3, bias: true),
        .strided([151, 201], [3, 3], [2, 2], sites: 20_000, 6, 4, groups: 2, bias: true).reversed,
        .submanifold([150, 200], [3, 3], sites: 20_000, 17, 17, groups: 17, bias: true),
        .strided([151, 201], [3, 3], [2, 2], sites: 20_000, 16, 16, groups: 16, bias: true),
    ]

    @Test(arguments: large) func agreesWhereThereAreManyChunks(filterCase: FilterCase) throws {
        var random = Random(seed: 2)
        let setup = try FilterSetup(filterCase, &random)
        let numbers = Numbers(setup, &random)
        let (input, weight, gradient) = (numbers.input.doubles, numbers.weight.doubles, numbers.gradient.doubles)
        let results = try Self.run(setup, numbers)
        #expect(worstError(results.output, setup.convolved(input, weight, numbers.bias?.doubles)) < Self.tolerance)
        let byInput = gradientError(results.byInput, at: input, step: 1, limit: 4) {
            dot(setup.convolved($0, weight, nil), gradient)
        }
        #expect(byInput < Self.tolerance)
        // Sums of thousands of products.
        let byWeight = gradientError(results.byWeight, at: weight, step: 1, limit: 8) {
            dot(setup.convolved(input, $0, nil), gradient)
        }
        #expect(byWeight < 1e-4)
        let columns = (0..<filterCase.outPlanes).map { plane in
            stride(from: plane, to: gradient.count, by: filterCase.outPlanes).reduce(0) { $0 + gradient[$1] }
        }
        #expect(worstError(results.byBias, columns) < 1e-4)
    }

    @Test(arguments: large) func givesTheSameBitsOnAllThreadCounts(filterCase: FilterCase) throws {
        var random = Random(seed: 3)
        let setup = try FilterSetup(filterCase, &random)
        let numbers = Numbers(setup, &random)
        #expect(
            try bitsAgreeOnAllThreadCounts {
                let results = try Self.run(setup, numbers)
                return [results.output, results.byInput, results.byWeight, results.byBias]
            })
    }

    @Test func refusesWrongShapes() throws {
        var random = Random(seed: 4)
        let setup = try FilterSetup(.submanifold([9, 9], [3, 3], 4, 4), &random)
        let rows = setup.inputSites.count
        let weight = try Matrix(zeros: 9 * 4, planes: 4)
        func forward(_ input: (Int, Int), _ output: (Int, Int), groups: Int = 1, bias: Matrix? = nil) -> SCNError.Kind?
        {
            thrownError {
                try ConvolutionOperation.forward(
                    setup.rules, input: Matrix(zeros: input.0, planes: input.1), weight: weight, bias: bias,
                    groups: groups, into: Matrix(zeros: output.0, planes: output.1))
            }?.kind
        }
        #expect(forward((rows, 4), (rows, 4)) == nil)
        #expect(forward((rows - 1, 4), (rows, 4)) == .shape)
        #expect(forward((rows, 4), (rows + 1, 4)) == .shape)
        #expect(forward((rows, 4), (rows, 4), groups: 3) == .invalidArgument)
        #expect(forward((rows, 4), (rows, 4), groups: 0) == .invalidArgument)
        #expect(forward((rows, 0), (rows, 4)) == .invalidArgument)
        #expect(forward((rows, 3), (rows, 4)) == .shape)
        #expect(forward((rows, 4), (rows, 4), bias: try Matrix(zeros: 1, planes: 3)) == .shape)
        #expect(throws: SCNError.self) {
            try ConvolutionShape(volume: 1 << 20, groups: 1, inPlanes: 1 << 30, outPlanes: 1 << 30)
        }
    }
}
