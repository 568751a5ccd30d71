package import SCNCore

/// Which rows of a list belong together: each row to one of a number of segments, or to none.
public struct Segments: @unchecked Sendable {
    /// The segment of each row, -1 where it belongs to none: [rowCount].
    package let ofRow: Storage<Int32>
    /// The rows of segment s are `rows[starts[s] ..< starts[s + 1]]`, ascending: [count + 1] and [rows with a segment].
    package let starts: Storage<Int64>
    package let rows: Storage<Int32>

    /// The number of segments, those without rows included.
    public var count: Int { starts.count - 1 }
    /// The number of rows, those without a segment included.
    public var rowCount: Int { ofRow.count }

    package init(ofRow: Storage<Int32>, starts: Storage<Int64>, rows: Storage<Int32>) {
        self.ofRow = ofRow
        self.starts = starts
        self.rows = rows
    }

    /// `count` segments of `rows` rows, the segment of each in 0 ..< count, or -1 where it belongs to none.
    package init(_ segmentOfRow: UnsafePointer<Int64>, rows: Int, count: Int) throws(SCNError) {
        try self.init(ofRow: Self.narrowed(segmentOfRow, rows: rows, count: count), count: count)
    }

    /// Sorts the rows by segment; `ofRow` as `narrowed` makes it.
    package init(ofRow: Storage<Int32>, count: Int) throws(SCNError) {
        let segment = ofRow.pointer
        let used = try InputSites.selected(ofRow.count) { segment[$0] >= 0 }
        let keys = try Storage<UInt64>(count: used.count)
        let (key, row) = (keys.pointer, used.pointer)
        Parallel.forEachChunk(used.count, size: ChunkSizes.keys) { _, range in
            for index in range { key[index] = UInt64(truncatingIfNeeded: segment[Int(row[index])]) }
        }
        let sorted = try radixSorted(keys, used)
        let starts = try Storage<Int64>(count: count + 1)
        let (source, start, found) = (sorted.keys.pointer, starts.pointer, sorted.keys.count)
        Parallel.forEachChunk(found + 1, size: ChunkSizes.keys) { _, range in
            for index in range {
                // The segments that begin here: after the one before, all of which but the last have no rows.
                var next = index == 0 ? 0 : Int(source[index - 1]) + 1
                let last = index == found ? count : Int(source[index])
                while next <= last {
                    start[next] = Int64(index)
                    next &+= 1
                }
            }
        }
        self.init(ofRow: ofRow, starts: starts, rows: sorted.payload)
    }

    /// Checks the segment of every row.
    package static func narrowed(
        _ segmentOfRow: UnsafePointer<Int64>, rows: Int, count: Int
    ) throws(SCNError) -> Storage<Int32> {
        try require(
            rows >= 0 && rows <= Int(Int32.max), .overflow,
            "segment_of_row: has \(rows) rows, expected 0 ... \(Int32.max)")
        try require(
            count >= 0 && count <= Int(Int32.max), .invalidArgument,
            "segments: is \(count), expected 0 ... \(Int32.max)")
        let result = try Storage<Int32>(count: rows)
        let chunks = Parallel.chunkCount(rows, size: ChunkSizes.keys)
        let bad = try Storage<Int>(count: chunks)
        let (target, firstBad, limit) = (result.pointer, bad.pointer, UInt64(count) + 1)
        Parallel.forEachChunk(rows, size: ChunkSizes.keys) { chunk, range in
            var misses = 0
            for row in range {
                let segment = segmentOfRow[row]
                // Below -1 it is a huge number without its sign.
                misses &+= UInt64(bitPattern: segment &+ 1) < limit ? 0 : 1
                target[row] = Int32(truncatingIfNeeded: segment)
            }
            firstBad[chunk] = -1
            if misses > 0 {
                firstBad[chunk] = range.first { UInt64(bitPattern: segmentOfRow[$0] &+ 1) >= limit } ?? -1
            }
        }
        if let row = bad.first(where: { $0 >= 0 }) {
            throw SCNError(
                .invalidArgument, "segment_of_row: row \(row) has \(segmentOfRow[row]), expected -1 ... \(count - 1)")
        }
        return result
    }
}

extension SiteSet {
    /// The rows of each sample.
    package func sampleSegments() throws(SCNError) -> Segments {
        let samples = try samples()
        let (ofRow, rows) = (try Storage<Int32>(count: count), try Storage<Int32>(count: count))
        let starts = try Storage<Int64>(count: batchSize + 1)
        let (segment, row, start) = (ofRow.pointer, rows.pointer, starts.pointer)
        var next = 0
        for place in 0..<samples.count {
            let (sample, range) = (Int(samples.indices[place]), samples.rows(place))
            (start + next).update(repeating: Int64(range.lowerBound), count: sample + 1 - next)
            (segment + range.lowerBound).update(repeating: Int32(truncatingIfNeeded: sample), count: range.count)
            next = sample + 1
        }
        (start + next).update(repeating: Int64(count), count: batchSize + 1 - next)
        Parallel.forEachChunk(count, size: ChunkSizes.keys) { _, range in
            for index in range { row[index] = Int32(truncatingIfNeeded: index) }
        }
        return Segments(ofRow: ofRow, starts: starts, rows: rows)
    }
}

/// The first rows of each segment, each in a place of its own: those of segment s are s * most ..< (s + 1) * most.
package struct PaddedRows: @unchecked Sendable {
    /// The place of each row, -1 where it has none: [rows].
    package let placeOfRow: Storage<Int32>
    /// The row in each place, -1 where there is none: [segments * most].
    package let rowOfPlace: Storage<Int32>
    /// The most rows of a segment.
    package let most: Int
    /// The places that each segment fills: [segments].
    package let counts: Storage<Int64>

    /// Of each of `count` segments the first `most` rows; `ofRow` as `Segments.narrowed` makes it.
    package init(ofRow: Storage<Int32>, count: Int, most: Int) throws(SCNError) {
        try require(most >= 1, .invalidArgument, "most: is \(most), expected at least 1")
        let places = try checkedProduct([count, most], "\(count) segments of \(most) rows")
        try require(
            places <= Int(Int32.max), .overflow,
            "most: is \(most) rows of \(count) segments, \(places) in all, expected at most \(Int32.max)")
        self.most = most
        placeOfRow = try Storage(count: ofRow.count)
        rowOfPlace = try Storage(count: places)
        counts = try Storage(count: count, zeroed: true)
        let (segment, place, found) = (ofRow.pointer, placeOfRow.pointer, counts.pointer)
        let row = rowOfPlace.pointer
        row.update(repeating: -1, count: places)
        // One row after the other: the counts stay near the core, and what a row takes is less than a part of a sort.
        for index in 0..<ofRow.count {
            let own = Int(segment[index])
            place[index] = -1
            if own < 0 { continue }
            let next = Int(found[own])
            if next == most { continue }
            found[own] = Int64(next &+ 1)
            let target = own &* most &+ next
            place[index] = Int32(truncatingIfNeeded: target)
            row[target] = Int32(truncatingIfNeeded: index)
        }
    }
}
