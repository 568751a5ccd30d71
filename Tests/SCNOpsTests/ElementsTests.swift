import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct ElementsTests {
    static let shapes = [(0, 3), (3, 0), (1, 1), (1, 17), (7, 3), (5, 37), (20_000, 3)]

    @Test(arguments: shapes) func sumsAndProducts(rows: Int, planes: Int) throws {
        var random = Random(seed: 71)
        let (a, b) = (random.floats(rows * planes), random.floats(rows * planes))
        let (x, y) = (try Matrix(rows: rows, planes: planes, a), try Matrix(rows: rows, planes: planes, b))
        try withEachInstructionSet { name in
            let result = try unwritten(rows, planes)
            try Elements.add(x, y, into: result)
            #expect(result.elements == zip(a, b).map { $0 + $1 }, name)
            try Elements.multiply(x, y, into: result)
            #expect(result.elements == zip(a, b).map { $0 * $1 }, name)
            try Elements.scale(x, by: -1.7, into: result)
            #expect(result.elements == a.map { $0 * -1.7 }, name)
            #expect(abs(Double(try Elements.sum(x)) - a.doubles.reduce(0, +)) < 1e-4, name)
            let squares = a.doubles.reduce(0) { $0 + $1 * $1 }
            #expect(abs(try Elements.sumOfSquares(x) - squares) <= 1e-9 * squares, name)
            try Elements.step(x, into: result)
            #expect(result.elements == a.map { $0 > 0 ? 1 : 0 }, name)
            try Elements.fill(result, with: -0.0)
            #expect(result.elements.allSatisfy { $0.bitPattern == (-0.0 as Float).bitPattern }, name)
            let inPlace = try x.copy()
            try Elements.add(inPlace, y, into: inPlace)
            #expect(inPlace.elements == zip(a, b).map { $0 + $1 }, name)
        }
    }

    @Test func sumsDoNotDrown() throws {
        // Each 1 would vanish beside 2^24 in float32.
        let values = try Matrix(rows: 1, planes: 40_001, [16_777_216] + [Float](repeating: 1, count: 40_000))
        #expect(try Elements.sum(values) == 16_817_216)
    }

    @Test(arguments: [0, 1, 5, 20_000], [[1], [3, 17], [37, 1, 3], [0, 2]])
    func joinAndSplit(rows: Int, widths: [Int]) throws {
        var random = Random(seed: 72)
        let parts = widths.map { random.floats(rows * $0) }
        let matrices = try zip(parts, widths).map { try Matrix(rows: rows, planes: $1, $0) }
        let joined = try unwritten(rows, widths.reduce(0, +))
        try Elements.join(matrices, into: joined)
        let expected = (0..<rows).flatMap { row in
            zip(parts, widths).flatMap { part, width in part[row * width..<(row + 1) * width] }
        }
        #expect(joined.elements == expected)
        let results = try widths.map { try unwritten(rows, $0) }
        try Elements.split(joined, into: results)
        #expect(results.map(\.elements) == parts)
    }

    @Test(arguments: [1, 3, 17], [[1], [3, 17], [7_000, 0, 1]])
    func stackAndUnstack(planes: Int, heights: [Int]) throws {
        var random = Random(seed: 75)
        let parts = heights.map { random.floats($0 * planes) }
        let matrices = try zip(parts, heights).map { try Matrix(rows: $1, planes: planes, $0) }
        let stacked = try unwritten(heights.reduce(0, +), planes)
        try Elements.stack(matrices, into: stacked)
        #expect(stacked.elements == Array(parts.joined()))
        let results = try heights.map { try unwritten($0, planes) }
        try Elements.unstack(stacked, into: results)
        #expect(results.map(\.elements) == parts)
    }

    @Test(arguments: [1, 3, 17, 37]) func columnSums(planes: Int) throws {
        var random = Random(seed: 73)
        for rows in [0, 1, 7, 5_000] {
            let values = random.floats(rows * planes)
            let matrix = try Matrix(rows: rows, planes: planes, values)
            let sums = (0..<planes).map { p in
                stride(from: p, to: values.count, by: planes).reduce(0.0) { $0 + Double(values[$1]) }
            }
            try withEachInstructionSet { name in
                let result = try unwritten(1, planes)
                try ColumnSums.compute(matrix, into: result)
                #expect(worstError(result.elements, sums) < 1e-5, name)
            }
        }
    }

    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 74)
        let x = try Matrix(rows: 20_000, planes: 17, random.floats(340_000))
        #expect(
            try bitsAgreeOnAllThreadCounts {
                let sums = try unwritten(1, 17)
                try ColumnSums.compute(x, into: sums)
                let product = try unwritten(20_000, 17)
                try Elements.multiply(x, x, into: product)
                let squares = try Elements.sumOfSquares(x)
                return [
                    sums.elements, product.elements,
                    [try Elements.sum(x), Float(squares), Float(squares - Double(Float(squares)))],
                ]
            })
    }

    @Test func refusesOtherShapes() throws {
        let (a, b) = (try Matrix(zeros: 2, planes: 3), try Matrix(zeros: 3, planes: 2))
        #expect(thrownError { try Elements.add(a, b, into: a) }?.kind == .shape)
        #expect(thrownError { try Elements.multiply(a, a, into: b) }?.kind == .shape)
        #expect(thrownError { try Elements.join([a, b], into: a) }?.kind == .shape)
        #expect(thrownError { try Elements.join([a], into: Matrix(zeros: 2, planes: 4)) }?.kind == .shape)
        #expect(thrownError { try Elements.split(a, into: [a, a]) }?.kind == .shape)
        #expect(thrownError { try Elements.stack([a, b], into: Matrix(zeros: 5, planes: 3)) }?.kind == .shape)
        #expect(thrownError { try Elements.stack([a], into: Matrix(zeros: 3, planes: 3)) }?.kind == .shape)
        #expect(thrownError { try Elements.unstack(a, into: [a, a]) }?.kind == .shape)
    }
}
