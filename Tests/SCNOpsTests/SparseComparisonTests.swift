import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct SparseComparisonTests {
    struct Side {
        let sites: [[Int]]
        let set: SiteSet
        var features: [Float]
    }

    static func side(_ count: Int, planes: Int, _ random: inout Random) throws -> Side {
        let size = [6, 7]
        let sites = SiteOracle.sorted(random.sites(count, size: size, samples: 2))
        return Side(
            sites: sites, set: try makeSites(sites, size: size, samples: 2).0,
            features: random.floats(sites.count * planes))
    }

    /// By dictionaries.
    static func expected(_ x: Side, _ y: Side, planes: Int, _ a: [Double], _ b: [Double]) -> Double {
        func table(_ side: Side, _ values: [Double]) -> [[Int]: [Double]] {
            Dictionary(
                uniqueKeysWithValues: side.sites.enumerated().map {
                    ($1, Array(values[$0 * planes..<($0 + 1) * planes]))
                })
        }
        let (left, right) = (table(x, a), table(y, b))
        let union = Set(left.keys).union(right.keys)
        let zeros = [Double](repeating: 0, count: planes)
        let sum = union.reduce(0.0) { sum, site in
            zip(left[site] ?? zeros, right[site] ?? zeros).reduce(sum) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        return union.isEmpty ? 0 : sum / Double(union.count)
    }

    static func run(_ x: Side, _ y: Side, planes: Int) throws -> (loss: Float, byX: [Float], byY: [Float]) {
        let union = try SiteUnion(x.set, y.set)
        let differences = try unwritten(union.count, planes)
        let a = try Matrix(rows: x.sites.count, planes: planes, x.features)
        let b = try Matrix(rows: y.sites.count, planes: planes, y.features)
        let loss = try SparseComparison.forward(a, b, union: union, differences: differences)
        let (byX, byY) = (try unwritten(a.rows, planes), try unwritten(b.rows, planes))
        try SparseComparison.backward(differences: differences, gradient: 1, union: union, byX: byX, byY: byY)
        return (loss, byX.elements, byY.elements)
    }

    @Test(arguments: [(0, 0), (0, 9), (1, 1), (12, 0), (15, 20), (40, 40)], [1, 5, 37])
    func agreesWithTheDefinition(counts: (Int, Int), planes: Int) throws {
        var random = Random(seed: 81)
        let (x, y) = (
            try Self.side(counts.0, planes: planes, &random), try Self.side(counts.1, planes: planes, &random)
        )
        let (a, b) = (x.features.doubles, y.features.doubles)
        try withEachInstructionSet { name in
            let result = try Self.run(x, y, planes: planes)
            #expect(abs(Double(result.loss) - Self.expected(x, y, planes: planes, a, b)) < 1e-5, name)
            let byX = gradientError(result.byX, at: a, step: 1e-3, limit: 30) {
                Self.expected(x, y, planes: planes, $0, b)
            }
            let byY = gradientError(result.byY, at: b, step: 1e-3, limit: 30) {
                Self.expected(x, y, planes: planes, a, $0)
            }
            #expect(byX < 1e-5 && byY < 1e-5, name)
        }
    }

    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 82)
        let size = [60, 70, 20]
        func large() throws -> Side {
            let sites = SiteOracle.sorted(random.sites(9_000, size: size, samples: 3))
            return Side(
                sites: sites, set: try makeSites(sites, size: size, samples: 3).0,
                features: random.floats(sites.count * 17))
        }
        let (x, y) = (try large(), try large())
        #expect(
            try bitsAgreeOnAllThreadCounts {
                let result = try Self.run(x, y, planes: 17)
                return [[result.loss], result.byX, result.byY]
            })
    }

    @Test func refusesOtherShapes() throws {
        var random = Random(seed: 83)
        let side = try Self.side(9, planes: 2, &random)
        let (other, _) = try makeSites([[0, 0, 0]], size: [6, 8], samples: 1)
        #expect(thrownError { _ = try SiteUnion(side.set, other) }?.kind == .shape)
        let union = try SiteUnion(side.set, side.set)
        let (right, wrong) = (try Matrix(zeros: 9, planes: 2), try Matrix(zeros: 9, planes: 3))
        #expect(union.count == 9)
        #expect(
            thrownError { _ = try SparseComparison.forward(right, wrong, union: union, differences: right) }?.kind
                == .shape)
    }

    /// The estimate against a power iteration in double, and the gradient against differences of weight / value.
    @Test(arguments: [(1, 1), (5, 3), (27, 16), (40, 37)]) func spectralNorm(rows: Int, planes: Int) throws {
        var random = Random(seed: 84)
        let (weight, gradient) = (random.floats(rows * planes), random.floats(rows * planes))
        func largest(_ weight: [Double], from start: [Double], steps: Int) -> Double {
            var (right, value) = (start, 0.0)
            for _ in 0..<steps {
                let left = (0..<rows).map { row in
                    (0..<planes).reduce(0.0) { $0 + weight[row * planes + $1] * right[$1] }
                }
                let length = left.reduce(0) { $0 + $1 * $1 }.squareRoot()
                right = (0..<planes).map { plane in
                    (0..<rows).reduce(0.0) { $0 + weight[$1 * planes + plane] * left[$1] / length }
                }
                value = right.reduce(0) { $0 + $1 * $1 }.squareRoot()
                right = right.map { $0 / value }
            }
            return value
        }
        let start = random.floats(planes)
        let matrix = try Matrix(rows: rows, planes: planes, weight)
        try withEachInstructionSet { name in
            let estimate = try SpectralNormalizationOperation.estimate(
                matrix, right: Matrix(rows: planes, planes: 1, start), iterations: 500, epsilon: 1e-12)
            let exact = largest(weight.doubles, from: start.doubles, steps: 500)
            #expect(abs(estimate.value / exact - 1) < 1e-5, name)
            let result = try unwritten(rows, planes)
            try SpectralNormalizationOperation.backward(
                matrix, gradient: Matrix(rows: rows, planes: planes, gradient), estimate: estimate, norm: 2,
                epsilon: 1e-12, into: result)
            let error = gradientError(result.elements, at: weight.doubles, step: 1e-5, limit: 12) { moved in
                let factor = 2 / largest(moved, from: start.doubles, steps: 500)
                return dot(moved.map { $0 * factor }, gradient.doubles)
            }
            #expect(error < 1e-3, name)
        }
    }
}
