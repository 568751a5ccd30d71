import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

/// Windows that are displaced at random with stride 1: one input row meets several output rows under one filter offset,
/// so that the way back writes rows more than once.
@Suite(.exclusive) struct RepeatedRowsTests {
    struct Rule {
        var k: Int
        var input: Int
        var output: Int
    }

    struct Setup {
        let rules: Rulebook
        let list: [Rule]

        init(_ size: [Int], _ filterSize: [Int], sites: Int, seed: UInt64, reversed: Bool) throws {
            var random = Random(seed: seed)
            let unsorted = random.sites(sites, size: size, samples: 2)
            let (set, map) = try makeSites(unsorted, size: size, samples: 2)
            let geometry = Geometry(set, inputMap: map)
            Generator.seed(seed)
            let filter = try FilterGeometry.strided(size: filterSize, stride: filterSize.map { _ in 1 })
            let forward = try geometry.randomized(geometry.input, filter).rulebook
            #expect(sites == 0 || !forward.inputRowsAscend)
            let rules = reversed ? forward.reversed : forward
            self.rules = rules
            list = (0..<rules.volume).flatMap { k in
                (Int(rules.offsets[k])..<Int(rules.offsets[k + 1])).map {
                    Rule(k: k, input: Int(rules.inputRows[$0]), output: Int(rules.outputRows[$0]))
                }
            }
        }
    }

    /// result[output] += input[input] * weight[k], by the rules one after the other.
    static func convolved(
        _ setup: Setup, _ input: [Double], _ weight: [Double], _ bias: [Double], inPlanes: Int, groups: Int
    ) -> [Double] {
        let outPlanes = bias.count
        let (inPer, outPer) = (inPlanes / groups, outPlanes / groups)
        var result = (0..<setup.rules.outputCount).flatMap { _ in bias }
        for rule in setup.list {
            for i in 0..<inPlanes {
                for o in 0..<outPer {
                    result[rule.output * outPlanes + i / inPer * outPer + o] +=
                        input[rule.input * inPlanes + i] * weight[(rule.k * inPlanes + i) * outPer + o]
                }
            }
        }
        return result
    }

    static func run(
        _ setup: Setup, _ input: [Float], _ weight: [Float], _ bias: [Float], _ gradient: [Float], inPlanes: Int,
        groups: Int
    ) throws -> (output: [Float], byInput: [Float], byWeight: [Float], byBias: [Float]) {
        let values = try Matrix(rows: setup.rules.inputCount, planes: inPlanes, input)
        let output = try unwritten(setup.rules.outputCount, bias.count)
        let weights = try Matrix(
            rows: setup.rules.volume * inPlanes, planes: bias.count / groups, weight)
        try ConvolutionOperation.forward(
            setup.rules, input: values, weight: weights, bias: vector(bias), groups: groups, into: output)
        let byOutput = try Matrix(rows: output.rows, planes: output.planes, gradient)
        let byInput = try unwritten(values.rows, inPlanes)
        try ConvolutionOperation.backwardInput(
            setup.rules, gradient: byOutput, weight: weights, groups: groups, into: byInput)
        let byWeight = try unwritten(weights.rows, weights.planes)
        let byBias = try unwritten(1, bias.count)
        try ConvolutionOperation.backwardWeight(
            setup.rules, input: values, gradient: byOutput, groups: groups, weightResult: byWeight,
            biasResult: byBias)
        return (output.elements, byInput.elements, byWeight.elements, byBias.elements)
    }

    @Test(
        arguments: [false, true],
        [(1, 3, 1), (6, 9, 3), (17, 5, 1), (33, 37, 1), (1, 1, 1), (3, 3, 3), (17, 17, 17), (37, 74, 37), (20, 20, 5)])
    func convolution(reversed: Bool, width: (inPlanes: Int, outPlanes: Int, groups: Int)) throws {
        for (size, filterSize, sites) in [
            ([30], [3], 25), ([9, 8], [3, 2], 40), ([5, 6, 5], [2, 2, 2], 60), ([9], [2], 0),
        ] {
            let setup = try Setup(size, filterSize, sites: sites, seed: 31, reversed: reversed)
            var random = Random(seed: 32)
            let (inPlanes, outPlanes, groups) = width
            let input = random.floats(setup.rules.inputCount * inPlanes)
            let weight = random.floats(setup.rules.volume * inPlanes * outPlanes / groups)
            let bias = random.floats(outPlanes)
            let gradient = random.floats(setup.rules.outputCount * outPlanes)
            func expected(_ input: [Double], _ weight: [Double], _ bias: [Double]) -> [Double] {
                Self.convolved(setup, input, weight, bias, inPlanes: inPlanes, groups: groups)
            }
            try withEachInstructionSet { name in
                let results = try Self.run(
                    setup, input, weight, bias, gradient, inPlanes: inPlanes, groups: groups)
                #expect(worstError(results.output, expected(input.doubles, weight.doubles, bias.doubles)) < 1e-5, name)
                let byInput = gradientError(results.byInput, at: input.doubles, step: 1, limit: 12) {
                    dot(expected($0, weight.doubles, bias.doubles), gradient.doubles)
                }
                let byWeight = gradientError(results.byWeight, at: weight.doubles, step: 1, limit: 12) {
                    dot(expected(input.doubles, $0, bias.doubles), gradient.doubles)
                }
                let byBias = gradientError(results.byBias, at: bias.doubles, step: 1, limit: 4) {
                    dot(expected(input.doubles, weight.doubles, $0), gradient.doubles)
                }
                #expect(max(byInput, byWeight, byBias) < 1e-4, name)
            }
        }
    }

    @Test func maxPooling() throws {
        let setup = try Setup([9, 8], [2, 3], sites: 40, seed: 33, reversed: false)
        var random = Random(seed: 34)
        let planes = 19
        let input = random.floats(setup.rules.inputCount * planes)
        let gradient = random.floats(setup.rules.outputCount * (planes - 2))
        func expected(_ input: [Double]) -> [Double] {
            var result = [Double](repeating: 0, count: gradient.count)
            for rule in setup.list {
                for p in 0..<planes - 2 {
                    let place = rule.output * (planes - 2) + p
                    result[place] = max(result[place], input[rule.input * planes + 2 + p])
                }
            }
            return result
        }
        try withEachInstructionSet { name in
            let values = try Matrix(rows: setup.rules.inputCount, planes: planes, input)
            let output = try unwritten(setup.rules.outputCount, planes - 2)
            try MaxPoolingOperation.forward(setup.rules, input: values, featuresToDrop: 2, into: output)
            #expect(worstError(output.elements, expected(input.doubles)) == 0, name)
            let byInput = try unwritten(values.rows, planes)
            try MaxPoolingOperation.backward(
                setup.rules, input: values, output: output,
                gradient: Matrix(rows: output.rows, planes: output.planes, gradient), featuresToDrop: 2, into: byInput)
            let error = gradientError(byInput.elements, at: input.doubles, step: 1e-8, limit: 40) {
                dot(expected($0), gradient.doubles)
            }
            #expect(error < 1e-5, name)
        }
    }

    @Test(arguments: [false, true], [(6, 10, 2), (17, 17, 17)])
    func givesTheSameBitsOnAllThreadCounts(reversed: Bool, width: (inPlanes: Int, outPlanes: Int, groups: Int)) throws {
        let setup = try Setup([120, 130], [3, 3], sites: 9000, seed: 35, reversed: reversed)
        var random = Random(seed: 36)
        let (inPlanes, outPlanes, groups) = width
        let input = random.floats(setup.rules.inputCount * inPlanes)
        let gradient = random.floats(setup.rules.outputCount * outPlanes)
        let (weight, bias) = (random.floats(9 * inPlanes * outPlanes / groups), random.floats(outPlanes))
        #expect(
            try bitsAgreeOnAllThreadCounts {
                let results = try Self.run(setup, input, weight, bias, gradient, inPlanes: inPlanes, groups: groups)
                return [results.output, results.byInput, results.byWeight, results.byBias]
            })
    }
}
