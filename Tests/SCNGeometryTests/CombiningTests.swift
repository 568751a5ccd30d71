import SCNCore
import SCNGeometry
import SCNTestSupport
import Testing

@Suite(.onEachInstructionSet) struct CombiningTests {
    static func sites(_ sites: [[Int]], size: [Int], batchSize: Int = 0) throws -> SiteSet {
        let coordinates = try Storage(sites.joined().map(Int64.init))
        return try InputSites.build(
            dimension: size.count, spatialSize: size, coordinates: coordinates.pointer, rows: sites.count,
            columns: size.count + 1, batchSize: batchSize, mode: .unique
        ).0
    }

    static func rows(_ set: SiteSet) throws -> [[Int]] {
        let values = try set.coordinates().map { Int($0) }
        return (0..<set.count).map { Array(values[$0 * (set.dimension + 1)..<($0 + 1) * (set.dimension + 1)]) }
    }

    @Test func appendingKeepsTheOrder() throws {
        let size = [3, 4]
        let a = try Self.sites([[2, 3, 0], [0, 1, 2]], size: size, batchSize: 4)
        let (b, c) = (try Self.sites([], size: size), try Self.sites([[0, 0, 0], [2, 0, 0], [1, 1, 1]], size: size))
        let all = try SiteSet.appending([a, b, c])
        #expect(all.batchSize == 4 + b.batchSize + 2 && all.spatialSize == size)
        let shift = 4 + b.batchSize
        #expect(
            try Self.rows(all) == [
                [2, 3, 0], [0, 1, 2], [0, 0, shift], [2, 0, shift], [1, 1, shift + 1],
            ])
    }

    @Test func appendingRefusesOtherSizes() throws {
        let (a, b) = (try Self.sites([[0, 0, 0]], size: [3, 4]), try Self.sites([[0, 0, 0]], size: [3, 5]))
        for (sets, kind) in [([], .invalidArgument), ([a, b], .shape)] as [([SiteSet], SCNError.Kind)] {
            do {
                _ = try SiteSet.appending(sets)
                Issue.record("accepted")
            } catch { #expect(error.kind == kind) }
        }
    }

    /// Batch sizes that need keys of another layout, in 1 to 10 dimensions.
    @Test(arguments: 1...10) func unionOfLayouts(dimension: Int) throws {
        var random = Random(seed: 91)
        let size = [Int](repeating: dimension > 7 ? 300 : 5, count: dimension)
        func some(_ count: Int, samples: Int) -> [[Int]] {
            let drawn = (0..<count).map { _ in
                size.map { _ in Int.random(in: 0..<3, using: &random) } + [Int.random(in: 0..<samples, using: &random)]
            }
            return SiteOracle.sorted(Array(Set(drawn)))
        }
        let (x, y) = (some(30, samples: 2), some(30, samples: 3))
        let union = try SiteUnion(
            Self.sites(x, size: size, batchSize: 2), Self.sites(y, size: size, batchSize: 100_000))
        let all = SiteOracle.sorted(Array(Set(x).union(y)))
        #expect(union.count == all.count)
        #expect(union.places.0.map { all[Int($0)] } == x)
        #expect(union.places.1.map { all[Int($0)] } == y)
    }
}
