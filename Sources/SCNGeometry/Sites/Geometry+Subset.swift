package import SCNCore

extension Rulebook {
    /// The same rules for a matrix of `count` rows, in which the inputs are at `rows`; they ascend.
    fileprivate func reading(_ rows: Storage<Int32>, of count: Int) throws(SCNError) -> Rulebook {
        let inputs = try Storage<Int32>(count: ruleCount)
        let (source, row, target) = (inputRows.pointer, rows.pointer, inputs.pointer)
        Parallel.forEachChunk(ruleCount, size: ChunkSizes.keys) { _, range in
            for rule in range { target[rule] = row[Int(source[rule])] }
        }
        return Rulebook(
            offsets: offsets, inputRows: inputs, outputRows: outputRows, inputCount: count, outputCount: outputCount,
            inputRowsAscend: inputRowsAscend, outputRowsAscend: outputRowsAscend)
    }
}

extension Geometry {
    /// The sites of `id` whose byte in `keep` [sites] is not 0, in their order, and the way to them: a rulebook of one
    /// filter offset that pairs each kept row with its new row.
    package func subset(
        _ id: SiteSetID, keeping keep: UnsafePointer<UInt8>
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        let sites = sites(id)
        let kept = try InputSites.selected(sites.count) { keep[$0] != 0 }
        let output = add(try sites.subset(kept))
        let newRows = try Storage<Int32>(count: kept.count)
        for row in 0..<kept.count { newRows.pointer[row] = Int32(truncatingIfNeeded: row) }
        let rulebook = Rulebook(
            offsets: try Storage([0, Int64(kept.count)]), inputRows: kept, outputRows: newRows,
            inputCount: sites.count, outputCount: kept.count)
        return (output, rulebook)
    }
}

extension SiteSet {
    /// What `build` makes of those sites alone that lie inside of the field that a program named, with the rows that
    /// they have here.
    func insideAlone(
        _ build: (SiteSet) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook)
    ) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook) {
        guard let places = field.nominal else { return try build(self) }
        let columns = dimension + 1
        let found = try Storage<Int64>(count: checkedProduct([count, columns], "coordinates of \(count) sites"))
        coordinates(into: found.pointer)
        let rows = try InputSites.selected(count) { !Field.isOutside(found.pointer + $0 * columns, places) }
        withExtendedLifetime(found) {}
        let inside = try subset(rows).moved(to: Field(lower: places.lower, size: places.size))
        let (output, rulebook) = try build(inside)
        return (output, try rulebook.reading(rows, of: count))
    }

    /// The sites at `rows`, which ascend.
    func subset(_ rows: Storage<Int32>) throws(SCNError) -> SiteSet {
        let kept: Keys =
            switch keys {
            case .narrow(let keys): .narrow(try Self.gather(keys, rows))
            case .wide(let keys): .wide(try Self.gather(keys, rows))
            }
        return try SiteSet(field, batchSize: batchSize, layout: layout, keys: kept)
    }

    private static func gather<Key: SiteKey>(
        _ keys: Storage<Key>, _ rows: Storage<Int32>
    ) throws(SCNError) -> Storage<Key> {
        let result = try Storage<Key>(count: rows.count)
        let (source, row, target) = (keys.pointer, rows.pointer, result.pointer)
        Parallel.forEachChunk(rows.count, size: ChunkSizes.keys) { _, range in
            for index in range { target[index] = source[Int(row[index])] }
        }
        return result
    }
}
