import SCNCore
import SCNTestSupport
import Testing

@testable import SCNGeometry

/// The two ways to the rules of windows, which must not differ.
@Suite(.serialized, .onEachInstructionSet) struct AxisByAxisTests {
    /// Relations of a random strided filter, or of one that spreads; nil where it does not fit the sizes.
    func relations(_ sizes: [Int], isSpreading: Bool, _ random: inout Random) throws -> [AxisRelation]? {
        func draw(_ range: ClosedRange<Int>) -> [Int] { sizes.map { _ in Int.random(in: range, using: &random) } }
        let most = sizes.count > 4 ? 2 : 5
        let padding = draw(0...2)
        let filter = try FilterGeometry.strided(
            size: draw(1...most), stride: draw(1...3), padding: padding, dilation: draw(1...2))
        let found = isSpreading ? try? filter.inputSize(of: sizes) : try? filter.outputSize(of: sizes)
        guard let found else { return nil }
        return sizes.indices.map {
            isSpreading
                ? AxisRelation(spreading: filter, axis: $0, outputSize: found[$0])
                : AxisRelation(filter, axis: $0, outputSize: found[$0])
        }
    }

    @Test(arguments: [[30], [9, 12], [7, 8, 6], [1, 9, 1], [5, 4, 6, 5], [900, 900, 900, 900, 900, 900, 900]])
    func bothWaysAgree(sizes: [Int]) throws {
        var random = Random(seed: UInt64(sizes.count))
        var compared = 0
        for round in 0..<80 {
            let sites = randomSites(sizes, batch: 3, count: Int.random(in: 0...200, using: &random), &random)
            let (input, _) = try makeSites(sizes, sites)
            guard let relations = try relations(sizes, isSpreading: round % 2 == 0, &random) else { continue }
            let largestFanOuts = relations.map(\.most)
            let fields = zip(sizes, relations).map { max($0, $1.outputSize) }
            let layout = try KeyLayout(spatialSize: fields, batchSize: input.batchSize)
            #expect(layout.isWide == (sizes.count == 7))
            let one = try Rulebook.relatedAxisByAxis(input, relations, layout)
            let other = try Rulebook.relatedAtOnce(input, relations, largestFanOuts, isInjective: true)
            #expect(one.output.hasSameSites(as: other.output))
            #expect(one.output.layout == other.output.layout)
            #expect(rules(one.rulebook) == rules(other.rulebook), "\(sizes) round \(round)")
            #expect(ascends(rules(one.rulebook)))
            #expect(one.rulebook.inputCount == input.count && one.rulebook.outputCount == one.output.count)
            compared += 1
        }
        #expect(compared > 15)
    }

    @Test func manySitesAreCutIntoPieces() throws {
        var random = Random(seed: 7)
        let sizes = [40, 50, 60]
        let (input, _) = try makeSites(sizes, randomSites(sizes, batch: 2, count: 40_000, &random))
        let filter = try FilterGeometry.strided(
            size: [3, 3, 3], stride: [2, 1, 2], padding: [1, 1, 1], dilation: [1, 1, 1])
        let outputSize = try filter.outputSize(of: sizes)
        let relations = sizes.indices.map { AxisRelation(filter, axis: $0, outputSize: outputSize[$0]) }
        let layout = try #require(Rulebook.axisByAxisLayout(input, relations, relations.map(\.most)))
        let before = Parallel.threadCount
        defer { Parallel.threadCount = before }
        let other = try Rulebook.relatedAtOnce(input, relations, relations.map(\.most), isInjective: true)
        for threads in [1, 2, 3] {
            Parallel.threadCount = threads
            let one = try Rulebook.relatedAxisByAxis(input, relations, layout)
            #expect(one.output.hasSameSites(as: other.output))
            #expect(rules(one.rulebook) == rules(other.rulebook), "\(threads) threads")
        }
    }

    /// The last place and the margin of its key are together more than 63 bits hold.
    @Test func placesAsFarApartAsFieldsReach() throws {
        let stride = [3, Int.max - 1]
        let (input, _) = try makeSites([2, 2], [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]])
        let filter = try FilterGeometry.strided(size: [2, 1], stride: stride, padding: [0, 0], dilation: [1, 1])
        let outputSize = try filter.inputSize(of: [2, 2])
        #expect(outputSize == [5, Int.max])
        let relations = [0, 1].map { AxisRelation(spreading: filter, axis: $0, outputSize: outputSize[$0]) }
        let layout = try #require(Rulebook.axisByAxisLayout(input, relations, relations.map(\.most)))
        let one = try Rulebook.relatedAxisByAxis(input, relations, layout)
        let other = try Rulebook.relatedAtOnce(input, relations, relations.map(\.most), isInjective: true)
        #expect(one.output.count == 10)
        #expect(one.output.row(of: [4, Int.max - 1, 0]) == 7)
        #expect(one.output.hasSameSites(as: other.output))
        #expect(rules(one.rulebook) == rules(other.rulebook))
    }

    @Test func fewSitesInALargeFieldAndWideStridesGoAtOnce() throws {
        func goes(_ sizes: [Int], _ sites: [[Int]], size: Int, stride: Int) throws -> Bool {
            let (input, _) = try makeSites(sizes, sites)
            let filter = try FilterGeometry.strided(
                size: sizes.map { _ in size }, stride: sizes.map { _ in stride }, padding: sizes.map { _ in 1 },
                dilation: sizes.map { _ in 1 })
            let outputSize = try filter.outputSize(of: sizes)
            let relations = sizes.indices.map { AxisRelation(filter, axis: $0, outputSize: outputSize[$0]) }
            return Rulebook.axisByAxisLayout(input, relations, relations.map(\.most)) != nil
        }
        let sites = (0..<20).map { [$0, 2 * $0, 0] }
        #expect(try goes([64, 64], sites, size: 3, stride: 2))
        #expect(try !goes([1 << 20, 64], sites, size: 3, stride: 2))
        #expect(try !goes([64, 64], sites, size: 16, stride: 16))
        #expect(try !goes([64, 64], [], size: 3, stride: 2))
        #expect(try goes([64, 64], sites, size: 30, stride: 1))
        // A table of 5 taps by 66 places, more than eight times what 17 sites with at most two outputs have along the
        // axis.
        #expect(try !goes([66, 66], Array(sites.prefix(17)), size: 5, stride: 3))
    }
}
