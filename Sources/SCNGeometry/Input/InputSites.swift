package import SCNCore

/// Makes site sets from the coordinates that a host gives, in any order and with duplicates.
package enum InputSites {
    /// The sites of `coordinates` [rows, columns] and the way back to its rows.
    ///
    /// `columns` is the dimension, or one more where the last column is the batch index. `batchSize` is a lower bound
    /// for the batch size of the result. The field begins at `lower`, or at 0 where that is nil; where `spatialSize` is
    /// nil, it has no bounds. Throws a coordinate error that names the row where a site lies outside of the field,
    /// unless that `keepsOutside`, or, in mode `unique`, where a site comes twice; `nameRow` says what the host calls a
    /// row.
    package static func build(
        dimension: Int, spatialSize: [Int]?, lower: [Int]? = nil, keepsOutside: Bool = false,
        coordinates: UnsafePointer<Int64>, rows: Int, columns: Int, batchSize: Int = 0, mode: InputMode,
        nameRow: @escaping (Int) -> String = { "row \($0)" }
    ) throws(SCNError) -> (SiteSet, InputMap) {
        try require(
            FilterGeometry.dimensions.contains(dimension), .invalidArgument,
            "dimension: is \(dimension), expected 1 ... 10")
        let bounds = try bounds(dimension: dimension, spatialSize, lower)
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
        let found = try validate(input, keepsOutside ? nil : bounds, dimension: dimension)
        let batchSize = max(batchSize, found)
        let field =
            if let bounds { keepsOutside ? try widened(bounds, input) : bounds } else {
                try box(input, dimension: dimension)
            }
        let layout = try KeyLayout(spatialSize: field.size, batchSize: batchSize)
        let (keys, map): (SiteSet.Keys, InputMap)
        if layout.isWide {
            let (wide, rows) = try sites(input, field, layout, UInt128.self)
            (keys, map) = (.wide(wide), rows)
        } else {
            let (narrow, rows) = try sites(input, field, layout, UInt64.self)
            (keys, map) = (.narrow(narrow), rows)
        }
        return (try SiteSet(field, batchSize: batchSize, layout: layout, keys: keys), map)
    }

    /// A field that a host names, or, where sites lie outside of it, the box around these and what it says of it.
    private static func widened(_ bounds: Field, _ input: Input) throws(SCNError) -> Field {
        let box = try box(input, dimension: bounds.dimension)
        if input.rows == 0 || bounds.contains(box) { return bounds }
        return try Field(lower: box.lower, size: box.size, isUnbounded: true, nominal: bounds.shown)
    }

    /// The field that a host names; nil where it has no bounds.
    private static func bounds(
        dimension: Int, _ spatialSize: [Int]?, _ lower: [Int]?
    ) throws(SCNError) -> Field? {
        guard let spatialSize else {
            try require(
                lower == nil, .invalidArgument,
                "lower: is given, expected none where there is no spatial size")
            return nil
        }
        try requireSpatialSize(spatialSize, dimension: dimension)
        try require(
            lower == nil || lower?.count == dimension, .shape,
            "lower: has \(lower?.count ?? 0) entries, expected \(dimension)")
        return try Field(lower: lower, size: spatialSize)
    }

    /// The least box around all rows.
    private static func box(_ input: Input, dimension: Int) throws(SCNError) -> Field {
        let (coordinates, rows, columns) = (input.coordinates, input.rows, input.columns)
        if rows == 0 { return try Field(size: [Int](repeating: 1, count: dimension), isUnbounded: true) }
        let size = ChunkSizes.keys
        let found = try Storage<Int64>(count: Parallel.chunkCount(rows, size: size) * 2 * dimension)
        let end = found.pointer
        Parallel.forEachChunk(rows, size: size) { chunk, range in
            for axis in 0..<dimension {
                var source = coordinates + range.lowerBound * columns + axis
                var (least, largest) = (source.pointee, source.pointee)
                for _ in range {
                    least = min(least, source.pointee)
                    largest = max(largest, source.pointee)
                    source += columns
                }
                end[(chunk * dimension + axis) * 2] = least
                end[(chunk * dimension + axis) * 2 + 1] = largest
            }
        }
        func ends(_ axis: Int, _ which: Int) -> [Int64] {
            (0..<Parallel.chunkCount(rows, size: size)).map { found[($0 * dimension + axis) * 2 + which] }
        }
        return try Field(
            first: (0..<dimension).map { Int128(ends($0, 0).min() ?? 0) },
            last: (0..<dimension).map { Int128(ends($0, 1).max() ?? 0) }, isUnbounded: true)
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
    private static func validate(_ input: Input, _ field: Field?, dimension: Int) throws(SCNError) -> Int {
        let (coordinates, rows, columns) = (input.coordinates, input.rows, input.columns)
        let size = ChunkSizes.keys
        let chunks = Parallel.chunkCount(rows, size: size)
        let outside = try Storage<Int>(count: chunks)
        let samples = try Storage<Int>(count: chunks)
        let firstColumn = field == nil ? dimension : 0
        let lower = try Storage<Int64>(((field?.lower ?? Array(repeating: 0, count: dimension)) + [0]).map(Int64.init))
        let limits = try Storage<UInt64>(
            ((field?.size ?? Array(repeating: 0, count: dimension)) + [largestBatch]).map { UInt64($0) })
        let (first, limit, firstOutside, sampleCount) = (
            lower.pointer, limits.pointer, outside.pointer, samples.pointer
        )
        // What is below the first place is a huge number without its sign.
        @inline(__always)
        func isInside(_ value: Int64, _ column: Int) -> Bool {
            UInt64(bitPattern: value &- first[column]) < limit[column]
        }
        Parallel.forEachChunk(rows, size: size) { chunk, range in
            var misses = 0
            var largest: Int64 = 0
            for column in firstColumn..<max(firstColumn, columns) {
                var source = coordinates + range.lowerBound * columns + column
                let isBatch = column == dimension
                for _ in range {
                    misses &+= isInside(source.pointee, column) ? 0 : 1
                    if isBatch { largest = max(largest, source.pointee) }
                    source += columns
                }
            }
            firstOutside[chunk] = -1
            if misses > 0 {
                firstOutside[chunk] =
                    range.first { row in
                        (firstColumn..<columns).contains { !isInside(coordinates[row * columns + $0], $0) }
                    } ?? -1
            }
            sampleCount[chunk] = misses > 0 ? 0 : Int(largest) + 1
        }
        withExtendedLifetime((lower, limits)) {}
        if let row = outside.first(where: { $0 >= 0 }) {
            throw outsideError(coordinates + row * columns, input.nameRow(row), field, dimension: dimension)
        }
        return samples.max() ?? 0
    }

    private static func outsideError(
        _ site: UnsafePointer<Int64>, _ name: String, _ field: Field?, dimension: Int
    ) -> SCNError {
        if let field {
            for axis in 0..<dimension where site[axis] < field.lower[axis] || site[axis] > field.last(axis) {
                return SCNError(
                    .coordinate,
                    "coordinates: \(name) has \(site[axis]) on axis \(axis); the spatial size there is "
                        + "\(field.size[axis]) (\(field.lower[axis]) ... \(field.last(axis)))")
            }
        }
        return SCNError(
            .coordinate,
            "coordinates: \(name) has batch index \(site[dimension]); expected 0 ... \(largestBatch - 1)")
    }

    private static func sites<Key: SiteKey>(
        _ input: Input, _ field: Field, _ layout: KeyLayout, _: Key.Type
    ) throws(SCNError) -> (Storage<Key>, InputMap) {
        let keys = try Storage<Key>(count: input.rows)
        let target = keys.pointer
        Parallel.forEachChunk(input.rows, size: ChunkSizes.sites) { _, range in
            layout.encode(
                input.coordinates + range.lowerBound * input.columns, count: range.count, columns: input.columns,
                from: field.lower, into: target + range.lowerBound)
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
