package import SCNCore

extension Rulebook {
    /// The sites that a strided filter makes of `input`, active where any input site lies under the filter, and its
    /// rules.
    ///
    /// Each input site names the output sites whose windows cover it. Sorting their keys gives the output sites; the
    /// rank of a key among them is its row. Under one filter offset both columns ascend, because the inputs do, and the
    /// way from input to output is monotone there.
    package static func strided(
        _ input: SiteSet, _ filter: FilterGeometry
    ) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook) {
        try require(
            filter.kind == .strided && filter.dimension == input.dimension, .shape,
            "a strided filter of \(filter.dimension) axes on sites of dimension \(input.dimension)")
        let outputSize = try filter.outputSize(of: input.spatialSize)
        let layout = try KeyLayout(spatialSize: outputSize, batchSize: input.batchSize)
        let rulebook: Rulebook
        let keys: SiteSet.Keys
        if layout.isWide {
            let (wide, rules) = try strided(input, filter, outputSize, layout, UInt128.self)
            (keys, rulebook) = (.wide(wide), rules)
        } else {
            let (narrow, rules) = try strided(input, filter, outputSize, layout, UInt64.self)
            (keys, rulebook) = (.narrow(narrow), rules)
        }
        let output = try SiteSet(
            spatialSize: outputSize, batchSize: input.batchSize, layout: layout, keys: keys)
        return (output, rulebook)
    }

    private static func strided<Key: SiteKey>(
        _ input: SiteSet, _ filter: FilterGeometry, _ outputSize: [Int], _ layout: KeyLayout, _: Key.Type
    ) throws(SCNError) -> (Storage<Key>, Rulebook) {
        let volume = filter.volume
        // Every piece has a cursor for each filter offset, so there are few where the volume is large.
        let pieces = max(1, min(16, input.count >> 13, input.count / volume))
        let size = max(1, (input.count + pieces - 1) / pieces)
        let cursors = try Storage<Int64>(count: checkedProduct([pieces, volume], "rule cursors"), zeroed: true)
        let cursor = cursors.pointer

        // Where there may be too many rules, a look at each site tells; counting rule by rule could take hours.
        let windows = (0..<filter.dimension).map { AxisWindows(filter, axis: $0, outputSize: outputSize[$0]) }
        if windows.reduce(input.count, { $0 * $1.most }) > Int(Int32.max) {
            try requireRuleCount(try ruleCount(input, windows))
        }
        try forEachPiece(input, filter, outputSize, layout, size: size) {
            (product: borrowing WindowProduct<Key>, piece, _) in
            let counter = cursor + piece * volume
            product.enumerate { _, k in counter[k] &+= 1 }
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
        try requireRuleCount(total)

        let keys = try Storage<Key>(count: Int(total))
        let inputRows = try Storage<Int32>(count: Int(total))
        let (key, inputRow) = (keys.pointer, inputRows.pointer)
        try forEachPiece(input, filter, outputSize, layout, size: size) {
            (product: borrowing WindowProduct<Key>, piece, row) in
            let next = cursor + piece * volume
            product.enumerate { outputKey, k in
                let rule = Int(next[k])
                next[k] &+= 1
                key[rule] = outputKey
                inputRow[rule] = Int32(truncatingIfNeeded: row)
            }
        }
        let ranked = try RankedKeys(keys)
        let rulebook = Rulebook(
            offsets: offsets, inputRows: inputRows, outputRows: ranked.ranks, inputCount: input.count,
            outputCount: ranked.keys.count)
        return (ranked.keys, rulebook)
    }

    private static func ruleCount(_ input: SiteSet, _ windows: [AxisWindows]) throws(SCNError) -> Int64 {
        let site = try Storage<Int64>(count: input.dimension + 1)
        var total: Int64 = 0
        for row in 0..<input.count {
            input.coordinates(of: row..<row + 1, into: site.pointer)
            total += windows.indices.reduce(1) { $0 * Int64(windows[$1].count(of: Int(site[$1]))) }
        }
        return total
    }

    private static func requireRuleCount(_ count: Int64) throws(SCNError) {
        try require(
            count <= Int64(Int32.max), .overflow, "a rulebook of \(count) rules; at most \(Int32.max) are possible")
    }

    /// Cuts the input sites into pieces of `size`, and calls `body(windows, piece, row)` for every row, ascending within
    /// a piece.
    @inline(__always)
    private static func forEachPiece<Key: SiteKey>(
        _ input: SiteSet, _ filter: FilterGeometry, _ outputSize: [Int], _ layout: KeyLayout, size: Int,
        _ body: (borrowing WindowProduct<Key>, _ piece: Int, _ row: Int) -> Void
    ) throws(SCNError) {
        let failure = Locked<SCNError?>(nil)
        let columns = input.dimension + 1
        let block = min(size, 1 << 10)
        Parallel.forEachChunk(input.count, size: size) { piece, rows in
            do throws(SCNError) {
                var product = try WindowProduct<Key>(filter, outputSize: outputSize, layout: layout)
                let scratch = try Storage<Int64>(count: block * columns)
                for first in stride(from: rows.lowerBound, to: rows.upperBound, by: block) {
                    let part = first..<min(rows.upperBound, first + block)
                    input.coordinates(of: part, into: scratch.pointer)
                    for row in part {
                        product.move(to: scratch.pointer + (row - first) * columns)
                        body(product, piece, row)
                    }
                }
            } catch {
                failure.withLock { $0 = error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }
}
