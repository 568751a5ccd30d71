internal import SCNCore

/// The rules of some input sites in the order of the sites, each with the key of its output.
struct RuleList<Key: SiteKey> {
    private struct Rule: BitwiseCopyable {
        var output: Key
        var row: Int32
        var offset: Int32
    }

    private var rules: Storage<Rule>
    private var count = 0

    /// The rules of the sites `rows`; `counts` receives the number of them under each filter offset.
    init(
        _ rows: Range<Int>, _ input: SiteSet, _ relations: [AxisRelation], largestFanOuts: [Int], _ layout: KeyLayout,
        counts: UnsafeMutablePointer<Int64>
    ) throws(SCNError) {
        rules = try Storage(count: rows.count)
        var outputs = try RelationProduct<Key>(relations, largestFanOuts: largestFanOuts, layout: layout)
        let (block, columns) = (ChunkSizes.decoding, input.dimension + 1)
        let sites = try Storage<Int64>(count: block * columns)
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: block) {
            let part = start..<min(rows.upperBound, start + block)
            input.places(of: part, into: sites.pointer)
            for row in part {
                try outputs.move(to: sites.pointer + (row &- start) &* columns)
                if count &+ outputs.count > rules.count { try makeRoom(count &+ outputs.count) }
                var next = rules.pointer + count
                outputs.forEach { key, k in
                    next.pointee = Rule(
                        output: key, row: Int32(truncatingIfNeeded: row), offset: Int32(truncatingIfNeeded: k))
                    next += 1
                    counts[k] &+= 1
                }
                count &+= outputs.count
            }
        }
    }

    /// Writes each rule at the place that `next` has for its filter offset, and moves that on.
    func distribute(
        to outputs: UnsafeMutablePointer<Key>, _ inputRows: UnsafeMutablePointer<Int32>,
        next: UnsafeMutablePointer<Int64>
    ) {
        let rule = rules.pointer
        for index in 0..<count {
            let (output, row, offset) = (rule[index].output, rule[index].row, Int(rule[index].offset))
            let place = Int(next[offset])
            next[offset] &+= 1
            outputs[place] = output
            inputRows[place] = row
        }
    }

    private mutating func makeRoom(_ needed: Int) throws(SCNError) {
        let grown = try Storage<Rule>(count: max(needed, 2 * rules.count))
        grown.pointer.update(from: rules.pointer, count: count)
        rules = grown
    }
}
