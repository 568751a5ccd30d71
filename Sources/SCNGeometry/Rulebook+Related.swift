internal import SCNCore

extension Rulebook {
    /// The sites that every input site together takes part in, one relation an axis, and the rules.
    ///
    /// An input line (sites that differ on the last axis alone) takes part in output lines; sorting these brings together
    /// the input lines that cross one output line, whose outputs are the union of few short ascending lists. `isInjective`
    /// says that under one filter offset no two outputs have the same input, so that both columns ascend strictly; elsewhere
    /// the input rows of an offset repeat.
    static func related(
        _ input: SiteSet, _ relations: [AxisRelation], isInjective: Bool
    ) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook) {
        let outputSize = relations.map(\.outputSize)
        let layout = try KeyLayout(spatialSize: outputSize, batchSize: input.batchSize)
        let mosts = relations.map(\.most)
        try requireRuleCount(input, relations, mosts)
        let rulebook: Rulebook
        let keys: SiteSet.Keys
        if layout.isWide {
            let (wide, rules) = try related(input, relations, mosts, layout, isInjective, UInt128.self)
            (keys, rulebook) = (.wide(wide), rules)
        } else {
            let (narrow, rules) = try related(input, relations, mosts, layout, isInjective, UInt64.self)
            (keys, rulebook) = (.narrow(narrow), rules)
        }
        let output = try SiteSet(spatialSize: outputSize, batchSize: input.batchSize, layout: layout, keys: keys)
        return (output, rulebook)
    }

    private static func related<Key: SiteKey>(
        _ input: SiteSet, _ relations: [AxisRelation], _ mosts: [Int], _ layout: KeyLayout, _ isInjective: Bool,
        _: Key.Type
    ) throws(SCNError) -> (Storage<Key>, Rulebook) {
        let lines = try SiteLines(input)
        let crossings = try LineCrossings<Key>(input, lines, relations, mosts: mosts, layout: layout)
        let volume = relations.reduce(1) { $0 * $1.taps }
        let outputLines = crossings.keys.count
        // Every piece has a cursor for each filter offset, so there are few where the volume is large.
        let pieces = max(1, min(16, crossings.members.count >> 12, input.count / volume))
        let size = max(1, (outputLines + pieces - 1) / pieces)
        let cursors = try Storage<Int64>(count: checkedProduct([pieces, volume], "rule cursors"), zeroed: true)
        let firstOutputs = try Storage<Int>(count: pieces + 1, zeroed: true)
        let (cursor, firstOutput) = (cursors.pointer, firstOutputs.pointer)

        func forEachOutputLine(
            _ body: (borrowing OutputLine<Key>, _ piece: Int, _ line: Int) -> Void
        ) throws(SCNError) {
            try Parallel.tryForEachChunk(outputLines, size: size) { piece, range throws(SCNError) in
                var output = try OutputLine(lines, crossings, relations, mosts: mosts, layout: layout)
                for line in range {
                    try output.move(to: line)
                    body(output, piece, line)
                }
            }
        }

        try forEachOutputLine { output, piece, _ in
            let counter = cursor + piece * volume
            firstOutput[piece + 1] &+= output.count
            output.forEachRule { _, _, k in counter[k] &+= 1 }
        }
        for piece in 0..<pieces { firstOutput[piece + 1] += firstOutput[piece] }
        let outputCount = firstOutput[pieces]
        let offsets = try Storage<Int64>(count: volume + 1)
        var total: Int64 = 0
        for k in 0..<volume {
            offsets.pointer[k] = total
            for piece in 0..<pieces {
                let count = cursor[piece * volume + k]
                cursor[piece * volume + k] = total
                total += count
            }
        }
        offsets.pointer[volume] = total

        let keys = try Storage<Key>(count: outputCount)
        let (inputRows, outputRows) = (try Storage<Int32>(count: Int(total)), try Storage<Int32>(count: Int(total)))
        let (key, lineKey, inputRow, outputRow) = (
            keys.pointer, crossings.keys.pointer, inputRows.pointer, outputRows.pointer
        )
        try forEachOutputLine { output, piece, line in
            let next = cursor + piece * volume
            let first = firstOutput[piece]
            output.forEachRule { row, output, k in
                let rule = Int(next[k])
                next[k] &+= 1
                inputRow[rule] = Int32(truncatingIfNeeded: row)
                outputRow[rule] = Int32(truncatingIfNeeded: first &+ output)
            }
            var row = first
            output.forEachOutput { field in
                key[row] = lineKey[line] &+ field
                row &+= 1
            }
            firstOutput[piece] = row
        }
        let rulebook = Rulebook(
            offsets: offsets, inputRows: inputRows, outputRows: outputRows, inputCount: input.count,
            outputCount: outputCount, inputRowsAscend: isInjective)
        withExtendedLifetime((lines, crossings, cursors, firstOutputs)) {}
        return (keys, rulebook)
    }

    /// Throws where there are too many rules. Where the most that an input can have leaves doubt, a look at each site
    /// tells; counting rule by rule could take hours.
    private static func requireRuleCount(
        _ input: SiteSet, _ relations: [AxisRelation], _ mosts: [Int]
    ) throws(SCNError) {
        let limit = Int(Int32.max)
        func product(_ first: Int, _ factors: some Sequence<Int>) -> Int {
            factors.reduce(first) { $0 == 0 || $1 == 0 ? 0 : $0 > limit / $1 ? limit + 1 : $0 * $1 }
        }
        if product(input.count, mosts) <= limit { return }
        let site = try Storage<Int64>(count: input.dimension + 1)
        var total = 0
        for row in 0..<input.count {
            input.coordinates(of: row..<row + 1, into: site.pointer)
            total += product(
                1,
                relations.indices.lazy.map { relations[$0].count(of: Int(site.pointer[$0])) })
            try require(total <= limit, .overflow, "a rulebook of more than \(limit) rules is not possible")
        }
    }
}
