internal import SCNCore

extension Rulebook {
    /// The sites that every input site together takes part in, one relation an axis, and the rules.
    ///
    /// Each input site names its output sites. Sorting their keys gives the output sites; the rank of a key among them is
    /// its row. `isInjective` says that under one filter offset no two outputs have the same input, so that both columns
    /// ascend; elsewhere the rules of an offset are sorted by output row, and the input rows repeat.
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
        let volume = relations.reduce(1) { $0 * $1.taps }
        // Every piece has a cursor for each filter offset, so there are few where the volume is large.
        let pieces = max(1, min(16, input.count >> 13, input.count / volume))
        let size = max(1, (input.count + pieces - 1) / pieces)
        let cursors = try Storage<Int64>(count: checkedProduct([pieces, volume], "rule cursors"), zeroed: true)
        let cursor = cursors.pointer
        try forEachPiece(input, relations, mosts, layout, size: size) {
            (product: borrowing RelationProduct<Key>, piece, _, site) in
            let counter = cursor + piece * volume
            product.enumerate(site) { _, k in counter[k] &+= 1 }
        }
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

        let keys = try Storage<Key>(count: Int(total))
        let inputRows = try Storage<Int32>(count: Int(total))
        let (key, inputRow) = (keys.pointer, inputRows.pointer)
        try forEachPiece(input, relations, mosts, layout, size: size) {
            (product: borrowing RelationProduct<Key>, piece, row, site) in
            let next = cursor + piece * volume
            product.enumerate(site) { outputKey, k in
                let rule = Int(next[k])
                next[k] &+= 1
                key[rule] = outputKey
                inputRow[rule] = Int32(truncatingIfNeeded: row)
            }
        }
        let ranked = try RankedKeys(keys)
        if !isInjective { try sortByOutput(offsets, inputRows, ranked.ranks) }
        let rulebook = Rulebook(
            offsets: offsets, inputRows: inputRows, outputRows: ranked.ranks, inputCount: input.count,
            outputCount: ranked.keys.count, inputRowsAscend: isInjective)
        return (ranked.keys, rulebook)
    }

    /// Brings the rules of each filter offset into the order of their output rows.
    private static func sortByOutput(
        _ offsets: Storage<Int64>, _ inputRows: Storage<Int32>, _ outputRows: Storage<Int32>
    ) throws(SCNError) {
        for k in 0..<offsets.count - 1 {
            let (first, count) = (Int(offsets[k]), Int(offsets[k + 1] - offsets[k]))
            let (inputs, outputs) = (inputRows.pointer + first, outputRows.pointer + first)
            let (keys, payload) = (try Storage<UInt64>(count: count), try Storage<Int32>(count: count))
            for rule in 0..<count { keys.pointer[rule] = UInt64(outputs[rule]) }
            payload.pointer.update(from: inputs, count: count)
            let sorted = try radixSorted(keys, payload)
            for rule in 0..<count { outputs[rule] = Int32(truncatingIfNeeded: sorted.keys.pointer[rule]) }
            inputs.update(from: sorted.payload.pointer, count: count)
        }
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
                relations.indices.lazy.map { axis in
                    var count = 0
                    relations[axis].forEach(Int(site.pointer[axis])) { _, _ in count += 1 }
                    return count
                })
            try require(total <= limit, .overflow, "a rulebook of more than \(limit) rules is not possible")
        }
    }

    /// Cuts the input sites into pieces of `size`, and calls `body(product, piece, row, site)` for every row, ascending
    /// within a piece.
    @inline(__always)
    private static func forEachPiece<Key: SiteKey>(
        _ input: SiteSet, _ relations: [AxisRelation], _ mosts: [Int], _ layout: KeyLayout, size: Int,
        _ body: (borrowing RelationProduct<Key>, _ piece: Int, _ row: Int, _ site: UnsafePointer<Int64>) -> Void
    ) throws(SCNError) {
        let failure = Locked<SCNError?>(nil)
        let columns = input.dimension + 1
        let block = min(size, 1 << 10)
        Parallel.forEachChunk(input.count, size: size) { piece, rows in
            do throws(SCNError) {
                let product = try RelationProduct<Key>(relations, mosts: mosts, layout: layout)
                let scratch = try Storage<Int64>(count: block * columns)
                for first in stride(from: rows.lowerBound, to: rows.upperBound, by: block) {
                    let part = first..<min(rows.upperBound, first + block)
                    input.coordinates(of: part, into: scratch.pointer)
                    for row in part { body(product, piece, row, scratch.pointer + (row - first) * columns) }
                }
            } catch {
                failure.withLock { $0 = error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }
}
