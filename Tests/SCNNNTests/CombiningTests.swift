import SCNCore
import SCNTestSupport
import Testing

@testable import SCNNN

@Suite(.exclusive) struct SparseCombiningTests {
    @Test func appending() throws {
        var random = Random(seed: 31)
        let (a, b) = (
            try Cloud(9, size: [5, 4], planes: 3, &random), try Cloud(12, size: [5, 4], planes: 3, &random)
        )
        let both = try SparseTensor.appending([a.tensor, b.tensor])
        #expect(both.batchSize == 4)
        #expect(try both.coordinates() == a.sites + b.sites.map { $0.dropLast() + [$0.last! + 2] })
        #expect(both.features.elements == a.features.elements + b.features.elements)
        let gradient = random.floats(both.features.count)
        try both.features.backward(gradient: gradient)
        #expect(a.features.gradient == Array(gradient.prefix(27)))
        #expect(b.features.gradient == Array(gradient.dropFirst(27)))
        // The result is an input like any other.
        let layer = try SubmanifoldConvolution(dimension: 2, in: 3, out: 2, filterSize: 3)
        let parts = try [a, b].flatMap { try layer($0.tensor).tensor!.elements }
        #expect(try layer(both).tensor?.elements == parts)
        let narrow = try a.tensor.with(features: Tensor(zeros: [9, 2]))
        #expect(thrownError { _ = try SparseTensor.appending([b.tensor, narrow]) }?.kind == .shape)
        #expect(thrownError { _ = try SparseTensor.appending([]) }?.kind == .invalidArgument)
    }

    @Test(arguments: ArithmeticOperation.allCases, CombinedSites.allCases)
    func tensorsOnDifferentSitesMeetOnThoseOfEitherOrBoth(
        _ operation: ArithmeticOperation, _ combined: CombinedSites
    ) throws {
        var random = Random(seed: 34)
        let (a, b) = (
            try Cloud(9, size: [5, 4], planes: 3, &random), try Cloud(12, size: [5, 4], planes: 3, &random)
        )
        let y = try a.tensor.combined(with: b.tensor, operation, on: combined)
        let (first, second) = (Set(a.sites), Set(b.sites))
        let expected = combined == .union ? first.union(second) : first.intersection(second)
        #expect(Set(try y.coordinates()) == expected && y.siteCount == expected.count)
        func row(_ cloud: Cloud, _ site: [Int]) -> ArraySlice<Float> {
            cloud.sites.firstIndex(of: site).map { cloud.features.elements[3 * $0..<3 * $0 + 3] } ?? [0, 0, 0][...]
        }
        for (place, site) in try y.coordinates().enumerated() {
            for (plane, (x, z)) in zip(row(a, site), row(b, site)).enumerated() {
                let value: Float =
                    switch operation {
                    case .add: x + z
                    case .subtract: x - z
                    case .multiply: x * z
                    case .divide: x / z
                    }
                let found = y.features.elements[3 * place + plane]
                #expect(found == value || (found.isNaN && value.isNaN))
            }
        }
        let narrow = try a.tensor.with(features: Tensor(zeros: [9, 2]))
        #expect(
            thrownError { _ = try b.tensor.combined(with: narrow, operation, on: combined) }?.kind == .shape)
    }

    @Test func addCoords() throws {
        var random = Random(seed: 32)
        let cloud = try Cloud(9, size: [5, 1, 3], planes: 2, &random)
        let layer = AddCoords()
        try LayerTests.check(layer, .sparse(cloud.tensor), by: cloud.features) { input, _ in
            cloud.sites.enumerated().flatMap { row, site -> [Double] in
                let (y, x) = (Double(site[0]) / 2 - 1, Double(site[2]) - 1)
                return [input[2 * row], input[2 * row + 1], y, 0, x]
            }
        }
        #expect(thrownError { _ = try layer(Tensor(zeros: [2, 2])) }?.kind == .shape)
    }

    @Test func comparing() throws {
        var random = Random(seed: 33)
        let (a, b) = (
            try Cloud(9, size: [5, 4], planes: 3, &random), try Cloud(12, size: [5, 4], planes: 3, &random)
        )
        let loss = try Loss.compareSparse(a.tensor, b.tensor)
        let union = Double(Set(a.sites).union(b.sites).count)
        func expected(_ x: [Double], _ y: [Double]) -> Double {
            var places: [[Int]: [Double]] = [:]
            for (row, site) in a.sites.enumerated() { places[site] = Array(x[row * 3..<row * 3 + 3]) }
            for (row, site) in b.sites.enumerated() {
                let before = places[site] ?? [0, 0, 0]
                places[site] = (0..<3).map { before[$0] - y[row * 3 + $0] }
            }
            return places.values.joined().reduce(0) { $0 + $1 * $1 } / union
        }
        let (x, y) = (a.features.elements.doubles, b.features.elements.doubles)
        #expect(abs(Double(try loss.item()) - expected(x, y)) < 1e-5)
        try (loss * 3).backward()
        #expect(gradientError(try #require(a.features.gradient), at: x, step: 1e-3) { 3 * expected($0, y) } < 1e-4)
        #expect(gradientError(try #require(b.features.gradient), at: y, step: 1e-3) { 3 * expected(x, $0) } < 1e-4)
        #expect(try Loss.compareSparse(a.tensor, a.tensor).item() == 0)
        let narrow = try a.tensor.with(features: Tensor(zeros: [9, 2]))
        #expect(thrownError { _ = try Loss.compareSparse(a.tensor, narrow) }?.kind == .shape)
    }

    @Test func verboseIdentityDescribesWhatPasses() throws {
        var random = Random(seed: 34)
        let cloud = try Cloud(9, size: [5, 4], planes: 3, &random)
        let value = Value.sparse(cloud.tensor)
        #expect(value.description == "sparse tensor: 9 sites, 3 planes, spatial size 5x4, 2 samples")
        #expect(Value.dense(cloud.features).description == "dense tensor: 9 x 3")
        #expect(Value.table([value]).description.hasPrefix("table of 1\n  sparse tensor: 9"))
        #expect(try VerboseIdentity()(cloud.tensor).tensor === cloud.features)
    }
}
