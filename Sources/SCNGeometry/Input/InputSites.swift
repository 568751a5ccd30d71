package import SCNCore

/// Makes site sets from the coordinates that a host gives, in any order and with duplicates.
package enum InputSites {
    /// The sites of `coordinates` [rows, columns] and the way back to its rows.
    ///
    /// `columns` is the dimension, or one more where the last column is the batch index. `batchSize` is a lower bound
    /// for the batch size of the result. Throws a coordinate error that names the row where a site lies outside
    /// `spatialSize`, or, in mode `unique`, where a site comes twice; `nameRow` says what the host calls a row.
    package static func build(
        dimension: Int, spatialSize: [Int], coordinates: UnsafePointer<Int64>, rows: Int, columns: Int,
        batchSize: Int = 0, mode: InputMode, nameRow: @escaping (Int) -> String = { "row \($0)" }
    ) throws(SCNError) -> (SiteSet, InputMap) {
        try require(
            FilterGeometry.dimensions.contains(dimension), .invalidArgument,
            "dimension: is \(dimension), expected 1 ... 10")
        try requireSpatialSize(spatialSize, dimension: dimension)
        try require(
            columns == dimension || columns == dimension + 1, .shape,
            "coordinates: has \(counted(columns, .column)), "
                + "expected \(dimension), or \(dimension + 1) with the batch index")
        try require(
            rows >= 0 && rows <= Int(Int32.max), .overflow,
            "coordinates: has \(counted(rows, .row)), expected 0 ... \(Int32.max)")
        try require(
            batchSize >= 0 && batchSize <= largestBatch, .invalidArgument,
            "batch_size: is \(batchSize), expected 0 ... \(largestBatch)")
        let input = Input(coordinates: coordinates, rows: rows, columns: columns, mode: mode, nameRow: nameRow)
        let found = try validate(input, spatialSize)
        let batchSize = max(batchSize, found)
        let layout = try KeyLayout(spatialSize: spatialSize, batchSize: batchSize)
        if layout.isWide {
            let (keys, map) = try sites(input, layout, UInt128.self)
            let sites = try SiteSet(
                spatialSize: spatialSize, batchSize: batchSize, layout: layout, keys: .wide(keys))
            return (sites, map)
        } else {
            let (keys, map) = try sites(input, layout, UInt64.self)
            let sites = try SiteSet(
                spatialSize: spatialSize, batchSize: batchSize, layout: layout, keys: .narrow(keys))
            return (sites, map)
        }
    }

    private static let largestBatch = Int(Int32.max)

    private struct Input {
        var coordinates: UnsafePointer<Int64>
        var rows: Int
        var columns: Int
        var mode: InputMode
        var nameRow: (Int) -> String

        func describeSite(_ row: Int, dimension: Int) -> String {
            let site = coordinates + row * columns
            let place = (0..<dimension).map { String(site[$0]) }.joined(separator: ", ")
            return columns > dimension ? "(\(place)) of sample \(site[dimension])" : "(\(place))"
        }
    }

    /// Checks every row; returns the number of samples.
    private static func validate(_ input: Input, _ spatialSize: [Int]) throws(SCNError) -> Int {
        let (coordinates, rows, columns) = (input.coordinates, input.rows, input.columns)
        let size = ChunkSizes.keys
        let chunks = Parallel.chunkCount(rows, size: size)
        let outside = try Storage<Int>(count: chunks)
        let samples = try Storage<Int>(count: chunks)
        let limits = try Storage<UInt64>(
            (spatialSize + (columns > spatialSize.count ? [largestBatch] : [])).map { UInt64($0) })
        let (limit, firstOutside, sampleCount) = (limits.pointer, outside.pointer, samples.pointer)
        Parallel.forEachChunk(rows, size: size) { chunk, range in
            var misses = 0
            var largest: Int64 = 0
            for column in 0..<columns {
                var source = coordinates + range.lowerBound * columns + column
                let bound = limit[column]
                let isBatch = column == spatialSize.count
                for _ in range {
                    // A negative value is a huge one without its sign.
                    misses &+= UInt64(bitPattern: source.pointee) < bound ? 0 : 1
                    if isBatch { largest = max(largest, source.pointee) }
                    source += columns
                }
            }
            firstOutside[chunk] = -1
            if misses > 0 {
                firstOutside[chunk] =
                    range.first { row in
                        (0..<columns).contains { UInt64(bitPattern: coordinates[row * columns + $0]) >= limit[$0] }
                    } ?? -1
            }
            sampleCount[chunk] = misses > 0 ? 0 : Int(largest) + 1
        }
        if let row = outside.buffer.first(where: { $0 >= 0 }) {
            throw outsideError(coordinates + row * columns, input.nameRow(row), spatialSize)
        }
        return samples.buffer.max() ?? 0
    }

    private static func outsideError(
        _ site: UnsafePointer<Int64>, _ name: String, _ spatialSize: [Int]
    ) -> SCNError {
        for (axis, size) in spatialSize.enumerated() where site[axis] < 0 || site[axis] >= size {
            return SCNError(
                .coordinate,
                "coordinates: \(name) has \(site[axis]) on axis \(axis); the spatial size there is \(size) "
                    + "(0 ... \(size - 1))")
        }
        return SCNError(
            .coordinate,
            "coordinates: \(name) has batch index \(site[spatialSize.count]); expected 0 ... \(largestBatch - 1)")
    }

    private static func sites<Key: SiteKey>(
        _ input: Input, _ layout: KeyLayout, _: Key.Type
    ) throws(SCNError) -> (Storage<Key>, InputMap) {
        let keys = try Storage<Key>(count: input.rows)
        let target = keys.pointer
        Parallel.forEachChunk(input.rows, size: ChunkSizes.sites) { _, range in
            layout.encode(
                input.coordinates + range.lowerBound * input.columns, count: range.count, columns: input.columns,
                into: target + range.lowerBound)
        }
        let ranked = try RankedKeys(keys)
        if input.mode == .unique && ranked.keys.count < input.rows {
            throw duplicateError(input, ranked, dimension: layout.axes.count)
        }
        let map = InputMap(
            mode: input.mode, siteOfRow: try ranked.ranks(), starts: ranked.starts, rows: ranked.members)
        return (ranked.keys, map)
    }

    /// Names the first row that repeats an earlier one.
    private static func duplicateError<Key: SiteKey>(
        _ input: Input, _ ranked: RankedKeys<Key>, dimension: Int
    ) -> SCNError {
        var pair = (first: 0, second: Int.max)
        for site in 0..<ranked.keys.count where ranked.starts[site + 1] - ranked.starts[site] > 1 {
            let start = Int(ranked.starts[site])
            let second = Int(ranked.members[start + 1])
            if second < pair.second { pair = (Int(ranked.members[start]), second) }
        }
        return SCNError(
            .coordinate,
            "coordinates: \(input.nameRow(pair.second)) and \(input.nameRow(pair.first)) are the same site "
                + "\(input.describeSite(pair.second, dimension: dimension)), which mode 0 does not allow")
    }
}
