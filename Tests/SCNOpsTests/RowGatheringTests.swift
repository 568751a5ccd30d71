import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct RowGatheringTests {
    /// Distinct places among `rows`, in any order.
    static func places(_ count: Int, of rows: Int, _ random: inout Random) throws -> Storage<Int32> {
        try Storage(Array((0..<Int32(rows)).shuffled(using: &random).prefix(count)))
    }

    @Test(arguments: [(0, 5), (1, 1), (7, 9), (256, 300), (257, 257), (3_000, 5_000)], [1, 3, 17])
    func gathersAndScatters(rows: (kept: Int, all: Int), planes: Int) throws {
        var random = Random(seed: 76)
        let places = try Self.places(rows.kept, of: rows.all, &random)
        let (all, kept) = (random.floats(rows.all * planes), random.floats(rows.kept * planes))
        let source = try Matrix(rows: rows.all, planes: planes, all)
        let few = try Matrix(rows: rows.kept, planes: planes, kept)
        let expected = places.flatMap { place in (0..<planes).map { all[Int(place) * planes + $0] } }
        var scattered = [Float](repeating: 0, count: all.count)
        for (index, place) in places.enumerated() {
            for p in 0..<planes { scattered[Int(place) * planes + p] = kept[index * planes + p] }
        }
        try withEachInstructionSet { name in
            let (taken, put) = (try unwritten(rows.kept, planes), try unwritten(rows.all, planes))
            try RowGathering.gather(source, at: places, into: taken)
            #expect(taken.elements == expected, name)
            try RowGathering.gather(source, at: places, factor: -2, into: taken)
            #expect(taken.elements == expected.map { -2 * $0 }, name)
            try RowGathering.scatter(few, at: places, into: put)
            #expect(put.elements == scattered, name)
        }
        #expect(
            try bitsAgreeOnAllThreadCounts {
                let (taken, put) = (try unwritten(rows.kept, planes), try unwritten(rows.all, planes))
                try RowGathering.gather(source, at: places, into: taken)
                try RowGathering.scatter(few, at: places, into: put)
                return [taken.elements, put.elements]
            })
    }

    @Test func marksRowsByTheirFirstElement() throws {
        var random = Random(seed: 77)
        for (rows, planes) in [(0, 0), (1, 1), (40_000, 1), (700, 3)] {
            var values = random.floats(rows * planes)
            if rows > 2 { (values[0], values[planes], values[2 * planes]) = (.nan, .infinity, 0.25) }
            let source = try Matrix(rows: rows, planes: planes, values)
            let expected = (0..<rows).map { values[$0 * planes] > 0.25 ? UInt8(1) : 0 }
            try withEachInstructionSet { name in
                let marks = try RowGathering.marks(source, above: 0.25)
                #expect(Array(marks) == expected, name)
            }
        }
        #expect(thrownError { _ = try RowGathering.marks(Matrix(zeros: 2, planes: 0), above: 0) }?.kind == .shape)
    }

    @Test func refusesOtherShapes() throws {
        let places = try Storage([2, 0] as [Int32])
        let (three, two) = (try Matrix(zeros: 3, planes: 4), try Matrix(zeros: 2, planes: 3))
        #expect(thrownError { try RowGathering.gather(three, at: places, into: two) }?.kind == .shape)
        #expect(thrownError { try RowGathering.scatter(two, at: places, into: three) }?.kind == .shape)
        #expect(thrownError { try RowGathering.scatter(three, at: places, into: three) }?.kind == .shape)
    }
}
