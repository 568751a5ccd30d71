import SCNCore
import SCNTestSupport
import Testing

@testable import SCNGeometry

@Suite(.serialized) struct VoxelsInOrderTests {
    struct Found: Equatable {
        var voxel: [Int]
        var place: [Int]
        var coordinates: [[Int]]
    }

    static func found(
        _ points: [Double], _ voxelization: Voxelization, batch: [Int]? = nil, limit: Int? = nil, isDouble: Bool = true
    ) throws -> Found {
        let rows = points.count / voxelization.size.count
        let batch = try batch.map { try Storage($0.map(Int64.init)) }
        let (doubles, floats) = (try Storage(points), try Storage(points.map(Float.init)))
        let voxels = try voxelization.sitesInOrder(
            isDouble ? .float64(doubles.pointer) : .float32(floats.pointer), rows: rows,
            batch: batch.map { UnsafePointer($0.pointer) }, limit: limit)
        let columns = voxels.dimension + 1
        let (voxel, place) = (try Storage<Int64>(count: rows), try Storage<Int64>(count: rows))
        let coordinates = try Storage<Int64>(count: voxels.count * columns)
        voxels.copyPoints(voxel: voxel.pointer, place: place.pointer)
        voxels.copyCoordinates(into: coordinates.pointer)
        withExtendedLifetime((batch, doubles, floats)) {}
        return Found(
            voxel: voxel.map(Int.init), place: place.map(Int.init),
            coordinates: (0..<voxels.count).map { row in (0..<columns).map { Int(coordinates[row * columns + $0]) } })
    }

    /// Point by point, with a dictionary.
    static func expected(
        _ points: [Double], size: [Double], origin: [Double], spatialSize: [Int]?, batch: [Int]?, limit: Int?
    ) -> Found {
        var found = Found(voxel: [], place: [], coordinates: [])
        var (numbers, counts, ofSample) = ([[Int]: Int](), [Int: Int](), [Int: Int]())
        for row in 0..<points.count / size.count {
            let places = size.indices.map { (points[row * size.count + $0] - origin[$0]) / size[$0] }
            let isInside = places.enumerated().allSatisfy { axis, place in
                place >= 0 && place < Double(spatialSize?[axis] ?? 1 << 53)
            }
            guard isInside else {
                found.voxel.append(-1)
                found.place.append(-1)
                continue
            }
            let sample = batch?[row] ?? 0
            let site = places.map { Int($0.rounded(.down)) } + [sample]
            if numbers[site] == nil && ofSample[sample, default: 0] < limit ?? .max {
                numbers[site] = found.coordinates.count
                ofSample[sample, default: 0] += 1
                found.coordinates.append(site)
            }
            guard let number = numbers[site] else {
                found.voxel.append(-1)
                found.place.append(-1)
                continue
            }
            found.voxel.append(number)
            found.place.append(counts[number, default: 0])
            counts[number, default: 0] += 1
        }
        return found
    }

    @Test(arguments: 1...10, [nil, 0, 7, 100_000]) func agreesWithADictionary(dimension: Int, limit: Int?) throws {
        var random = Random(seed: UInt64(dimension))
        var voxelization = Voxelization(size: (0..<dimension).map { 0.5 + Double($0) / 4 })
        voxelization.origin = (0..<dimension).map { -Double($0) / 8 }
        voxelization.dropsOutside = true
        for (count, extent) in [(0, 3), (1, 3), (300, 3), (300, 1)] {
            var points = (0..<count * dimension).map { _ in Double(Float(2 * random.uniform() - 0.2)) }
            if count > 9 {
                (points[3 * dimension], points[4 * dimension]) = (.nan, .infinity)
                points[5 * dimension + dimension - 1] = -.infinity
            }
            let batch = (0..<count).map { _ in Int.random(in: 0..<3, using: &random) }
            for (samples, spatialSize) in [(nil, nil), (batch, [Int](repeating: extent, count: dimension))]
                as [([Int]?, [Int]?)]
            {
                voxelization.spatialSize = spatialSize
                let expected = Self.expected(
                    points, size: voxelization.size, origin: voxelization.origin!, spatialSize: spatialSize,
                    batch: samples, limit: limit)
                for isDouble in [false, true] {
                    let found = try Self.found(points, voxelization, batch: samples, limit: limit, isDouble: isDouble)
                    #expect(found == expected)
                }
            }
        }
    }

    @Test func withoutAnOriginTheLeastFiniteCoordinateCounts() throws {
        var voxelization = Voxelization(size: [1])
        voxelization.dropsOutside = true
        let found = try Self.found([7, .nan, 5, -.infinity, 7.5, .infinity], voxelization)
        #expect(found.voxel == [0, -1, 1, -1, 0, -1] && found.place == [0, -1, 0, -1, 1, -1])
        #expect(found.coordinates == [[2, 0], [0, 0]])
        #expect(try Self.found([.nan, .infinity], voxelization).coordinates.isEmpty)
        // What is left out does not widen the field.
        voxelization = Voxelization(size: [Double](repeating: 1, count: 10))
        voxelization.dropsOutside = true
        let far = [Double](repeating: 0x1p52, count: 9) + [.nan]
        #expect(try Self.found([Double](repeating: 1, count: 10) + far, voxelization).voxel == [0, -1])
    }

    @Test func sameOnAnyNumberOfThreads() throws {
        let before = Parallel.threadCount
        defer { Parallel.threadCount = before }
        var random = Random(seed: 9)
        let points = (0..<90_000).map { _ in 1.2 * random.uniform() - 0.1 }
        let batch = (0..<30_000).map { $0 / 10_000 }
        var voxelization = Voxelization(size: [0.05, 0.04, 0.03])
        voxelization.origin = [0, 0, 0]
        voxelization.spatialSize = [20, 25, 33]
        voxelization.dropsOutside = true
        for limit in [nil, 700] {
            let results = try [1, 2, 5].map { threads in
                Parallel.threadCount = threads
                return try Self.found(points, voxelization, batch: batch, limit: limit)
            }
            #expect(results[1] == results[0] && results[2] == results[0])
            #expect(limit == nil || results[0].coordinates.count == 2100)
        }
    }

    @Test func badPointsAreErrors() throws {
        var voxelization = Voxelization(size: [1, 1])
        voxelization.origin = [0, 0.5]
        voxelization.spatialSize = [5, 5]
        func error(_ points: [Double], batch: [Int]? = nil) -> SCNError? {
            message { _ = try Self.found(points, voxelization, batch: batch) }
        }
        #expect(error([4.9, 5.4]) == nil)
        #expect(error([0, 0.5, 5, 1])?.message.contains("row 1") == true)
        #expect(error([0, 0.5, 3, 0.25])?.kind == .coordinate)
        #expect(error([0, 0.5, .nan, 1])?.message.contains("row 1") == true)
        voxelization.dropsOutside = true
        #expect(error([0, 0.5, 5, 1, .nan, 1]) == nil)
        // A wrong batch index is an error all the same, and names the point's own row.
        #expect(error([9, 9, 0, 1], batch: [0, -1])?.message.contains("row 1") == true)
        voxelization.spatialSize = [5]
        #expect(error([0, 0.5])?.kind == .shape)
        voxelization.spatialSize = [5, 0]
        #expect(error([0, 0.5])?.kind == .shape)
    }
}
