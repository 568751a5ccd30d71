internal import SCNCore

/// The distinct values of a list of keys in ascending order, and the place of each element of the list among them.
struct RankedKeys<Key: SiteKey> {
    /// Distinct, ascending.
    let keys: Storage<Key>
    /// The elements of value i are `members[starts[i] ..< starts[i + 1]]`, ascending.
    let starts: Storage<Int64>
    let members: Storage<Int32>

    /// Sorts `keys`, which serves as scratch.
    init(_ keys: Storage<Key>) throws(SCNError) {
        let count = keys.count
        let order = try Storage<Int32>(count: count)
        for index in 0..<count { order.pointer[index] = Int32(truncatingIfNeeded: index) }
        let sorted = try radixSorted(keys, order)
        members = sorted.payload

        let size = ChunkSizes.sorted
        let chunks = Parallel.chunkCount(count, size: size)
        let firstRanks = try Storage<Int>(count: chunks + 1, zeroed: true)
        let (source, first) = (sorted.keys.pointer, firstRanks.pointer)
        Parallel.forEachChunk(count, size: size) { chunk, range in
            var distinct = chunk == 0 ? 1 : 0
            for index in max(1, range.lowerBound)..<range.upperBound {
                distinct &+= source[index] != source[index &- 1] ? 1 : 0
            }
            first[chunk + 1] = distinct
        }
        for chunk in 0..<chunks { first[chunk + 1] += first[chunk] }

        self.keys = try Storage(count: first[chunks])
        starts = try Storage(count: first[chunks] + 1)
        let (distinct, start) = (self.keys.pointer, starts.pointer)
        Parallel.forEachChunk(count, size: size) { chunk, range in
            var next = first[chunk]
            for index in range {
                let key = source[index]
                if index == 0 || key != source[index &- 1] {
                    distinct[next] = key
                    start[next] = Int64(index)
                    next &+= 1
                }
            }
        }
        start[self.keys.count] = Int64(count)
    }

    /// For each element of the list, the index of its value in `keys`.
    func ranks() throws(SCNError) -> Storage<Int32> {
        let ranks = try Storage<Int32>(count: members.count)
        let (start, member, rank) = (starts.pointer, members.pointer, ranks.pointer)
        Parallel.forEachChunk(keys.count, size: ChunkSizes.keys) { _, values in
            for value in values {
                for index in Int(start[value])..<Int(start[value &+ 1]) {
                    rank[Int(member[index])] = Int32(truncatingIfNeeded: value)
                }
            }
        }
        return ranks
    }
}
