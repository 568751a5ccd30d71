import SCNCore
import SCNTestSupport
import Testing

@testable import SCNGeometry

@Suite struct InputSitesTests {
    @Test func mapsLeadBothWays() throws {
        var random = Random(seed: 1)
        for count in [0, 1, 2, 7, 500, 60_000] {
            let spatialSize = [9, 5, 20]
            let sites = (0..<count).map { _ in
                spatialSize.map { Int.random(in: 0..<$0, using: &random) } + [Int.random(in: 0..<4, using: &random)]
            }
            let (set, map) = try makeSites(spatialSize, sites, mode: .sum)
            let sorted = SiteOracle.sorted(sites)
            #expect(try rows(set) == sorted)
            #expect(map.rowCount == count && map.siteCount == sorted.count && map.mode == .sum)
            #expect(map.siteOfRow.map { sorted[Int($0)] } == sites)
            var expected = [[Int32]](repeating: [], count: sorted.count)
            for row in 0..<count { expected[Int(map.siteOfRow[row])].append(Int32(row)) }
            #expect(
                expected
                    == (0..<sorted.count).map {
                        Array(map.rows[Int(map.starts[$0])..<Int(map.starts[$0 + 1])])
                    })
            #expect(map.starts[sorted.count] == Int64(count))
        }
    }

    @Test func batchIsOptionalAndHasALowerBound() throws {
        let (set, _) = try InputSites.build(
            dimension: 2, spatialSize: [4, 4], coordinates: [3, 3, 0, 1], rows: 2, columns: 2, batchSize: 3,
            mode: .unique)
        #expect(try set.coordinates() == [0, 1, 0, 3, 3, 0])
        #expect(set.batchSize == 3)
        #expect(try samples(set) == [[0, 0, 2]])
        #expect(try makeSites([4], [[1, 5]], batchSize: 2).0.batchSize == 6)
        let (empty, map) = try makeSites([4], [], batchSize: 2)
        #expect(empty.count == 0 && empty.batchSize == 2 && map.rowCount == 0)
        #expect(try empty.coordinates() == [])
        #expect(try makeSites([4], []).0.batchSize == 0)
        #expect(try samples(makeSites([4], []).0) == [])
    }

    @Test func samplesAndRowsAreFound() throws {
        var random = Random(seed: 2)
        for spatialSize in [[6, 7], [1 << 40, 1 << 40]] {
            let sites = SiteOracle.sorted(
                randomSites([6, 7], batch: 4, count: 60, &random).filter { $0[2] != 1 })
            let (set, _) = try makeSites(spatialSize, sites, batchSize: 6)
            for (row, site) in sites.enumerated() { #expect(set.row(of: site) == row) }
            #expect(set.row(of: [0, 0, 1]) == nil && set.row(of: [-1, 0, 0]) == nil && set.row(of: [0, 0]) == nil)
            let expected = [0, 2, 3].map { sample in
                [sample, sites.filter { $0[2] < sample }.count, sites.filter { $0[2] <= sample }.count]
            }
            #expect(try samples(set) == expected)
        }
    }

    /// What the samples cost goes with those that have sites, in keys of either width.
    @Test func batchIndicesMayBeNumbersOfEvents() throws {
        let last = Int(Int32.max) - 1
        for size in [[100], [1 << 40, 1 << 40]] {
            let tail = [Int](repeating: 0, count: size.count - 1)
            let sites = (0..<100).map { [$0] + tail + [0] } + [[3] + tail + [7], [5] + tail + [last]]
            let (set, _) = try makeSites(size, SiteOracle.sorted(sites))
            #expect(set.batchSize == last + 1)
            #expect(try samples(set) == [[0, 0, 100], [7, 100, 101], [last, 101, 102]])
        }
    }

    /// The batch index, the first row and the end of each sample.
    private func samples(_ set: SiteSet) throws -> [[Int]] {
        let samples = try set.samples()
        #expect(samples.rowCount == set.count)
        return (0..<samples.count).map {
            [Int(samples.indices[$0]), samples.rows($0).lowerBound, samples.rows($0).upperBound]
        }
    }

    @Test func denseOffsets() throws {
        let (set, _) = try makeSites([3, 4], [[0, 0, 0], [2, 3, 0], [1, 2, 2]])
        let (offsets, volume) = try set.denseOffsets(planes: 5)
        #expect(volume == 12)
        #expect(Array(offsets) == [0, 11, 2 * 5 * 12 + 6])
        let (huge, _) = try makeSites([1 << 40, 1 << 40], [[0, 0, 0]])
        #expect(message { _ = try huge.denseOffsets(planes: 1) }?.kind == .overflow)
        let (line, _) = try makeSites([1 << 60], [[5, 0]])
        #expect(message { _ = try line.denseOffsets(planes: 8) }?.kind == .overflow)
        #expect(try line.denseOffsets(planes: 7).volume == 1 << 60)
    }

    @Test func errorsNameTheRow() throws {
        func failure(_ spatialSize: [Int], _ sites: [[Int]]) -> SCNError? {
            message { _ = try makeSites(spatialSize, sites) }
        }
        var sites = (0..<40_000).map { [$0 % 64, $0 / 64 % 64, $0 / 4096] }
        sites[17] = [3, 64, 0]
        sites[33_000] = [-3, 0, 0]
        #expect(
            failure([64, 64], sites)
                == SCNError(
                    .coordinate, "coordinates: row 17 has 64 on axis 1; the spatial size there is 64 (0 ... 63)"))
        #expect(
            failure([64, 64], [[0, 0, 0], [-1, 0, 0]])
                == SCNError(.coordinate, "coordinates: row 1 has -1 on axis 0; the spatial size there is 64 (0 ... 63)")
        )
        #expect(
            failure([64, 64], [[0, 0, 0], [1, 0, -2]])
                == SCNError(.coordinate, "coordinates: row 1 has batch index -2; expected 0 ... 2147483646"))
        #expect(failure([64], [[0, Int.max]])?.kind == .coordinate)
        #expect(failure([64], [[Int.min, 0]])?.kind == .coordinate)
        let twice = [[1, 2, 0], [5, 5, 1], [0, 0, 0], [7, 7, 0], [5, 5, 0], [7, 7, 0], [5, 5, 1], [7, 7, 0]]
        #expect(
            failure([64, 64], twice)
                == SCNError(
                    .coordinate,
                    "coordinates: row 5 and row 3 are the same site (7, 7) of sample 0, which mode 0 does not allow"))
    }

    @Test func argumentsAreChecked() throws {
        func failure(
            dimension: Int = 2, spatialSize: [Int] = [4, 4], rows: Int = 1, columns: Int = 3, batchSize: Int = 0
        ) -> SCNError.Kind? {
            message {
                _ = try InputSites.build(
                    dimension: dimension, spatialSize: spatialSize, coordinates: [0, 0, 0, 0], rows: rows,
                    columns: columns, batchSize: batchSize, mode: .sum)
            }?.kind
        }
        #expect(failure() == nil)
        #expect(failure(dimension: 0) == .invalidArgument)
        #expect(failure(dimension: 11) == .invalidArgument)
        #expect(failure(spatialSize: [4]) == .shape)
        #expect(failure(spatialSize: [4, 0]) == .shape)
        #expect(failure(columns: 4) == .shape)
        #expect(failure(columns: 1) == .shape)
        #expect(failure(rows: -1) == .overflow)
        #expect(failure(rows: 1 << 31) == .overflow)
        #expect(failure(batchSize: -1) == .invalidArgument)
        #expect(failure(batchSize: 1 << 40) == .invalidArgument)
        let huge = [Int](repeating: 1 << 40, count: 4)
        #expect(message { _ = try makeSites(huge, [[0, 0, 0, 0, 0]]) }?.kind == .overflow)
    }
}
