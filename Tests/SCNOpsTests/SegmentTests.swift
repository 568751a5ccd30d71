import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct SegmentTests {
    /// Rows by segment, from lists; imports nothing of the product.
    struct Oracle {
        var segmentOfRow: [Int]
        var count: Int
        var planes: Int

        func rows(_ segment: Int) -> [Int] { segmentOfRow.indices.filter { segmentOfRow[$0] == segment } }

        func reduced(_ reduction: SegmentReduction, _ input: [Double]) -> [Double] {
            (0..<count).flatMap { segment -> [Double] in
                let rows = rows(segment)
                return (0..<planes).map { p in
                    let column = rows.map { input[$0 * planes + p] }
                    if column.isEmpty { return 0 }
                    switch reduction {
                    case .sum: return column.reduce(0, +)
                    case .mean: return column.reduce(0, +) / Double(column.count)
                    case .max: return column.max()!
                    }
                }
            }
        }

        func softmax(_ input: [Double]) -> [Double] {
            var result = input.map { _ in 0.0 }
            for segment in 0..<count {
                let rows = rows(segment)
                for p in 0..<planes {
                    let total = rows.reduce(0.0) { $0 + RowOracle.exponential(input[$1 * planes + p]) }
                    for row in rows {
                        result[row * planes + p] = RowOracle.exponential(input[row * planes + p]) / total
                    }
                }
            }
            return result
        }

        func gathered(_ vectors: [Double]) -> [Double] {
            segmentOfRow.flatMap { segment in
                (0..<planes).map { segment < 0 ? 0 : vectors[segment * planes + $0] }
            }
        }

        func padded(_ input: [Double], most: Int) -> [Double] {
            (0..<count).flatMap { segment -> [Double] in
                let kept = rows(segment).prefix(most)
                let values = kept.flatMap { row in (0..<planes).map { input[row * planes + $0] } }
                return values + [Double](repeating: 0, count: most * planes - values.count)
            }
        }
    }

    static func segments(_ segmentOfRow: [Int], count: Int) throws -> Segments {
        let map = try Storage(segmentOfRow.map(Int64.init))
        return try Segments(map.pointer, rows: segmentOfRow.count, count: count)
    }

    static func map(_ rows: Int, count: Int, _ random: inout Random) -> [Int] {
        (0..<rows).map { _ in Int.random(in: -1..<count, using: &random) }
    }

    /// Everything that an operation on segments computes, in undefined memory.
    static func run(
        _ segments: Segments, planes: Int, rows: [Float], vectors: [Float]
    ) throws -> [String: [Float]] {
        let (n, count) = (segments.rowCount, segments.count)
        let input = try Matrix(rows: n, planes: planes, rows)
        let bySegment = try Matrix(rows: count, planes: planes, vectors)
        var results: [String: [Float]] = [:]
        for reduction in SegmentReduction.allCases {
            let (output, byInput) = (try unwritten(count, planes), try unwritten(n, planes))
            try segments.reduce(input, reduction, into: output)
            let isMax = reduction == .max
            try segments.reduceBackward(
                reduction, input: isMax ? input : nil, output: isMax ? output : nil, gradient: bySegment, into: byInput)
            results["\(reduction)"] = output.elements
            results["\(reduction) backward"] = byInput.elements
        }
        let (soft, bySoft, gathered) = (
            try unwritten(n, planes), try unwritten(n, planes), try unwritten(n, planes)
        )
        try segments.softmax(input, into: soft)
        let gradient = try Matrix(rows: n, planes: planes, rows.map { 1 - 2 * $0 })
        try segments.softmaxBackward(output: soft, gradient: gradient, into: bySoft)
        try segments.gather(bySegment, into: gathered)
        results["softmax"] = soft.elements
        results["softmax backward"] = bySoft.elements
        results["gather"] = gathered.elements
        return results
    }

    @Test(arguments: [(0, 0), (0, 4), (1, 1), (40, 7), (90, 1), (60, 300)], [1, 3, 17, 65])
    func agreesWithLists(size: (rows: Int, segments: Int), planes: Int) throws {
        var random = Random(seed: UInt64(61 + size.rows))
        let map = size.segments == 0 ? [] : Self.map(size.rows, count: size.segments, &random)
        let oracle = Oracle(segmentOfRow: map, count: size.segments, planes: planes)
        let segments = try Self.segments(map, count: size.segments)
        let (rows, vectors) = (random.floats(size.rows * planes), random.floats(size.segments * planes))
        let gradient = rows.map { 1 - 2 * $0 }.doubles
        try withEachInstructionSet { name in
            let results = try Self.run(segments, planes: planes, rows: rows, vectors: vectors)
            for reduction in SegmentReduction.allCases {
                let found = try #require(results["\(reduction)"])
                #expect(worstError(found, oracle.reduced(reduction, rows.doubles)) < 1e-6, name)
                let backward = try #require(results["\(reduction) backward"])
                let error = gradientError(backward, at: rows.doubles, step: 1e-6) {
                    dot(oracle.reduced(reduction, $0), vectors.doubles)
                }
                #expect(error < 1e-4, "\(reduction), \(String(describing: name))")
            }
            #expect(worstError(try #require(results["softmax"]), oracle.softmax(rows.doubles)) < 1e-6, name)
            let soft = try #require(results["softmax backward"])
            #expect(
                gradientError(soft, at: rows.doubles, step: 1e-5) { dot(oracle.softmax($0), gradient) } < 1e-5, name)
            #expect(results["gather"]?.doubles == oracle.gathered(vectors.doubles), name)
        }
    }

    /// Segments of far more rows than a piece beside empty ones and ones of one row.
    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 62)
        let map = (0..<30_000).map { row in row % 3 == 0 ? 5 : row % 7 == 0 ? -1 : row % 5 == 0 ? 2 : 10 + row }
        let (count, planes) = (30_100, 5)
        let segments = try Self.segments(map, count: count)
        let (rows, vectors) = (random.floats(map.count * planes), random.floats(count * planes))
        let names = try Self.run(segments, planes: planes, rows: rows, vectors: vectors).keys.sorted()
        #expect(
            try bitsAgreeOnAllThreadCounts {
                let results = try Self.run(segments, planes: planes, rows: rows, vectors: vectors)
                return names.map { results[$0]! }
            })
        let results = try Self.run(segments, planes: planes, rows: rows, vectors: vectors)
        var (sums, counts) = ([Double](repeating: 0, count: count * planes), [Int](repeating: 0, count: count))
        var largest = [Double](repeating: 0, count: count * planes)
        for (row, segment) in map.enumerated() where segment >= 0 {
            for p in 0..<planes {
                let value = Double(rows[row * planes + p])
                sums[segment * planes + p] += value
                largest[segment * planes + p] =
                    counts[segment] == 0 ? value : max(largest[segment * planes + p], value)
            }
            counts[segment] += 1
        }
        let means = sums.indices.map { sums[$0] / Double(max(1, counts[$0 / planes])) }
        #expect(worstError(try #require(results["sum"]), sums) < 1e-6)
        #expect(worstError(try #require(results["mean"]), means) < 1e-6)
        #expect(results["max"]?.doubles == largest)
        let soft = try #require(results["softmax"])
        for segment in [2, 5] {
            let total = map.indices.filter { map[$0] == segment }.reduce(0.0) { $0 + Double(soft[$1 * planes]) }
            #expect(abs(total - 1) < 1e-5)
        }
    }

    @Test func aMillionEqualRowsHaveTheirMean() throws {
        let (count, value) = (1_000_000, Float(1000.5))
        let segments = try Self.segments([Int](repeating: 1, count: count), count: 3)
        let (input, result) = (try Matrix(rows: count, planes: 1), try unwritten(3, 1))
        input.pointer.update(repeating: value, count: count)
        try segments.reduce(input, .mean, into: result)
        #expect(result.elements == [0, value, 0])
        try segments.reduce(input, .sum, into: result)
        #expect(result.elements == [0, Float(Double(value) * Double(count)), 0])
    }

    @Test func tiesNaNAndInfinity() throws {
        let segments = try Self.segments([0, 0, 0, 1, 1, 2, 2, -1], count: 3)
        let values: [Float] = [2, 2, 1, .nan, 5, -.infinity, 3, .nan]
        let results = try Self.run(segments, planes: 1, rows: values, vectors: [10, 20, 30])
        let largest = try #require(results["max"])
        #expect(largest[0] == 2 && largest[1].isNaN && largest[2] == 3)
        #expect(results["max backward"] == [10, 10, 0, 20, 0, 0, 30, 0])
        let soft = try #require(results["softmax"])
        #expect(soft[3].isNaN && soft[4].isNaN && soft[5] == 0 && soft[6] == 1 && soft[7] == 0)
        // Large numbers do not overflow, and a row of no segment gets no gradient.
        let large = try Self.run(segments, planes: 1, rows: values.map { _ in 3e38 }, vectors: [1, 1, 1])
        #expect(large["softmax"]?[5] == 0.5 && large["softmax backward"]?[7] == 0)
    }

    @Test(arguments: [1, 3, 40]) func padding(most: Int) throws {
        var random = Random(seed: 63)
        for (rows, count, planes) in [(0, 0, 2), (0, 3, 2), (1, 1, 1), (60, 7, 3), (200, 9, 17)] {
            let map = count == 0 ? [] : Self.map(rows, count: count, &random)
            let ofRow = try Storage(map.map(Int32.init))
            let places = try PaddedRows(ofRow: ofRow, count: count, most: most)
            let oracle = Oracle(segmentOfRow: map, count: count, planes: planes)
            let (values, gradient) = (random.floats(rows * planes), random.floats(count * most * planes))
            #expect(places.counts.map(Int.init) == (0..<count).map { min(most, oracle.rows($0).count) })
            try withEachInstructionSet { name in
                let (padded, byRows) = (try unwritten(count, most * planes), try unwritten(rows, planes))
                try places.pad(Matrix(rows: rows, planes: planes, values), into: padded)
                #expect(padded.elements.doubles == oracle.padded(values.doubles, most: most), name)
                try places.padBackward(Matrix(rows: count, planes: most * planes, gradient), into: byRows)
                // Linear: central differences are exact at any step.
                let error = gradientError(byRows.elements, at: values.doubles, step: 1) {
                    dot(oracle.padded($0, most: most), gradient.doubles)
                }
                #expect(error < 1e-6, name)
            }
        }
    }

    @Test func refusesWhatDoesNotFit() throws {
        #expect(thrownError { _ = try Self.segments([0, 3], count: 3) }?.message.contains("row 1 has 3") == true)
        #expect(thrownError { _ = try Self.segments([-2], count: 3) }?.kind == .invalidArgument)
        #expect(thrownError { _ = try Self.segments([Int.max], count: 3) }?.kind == .invalidArgument)
        #expect(thrownError { _ = try Self.segments([Int.min], count: 3) }?.kind == .invalidArgument)
        #expect(thrownError { _ = try Self.segments([], count: -1) }?.kind == .invalidArgument)
        #expect(thrownError { _ = try Self.segments([], count: 1 << 31) }?.kind == .invalidArgument)
        let segments = try Self.segments([0, 2, -1], count: 3)
        func kind(_ body: () throws -> Void) -> SCNError.Kind? { thrownError(body)?.kind }
        #expect(
            kind { try segments.reduce(Matrix(zeros: 2, planes: 2), .sum, into: Matrix(zeros: 3, planes: 2)) } == .shape
        )
        #expect(
            kind { try segments.reduce(Matrix(zeros: 3, planes: 2), .sum, into: Matrix(zeros: 2, planes: 2)) } == .shape
        )
        #expect(kind { try segments.softmax(Matrix(zeros: 3, planes: 2), into: Matrix(zeros: 3, planes: 1)) } == .shape)
        #expect(kind { try segments.gather(Matrix(zeros: 2, planes: 2), into: Matrix(zeros: 3, planes: 2)) } == .shape)
        #expect(
            kind {
                try segments.reduceBackward(
                    .max, input: nil, output: nil, gradient: Matrix(zeros: 3, planes: 2),
                    into: Matrix(zeros: 3, planes: 2))
            } == .invalidArgument)
        let ofRow = segments.ofRow
        #expect(kind { _ = try PaddedRows(ofRow: ofRow, count: 3, most: 0) } == .invalidArgument)
        #expect(kind { _ = try PaddedRows(ofRow: ofRow, count: 3, most: 1 << 30) } == .overflow)
    }

    @Test func samplesOfASiteSet() throws {
        let (sites, _) = try makeSites([[1, 4], [0, 1], [2, 1], [3, 4]], size: [5], samples: 6)
        let samples = try sites.sampleSegments()
        #expect(Array(samples.ofRow) == [1, 1, 4, 4])
        #expect(Array(samples.starts) == [0, 0, 2, 2, 2, 4, 4] && Array(samples.rows) == [0, 1, 2, 3])
        let (none, _) = try makeSites([], size: [5], samples: 2)
        #expect(Array(try none.sampleSegments().starts) == [0, 0, 0])
    }
}
