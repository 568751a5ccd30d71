package import SCNCore

extension Rulebook {
    /// The rules of a submanifold filter: output row o reads, under filter offset k, the row of the site
    /// `o + filter.offset(k)` where that is active.
    ///
    /// Moving all sites by one offset is adding a constant to sorted keys, so the rules of an offset are the
    /// intersection of two sorted arrays. Where the filter is symmetric, half of the offsets tell the other half.
    package static func submanifold(_ sites: SiteSet, _ filter: FilterGeometry) throws(SCNError) -> Rulebook {
        try require(
            filter.kind.keepsSites && filter.dimension == sites.dimension, .shape,
            "filter: has dimension \(filter.dimension), expected \(sites.dimension), that of the sites")
        let reach = reach(filter, sites.spatialSize)
        if sites.layout.covers(reach: reach) {
            return switch sites.keys {
            case .narrow(let keys): try submanifold(keys, sites.layout, sites.spatialSize, filter)
            case .wide(let keys): try submanifold(keys, sites.layout, sites.spatialSize, filter)
            }
        }
        let layout = try KeyLayout(spatialSize: sites.spatialSize, batchSize: sites.batchSize, reach: reach)
        return layout.isWide
            ? try submanifold(sites.keys(in: layout, as: UInt128.self), layout, sites.spatialSize, filter)
            : try submanifold(sites.keys(in: layout, as: UInt64.self), layout, sites.spatialSize, filter)
    }

    /// How far the filter reads on each axis. A tap that leads out of the spatial size from everywhere does not count.
    private static func reach(_ filter: FilterGeometry, _ spatialSize: [Int]) -> [Int] {
        filter.size.indices.map { axis in
            let steps = (spatialSize[axis] - 1) / filter.dilation[axis]
            return min(filter.size[axis] / 2, steps) * filter.dilation[axis]
        }
    }

    private static func submanifold<Key: SiteKey>(
        _ keys: Storage<Key>, _ layout: KeyLayout, _ spatialSize: [Int], _ filter: FilterGeometry
    ) throws(SCNError) -> Rulebook {
        let volume = filter.volume
        let symmetry = filter.symmetry
        let passes = symmetry?.half ?? 0..<volume
        let counts = try Storage<Int64>(count: volume + 1, zeroed: true)
        let counter = counts.pointer
        let matching = KeyMatching(keys: keys.pointer, count: keys.count)

        // Whole rows of the last axis, enough pieces for an even load, or steps worth waking a thread; the cut does not
        // show in the result.
        let row = filter.rowLength
        let size =
            max(
                1, passes.count / row / ChunkSizes.submanifoldPieces,
                ChunkSizes.stepsWorthAThread / max(1, keys.count * row)) * row
        let chunks = Parallel.chunkCount(passes.count, size: size)
        func offsets(_ chunk: Int) -> Range<Int> {
            let first = passes.lowerBound + chunk * size
            return first..<min(passes.upperBound, first + size)
        }
        var pieces = [Result<RowPairs, SCNError>?](repeating: nil, count: chunks)
        pieces.withUnsafeMutableBufferPointer { pieces in
            nonisolated(unsafe) let pieces = pieces
            Parallel.forEach(chunks) { chunk in
                pieces[chunk] = Result { () throws(SCNError) in
                    try match(offsets(chunk), matching, layout, spatialSize, filter, counter + 1)
                }
            }
        }
        var lists: [RowPairs] = []
        for piece in pieces { if let pairs = try piece?.get() { lists.append(pairs) } }
        if let symmetry {
            counter[symmetry.center + 1] = Int64(keys.count)
            for k in symmetry.half { counter[symmetry.mirrorSum - k + 1] = counter[k + 1] }
        }
        for k in 0..<volume { counter[k + 1] += counter[k] }

        let inputs = try Storage<Int32>(count: Int(counter[volume]))
        let outputs = try Storage<Int32>(count: Int(counter[volume]))
        let (input, output) = (inputs.pointer, outputs.pointer)
        Parallel.forEach(chunks) { chunk in
            let pairs = lists[chunk]
            let range = offsets(chunk)
            pairs.copy(0..<pairs.count, to: Int(counter[range.lowerBound]), input, output)
            guard let symmetry else { return }
            var first = 0
            for k in range {
                let length = Int(counter[k + 1] - counter[k])
                pairs.copy(first..<first + length, to: Int(counter[symmetry.mirrorSum - k]), output, input)
                first += length
            }
        }
        if let symmetry {
            let center = Int(counter[symmetry.center])
            for row in 0..<keys.count {
                input[center + row] = Int32(truncatingIfNeeded: row)
                output[center + row] = Int32(truncatingIfNeeded: row)
            }
        }
        return Rulebook(
            offsets: counts, inputRows: inputs, outputRows: outputs, inputCount: keys.count, outputCount: keys.count)
    }

    /// The rules of the filter offsets in `range`, one offset after the other, and the number of each in `counter`.
    private static func match<Key: SiteKey>(
        _ range: Range<Int>, _ matching: KeyMatching<Key>, _ layout: KeyLayout, _ spatialSize: [Int],
        _ filter: FilterGeometry, _ counter: UnsafeMutablePointer<Int64>
    ) throws(SCNError) -> RowPairs {
        let last = filter.dimension - 1
        let row = filter.rowLength
        var pairs = RowPairs()
        var three = (RowPairs(), RowPairs(), RowPairs())
        var k = range.lowerBound
        while k < range.upperBound {
            let offset = filter.offset(k)
            let delta = layout.delta(offset, as: Key.self)
            let leavesSpace = zip(offset, spatialSize).contains { $0.magnitude >= $1.magnitude }
            let isRowOfThree =
                k % row + 2 < row && k + 2 < range.upperBound && offset[last] + 2 < spatialSize[last]
            if leavesSpace {
                k += 1
            } else if isRowOfThree {
                try matching.appendMatches(plus: delta, to: &three.0, &three.1, &three.2)
                _ = try pairs.reserve(three.0.count + three.1.count + three.2.count)
                for part in [three.0, three.1, three.2] {
                    try pairs.append(part)
                    counter[k] = Int64(part.count)
                    k += 1
                }
                three.0.removeAll()
                three.1.removeAll()
                three.2.removeAll()
            } else {
                let before = pairs.count
                try matching.appendMatches(plus: delta, to: &pairs)
                counter[k] = Int64(pairs.count - before)
                k += 1
            }
        }
        return pairs
    }
}
