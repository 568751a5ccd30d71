internal import SCNCore

/// The distinct values of ascending lists in ascending order, and the place of each element among them.
///
/// Cuts the lists at common values into pieces that fit the cache, and merges the lists of a piece pair by pair (Knuth,
/// The Art of Computer Programming 3, 5.2.4).
struct RankedLists<Key: SiteKey> {
    private struct Entry: BitwiseCopyable {
        var key: Key
        /// Where the element is.
        var index: Int32
    }

    /// Distinct, ascending.
    let keys: Storage<Key>
    /// Of each element, the index of its value in `keys`.
    let ranks: Storage<Int32>

    /// List k is `elements[starts[k] ..< starts[k + 1]]`, ascending.
    init(_ elements: Storage<Key>, starts: Storage<Int64>) throws(SCNError) {
        let lists = starts.count - 1
        let most = min(
            elements.count / ChunkSizes.merged, elements.count / (ChunkSizes.mergedOfEachList * max(1, lists)))
        let pieces = max(1, min(ChunkSizes.mostMergedPieces, most))
        let cuts = try Self.cuts(elements, starts, pieces: pieces)
        let ranks = try Storage<Int32>(count: elements.count)
        var parts = [Result<Storage<Key>, SCNError>?](repeating: nil, count: pieces)
        let firstRanks = try Storage<Int>(count: pieces + 1, zeroed: true)
        let (cut, first, rank) = (cuts.pointer, firstRanks.pointer, ranks.pointer)
        parts.withUnsafeMutableBufferPointer { parts in
            nonisolated(unsafe) let parts = parts
            Parallel.forEach(pieces) { piece in
                parts[piece] = Result { () throws(SCNError) in
                    let (low, high) = (cut + piece * lists, cut + (piece + 1) * lists)
                    let (keys, count) = try Self.rank(elements.pointer, from: low, to: high, lists: lists, into: rank)
                    first[piece + 1] = count
                    return keys
                }
            }
        }
        for piece in 0..<pieces { first[piece + 1] += first[piece] }
        var found: [Storage<Key>] = []
        for part in parts { if let keys = try part?.get() { found.append(keys) } }
        let keys = try Storage<Key>(count: first[pieces])
        Parallel.forEach(pieces) { piece in
            let before = first[piece]
            (keys.pointer + before).update(from: found[piece].pointer, count: first[piece + 1] - before)
            if before == 0 { return }
            for list in piece * lists..<(piece + 1) * lists {
                for index in cut[list]..<cut[list + lists] { rank[index] &+= Int32(truncatingIfNeeded: before) }
            }
        }
        withExtendedLifetime((elements, cuts, firstRanks)) {}
        self.keys = keys
        self.ranks = ranks
    }

    /// Where each piece begins in each list, and where the last ends: [pieces + 1, lists].
    private static func cuts(
        _ elements: Storage<Key>, _ starts: Storage<Int64>, pieces: Int
    ) throws(SCNError) -> Storage<Int> {
        let (element, start, lists) = (elements.pointer, starts.pointer, starts.count - 1)
        let cuts = try Storage<Int>(count: checkedProduct([pieces + 1, lists], "pieces of lists"))
        let samples = ChunkSizes.samplesOfPiece * pieces
        var sample = pieces == 1 ? [] : (0..<samples).map { element[elements.count * $0 / samples] }
        sample.sort()
        for list in 0..<lists {
            var next = Int(start[list])
            for piece in 0..<pieces {
                if piece > 0 {
                    next = lowerBound(element, next..<Int(start[list + 1]), sample[ChunkSizes.samplesOfPiece * piece])
                }
                cuts.pointer[piece * lists + list] = next
            }
            cuts.pointer[pieces * lists + list] = Int(start[list + 1])
        }
        withExtendedLifetime((elements, starts)) {}
        return cuts
    }

    /// The distinct values of one piece at the start of the storage that is returned, and their number. `ranks`
    /// receives the place of each of the piece's elements among them.
    private static func rank(
        _ elements: UnsafePointer<Key>, from low: UnsafePointer<Int>, to high: UnsafePointer<Int>, lists: Int,
        into ranks: UnsafeMutablePointer<Int32>
    ) throws(SCNError) -> (keys: Storage<Key>, count: Int) {
        var count = 0
        for list in 0..<lists { count += high[list] - low[list] }
        let (entries, scratch) = (try Storage<Entry>(count: count), try Storage<Entry>(count: count))
        let runs = try Storage<Int>(count: lists + 1)
        var next = 0
        var runCount = 0
        for list in 0..<lists where low[list] < high[list] {
            runs.pointer[runCount] = next
            runCount += 1
            let target = entries.pointer + (next - low[list])
            for index in low[list]..<high[list] {
                target[index] = Entry(key: elements[index], index: Int32(truncatingIfNeeded: index))
            }
            next += high[list] - low[list]
        }
        runs.pointer[runCount] = count
        let sorted = merge(runs.pointer, runCount, entries.pointer, scratch.pointer)

        let keys = try Storage<Key>(count: count)
        let key = keys.pointer
        var distinct = 0
        var previous: Key = 0
        for place in 0..<count {
            let entry = sorted[place]
            distinct &+= place == 0 || entry.key != previous ? 1 : 0
            previous = entry.key
            key[distinct &- 1] = previous
            ranks[Int(entry.index)] = Int32(truncatingIfNeeded: distinct &- 1)
        }
        withExtendedLifetime((entries, scratch, runs)) {}
        return (keys, distinct)
    }

    /// Merges runs of `entries`, which begin at `runs` and end at its last, until one is left; returns where that is.
    private static func merge(
        _ runs: UnsafeMutablePointer<Int>, _ runCount: Int, _ entries: UnsafeMutablePointer<Entry>,
        _ scratch: UnsafeMutablePointer<Entry>
    ) -> UnsafeMutablePointer<Entry> {
        var (source, target, runCount) = (entries, scratch, runCount)
        while runCount > 1 {
            let end = runs[runCount]
            var merged = 0
            for run in stride(from: 0, to: runCount, by: 2) {
                let (first, middle) = (runs[run], runs[run + 1])
                let last = run + 1 < runCount ? runs[run + 2] : middle
                merge(source, first..<middle, middle..<last, into: target + first)
                runs[merged] = first
                merged += 1
            }
            runs[merged] = end
            runCount = merged
            swap(&source, &target)
        }
        return source
    }

    /// Merges two runs from both ends, two chains of work that do not wait for each other. The inner loop runs a number
    /// of steps in which no index can leave its run, so that it has no other exit and no unpredictable branch.
    private static func merge(
        _ source: UnsafePointer<Entry>, _ first: Range<Int>, _ second: Range<Int>,
        into target: UnsafeMutablePointer<Entry>
    ) {
        var (i, j) = (first.lowerBound, second.lowerBound)
        var (iEnd, jEnd) = (first.upperBound, second.upperBound)
        var (next, end) = (target, target + (first.count + second.count))
        while i < iEnd && j < jEnd {
            for _ in 0..<min(iEnd &- i, jEnd &- j) / 2 {
                let isSecond = zeroOrOne(source[j].key < source[i].key)
                next.pointee = source[i &+ (j &- i) & (0 &- isSecond)]
                next += 1
                j &+= isSecond
                i &+= 1 &- isSecond
                let isFirst = zeroOrOne(source[jEnd &- 1].key < source[iEnd &- 1].key)
                end -= 1
                end.pointee = source[jEnd &+ (iEnd &- jEnd) & (0 &- isFirst) &- 1]
                iEnd &-= isFirst
                jEnd &-= 1 &- isFirst
            }
            if iEnd &- i > 1 && jEnd &- j > 1 { continue }
            let isSecond = source[j].key < source[i].key
            next.pointee = source[isSecond ? j : i]
            next += 1
            if isSecond { j &+= 1 } else { i &+= 1 }
        }
        next.update(from: source + i, count: iEnd - i)
        next.update(from: source + j, count: jEnd - j)
    }
}
