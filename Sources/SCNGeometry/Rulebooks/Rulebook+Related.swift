internal import SCNCore

extension Rulebook {
    /// The sites that every input site together takes part in, one relation an axis, and the rules. Relations count
    /// from where the fields begin; `field` is that of the output, from 0 where it is nil.
    ///
    /// `isInjective` says that under one offset no two outputs have the same input, so that both columns ascend
    /// strictly; elsewhere the input rows of an offset repeat.
    static func related(
        _ input: SiteSet, _ relations: [AxisRelation], field: Field? = nil, isInjective: Bool
    ) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook) {
        let largestFanOuts = relations.map(\.most)
        let isCertainlySmall = limitedProduct(input.count, largestFanOuts) <= ruleLimit
        if !isCertainlySmall { try requireRuleCount(input, relations) }
        if isInjective && isCertainlySmall, let layout = axisByAxisLayout(input, relations, largestFanOuts) {
            return try relatedAxisByAxis(input, relations, layout, field: field)
        }
        return try relatedAtOnce(input, relations, largestFanOuts, field: field, isInjective: isInjective)
    }

    /// Under one filter offset the outputs ascend with the inputs, so the output sites are the union of an ascending
    /// list for each offset. Where input rows repeat, the outputs of each offset are sorted first.
    static func relatedAtOnce(
        _ input: SiteSet, _ relations: [AxisRelation], _ largestFanOuts: [Int], field: Field? = nil, isInjective: Bool
    ) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook) {
        let outputSize = relations.map(\.outputSize)
        let layout = try KeyLayout(spatialSize: outputSize, batchSize: input.batchSize)
        let rulebook: Rulebook
        let keys: SiteSet.Keys
        if layout.isWide {
            let (wide, rules) = try listed(input, relations, largestFanOuts, layout, isInjective, UInt128.self)
            (keys, rulebook) = (.wide(wide), rules)
        } else {
            let (narrow, rules) = try listed(input, relations, largestFanOuts, layout, isInjective, UInt64.self)
            (keys, rulebook) = (.narrow(narrow), rules)
        }
        let field = if let field { field } else { try Field(size: outputSize) }
        return (try SiteSet(field, batchSize: input.batchSize, layout: layout, keys: keys), rulebook)
    }

    private static func listed<Key: SiteKey>(
        _ input: SiteSet, _ relations: [AxisRelation], _ largestFanOuts: [Int], _ layout: KeyLayout,
        _ isInjective: Bool,
        _: Key.Type
    ) throws(SCNError) -> (Storage<Key>, Rulebook) {
        let volume = relations.reduce(1) { $0 * $1.taps }
        // Every piece has a cursor for each filter offset, so there are few where the volume is large.
        let pieces = max(1, min(ChunkSizes.mostRelatedPieces, input.count / ChunkSizes.related, input.count / volume))
        let size = max(1, (input.count + pieces - 1) / pieces)
        let cursors = try Storage<Int64>(count: checkedProduct([pieces, volume], "rule cursors"), zeroed: true)
        let cursor = cursors.pointer
        var lists = [RuleList<Key>?](repeating: nil, count: pieces)
        try lists.withUnsafeMutableBufferPointer { lists throws(SCNError) in
            nonisolated(unsafe) let lists = lists
            try Parallel.tryForEachChunk(input.count, size: size) { piece, rows throws(SCNError) in
                lists[piece] = try RuleList(
                    rows, input, relations, largestFanOuts: largestFanOuts, layout, counts: cursor + piece * volume)
            }
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

        let (keys, inputRows) = (try Storage<Key>(count: Int(total)), try Storage<Int32>(count: Int(total)))
        Parallel.forEach(pieces) { piece in
            lists[piece]?.distribute(to: keys.pointer, inputRows.pointer, next: cursor + piece * volume)
        }
        withExtendedLifetime(cursors) {}
        lists = []
        if !isInjective { try sortRules(of: offsets, keys, inputRows) }
        let ranked = try RankedLists(keys, starts: offsets)
        let rulebook = Rulebook(
            offsets: offsets, inputRows: inputRows, outputRows: ranked.ranks, inputCount: input.count,
            outputCount: ranked.keys.count, inputRowsAscend: isInjective)
        return (ranked.keys, rulebook)
    }

    /// Sorts the rules of each filter offset by output.
    private static func sortRules<Key: SiteKey>(
        of offsets: Storage<Int64>, _ keys: Storage<Key>, _ inputRows: Storage<Int32>
    ) throws(SCNError) {
        for k in 0..<offsets.count - 1 {
            let (first, count) = (Int(offsets.pointer[k]), Int(offsets.pointer[k + 1] - offsets.pointer[k]))
            let (key, inputRow) = (keys.pointer + first, inputRows.pointer + first)
            let (copiedKeys, copiedRows) = (try Storage<Key>(count: count), try Storage<Int32>(count: count))
            copiedKeys.pointer.update(from: key, count: count)
            copiedRows.pointer.update(from: inputRow, count: count)
            let sorted = try radixSorted(copiedKeys, copiedRows)
            key.update(from: sorted.keys.pointer, count: count)
            inputRow.update(from: sorted.payload.pointer, count: count)
        }
    }

    private static let ruleLimit = Int(Int32.max)

    /// The product, or `ruleLimit + 1` where it is larger.
    private static func limitedProduct(_ first: Int, _ factors: some Sequence<Int>) -> Int {
        factors.reduce(first) { $0 == 0 || $1 == 0 ? 0 : $0 > ruleLimit / $1 ? ruleLimit + 1 : $0 * $1 }
    }

    /// Throws where there are too many rules. A look at each site tells; counting rule by rule could take hours.
    private static func requireRuleCount(_ input: SiteSet, _ relations: [AxisRelation]) throws(SCNError) {
        let site = try Storage<Int64>(count: input.dimension + 1)
        var total = 0
        for row in 0..<input.count {
            input.places(of: row..<row + 1, into: site.pointer)
            total += limitedProduct(
                1,
                relations.indices.lazy.map { relations[$0].count(of: Int(site.pointer[$0])) })
            try require(total <= ruleLimit, .overflow, "a rulebook of more than \(ruleLimit) rules is not possible")
        }
    }
}
