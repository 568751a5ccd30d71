import SCNCore
import SCNTestSupport
import Testing

@testable import SCNGeometry

/// Matches of sorted arrays, against sets. Merges run side by side, so many sizes are tried, and keys in rows, which
/// match densely where the merges are cut.
@Suite(.onEachInstructionSet) struct KeyMatchingTests {
    /// `count` ascending keys below `limit`.
    static func drawn<Key: SiteKey>(_ count: Int, below limit: Int, _ random: inout Random, _: Key.Type) -> [Key] {
        var keys: Set<Int> = []
        while keys.count < count { keys.insert(Int(random.next() % UInt64(limit))) }
        return keys.sorted().map { Key($0) + 1000 }
    }

    static func pairs(_ list: RowPairs) throws -> [[Int]] {
        let (inputs, outputs) = (try Storage<Int32>(count: list.count), try Storage<Int32>(count: list.count))
        list.copy(0..<list.count, to: 0, (inputs.pointer, nil), (outputs.pointer, nil))
        return (0..<list.count).map { [Int(inputs[$0]), Int(outputs[$0])] }
    }

    func check<Key: SiteKey>(_: Key.Type, seed: UInt64) throws {
        var random = Random(seed: seed)
        for round in 0..<400 {
            let most: UInt64 = round % 4 < 2 ? 40 : 300
            let (inputCount, outputCount) = (Int(random.next() % most), Int(random.next() % most))
            let limit = round % 2 == 0 ? Int(most) + 8 : 5 * Int(most)
            let inputs = Self.drawn(inputCount, below: limit, &random, Key.self)
            let outputs = Self.drawn(outputCount, below: limit, &random, Key.self)
            let (storedInputs, storedOutputs) = (try Storage(inputs), try Storage(outputs))
            let matching = try KeyMatching(
                inputs: UnsafePointer(storedInputs.pointer), outputs: UnsafePointer(storedOutputs.pointer),
                outputCount: outputCount)
            // Parts of the arrays, as those of a class.
            let inputRange = Int(random.next() % UInt64(inputCount + 1))..<inputCount
            let outputRange = 0..<Int(random.next() % UInt64(outputCount + 1))
            let delta = Key(truncatingIfNeeded: Int(random.next() % 21) - 10)
            func expected(_ tap: Int) -> [[Int]] {
                outputRange.flatMap { j in
                    inputRange.filter { inputs[$0] == outputs[j] &+ delta &+ Key(tap) }.map { [$0, j] }
                }
            }
            var (single, scratch) = (RowPairs(), RowPairs())
            try matching.appendMatches(inputRange, outputRange, plus: delta, to: &single, &scratch)
            #expect(try Self.pairs(single) == expected(0))
            for count in 2...3 where matching.gainsByNeighbors {
                var lists = KeyMatching<Key>.Neighbors()
                try matching.appendMatches(inputRange, outputRange, plus: delta, count: count, to: &lists)
                #expect(try Self.pairs(lists.first) == expected(0))
                #expect(try Self.pairs(lists.second) == expected(1))
                #expect(try Self.pairs(lists.third) == (count == 3 ? expected(2) : []))
            }
            withExtendedLifetime((storedInputs, storedOutputs)) {}
        }
    }

    @Test func matchesOfAllSizes() throws {
        try check(UInt64.self, seed: 1)
        try check(UInt128.self, seed: 2)
    }
}
