package import SCNCore

extension InputSites {
    /// The sites of `coordinates` [samples, length, dimension] and the way back to its `samples * length` rows. A row
    /// whose first coordinate is negative is padding; all others are as `build` wants them.
    package static func buildBatched(
        dimension: Int, spatialSize: [Int], coordinates: UnsafePointer<Int64>, samples: Int, length: Int,
        mode: InputMode
    ) throws(SCNError) -> (SiteSet, InputMap) {
        try require(
            FilterGeometry.dimensions.contains(dimension), .invalidArgument,
            "dimension: is \(dimension), expected 1 ... 10")
        try require(samples >= 0 && length >= 0, .shape, "coordinates: are \(samples) samples of \(length) rows")
        let rowCount = try checkedProduct([samples, length], "coordinates of \(samples) samples of \(length) rows")
        try require(
            rowCount <= Int(Int32.max), .overflow,
            "coordinates: have \(rowCount) rows, expected at most \(Int32.max)")
        let numbers = try rowsInUse(coordinates, rowCount, dimension)
        let (count, columns) = (numbers.count, dimension + 1)
        let sites = try Storage<Int64>(count: count * columns)
        let (number, site) = (numbers.pointer, sites.pointer)
        Parallel.forEachChunk(count, size: ChunkSizes.keys) { _, range in
            for index in range {
                let row = Int(number[index])
                (site + index * columns).update(from: coordinates + row * dimension, count: dimension)
                site[index * columns + dimension] = Int64(row / length)
            }
        }
        let (set, map) = try build(
            dimension: dimension, spatialSize: spatialSize, coordinates: site, rows: count, columns: columns,
            batchSize: samples, mode: mode
        ) { index in
            let row = Int(numbers[index])
            return "row \(row % length) of sample \(row / length)"
        }
        let (siteOfRow, rows) = (try Storage<Int32>(count: rowCount), try Storage<Int32>(count: count))
        siteOfRow.pointer.update(repeating: -1, count: rowCount)
        let (siteOf, row) = (siteOfRow.pointer, rows.pointer)
        Parallel.forEachChunk(count, size: ChunkSizes.keys) { _, range in
            for index in range {
                siteOf[Int(number[index])] = map.siteOfRow.pointer[index]
                row[index] = number[Int(map.rows.pointer[index])]
            }
        }
        return (
            set,
            InputMap(
                mode: mode, siteOfRow: siteOfRow, starts: map.starts, rows: rows, rectangle: (samples, length))
        )
    }

    /// The rows that are no padding, ascending.
    private static func rowsInUse(
        _ coordinates: UnsafePointer<Int64>, _ rowCount: Int, _ dimension: Int
    ) throws(SCNError) -> Storage<Int32> {
        try selected(rowCount) { coordinates[$0 * dimension] >= 0 }
    }

    /// The indices in `0 ..< count` for which `isSelected` holds, ascending.
    @inline(__always)
    static func selected(_ count: Int, _ isSelected: (Int) -> Bool) throws(SCNError) -> Storage<Int32> {
        let size = ChunkSizes.keys
        let chunks = Parallel.chunkCount(count, size: size)
        let starts = try Storage<Int>(count: chunks + 1, zeroed: true)
        let start = starts.pointer
        Parallel.forEachChunk(count, size: size) { chunk, range in
            var found = 0
            for index in range where isSelected(index) { found &+= 1 }
            start[chunk + 1] = found
        }
        for chunk in 0..<chunks { start[chunk + 1] += start[chunk] }
        try require(
            start[chunks] <= Int(Int32.max), .overflow,
            "coordinates: has \(counted(start[chunks], .row)), expected at most \(Int32.max)")
        let result = try Storage<Int32>(count: start[chunks])
        let target = result.pointer
        Parallel.forEachChunk(count, size: size) { chunk, range in
            var next = start[chunk]
            for index in range where isSelected(index) {
                target[next] = Int32(truncatingIfNeeded: index)
                next &+= 1
            }
        }
        return result
    }
}
