import SCNCore
import SCNTestSupport
import Testing

@testable import SCNGeometry

@Suite(.serialized, .onEachInstructionSet) struct RulebookTests {
    static let spatialSizes: [[Int]] = [[40], [12, 9], [7, 8, 6], [5, 4, 6, 5], [4, 3, 5, 4, 3]]

    func checkSubmanifold(_ spatialSize: [Int], _ sites: [[Int]], size: [Int], dilation: [Int]) throws {
        let (set, _) = try makeSites(spatialSize, sites)
        let sorted = SiteOracle.sorted(sites)
        #expect(try rows(set) == sorted)
        let rulebook = try Rulebook.submanifold(set, .submanifold(size: size, dilation: dilation))
        let expected = SiteOracle.submanifold(sorted, size: size, dilation: dilation)
        let found = rules(rulebook)
        #expect(found == expected, "\(spatialSize) size \(size) dilation \(dilation)")
        #expect(ascends(found))
        #expect(rulebook.inputCount == sites.count && rulebook.outputCount == sites.count)
        #expect(rulebook.ruleCount == expected.map(\.count).reduce(0, +))
    }

    func checkStrided(
        _ spatialSize: [Int], _ sites: [[Int]], size: [Int], stride: [Int], padding: [Int], dilation: [Int]
    ) throws {
        let (set, _) = try makeSites(spatialSize, sites)
        let filter = try FilterGeometry.strided(size: size, stride: stride, padding: padding, dilation: dilation)
        guard let outputSize = try? filter.outputSize(of: spatialSize) else { return }
        let (output, rulebook) = try Rulebook.strided(set, filter)
        let expected = SiteOracle.strided(
            SiteOracle.sorted(sites), outputSize: outputSize, size: size, stride: stride, padding: padding,
            dilation: dilation)
        #expect(try rows(output) == expected.sites, "\(spatialSize) \(filter)")
        #expect(output.spatialSize == outputSize && output.batchSize == set.batchSize)
        let found = rules(rulebook)
        #expect(found == expected.rules, "\(spatialSize) \(filter)")
        #expect(ascends(found))
        #expect(rulebook.inputCount == sites.count && rulebook.outputCount == expected.sites.count)
        let back = rules(rulebook.reversed)
        #expect(back == found.map { $0.map { SiteOracle.Rule(input: $0.output, output: $0.input) } })
        #expect(rulebook.reversed.inputCount == rulebook.outputCount)
        #expect(rulebook.reversed.inputRows === rulebook.outputRows)
        if let tiled = try Rulebook.tiled(set, filter, mostSteps: .max) {
            #expect(try rows(tiled.output) == expected.sites && rules(tiled.rulebook) == expected.rules)
            #expect(tiled.output.field == output.field)
        }
    }

    /// Windows as large as their stride, of any number of sites and beyond what matching is worth.
    @Test(arguments: 0..<spatialSizes.count) func tilingsMeetTheOracle(index: Int) throws {
        var random = Random(seed: UInt64(300 + index))
        let spatialSize = Self.spatialSizes[index]
        for round in 0..<40 {
            let count = [0, 1, 40, 400][round % 4]
            let size = spatialSize.map { _ in Int.random(in: 1...4, using: &random) }
            let padding = spatialSize.map { _ in round % 3 > 0 ? Int.random(in: 0...3, using: &random) : 0 }
            let fitting = zip(spatialSize, size).map { max($1, $0 / $1 * $1) }
            let sites = randomSites(fitting, batch: 2, count: count, &random, corners: count > 1)
            let ones = spatialSize.map { _ in 1 }
            try checkStrided(fitting, sites, size: size, stride: size, padding: padding, dilation: ones)
            let filter = try FilterGeometry.strided(size: size, stride: size, roundsDown: round % 2 == 0)
            let (set, _) = try makeSites(fitting, sites)
            // Without padding and places left over, each site lies in one window.
            #expect(try Rulebook.tiled(set, filter, mostSteps: .max) != nil)
            #expect(try Rulebook.tiled(set, filter, mostSteps: 0) == nil)
        }
    }

    @Test(arguments: 0..<spatialSizes.count) func submanifoldMeetsTheOracle(index: Int) throws {
        var random = Random(seed: UInt64(index))
        let spatialSize = Self.spatialSizes[index]
        for _ in 0..<30 {
            let sites = randomSites(spatialSize, batch: 2, count: 120, &random)
            let most = spatialSize.count > 3 ? 3 : 5
            let size = spatialSize.map { _ in Int.random(in: 1...most, using: &random) }
            let dilation = spatialSize.map { _ in Int.random(in: 1...3, using: &random) }
            try checkSubmanifold(spatialSize, sites, size: size, dilation: dilation)
            let odd = size.map { $0 | 1 }
            try checkSubmanifold(spatialSize, sites, size: odd, dilation: dilation)
        }
    }

    @Test(arguments: 0..<spatialSizes.count) func stridedMeetsTheOracle(index: Int) throws {
        var random = Random(seed: UInt64(100 + index))
        let spatialSize = Self.spatialSizes[index]
        for round in 0..<60 {
            let sites = randomSites(spatialSize, batch: 2, count: 120, &random)
            let most = spatialSize.count > 3 ? 3 : 4
            let size = spatialSize.map { _ in Int.random(in: 1...most, using: &random) }
            let stride = spatialSize.map { _ in Int.random(in: 1...3, using: &random) }
            let isPadded = round % 3 > 0
            let padding = spatialSize.map { _ in isPadded ? Int.random(in: 0...3, using: &random) : 0 }
            let dilation = spatialSize.map { _ in isPadded ? Int.random(in: 1...3, using: &random) : 1 }
            var fitting = spatialSize
            if !isPadded {
                // The greatest size below that the filter fits exactly.
                for axis in size.indices {
                    let room = max(0, spatialSize[axis] - size[axis])
                    fitting[axis] = room / stride[axis] * stride[axis] + size[axis]
                }
            }
            let inside = sites.filter { site in zip(site, fitting).allSatisfy { $0 < $1 } }
            try checkStrided(fitting, inside, size: size, stride: stride, padding: padding, dilation: dilation)
        }
    }

    @Test func everyOneDimensionalCase() throws {
        for spatialSize in [1, 2, 5, 6] {
            let sites = (0..<spatialSize).filter { $0 != 2 }.map { [$0, 0] }
            for size in 1...4 {
                for dilation in [1, 2, 4, 6] {
                    try checkSubmanifold([spatialSize], sites, size: [size], dilation: [dilation])
                    for stride in [1, 2, 3, 4, 7] {
                        for padding in [0, 1, 2, 5, 40] {
                            try checkStrided(
                                [spatialSize], sites, size: [size], stride: [stride], padding: [padding],
                                dilation: [dilation])
                        }
                    }
                }
            }
        }
    }

    @Test func farReachesRepack() throws {
        // A dilation of 50 needs more headroom than the layout of small sizes has.
        var random = Random(seed: 7)
        let spatialSize = [200, 300]
        let (set, _) = try makeSites(spatialSize, randomSites(spatialSize, batch: 3, count: 400, &random))
        let dilation = [50, 99]
        #expect(!set.layout.covers(reach: dilation, spatialSize) && set.layout.covers(reach: [1, 1], spatialSize))
        let sites = (0..<10).flatMap { x in (0..<4).flatMap { y in (0..<3).map { [x * 20, y * 99, $0] } } }
        try checkSubmanifold(spatialSize, sites, size: [3, 5], dilation: dilation)
        try checkSubmanifold(spatialSize, sites, size: [4, 2], dilation: [100, 99])
        try checkSubmanifold(spatialSize, sites, size: [3, 3], dilation: [1 << 60, 1 << 61])
        try checkStrided(spatialSize, sites, size: [3, 4], stride: [20, 3], padding: [90, 300], dilation: [40, 33])
    }

    @Test func bigSpatialSizes() throws {
        let huge = 1 << 40
        let near = [0, 1, 2, 5, 1000, huge / 2, huge / 2 + 1, huge - 2, huge - 1]
        try checkSubmanifold([huge], near.map { [$0, 0] }, size: [3], dilation: [1])
        try checkSubmanifold([huge], near.map { [$0, 0] }, size: [3], dilation: [huge / 2])
        try checkSubmanifold(
            [huge, huge], near.flatMap { x in near.map { [x, $0, 1] } }, size: [3, 2], dilation: [1, 2])
        try checkStrided([huge], near.map { [$0, 0] }, size: [2], stride: [2], padding: [0], dilation: [1])
        try checkStrided(
            [huge], near.map { [$0, 0] }, size: [3], stride: [huge / 4], padding: [1], dilation: [huge / 8])
        let largest = Int.max
        let ends = [[0, 0], [1, 0], [largest - 2, 0], [largest - 1, 0]]
        try checkSubmanifold([largest], ends, size: [3], dilation: [1])
        try checkSubmanifold([largest], ends, size: [3], dilation: [largest / 2])
        try checkStrided([largest], ends, size: [1], stride: [largest], padding: [0], dilation: [largest])
        try checkStrided([largest], ends, size: [1], stride: [3], padding: [0], dilation: [largest])
        try checkStrided([largest], ends, size: [3], stride: [2], padding: [0], dilation: [1])
        try checkStrided([largest - 2], [[0, 0]], size: [2], stride: [largest], padding: [1], dilation: [1])
    }

    @Test func wideKeys() throws {
        var random = Random(seed: 11)
        let spatialSize = [1 << 20, 1 << 20, 1 << 20]
        let sites = randomSites([6, 6, 6], batch: 2, count: 150, &random).map { site in
            site.enumerated().map { $0 < 3 ? $1 + (1 << 20) - 6 : $1 }
        }
        let (set, _) = try makeSites(spatialSize, sites)
        #expect(set.layout.isWide == false)
        let wideSize = [1 << 30, 1 << 30, 1 << 30]
        let (wide, _) = try makeSites(wideSize, sites)
        #expect(wide.layout.isWide)
        for spatialSize in [spatialSize, wideSize] {
            try checkSubmanifold(spatialSize, sites, size: [3, 3, 3], dilation: [1, 2, 1])
            try checkSubmanifold(spatialSize, sites, size: [2, 4, 1], dilation: [1, 2, 1])
            try checkStrided(
                spatialSize, sites, size: [2, 2, 2], stride: [2, 2, 2], padding: [0, 0, 0], dilation: [1, 1, 1])
            try checkStrided(
                spatialSize, sites, size: [3, 3, 3], stride: [2, 2, 2], padding: [1, 1, 1], dilation: [1, 1, 1])
        }
        // From wide to narrow and from narrow to wide.
        try checkStrided(
            wideSize, sites, size: [1, 1, 1], stride: [1 << 12, 1 << 12, 1 << 12], padding: [1, 1, 1],
            dilation: [1, 1, 1])
        let margin = (1 << 30) - (1 << 19)
        try checkStrided(
            spatialSize, sites, size: [1, 2, 1], stride: [1, 1, 1], padding: [margin, margin, margin],
            dilation: [1, 1, 1])
    }

    @Test func tenDimensions() throws {
        var random = Random(seed: 13)
        let spatialSize = [Int](repeating: 4, count: 10)
        let ones = [Int](repeating: 1, count: 10)
        let sites = randomSites(spatialSize, batch: 2, count: 60, &random)
        var size = ones
        for axis in [0, 3, 4, 9] { size[axis] = 3 }
        try checkSubmanifold(spatialSize, sites, size: size, dilation: ones)
        try checkStrided(
            spatialSize, sites, size: ones.map { $0 * 2 }, stride: ones.map { $0 * 2 }, padding: ones.map { _ in 0 },
            dilation: ones)
        let (set, _) = try makeSites(spatialSize, sites)
        let full = try Rulebook.submanifold(set, .submanifold(size: ones.map { $0 * 3 }))
        #expect(full.volume == 59049 && ascends(rules(full)))
        let large = ones.map { _ in 1000 }
        try checkSubmanifold(large, sites, size: size, dilation: ones)
        #expect(try makeSites(large, sites).0.layout.isWide)
    }

    @Test func emptyAndSingle() throws {
        for sites in [[], [[0, 0, 0]], [[4, 4, 0]], [[2, 3, 5]]] {
            for size in [[3, 3], [2, 2], [1, 1], [5, 4]] {
                try checkSubmanifold([5, 5], sites, size: size, dilation: [1, 1])
                try checkStrided([5, 5], sites, size: size, stride: [2, 2], padding: [1, 1], dilation: [1, 1])
                try checkStrided([5, 5], sites, size: size, stride: [1, 1], padding: [0, 0], dilation: [1, 1])
            }
        }
    }

    @Test func sameOnAnyNumberOfThreads() throws {
        let before = Parallel.threadCount
        defer { Parallel.threadCount = before }
        var random = Random(seed: 17)
        let spatialSize = [64, 64, 64]
        let sites = randomSites(spatialSize, batch: 2, count: 70_000, &random)
        var results: [[[[SiteOracle.Rule]]]] = []
        var coordinates: [[Int64]] = []
        for threads in [1, 2, 5] {
            Parallel.threadCount = threads
            let (set, _) = try makeSites(spatialSize, sites)
            let submanifold = try Rulebook.submanifold(set, .submanifold(size: [3, 3, 3]))
            let strided = try Rulebook.strided(set, .strided(size: [2, 2, 2], stride: [2, 2, 2]))
            results.append([rules(submanifold), rules(strided.rulebook)])
            coordinates.append(try set.coordinates() + strided.output.coordinates())
        }
        #expect(results[0] == results[1] && results[0] == results[2])
        #expect(coordinates[0] == coordinates[1] && coordinates[0] == coordinates[2])
        let sorted = SiteOracle.sorted(sites)
        #expect(results[0][0] == SiteOracle.submanifold(sorted, size: [3, 3, 3], dilation: [1, 1, 1]))
        let expected = SiteOracle.strided(
            sorted, outputSize: [32, 32, 32], size: [2, 2, 2], stride: [2, 2, 2], padding: [0, 0, 0],
            dilation: [1, 1, 1])
        #expect(results[0][1] == expected.rules)
    }

    @Test func wrongFiltersAreErrors() throws {
        let (set, _) = try makeSites([9, 9], [[1, 1, 0]])
        #expect(message { _ = try Rulebook.submanifold(set, .submanifold(size: [3])) }?.kind == .shape)
        #expect(message { _ = try Rulebook.submanifold(set, .strided(size: [3, 3], stride: [1, 1])) }?.kind == .shape)
        #expect(message { _ = try Rulebook.strided(set, .strided(size: [2, 2], stride: [2, 2])) }?.kind == .shape)
        #expect(message { _ = try Rulebook.strided(set, .submanifold(size: [3, 3])) }?.kind == .shape)
    }
}
