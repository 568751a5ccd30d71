internal import SCNCore

/// Which input lines take part in which output lines, and under which filter offsets: the product of the relations on all
/// axes but the last.
struct LineCrossings<Key: SiteKey> {
    /// Of each output line, ascending: the key of the site whose field of the last axis is 0.
    let keys: Storage<Key>
    /// The crossings of output line i are `members[starts[i] ..< starts[i + 1]]`.
    let starts: Storage<Int64>
    let members: Storage<Int32>
    /// Of each crossing.
    let inputLines: Storage<Int32>
    /// Of each crossing: the filter offset where the last axis has tap 0.
    let offsets: Storage<Int32>

    init(
        _ input: SiteSet, _ lines: SiteLines, _ relations: [AxisRelation], mosts: [Int], layout: KeyLayout
    ) throws(SCNError) {
        let columns = input.dimension + 1
        let axes = 0..<input.dimension - 1
        let (size, block) = (1 << 13, 1 << 10)
        let pieces = Parallel.chunkCount(lines.count, size: size)
        let firstCrossings = try Storage<Int>(count: pieces + 1, zeroed: true)
        let first = firstCrossings.pointer

        func forEachLine(
            _ body: (borrowing RelationProduct<Key>, _ piece: Int, _ line: Int, _ site: UnsafePointer<Int64>) -> Void
        ) throws(SCNError) {
            try Parallel.tryForEachChunk(lines.count, size: size) { piece, range throws(SCNError) in
                let product = try RelationProduct<Key>(axes, of: relations, mosts: mosts, layout: layout)
                let scratch = try Storage<Int64>(count: block * columns)
                for start in stride(from: range.lowerBound, to: range.upperBound, by: block) {
                    let part = start..<min(range.upperBound, start + block)
                    try input.coordinates(
                        ofRows: lines.starts.pointer + start, count: part.count, into: scratch.pointer)
                    for line in part { body(product, piece, line, scratch.pointer + (line - start) * columns) }
                }
            }
        }

        try forEachLine { product, piece, _, site in first[piece + 1] &+= product.move(to: site) }
        for piece in 0..<pieces { first[piece + 1] += first[piece] }
        let total = first[pieces]
        let crossingKeys = try Storage<Key>(count: total)
        inputLines = try Storage(count: total)
        offsets = try Storage(count: total)
        let (key, inputLine, offset) = (crossingKeys.pointer, inputLines.pointer, offsets.pointer)
        let batchShift = Key(layout.batch.shift)
        try forEachLine { product, piece, line, site in
            _ = product.move(to: site)
            let batch = Key(truncatingIfNeeded: site[columns - 1]) &<< batchShift
            var next = first[piece]
            product.enumerate { fields, filterOffset in
                key[next] = batch &+ fields
                inputLine[next] = Int32(truncatingIfNeeded: line)
                offset[next] = Int32(truncatingIfNeeded: filterOffset)
                next &+= 1
            }
            first[piece] = next
        }
        withExtendedLifetime(firstCrossings) {}
        let ranked = try RankedKeys(crossingKeys)
        (keys, starts, members) = (ranked.keys, ranked.starts, ranked.members)
    }
}
