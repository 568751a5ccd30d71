import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct GroupNormalizationTests {
    /// Samples with their rows, and everything that an operation takes.
    struct Setup {
        let rowCounts: [Int]
        let planes: Int
        let groups: Int
        var input: [Float]
        let weight: [Float]
        let bias: [Float]
        var gradient: [Float]
        var isAffine = true
        var epsilon = 1e-3
        var rows: Int { rowCounts.reduce(0, +) }

        init(_ rowCounts: [Int], planes: Int, groups: Int, _ random: inout Random) {
            self.rowCounts = rowCounts
            self.planes = planes
            self.groups = groups
            let count = rowCounts.reduce(0, +) * planes
            input = random.floats(count)
            weight = random.floats(planes)
            bias = random.floats(planes)
            gradient = random.floats(count)
        }

        /// By the definition, a sample and a group at a time.
        func expected(_ input: [Double], _ weight: [Double], _ bias: [Double]) -> [Double] {
            var result = input
            var first = 0
            let width = planes / groups
            for rows in rowCounts {
                for group in 0..<groups {
                    let places = (first..<first + rows).flatMap { row in
                        (group * width..<(group + 1) * width).map { row * planes + $0 }
                    }
                    if places.isEmpty { continue }
                    let mean = places.reduce(0) { $0 + input[$1] } / Double(places.count)
                    let squares = places.reduce(0) { $0 + (input[$1] - mean) * (input[$1] - mean) }
                    let deviation = (squares / Double(places.count) + epsilon).squareRoot()
                    for place in places {
                        let hat = (input[place] - mean) / deviation
                        result[place] = isAffine ? hat * weight[place % planes] + bias[place % planes] : hat
                    }
                }
                first += rows
            }
            return result
        }
    }

    struct Results {
        let output, byInput, byWeight, byBias: [Float]
        var all: [[Float]] { [output, byInput, byWeight, byBias] }
    }

    /// Those of `rowCounts` that have rows, `gap` batch indices apart.
    static func samples(_ rowCounts: [Int], gap: Int = 1) throws -> SampleRows {
        let places = rowCounts.indices.filter { rowCounts[$0] > 0 }
        let starts = places.reduce(into: [Int64(0)]) { $0.append($0.last! + Int64(rowCounts[$1])) }
        return SampleRows(indices: try Storage(places.map { Int64($0 * gap) }), starts: try Storage(starts))
    }

    static func run(_ setup: Setup, gap: Int = 1) throws -> Results {
        let (rows, planes) = (setup.rows, setup.planes)
        let operation = try GroupNormalizationOperation(groups: setup.groups, epsilon: setup.epsilon)
        let input = try Matrix(rows: rows, planes: planes, setup.input)
        let gradient = try Matrix(rows: rows, planes: planes, setup.gradient)
        let samples = try Self.samples(setup.rowCounts, gap: gap)
        let (weight, bias) = setup.isAffine ? (try vector(setup.weight), try vector(setup.bias)) : (nil, nil)
        let saved = try (0..<3).map { _ in try unwritten(setup.rowCounts.count, setup.groups) }
        let statistics = GroupNormalizationOperation.Statistics(
            mean: saved[0], inverseDeviation: saved[1], remainder: saved[2])
        let (output, byInput) = (try unwritten(rows, planes), try unwritten(rows, planes))
        let (byWeight, byBias) = (try unwritten(1, planes), try unwritten(1, planes))
        try operation.forward(
            input, samples: samples, weight: weight, bias: bias, statistics: statistics, into: output)
        try operation.backward(
            input: input, gradient: gradient, samples: samples, weight: weight, statistics: statistics,
            weightResult: byWeight, biasResult: byBias, into: byInput)
        // What belongs to no sample with rows is not touched.
        for (place, element) in saved.flatMap(\.elements).enumerated() where setup.input.allSatisfy({ $0.isFinite }) {
            let sample = place / setup.groups % setup.rowCounts.count
            #expect(element.isFinite == (sample < samples.count))
        }
        return Results(
            output: output.elements, byInput: byInput.elements, byWeight: byWeight.elements, byBias: byBias.elements)
    }

    static func check(_ setup: Setup, step: Double = 1e-6) throws {
        let (input, weight, bias) = (setup.input.doubles, setup.weight.doubles, setup.bias.doubles)
        let gradient = setup.gradient.doubles
        try withEachInstructionSet { name in
            let results = try run(setup)
            #expect(worstError(results.output, setup.expected(input, weight, bias)) < 3e-5, name)
            let byInput = gradientError(results.byInput, at: input, step: step, limit: 40) {
                dot(setup.expected($0, weight, bias), gradient)
            }
            #expect(byInput < 1e-4, name)
            guard setup.isAffine else { return }
            let byWeight = gradientError(results.byWeight, at: weight, step: step, limit: 40) {
                dot(setup.expected(input, $0, bias), gradient)
            }
            let byBias = gradientError(results.byBias, at: bias, step: step, limit: 40) {
                dot(setup.expected(input, weight, $0), gradient)
            }
            #expect(byWeight < 1e-4 && byBias < 1e-4, name)
        }
    }

    @Test(arguments: [(1, 1), (4, 1), (4, 2), (4, 4), (37, 1), (37, 37), (18, 3)])
    func agreesWithTheDefinition(planes: Int, groups: Int) throws {
        var random = Random(seed: 51)
        for rowCounts in [[], [0], [2], [5, 0, 3], [0, 1, 40, 0], [300, 7, 600]] {
            var setup = Setup(rowCounts, planes: planes, groups: groups, &random)
            // One value alone has no deviation: its slope would be that of rounding.
            if planes == groups && rowCounts.contains(1) { setup.epsilon = 1 }
            try Self.check(setup)
            setup.isAffine = false
            try Self.check(setup)
        }
    }

    @Test func aMeanFarFromZero() throws {
        var random = Random(seed: 52)
        var setup = Setup([400, 30], planes: 6, groups: 2, &random)
        setup.input = setup.input.indices.map { _ in Float(1000 + 0.01 * random.normal()) }
        setup.epsilon = 1e-8
        try Self.check(setup, step: 1e-5)
    }

    @Test func aSampleDoesNotDependOnTheOthers() throws {
        var random = Random(seed: 53)
        var together = Setup([50, 700], planes: 8, groups: 2, &random)
        let alone = try Self.run(together).output.prefix(400)
        for index in 400..<together.input.count { together.input[index] *= 3 }
        #expect(try Self.run(together).output.prefix(400) == alone)
    }

    /// Statistics of the samples with rows one after the other: batch indices are but names.
    @Test func largeBatchIndicesCostNothing() throws {
        var random = Random(seed: 55)
        let setup = Setup([30, 0, 5, 0, 0, 700], planes: 6, groups: 3, &random)
        let results = try Self.run(setup, gap: 400_000_000)
        #expect(try results.all == Self.run(setup).all)
    }

    /// A NaN spreads over its sample and its group of planes, in either pass, and no further.
    @Test func aNaNStaysInItsSampleAndGroup() throws {
        var random = Random(seed: 56)
        for isInput in [true, false] {
            var setup = Setup([4, 3, 5], planes: 6, groups: 2, &random)
            let before = try Self.run(setup)
            if isInput { setup.input[5 * 6 + 1] = .nan } else { setup.gradient[5 * 6 + 1] = .nan }
            let after = try Self.run(setup)
            for (index, (old, new)) in zip(before.byInput, after.byInput).enumerated() {
                let isHit = (4..<7).contains(index / 6) && index % 6 < 3
                #expect(isHit ? new.isNaN : old == new)
            }
            if !isInput { #expect(after.output == before.output) }
        }
    }

    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 54)
        let setup = Setup([9_000, 1, 0, 4_000], planes: 18, groups: 3, &random)
        #expect(try bitsAgreeOnAllThreadCounts { try Self.run(setup).all })
    }

    @Test func refusesWhatMakesNoSense() throws {
        for (groups, epsilon) in [(0, 1e-5), (-1, 1e-5), (1, 0), (1, -1), (1, .nan), (1, .infinity)] {
            let error = thrownError { _ = try GroupNormalizationOperation(groups: groups, epsilon: epsilon) }
            #expect(error?.kind == .invalidArgument)
        }
        let operation = try GroupNormalizationOperation(groups: 2, epsilon: 1e-5)
        let statistics = GroupNormalizationOperation.Statistics(
            mean: try unwritten(1, 2), inverseDeviation: try unwritten(1, 2))
        for (rows, planes, sites) in [(3, 3, 3), (3, 4, 2)] {
            let matrix = try Matrix(zeros: rows, planes: planes)
            let error = thrownError {
                try operation.forward(
                    matrix, samples: Self.samples([sites]), weight: nil, bias: nil, statistics: statistics, into: matrix
                )
            }
            #expect(error?.kind == .shape)
        }
    }
}
