package import SCNCore

extension Rulebook {
    /// The rules of a submanifold filter: output row o reads, under filter offset k, the row of the site
    /// `o + filter.offset(k)` where that is active.
    ///
    /// Moving all sites by one offset is adding a constant to sorted keys, so the rules of an offset are the
    /// intersection of two sorted arrays. Where all sizes are odd, offset `volume - 1 - k` mirrors offset k.
    package static func submanifold(_ sites: SiteSet, _ filter: FilterGeometry) throws(SCNError) -> Rulebook {
        try require(
            filter.kind == .submanifold && filter.dimension == sites.dimension, .shape,
            "a submanifold filter of \(filter.dimension) axes on sites of dimension \(sites.dimension)")
        let reach = reach(filter, sites.spatialSize)
        if sites.layout.covers(reach: reach) {
            return switch sites.keys {
            case .narrow(let keys): try submanifold(keys, sites.layout, sites.spatialSize, filter)
            case .wide(let keys): try submanifold(keys, sites.layout, sites.spatialSize, filter)
            }
        }
        let layout = try KeyLayout(spatialSize: sites.spatialSize, batchSize: sites.batchSize, reach: reach)
        return layout.isWide
            ? try submanifold(repacked(sites, layout, UInt128.self), layout, sites.spatialSize, filter)
            : try submanifold(repacked(sites, layout, UInt64.self), layout, sites.spatialSize, filter)
    }

    /// How far the filter reads on each axis. A tap that leads out of the spatial size from everywhere does not count.
    private static func reach(_ filter: FilterGeometry, _ spatialSize: [Int]) -> [Int] {
        filter.size.indices.map { axis in
            let steps = (spatialSize[axis] - 1) / filter.dilation[axis]
            return min(filter.size[axis] / 2, steps) * filter.dilation[axis]
        }
    }

    private static func repacked<Key: SiteKey>(
        _ sites: SiteSet, _ layout: KeyLayout, _: Key.Type
    ) throws(SCNError) -> Storage<Key> {
        let keys = try Storage<Key>(count: sites.count)
        let columns = sites.dimension + 1
        let block = 1 << 12
        let scratch = try Storage<Int64>(count: min(block, sites.count) * columns)
        for first in stride(from: 0, to: sites.count, by: block) {
            let rows = first..<min(sites.count, first + block)
            sites.coordinates(of: rows, into: scratch.pointer)
            layout.encode(scratch.pointer, count: rows.count, columns: columns, into: keys.pointer + first)
        }
        return keys
    }

    private static func submanifold<Key: SiteKey>(
        _ keys: Storage<Key>, _ layout: KeyLayout, _ spatialSize: [Int], _ filter: FilterGeometry
    ) throws(SCNError) -> Rulebook {
        let volume = filter.volume
        let isMirrored = filter.size.allSatisfy { $0 % 2 == 1 }
        let passes = isMirrored ? volume / 2 : volume
        let source = keys.pointer
        let count = keys.count

        // Enough pieces for an even load; how the passes are cut does not show in the result.
        let size = max(1, passes / 64)
        let chunks = Parallel.chunkCount(passes, size: size)
        let counts = try Storage<Int64>(count: volume + 1, zeroed: true)
        let counter = counts.pointer
        var pieces = [Result<RowPairs, SCNError>?](repeating: nil, count: chunks)
        pieces.withUnsafeMutableBufferPointer { pieces in
            nonisolated(unsafe) let pieces = pieces
            Parallel.forEachChunk(passes, size: size) { chunk, range in
                pieces[chunk] = Result { () throws(SCNError) in
                    var pairs = RowPairs()
                    for k in range {
                        let offset = filter.offset(k)
                        if zip(offset, spatialSize).contains(where: { $0.magnitude >= $1.magnitude }) { continue }
                        let before = pairs.count
                        try pairs.appendMatches(source, count, plus: layout.delta(offset, as: Key.self))
                        counter[k + 1] = Int64(pairs.count - before)
                    }
                    return pairs
                }
            }
        }
        if isMirrored {
            counter[volume / 2 + 1] = Int64(count)
            for k in 0..<passes { counter[volume - k] = counter[k + 1] }
        }
        for k in 0..<volume { counter[k + 1] += counter[k] }

        let inputs = try Storage<Int32>(count: Int(counter[volume]))
        let outputs = try Storage<Int32>(count: Int(counter[volume]))
        let (input, output) = (inputs.pointer, outputs.pointer)
        for chunk in 0..<chunks {
            guard let pairs = try pieces[chunk]?.get() else { continue }
            pieces[chunk] = nil
            let range = chunk * size..<min(passes, (chunk + 1) * size)
            pairs.copy(to: Int(counter[range.lowerBound]), input, output)
            guard isMirrored else { continue }
            var first = 0
            for k in range {
                let length = Int(counter[k + 1] - counter[k])
                pairs.copy(first..<first + length, to: Int(counter[volume - 1 - k]), output, input)
                first += length
            }
        }
        if isMirrored {
            let centre = Int(counter[volume / 2])
            for row in 0..<count {
                input[centre + row] = Int32(truncatingIfNeeded: row)
                output[centre + row] = Int32(truncatingIfNeeded: row)
            }
        }
        return Rulebook(offsets: counts, inputRows: inputs, outputRows: outputs, inputCount: count, outputCount: count)
    }
}
