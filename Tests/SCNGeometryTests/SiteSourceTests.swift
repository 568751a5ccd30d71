import SCNCore
import SCNTestSupport
import Testing

@testable import SCNGeometry

/// Sites from padded samples, from dense arrays, and from other sites.
@Suite(.serialized) struct SiteSourceTests {
    func batched(_ size: [Int], _ samples: [[[Int]]], length: Int, mode: InputMode) throws -> (SiteSet, InputMap) {
        let flat = try Storage<Int64>(samples.joined().joined().map(Int64.init))
        return try InputSites.buildBatched(
            dimension: size.count, spatialSize: size, coordinates: flat.pointer, samples: samples.count,
            length: length, mode: mode)
    }

    @Test(arguments: InputMode.allCases) func paddedSamples(mode: InputMode) throws {
        var random = Random(seed: 1)
        for (size, samples, length) in [
            ([6], 3, 5), ([4, 5], 2, 40), ([3, 3, 3], 4, 1), ([5, 5], 0, 3), ([5, 5], 2, 0),
        ] {
            let cells = SiteOracle.taps(size)
            let coordinates = (0..<samples).map { _ in
                let shuffled = cells.shuffled(using: &random)
                return (0..<length).map { row in
                    let isPadding = row >= shuffled.count || Int.random(in: 0..<3, using: &random) == 0
                    if isPadding { return size.map { _ in -1 } }
                    return mode == .unique ? shuffled[row] : cells.randomElement(using: &random)!
                }
            }
            let (set, map) = try batched(size, coordinates, length: length, mode: mode)
            let sites = coordinates.enumerated().flatMap { sample, rows in rows.map { $0 + [sample] } }
            let present = sites.indices.filter { sites[$0][0] >= 0 }
            #expect(try rows(set) == SiteOracle.sorted(present.map { sites[$0] }))
            #expect(set.batchSize == samples && map.rowCount == samples * length)
            #expect(map.rows.count == present.count)
            #expect(map.rectangle?.samples == samples && map.rectangle?.length == length)
            let found = try rows(set)
            for (row, site) in sites.enumerated() {
                #expect(Int(map.siteOfRow[row]) == found.firstIndex(of: site) ?? -1)
            }
            for (index, site) in found.enumerated() {
                let members = map.rows[Int(map.starts[index])..<Int(map.starts[index + 1])].map(Int.init)
                #expect(members == present.filter { sites[$0] == site })
            }
        }
    }

    @Test func errorsNameTheSampleAndTheRow() throws {
        func text(_ samples: [[[Int]]]) -> String? {
            message { _ = try batched([5, 5], samples, length: samples[0].count, mode: .unique) }?.message
        }
        #expect(
            text([[[-1, 0], [1, 1]], [[4, 4], [0, 5]]])?.contains("row 1 of sample 1 has 5 on axis 1") == true)
        #expect(text([[[0, -1], [1, 1]]])?.contains("row 0 of sample 0 has -1 on axis 1") == true)
        let twice = try #require(text([[[-1, 0], [1, 1]], [[2, 2], [2, 2]]]))
        #expect(twice.contains("row 1 of sample 1 and row 0 of sample 1 are the same site"))
        #expect(text([[[1, 1]], [[1, 1]]]) == nil)
    }

    func dense(_ size: [Int], _ values: [Float], samples: Int, planes: Int) throws -> SiteSet {
        let matrix = try Matrix(rows: 1, planes: values.count, values)
        return try InputSites.dense(spatialSize: size, values: matrix, samples: samples, planes: planes)
    }

    @Test func sitesOfDenseArrays() throws {
        var random = Random(seed: 2)
        for (size, samples, planes) in [
            ([7], 2, 1), ([4, 5], 3, 3), ([3, 1, 4], 1, 2), ([200, 100], 2, 1), ([3, 3], 0, 2), ([3, 3], 2, 0),
        ] {
            let volume = size.reduce(1, *)
            let values = (0..<samples * planes * volume).map { _ in random.uniform() < 0.2 ? Float(1) : 0 }
            let cells = SiteOracle.taps(size)
            let expected = (0..<samples).flatMap { sample in
                cells.indices.filter { cell in
                    (0..<planes).contains { values[(sample * planes + $0) * volume + cell] != 0 }
                }.map { cells[$0] + [sample] }
            }
            let set = try dense(size, values, samples: samples, planes: planes)
            #expect(try rows(set) == expected)
            #expect(set.spatialSize == size && set.batchSize == samples)
        }
        let special = try dense([5], [0, -0.0, .nan, .leastNonzeroMagnitude, -.infinity], samples: 1, planes: 1)
        #expect(try rows(special) == [[2, 0], [3, 0], [4, 0]])
        #expect(message { _ = try dense([0], [], samples: 1, planes: 1) }?.kind == .shape)
    }

    @Test func subsetsLiveInTheGeometry() throws {
        var random = Random(seed: 3)
        for size in [[8, 8], [1 << 30, 1 << 30, 1 << 30]] {
            let (set, map) = try makeSites(
                size, randomSites(size.map { min($0, 8) }, batch: 2, count: 40, &random, corners: false))
            let geometry = Geometry(set, inputMap: map)
            let all = try rows(set)
            let keep = all.map { _ in UInt8.random(in: 0...2, using: &random) }
            let (output, rulebook) = try geometry.subset(geometry.input, keeping: keep)
            let kept = all.indices.filter { keep[$0] != 0 }
            #expect(try rows(geometry.sites(output)) == kept.map { all[$0] })
            #expect(
                rules(rulebook) == [kept.enumerated().map { SiteOracle.Rule(input: $0.element, output: $0.offset) }])
            #expect(rulebook.inputCount == all.count && rulebook.outputCount == kept.count)
            #expect(geometry.sites(output).batchSize == set.batchSize)
            // The same sites again are the same set, and all sites are the input.
            #expect(try geometry.subset(geometry.input, keeping: keep).output == output)
            #expect(try geometry.subset(geometry.input, keeping: all.map { _ in 1 }).output == geometry.input)
            let none = try geometry.subset(output, keeping: kept.map { _ in 0 })
            #expect(geometry.sites(none.output).count == 0 && none.rulebook.ruleCount == 0)
            if size.count > 2 { continue }
            // Later steps lead down from the subset and back to it.
            let filter = try FilterGeometry.strided(size: [2, 2], stride: [2, 2])
            let coarse = try geometry.strided(output, filter)
            #expect(try geometry.reverse(coarse.output, filter).input == output)
        }
    }
}
