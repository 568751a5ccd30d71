import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct ShapeContextTests {
    static let samples = 2

    /// Forward and backward of a shape context.
    static func run(_ rules: Rulebook, planes: Int, input: [Float], gradient: [Float]) throws -> [[Float]] {
        let width = planes * rules.volume
        let (result, byInput) = (try unwritten(rules.outputCount, width), try unwritten(rules.inputCount, planes))
        try ShapeContextOperation.forward(
            rules, input: Matrix(rows: rules.inputCount, planes: planes, input), into: result)
        try ShapeContextOperation.backward(
            rules, gradient: Matrix(rows: rules.outputCount, planes: width, gradient), into: byInput)
        return [result.elements, byInput.elements]
    }

    @Test(arguments: [1, 3, 17, 37]) func agreesWithTheDenseGrid(planes: Int) throws {
        var random = Random(seed: 1)
        for filterCase in FilterCase.submanifoldCases + FilterCase.stridedCases {
            let setup = try FilterSetup(filterCase, &random)
            let (rules, volume) = (setup.rules, setup.rules.volume)
            func expected(_ input: [Double]) -> [Double] {
                let grid = setup.grid(input, planes: planes)
                var result = [Double](repeating: 0, count: rules.outputCount * volume * planes)
                for read in setup.reads {
                    for p in 0..<planes {
                        result[(read.row * volume + read.tap) * planes + p] = grid[read.cell * planes + p]
                    }
                }
                return result
            }
            let input = random.floats(rules.inputCount * planes)
            let gradient = random.floats(rules.outputCount * volume * planes)
            try withEachInstructionSet { name in
                let results = try Self.run(rules, planes: planes, input: input, gradient: gradient)
                #expect(worstError(results[0], expected(input.doubles)) == 0, name)
                // Linear: central differences are exact at any step.
                let error = gradientError(results[1], at: input.doubles, step: 1, limit: 20) {
                    dot(expected($0), gradient.doubles)
                }
                #expect(error < 1e-5, name)
            }
        }
    }

    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 2)
        let (set, map) = try makeSites(
            random.sites(6000, size: [60, 60, 9], samples: 2), size: [60, 60, 9], samples: 2)
        let geometry = Geometry(set, inputMap: map)
        for filter in [try FilterGeometry.submanifold(size: [3, 3, 3]), try .permutohedral(dimension: 3)] {
            let rules = try geometry.submanifold(geometry.input, filter)
            let (input, gradient) = (random.floats(set.count * 3), random.floats(set.count * 3 * rules.volume))
            #expect(try bitsAgreeOnAllThreadCounts { try Self.run(rules, planes: 3, input: input, gradient: gradient) })
        }
    }

    @Test func paddingGetsZerosAndGivesNothing() throws {
        let coordinates: [Int64] = [1, -1, 1, -1, -1, 3]
        let (set, map) = try InputSites.buildBatched(
            dimension: 1, spatialSize: [5], coordinates: coordinates, samples: 2, length: 3, mode: .sum)
        let results = try InputOutputTests.run(map, planes: 1, rows: [1, 2, 3, 4, 5, 6], sites: [10, 20])
        #expect(try siteRows(set) == [[1, 0], [3, 1]])
        #expect(results.all == [[4, 6], [10, 0, 10, 0, 0, 20], [10, 0, 10, 0, 0, 20], [4, 6]])
    }

    @Test func refusesWrongShapes() throws {
        let (set, map) = try makeSites([[1, 0], [2, 0]], size: [5], samples: 1)
        let geometry = Geometry(set, inputMap: map)
        let rules = try geometry.submanifold(geometry.input, .submanifold(size: [3]))
        func kind(_ narrow: (Int, Int), _ wide: (Int, Int)) -> SCNError.Kind? {
            thrownError {
                let (narrow, wide) = (
                    try Matrix(zeros: narrow.0, planes: narrow.1), try Matrix(zeros: wide.0, planes: wide.1)
                )
                try ShapeContextOperation.forward(rules, input: narrow, into: wide)
                try ShapeContextOperation.backward(rules, gradient: wide, into: narrow)
            }?.kind
        }
        #expect(kind((2, 2), (2, 6)) == nil)
        #expect(kind((2, 2), (2, 5)) == .shape)
        #expect(kind((3, 2), (2, 6)) == .shape)
        #expect(kind((2, 2), (3, 6)) == .shape)
    }
}
