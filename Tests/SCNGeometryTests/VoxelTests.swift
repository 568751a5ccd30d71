import SCNCore
import SCNTestSupport
import Testing

@testable import SCNGeometry

@Suite(.serialized) struct VoxelTests {
    func voxels(
        _ points: [Double], _ voxelization: Voxelization, batch: [Int]? = nil, batchSize: Int = 0, isDouble: Bool = true
    ) throws -> (SiteSet, InputMap) {
        let rows = points.count / voxelization.size.count
        let batch = try batch.map { try Storage($0.map(Int64.init)) }
        let (doubles, floats) = (try Storage(points), try Storage(points.map(Float.init)))
        return try voxelization.sites(
            isDouble ? .float64(doubles.pointer) : .float32(floats.pointer), rows: rows,
            batch: batch.map { UnsafePointer($0.pointer) }, batchSize: batchSize)
    }

    @Test(arguments: 1...4, [false, true]) func sitesAreRoundedDown(dimension: Int, isDouble: Bool) throws {
        var random = Random(seed: UInt64(dimension))
        for count in [0, 1, 500] {
            var points = (0..<count * dimension).map { _ in 10 * random.uniform() - 5 }
            if !isDouble { points = points.map { Double(Float($0)) } }
            let batch = (0..<count).map { _ in Int.random(in: 0..<3, using: &random) }
            var voxelization = Voxelization(size: (0..<dimension).map { 0.3 + Double($0) / 2 })
            for origin in [nil, [-5.5, -6, -7, -100].prefix(dimension).map { $0 }] {
                voxelization.origin = origin
                var start = [Double](repeating: 0, count: dimension)
                for axis in 0..<dimension {
                    let column = stride(from: axis, to: points.count, by: dimension).map { points[$0] }
                    start[axis] = origin?[axis] ?? column.min() ?? 0
                }
                var sites: [[Int]] = []
                for row in 0..<count {
                    var site: [Int] = []
                    for axis in 0..<dimension {
                        let place = (points[row * dimension + axis] - start[axis]) / voxelization.size[axis]
                        site.append(Int(place.rounded(.down)))
                    }
                    sites.append(site + [batch[row]])
                }
                let (set, map) = try voxels(points, voxelization, batch: batch, batchSize: 4, isDouble: isDouble)
                let found = try rows(set)
                #expect(found == SiteOracle.sorted(sites))
                #expect(set.batchSize == 4)
                #expect(sites.indices.allSatisfy { found[Int(map.siteOfRow[$0])] == sites[$0] })
                #expect(
                    set.spatialSize == (0..<dimension).map { axis in (sites.map { $0[axis] }.max() ?? 0) + 1 })
            }
        }
    }

    @Test func edgesBelongToTheVoxelAbove() throws {
        var voxelization = Voxelization(size: [0.5])
        voxelization.origin = [0]
        let (set, map) = try voxels([0, 0.5, 0.49999999, 1, 0x1p-1074], voxelization)
        #expect(try rows(set) == [[0, 0], [1, 0], [2, 0]])
        #expect(map.siteOfRow.map { $0 } == [0, 1, 0, 2, 0])
    }

    @Test func aRandomPointWinsEvenly() throws {
        var voxelization = Voxelization(size: [1])
        voxelization.reduction = .random
        voxelization.origin = [0]
        let points = (0..<4000).flatMap { voxel in [0.1, 0.2, 0.3].map { Double(voxel) + $0 } }
        func winners(_ seed: UInt64) throws -> [Int] {
            voxelization.seed = seed
            let (set, map) = try voxels(points, voxelization)
            #expect(map.mode == .first)
            let members = (0..<set.count).map { site in
                map.rows[Int(map.starts[site])..<Int(map.starts[site + 1])].map { Int($0) % 3 }
            }
            #expect(members.allSatisfy { $0.sorted() == [0, 1, 2] })
            return members.map { $0[0] }
        }
        let first = try winners(1)
        #expect(try winners(1) == first && winners(2) != first)
        for winner in 0..<3 { #expect((1200...1470).contains(first.count { $0 == winner })) }
    }

    @Test func sameOnAnyNumberOfThreads() throws {
        let before = Parallel.threadCount
        defer { Parallel.threadCount = before }
        var random = Random(seed: 9)
        let points = (0..<90_000).map { _ in random.uniform() }
        for reduction in VoxelReduction.allCases {
            var voxelization = Voxelization(size: [0.05, 0.04, 0.03])
            voxelization.reduction = reduction
            voxelization.seed = 4
            let results = try [1, 2, 5].map { threads in
                Parallel.threadCount = threads
                let (set, map) = try voxels(points, voxelization, isDouble: false)
                return (try rows(set), Array(map.rows), Array(map.siteOfRow))
            }
            #expect(results[1] == results[0] && results[2] == results[0])
        }
    }

    @Test func badPointsAreErrors() throws {
        var voxelization = Voxelization(size: [1, 1])
        func error(_ points: [Double], isDouble: Bool = true) -> SCNError? {
            message { _ = try voxels(points, voxelization, isDouble: isDouble) }
        }
        let good = [Double](repeating: 1, count: 40_000)
        for bad in [Double.nan, .infinity, -.infinity] {
            for isDouble in [false, true] {
                let found = error(good + [0, bad, bad, 0], isDouble: isDouble)
                #expect(found?.kind == .coordinate && found?.message.contains("row 20000") == true)
                #expect(found?.message.contains("axis 1") == true)
            }
        }
        #expect(error([0, 0, 1e300, 0])?.kind == .overflow)
        #expect(error([-1.7e308, 0, 1.7e308, 0])?.kind == .overflow)
        #expect(error([0, 0, 0x1p52, 0]) == nil)
        #expect(error([0, 0, 0, 0x1p53])?.message.contains("row 1") == true)
        voxelization.origin = [0, 0.5]
        let below = error([0, 0.5, 3, 0.25])
        #expect(below?.kind == .coordinate && below?.message.contains("row 1 has 0.25 on axis 1") == true)
        voxelization.spatialSize = [5, 5]
        #expect(error([4.9, 5.4]) == nil)
        #expect(error([0, 0.5, 5, 1])?.kind == .coordinate)
        voxelization.origin = [0]
        #expect(error([0, 0])?.kind == .shape)
        voxelization.origin = [0, .nan]
        #expect(error([0, 0])?.kind == .invalidArgument)
        for size in [[0.0], [-1], [.nan], [.infinity], [], Array(repeating: 1, count: 11)] {
            #expect(
                message { _ = try voxels([], Voxelization(size: size.isEmpty ? [0] : size)) }?.kind == .invalidArgument)
        }
        // Eleven axes of 53 bits fit no key.
        let ends = [Double](repeating: 0, count: 10) + [Double](repeating: 0x1p52, count: 10)
        #expect(
            message { _ = try voxels(ends, Voxelization(size: [Double](repeating: 1, count: 10))) }?.kind == .overflow)
    }
}
