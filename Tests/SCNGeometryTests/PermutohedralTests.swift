import SCNCore
import SCNTestSupport
import Testing

@testable import SCNGeometry

@Suite(.serialized, .onEachInstructionSet) struct PermutohedralTests {
    @Test(arguments: 1...10) func offsetsAreTheNearestNeighbors(dimension: Int) throws {
        let filter = try FilterGeometry.permutohedral(dimension: dimension)
        let offsets = (0..<filter.volume).map(filter.offset)
        #expect(offsets == SiteOracle.latticeOffsets(dimension))
        #expect(Set(offsets).count == dimension * dimension + dimension + 1)
        let symmetry = try #require(SiteRelation(filter).symmetry)
        var covered: Set<Int> = []
        for pass in 0..<symmetry.passCount {
            let k = symmetry.offset(ofPass: pass)
            #expect(offsets[symmetry.image(k)] == offsets[k].map { -$0 })
            covered.formUnion([k, symmetry.image(k)])
        }
        covered.insert(try #require(offsets.firstIndex { $0.allSatisfy { $0 == 0 } }))
        #expect(covered.count == filter.volume)
    }

    @Test(arguments: 1...5) func rulesMeetTheOracle(dimension: Int) throws {
        var random = Random(seed: UInt64(dimension))
        for (edge, count) in [(1, 1), (2, 6), (4, 60), (1 << min(40, 100 / dimension), 20), (9, 0)] {
            let size = [Int](repeating: edge, count: dimension)
            var sites = count == 0 ? [] : randomSites(size, batch: 2, count: count, &random)
            // Neighbors in every direction, where there is room.
            if edge > 2 && count > 0 {
                let center = size.map { $0 / 2 }
                let around = SiteOracle.latticeOffsets(dimension).map { zip(center, $0).map { $0 + $1 } + [1] }
                sites = Array(Set(sites + around))
            }
            let (set, _) = try makeSites(size, sites)
            let rulebook = try Rulebook.submanifold(set, .permutohedral(dimension: dimension))
            let expected = SiteOracle.neighbors(
                SiteOracle.sorted(sites), offsets: SiteOracle.latticeOffsets(dimension))
            #expect(rules(rulebook) == expected, "\(size)")
            #expect(ascends(rules(rulebook)))
        }
    }

    @Test func sameOnAnyNumberOfThreads() throws {
        let before = Parallel.threadCount
        defer { Parallel.threadCount = before }
        var random = Random(seed: 5)
        let (set, _) = try makeSites([30, 30, 30], randomSites([30, 30, 30], batch: 2, count: 20_000, &random))
        let results = try [1, 2, 5].map { threads in
            Parallel.threadCount = threads
            return rules(try Rulebook.submanifold(set, .permutohedral(dimension: 3)))
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }

    @Test func sizesStay() throws {
        let filter = try FilterGeometry.permutohedral(dimension: 3)
        #expect(try filter.outputSize(of: [3, 4, 5]) == [3, 4, 5] && filter.inputSize(of: [3, 4, 5]) == [3, 4, 5])
        #expect(try filter != FilterGeometry.submanifold(size: [3, 3, 3]))
        #expect(message { _ = try FilterGeometry.permutohedral(dimension: 0) }?.kind == .invalidArgument)
        #expect(message { _ = try FilterGeometry.permutohedral(dimension: 11) }?.kind == .invalidArgument)
    }
}
