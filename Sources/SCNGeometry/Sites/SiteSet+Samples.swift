package import SCNCore

/// The samples of a site set that have sites, and their rows, which lie one after the other. Of the others nothing is
/// kept: batch indices may be numbers of events, with large gaps.
package struct SampleRows: @unchecked Sendable {
    /// Ascending batch indices: [count].
    package let indices: Storage<Int64>
    /// The first row of each, and the number of sites: [count + 1].
    package let starts: Storage<Int64>

    package init(indices: Storage<Int64>, starts: Storage<Int64>) {
        self.indices = indices
        self.starts = starts
    }

    package var count: Int { indices.count }

    /// All rows.
    package var rowCount: Int { Int(starts[count]) }

    /// The rows of the sample in that place.
    package func rows(_ place: Int) -> Range<Int> { Int(starts[place])..<Int(starts[place + 1]) }
}

extension SiteSet {
    /// The samples that have sites.
    package func samples() throws(SCNError) -> SampleRows {
        switch keys {
        case .narrow(let keys): try samples(keys)
        case .wide(let keys): try samples(keys)
        }
    }

    private func samples<Key: SiteKey>(_ keys: Storage<Key>) throws(SCNError) -> SampleRows {
        var found = 0
        forEachSample(keys) { _, _ in found += 1 }
        let (indices, starts) = (try Storage<Int64>(count: found), try Storage<Int64>(count: found + 1))
        var place = 0
        forEachSample(keys) { sample, row in
            indices[place] = sample
            starts[place] = Int64(row)
            place += 1
        }
        starts[found] = Int64(count)
        return SampleRows(indices: indices, starts: starts)
    }

    /// Calls `body` with the batch index and the first row of each sample that has sites.
    private func forEachSample<Key: SiteKey>(_ keys: Storage<Key>, _ body: (_ sample: Int64, _ row: Int) -> Void) {
        let (key, shift) = (keys.pointer, Key(layout.batch.shift))
        var row = 0
        while row < count {
            let sample = key[row] >> shift
            body(Int64(sample), row)
            // By ever longer steps, then by halves: what a sample costs goes with the logarithm of its rows.
            var (step, low) = (1, row)
            while low + step < count && key[low + step] >> shift == sample {
                low += step
                step *= 2
            }
            var high = min(low + step, count)
            while high - low > 1 {
                let middle = low + (high - low) / 2
                if key[middle] >> shift == sample { low = middle } else { high = middle }
            }
            row = high
        }
    }
}
