package import SCNCore

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
