import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct SparseToDenseTests {
    static func run(_ sites: SiteSet, _ input: [Float], _ gradient: [Float], planes: Int) throws -> [[Float]] {
        let dense = try unwritten(1, SparseToDenseOperation.count(sites, planes: planes))
        try SparseToDenseOperation.forward(
            sites, input: Matrix(rows: sites.count, planes: planes, input), into: dense)
        let byInput = try unwritten(sites.count, planes)
        try SparseToDenseOperation.backward(
            sites, gradient: Matrix(rows: 1, planes: gradient.count, gradient), into: byInput)
        return [dense.elements, byInput.elements]
    }

    /// [samples, planes, ...size] from a grid with its planes last.
    static func planesFirst(_ grid: [Double], planes: Int, volume: Int, samples: Int) -> [Double] {
        (0..<samples).flatMap { sample in
            (0..<planes).flatMap { p in (0..<volume).map { grid[(sample * volume + $0) * planes + p] } }
        }
    }

    @Test(arguments: [[7], [4, 5], [3, 2, 4], [2, 3, 2, 3]], [1, 3, 17, 37])
    func agreesWithADenseGrid(size: [Int], planes: Int) throws {
        var random = Random(seed: 61)
        let volume = size.reduce(1, *)
        for count in [0, 1, 9] {
            // The third sample has no sites.
            let points = SiteOracle.sorted(random.sites(count, size: size, samples: 2))
            let (sites, _) = try makeSites(points, size: size, samples: 3)
            let input = random.floats(points.count * planes)
            let gradient = random.floats(3 * planes * volume)
            let grid = DenseGrid.filled(points, input.doubles, planes: planes, size: size, samples: 3)
            let results = try Self.run(sites, input, gradient, planes: planes)
            #expect(
                worstError(results[0], Self.planesFirst(grid, planes: planes, volume: volume, samples: 3)) == 0)
            let byInput = gradientError(results[1], at: input.doubles, step: 1, limit: 30) {
                let grid = DenseGrid.filled(points, $0, planes: planes, size: size, samples: 3)
                return dot(
                    Self.planesFirst(grid, planes: planes, volume: volume, samples: 3), gradient.doubles)
            }
            #expect(byInput < 1e-6)
        }
    }

    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 62)
        let points = random.sites(20_000, size: [150, 200], samples: 2)
        let (sites, _) = try makeSites(points, size: [150, 200], samples: 2)
        let (input, gradient) = (random.floats(sites.count * 3), random.floats(2 * 3 * 150 * 200))
        #expect(try bitsAgreeOnAllThreadCounts { try Self.run(sites, input, gradient, planes: 3) })
        let grid = DenseGrid.filled(
            SiteOracle.sorted(points), input.doubles, planes: 3, size: [150, 200], samples: 2)
        let results = try Self.run(sites, input, gradient, planes: 3)
        #expect(worstError(results[0], Self.planesFirst(grid, planes: 3, volume: 30_000, samples: 2)) == 0)
    }

    @Test func refusesWhatDoesNotFit() throws {
        let (sites, _) = try makeSites([[1, 2, 0]], size: [3, 3], samples: 1)
        let dense = try Matrix(zeros: 1, planes: 17)
        let error = thrownError {
            try SparseToDenseOperation.forward(
                sites, input: Matrix(zeros: 1, planes: 2), into: dense)
        }
        #expect(error?.kind == .shape)
        let (far, _) = try makeSites([[1, 2, 0]], size: [1 << 31, 1 << 31], samples: 1)
        #expect(thrownError { _ = try SparseToDenseOperation.count(far, planes: 4) }?.kind == .overflow)
    }
}
