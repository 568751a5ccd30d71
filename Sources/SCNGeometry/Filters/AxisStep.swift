internal import SCNCore

/// Where one tap after the other of a filter leads from some sites along one axis, the other coordinates as they are.
struct AxisStep<Key: SiteKey> {
    /// The sites that are reached, ascending.
    let keys: Storage<Key>
    /// The ways under tap t are `starts[t] ..< starts[t + 1]`; the rows from which and to which they lead ascend.
    let starts: Storage<Int64>
    let from: Storage<Int32>
    let to: Storage<Int32>

    /// Moves sites along one axis, whose coordinates lie below `size`. Under one tap no two outputs may have the same
    /// input.
    init(_ keys: Storage<Key>, _ relation: AxisRelation, size: Int, _ field: KeyLayout.Field) throws(SCNError) {
        let (count, taps) = (keys.count, relation.taps)
        let outputs = try Self.outputs(relation, size: size, field)
        let mask = ~(Key.max << Key(field.bits))
        let (key, shift, margin) = (keys.pointer, Key(field.shift), field.margin)
        let rest = ~(mask << shift)
        let none = Key.max
        @inline(__always)
        func output(_ row: Int, _ tap: UnsafePointer<Key>) -> Key {
            tap[Int(truncatingIfNeeded: (key[row] &>> shift) & mask) &- margin]
        }

        let pieceSize = ChunkSizes.tapped
        let pieces = Parallel.chunkCount(count, size: pieceSize)
        let cursors = try Storage<Int64>(count: checkedProduct([pieces, taps], "rule cursors"))
        let (cursor, table) = (cursors.pointer, outputs.pointer)
        Parallel.forEachChunk(count, size: pieceSize) { piece, rows in
            for tap in 0..<taps {
                let own = table + tap * size
                var found = 0
                for row in rows { found &+= zeroOrOne(output(row, own) != none) }
                cursor[piece * taps + tap] = Int64(found)
            }
        }
        starts = try Storage(count: taps + 1)
        var total: Int64 = 0
        for tap in 0..<taps {
            starts.pointer[tap] = total
            for piece in 0..<pieces {
                (cursor[piece * taps + tap], total) = (total, total + cursor[piece * taps + tap])
            }
        }
        starts.pointer[taps] = total

        let (elements, rows) = (try Storage<Key>(count: Int(total)), try Storage<Int32>(count: Int(total)))
        let (element, from, start) = (elements.pointer, rows.pointer, starts.pointer)
        Parallel.forEachChunk(count, size: pieceSize) { piece, range in
            for tap in 0..<taps {
                let own = table + tap * size
                var (row, next) = (range.lowerBound, Int(cursor[piece * taps + tap]))
                let end = piece + 1 < pieces ? Int(cursor[(piece + 1) * taps + tap]) : Int(start[tap + 1])
                // Without a branch on what is unpredictable: a row that leads nowhere is written over by the next.
                while next < end {
                    let coordinate = output(row, own)
                    element[next] = key[row] & rest | coordinate
                    from[next] = Int32(truncatingIfNeeded: row)
                    next &+= zeroOrOne(coordinate != none)
                    row &+= 1
                }
            }
        }
        withExtendedLifetime((keys, outputs, cursors)) {}
        let ranked = try RankedLists(elements, starts: starts)
        (self.keys, self.from, to) = (ranked.keys, rows, ranked.ranks)
    }

    /// The axis' part of the output's key for each tap and each coordinate, [taps, size]; all bits, which no key has,
    /// where there is no output.
    private static func outputs(
        _ relation: AxisRelation, size: Int, _ field: KeyLayout.Field
    ) throws(SCNError) -> Storage<Key> {
        let outputs = try Storage<Key>(count: checkedProduct([relation.taps, size], "outputs along an axis"))
        let table = outputs.pointer
        table.update(repeating: Key.max, count: outputs.count)
        for coordinate in 0..<size {
            relation.forEach(coordinate) { output, tap in
                table[tap &* size &+ coordinate] = field.part(output, as: Key.self)
            }
        }
        return outputs
    }

    /// For each tap, where it leads from each of `rows` rows, or -1: [taps, rows].
    func maps(rows: Int) throws(SCNError) -> Storage<Int32> {
        let taps = starts.count - 1
        if to.count == taps * rows { return to }
        let maps = try Storage<Int32>(count: checkedProduct([taps, rows], "ways along an axis"))
        let (map, start, source, target) = (maps.pointer, starts.pointer, from.pointer, to.pointer)
        Parallel.forEach(taps) { tap in
            let own = map + tap * rows
            own.update(repeating: -1, count: rows)
            for index in Int(start[tap])..<Int(start[tap + 1]) { own[Int(source[index])] = target[index] }
        }
        return maps
    }
}
