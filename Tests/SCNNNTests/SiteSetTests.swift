import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

@testable import SCNNN

/// Sites as Swift programs see them, against sets of coordinates.
@Suite(.exclusive) struct SiteSetTests {
    static func drawn(_ count: Int, _ random: inout Random) -> [[Int]] {
        let sites = (0..<count).map { _ in
            [Int(random.next() % 9) - 4, Int(random.next() % 9) - 4, Int(random.next() % 2)]
        }
        return Array(Set(sites)).sorted { ($0[2], $0[0], $0[1]) < ($1[2], $1[0], $1[1]) }
    }

    static func sites(_ rows: [[Int]]) throws -> Sites {
        try Sites(dimension: 2, Array(rows.joined()), columns: 3, batchSize: 2)
    }

    @Test func setsOfSites() throws {
        var random = Random(seed: 41)
        let (first, second) = (Self.drawn(20, &random), Self.drawn(25, &random))
        let a = try Self.sites(first)
        let b = try a.taken(Array(second.joined()), columns: 3)
        #expect(try a.coordinates() == first && b.coordinates() == second)
        #expect(a.dimension == 2 && a.count == first.count && a.batchSize == 2 && a.isUnbounded)
        #expect(Set(try a.union(b).coordinates()) == Set(first).union(second))
        #expect(Set(try a.intersection(b).coordinates()) == Set(first).intersection(second))
        #expect(Set(try a.subtracting(b).coordinates()) == Set(first).subtracting(second))
        func half(_ number: Int) -> Int { number >= 0 ? number / 2 : (number - 1) / 2 }
        #expect(Set(try a.floored(by: 2).coordinates()) == Set(first.map { [half($0[0]), half($0[1]), $0[2]] }))
        #expect(try a.rows(of: Array(first.reversed().joined()), columns: 3) == first.indices.reversed().map { $0 })
        #expect(try a.rows(of: [100, 100, 0], columns: 3) == [-1])
        #expect(try a.rows(in: b) == first.map { second.firstIndex(of: $0) ?? -1 })
        let (kept, way) = try a.subset(first.map { $0[0] > 0 })
        #expect(try kept.coordinates() == first.filter { $0[0] > 0 })
        #expect(way.volume == 1 && way.ruleCount == kept.count)
        let (some, path) = try a.subset(rows: [5, 2, 5])
        #expect(try some.coordinates() == [first[2], first[5]])
        #expect(try path.rules(ofOffset: 0).map { [$0.input, $0.output] } == [[2, 0], [5, 1]])
    }

    /// Sites of other input, and those of a tensor.
    @Test func setsOfDifferentInput() throws {
        var random = Random(seed: 43)
        let (first, second) = (Self.drawn(20, &random), Self.drawn(25, &random))
        let (a, b) = (try Self.sites(first), try Self.sites(second))
        #expect(Set(try a.union(b).coordinates()) == Set(first).union(second))
        #expect(try a.rows(in: b) == first.map { second.firstIndex(of: $0) ?? -1 })
        let tensor = try b.with(features: Tensor(random.floats(second.count), shape: [second.count, 1]))
        let same = try a.rulebook(to: Sites(of: tensor), offsets: [[0, 0]])
        #expect(same.ruleCount == Set(first).intersection(second).count && same.outputCount == second.count)
        #expect(thrownError { _ = try a.with(features: tensor.features) }?.kind == .shape)
    }

    @Test func rulesBetweenThemAndWhatFlowsAlong() throws {
        var random = Random(seed: 42)
        let (first, second) = (Self.drawn(20, &random), Self.drawn(25, &random))
        let a = try Self.sites(first)
        let b = try a.taken(Array(second.joined()), columns: 3)
        let offsets = try a.filterOffsets(3, .cross)
        #expect(offsets.count == 5 && offsets[0] == [0, 0])
        let rulebook = try a.rulebook(to: b, offsets: offsets)
        for (k, offset) in offsets.enumerated() {
            let expected = second.enumerated().compactMap { row, site -> [Int]? in
                first.firstIndex(of: [site[0] + offset[0], site[1] + offset[1], site[2]]).map { [$0, row] }
            }
            #expect(try rulebook.rules(ofOffset: k).map { [$0.input, $0.output] } == expected)
        }
        let features = try Tensor(random.floats(first.count * 2), shape: [first.count, 2])
        let summed = try features.pooled(rulebook, .sum)
        let ones = try Tensor([Float](repeating: 1, count: rulebook.ruleCount), shape: [rulebook.ruleCount])
        #expect(worstError(try features.summed(rulebook, weights: ones).elements, summed.elements.doubles) < 1e-5)
        #expect(try b.with(features: summed).siteCount == b.count)
        let (covered, rules) = try a.covering(offsets: offsets, inputStride: 2)
        #expect(rules.inputCount == a.count && rules.outputCount == covered.count)
        let reached = first.flatMap { site in offsets.map { [2 * site[0] - $0[0], 2 * site[1] - $0[1], site[2]] } }
        #expect(try Set(covered.coordinates()) == Set(reached) && rules.ruleCount == reached.count)
        #expect(rules.reversed.inputCount == covered.count && rules.reversed.ruleCount == rules.ruleCount)
    }

    @Test func convolutionAlongARulebookHasGradients() throws {
        let a = try Sites(dimension: 1, [0, 1, 3], columns: 1)
        let b = try a.taken([1, 2], columns: 1)
        let rulebook = try a.rulebook(to: b, offsets: [[-1], [0], [1]])
        let features = try Tensor([1, 10, 100], shape: [3, 1])
        let weight = try Tensor([2, 3, 5], shape: [3, 1, 1, 1])
        (features.requiresGradient, weight.requiresGradient) = (true, true)
        let result = try features.convolved(rulebook, weight: weight, bias: nil)
        #expect(result.elements == [32, 520])
        try result.backward(gradient: [1, 2])
        #expect(features.gradient == [2, 7, 10] && weight.gradient == [21, 10, 200])
        let normalized = try features.convolved(rulebook, weight: weight, bias: nil, normalizedBy: nil)
        #expect(normalized.elements == [16, 260])
    }

    @Test func interpolationAndItsTranspose() throws {
        let a = try Sites(dimension: 2, [1, 1, 0, 1, 2, 0, 2, 1, 1], columns: 3)
        let features = try Tensor([4, 8, 2], shape: [3, 1])
        let at = try Tensor([1, 1.25, 1.75, 1], shape: [2, 2])
        let sparse = try a.with(features: features)
        #expect(try sparse.interpolated(at: at, batch: [0, 1]).elements == [5, 1.5])
        #expect(try sparse.interpolated(at: at, batch: [0, 1], isRescaled: true).elements == [5, 2])
        #expect(try sparse.interpolated(at: at).elements == [5, 1])
        let (rulebook, weights) = try a.interpolation(at: at, batch: [0, 1])
        let splat = try Tensor([4, 8], shape: [2, 1]).summed(rulebook.reversed, weights: weights)
        #expect(splat.elements == [3, 1, 6])
        #expect(thrownError { _ = try a.interpolation(at: at, batch: [0]) }?.kind == .shape)
    }

    @Test func whatDoesNotFitIsAnError() throws {
        let a = try Sites(dimension: 2, [0, 0, 1, 1], columns: 2, spatialSize: [4, 4])
        #expect(a.spatialSize == [4, 4] && a.lower == [0, 0] && !a.isUnbounded)
        #expect(
            thrownError { _ = try Sites(dimension: 2, [9, 9], columns: 2, spatialSize: [4, 4]) }?.kind == .coordinate)
        #expect(thrownError { _ = try Sites(dimension: 2, [1, 2, 3], columns: 2) }?.kind == .shape)
        #expect(thrownError { _ = try a.subset([true]) }?.kind == .shape)
        #expect(thrownError { _ = try a.subset(rows: [0, 2]) }?.kind == .invalidArgument)
        let same = try a.rulebook(to: a, offsets: [[0, 0]])
        #expect(thrownError { _ = try same.rules(ofOffset: 1) }?.kind == .invalidArgument)
        #expect(thrownError { _ = try same.rules(ofOffset: -1) }?.kind == .invalidArgument)
        #expect(thrownError { _ = try a.rulebook(to: a, offsets: [[0]]) }?.kind == .shape)
        #expect(thrownError { _ = try a.floored(by: 0) }?.kind == .invalidArgument)
        #expect(thrownError { _ = try a.rows(of: [1, 2, 3], columns: 2) }?.kind == .shape)
        #expect(try Sites(dimension: 3, [Int](), columns: 3).count == 0)
    }
}
