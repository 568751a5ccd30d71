import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct InputOutputTests {
    /// The gradients are by inputs [rows, planes] and by features [sites, planes].
    struct Results {
        var combined: [Float]
        var byRows: [Float]
        var spread: [Float]
        var bySites: [Float]
        var all: [[Float]] { [combined, byRows, spread, bySites] }
    }

    static func run(_ map: InputMap, planes: Int, rows: [Float], sites: [Float]) throws -> Results {
        let rowValues = try Matrix(rows: map.rowCount, planes: planes, rows)
        let siteValues = try Matrix(rows: map.siteCount, planes: planes, sites)
        let (combined, bySites) = (try unwritten(map.siteCount, planes), try unwritten(map.siteCount, planes))
        let (byRows, spread) = (try unwritten(map.rowCount, planes), try unwritten(map.rowCount, planes))
        try map.forward(rowValues, into: combined)
        try map.backward(siteValues, into: byRows)
        try map.outputForward(siteValues, into: spread)
        try map.outputBackward(rowValues, into: bySites)
        return Results(
            combined: combined.elements, byRows: byRows.elements, spread: spread.elements, bySites: bySites.elements)
    }

    /// Points with every site up to four times, in no order; each once in mode 0.
    static func points(_ count: Int, size: [Int], mode: InputMode, _ random: inout Random) -> [[Int]] {
        let distinct = random.sites(max(count / 3, min(count, 1)), size: size, samples: 2)
        if mode == .unique || count < 2 { return distinct }
        return (distinct + (0..<count - distinct.count).map { _ in distinct.randomElement(using: &random)! })
            .shuffled(using: &random)
    }

    @Test(arguments: InputMode.allCases, [1, 3, 17, 37])
    func agreesWithDictionaries(mode: InputMode, planes: Int) throws {
        var random = Random(seed: 51)
        for (count, size) in [(0, [5]), (1, [5, 4]), (40, [30]), (60, [6, 7]), (60, [4, 3, 4]), (60, [3, 3, 3, 3])] {
            let points = Self.points(count, size: size, mode: mode, &random)
            let (sites, map) = try makeSites(points, size: size, samples: 2, mode: mode)
            #expect(try siteRows(sites) == SiteOracle.sorted(points))
            #expect(mode == .unique || count < 2 || sites.count < points.count)
            let winners = InputOracle.winners(points, mode: mode.rawValue)
            let (rows, features) = (random.floats(points.count * planes), random.floats(sites.count * planes))
            func combined(_ rows: [Double]) -> [Double] {
                InputOracle.combined(winners, rows, planes: planes, mode: mode.rawValue)
            }
            func spread(_ features: [Double]) -> [Double] {
                InputOracle.spread(winners, features, planes: planes, rows: points.count)
            }
            let results = try Self.run(map, planes: planes, rows: rows, sites: features)
            #expect(worstError(results.combined, combined(rows.doubles)) < 1e-6)
            #expect(worstError(results.spread, spread(features.doubles)) == 0)
            // Linear: central differences are exact at any step.
            let byRows = gradientError(results.byRows, at: rows.doubles, step: 1) {
                dot(combined($0), features.doubles)
            }
            #expect(byRows < 1e-6)
            let bySites = gradientError(results.bySites, at: features.doubles, step: 1) {
                dot(spread($0), rows.doubles)
            }
            #expect(bySites < 1e-6)
        }
    }

    /// A bfloat16 operand counts as the float32 of its value, and a bfloat16 result is that of float32, rounded once.
    @Test(arguments: InputMode.allCases, [1, 8, 37])
    func bfloat16IsRoundedOnce(mode: InputMode, planes: Int) throws {
        var random = Random(seed: 52)
        func drawn(_ rows: Int) throws -> Matrix {
            try Matrix(rows: rows, planes: planes, random.floats(rows * planes)).converted(to: .bfloat16)
        }
        typealias Operation = (InputMap) -> (Matrix, Matrix) throws -> Void
        let operations: [(Operation, fromRows: Bool)] = [
            ({ map in { try map.forward($0, into: $1) } }, true),
            ({ map in { try map.backward($0, into: $1) } }, false),
            ({ map in { try map.outputForward($0, into: $1) } }, false),
            ({ map in { try map.outputBackward($0, into: $1) } }, true),
        ]
        // The last has a site with so many rows that they are cut.
        for (count, size) in [(0, [5]), (1, [5, 4]), (60, [4, 3, 4]), (9000, [70]), (9000, [2])] {
            let all = Self.points(count, size: size, mode: mode, &random)
            let (_, map) = try makeSites(all, size: size, samples: 2, mode: mode)
            for (operation, fromRows) in operations {
                let source = try drawn(fromRows ? map.rowCount : map.siteCount)
                let rows = fromRows ? map.siteCount : map.rowCount
                let expected = try unwritten(rows, planes)
                try operation(map)(source.converted(to: .float32), expected)
                let rounded = try expected.converted(to: .bfloat16)
                try withEachInstructionSet { name in
                    for threads in [1, 3] {
                        Parallel.threadCount = threads
                        let half = try Matrix(rows: rows, planes: planes, type: .bfloat16)
                        let (single, mixed) = (
                            try unwritten(rows, planes), try Matrix(rows: rows, planes: planes, type: .bfloat16)
                        )
                        try operation(map)(source, half)
                        try operation(map)(source, single)
                        try operation(map)(source.converted(to: .float32), mixed)
                        #expect(half.elements == rounded.elements, name)
                        #expect(single.elements == expected.elements, name)
                        #expect(mixed.elements == rounded.elements, name)
                    }
                }
            }
        }
    }

    @Test func theLastAndTheFirstRowWin() throws {
        let points = [[1, 0], [3, 0], [1, 0], [1, 0]]
        let expected: [(InputMode, [Float], [Float])] = [
            (.last, [4, 2], [0, 20, 0, 10]), (.first, [1, 2], [10, 20, 0, 0]), (.sum, [8, 2], [10, 20, 10, 10]),
            (.mean, [8.0 / 3, 2], [10, 20, 10, 10]),
        ]
        for (mode, combined, spread) in expected {
            let (_, map) = try makeSites(points, size: [5], samples: 1, mode: mode)
            let results = try Self.run(map, planes: 1, rows: [1, 2, 3, 4], sites: [10, 20])
            #expect(worstError(results.combined, combined.doubles) < 1e-6)
            #expect(results.spread == spread)
        }
    }

    /// Many rows at one site: added in double and rounded once.
    @Test func sumsOfManyRowsAreExact() throws {
        let points = [[Int]](repeating: [1, 0], count: 20_000) + [[Int]](repeating: [2, 0], count: 4)
        for value: Float in [0.1, 2e38, 1001] {
            for planes in [1, 19, 70] {
                let rows = [Float](repeating: value, count: points.count * planes)
                let sites = [Float](repeating: value, count: 2 * planes)
                try withEachInstructionSet { name in
                    let (_, mean) = try makeSites(points, size: [5], samples: 1, mode: .mean)
                    let results = try Self.run(mean, planes: planes, rows: rows, sites: sites)
                    #expect(results.combined == sites, name)
                    #expect(results.byRows.first == value / 20_000 && results.byRows.last == value / 4, name)
                    let (_, sum) = try makeSites(points, size: [5], samples: 1, mode: .sum)
                    let sums = try Self.run(sum, planes: planes, rows: rows, sites: sites)
                    #expect(sums.combined.first == Float(Double(value) * 20_000), name)
                    #expect(sums.bySites == sums.combined, name)
                }
            }
        }
    }

    @Test func onesCountBeyond2To24() throws {
        let count = (1 << 24) + 3
        let coordinates = try Storage<Int64>(count: count, zeroed: true)
        let (_, map) = try InputSites.build(
            dimension: 1, spatialSize: [1], coordinates: coordinates.pointer, rows: count, columns: 1, mode: .sum)
        let (ones, sum) = (try Matrix(rows: count, planes: 1), try unwritten(1, 1))
        ones.pointer.update(repeating: 1, count: count)
        try map.forward(ones, into: sum)
        #expect(sum.elements == [Float(count)] && Float(count) > 0x1p24)
    }

    @Test(arguments: InputMode.allCases) func givesTheSameBitsOnAllThreadCounts(mode: InputMode) throws {
        var random = Random(seed: 52)
        let points = Self.points(20_000, size: [200, 200], mode: mode, &random)
        let (sites, map) = try makeSites(points, size: [200, 200], samples: 2, mode: mode)
        let (rows, features) = (random.floats(points.count * 3), random.floats(sites.count * 3))
        #expect(try bitsAgreeOnAllThreadCounts { try Self.run(map, planes: 3, rows: rows, sites: features).all })
        let winners = InputOracle.winners(points, mode: mode.rawValue)
        let results = try Self.run(map, planes: 3, rows: rows, sites: features)
        let combined = InputOracle.combined(winners, rows.doubles, planes: 3, mode: mode.rawValue)
        #expect(worstError(results.combined, combined) < 1e-6)
        let spread = InputOracle.spread(winners, features.doubles, planes: 3, rows: points.count)
        #expect(worstError(results.spread, spread) == 0)
    }

    @Test func refusesWrongShapes() throws {
        let (_, map) = try makeSites([[1, 0], [1, 0], [2, 0]], size: [5], samples: 1, mode: .sum)
        func kind(_ rows: (Int, Int), _ sites: (Int, Int)) -> SCNError.Kind? {
            thrownError {
                try map.forward(Matrix(zeros: rows.0, planes: rows.1), into: Matrix(zeros: sites.0, planes: sites.1))
            }?.kind
        }
        #expect(kind((3, 2), (2, 2)) == nil)
        #expect(kind((2, 2), (2, 2)) == .shape)
        #expect(kind((3, 2), (3, 2)) == .shape)
        #expect(kind((3, 2), (2, 3)) == .shape)
    }
}
