internal import SCNCore

/// The sites of a set cut into lines: sites of one line differ on the last axis alone. Lines ascend, and so do the sites of
/// one.
struct SiteLines {
    /// The first row of each line, then the number of sites.
    let starts: Storage<Int32>
    /// The coordinate of each site on the last axis.
    let places: Storage<Int64>

    var count: Int { starts.count - 1 }

    init(_ sites: SiteSet) throws(SCNError) {
        switch sites.keys {
        case .narrow(let keys): try self.init(keys, sites.layout)
        case .wide(let keys): try self.init(keys, sites.layout)
        }
    }

    private init<Key: SiteKey>(_ keys: Storage<Key>, _ layout: KeyLayout) throws(SCNError) {
        let last = layout.axes[layout.axes.count - 1]
        let (bits, mask, margin) = (Key(last.bits), ~(Key.max << Key(last.bits)), Int64(last.margin))
        places = try Storage(count: keys.count)
        let size = 1 << 14
        let chunks = Parallel.chunkCount(keys.count, size: size)
        let firstLines = try Storage<Int>(count: chunks + 1, zeroed: true)
        let (key, place, first) = (keys.pointer, places.pointer, firstLines.pointer)
        Parallel.forEachChunk(keys.count, size: size) { chunk, rows in
            var lines = 0
            for row in rows {
                place[row] = Int64(truncatingIfNeeded: key[row] & mask) &- margin
                lines &+= row == 0 || key[row] &>> bits != key[row &- 1] &>> bits ? 1 : 0
            }
            first[chunk + 1] = lines
        }
        for chunk in 0..<chunks { first[chunk + 1] += first[chunk] }
        starts = try Storage(count: first[chunks] + 1)
        let start = starts.pointer
        Parallel.forEachChunk(keys.count, size: size) { chunk, rows in
            var next = first[chunk]
            for row in rows where row == 0 || key[row] &>> bits != key[row &- 1] &>> bits {
                start[next] = Int32(truncatingIfNeeded: row)
                next &+= 1
            }
        }
        start[count] = Int32(truncatingIfNeeded: keys.count)
        withExtendedLifetime((keys, firstLines)) {}
    }
}
