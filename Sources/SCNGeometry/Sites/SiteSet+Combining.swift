package import SCNCore

/// Where the rows of two site sets are in their union, which is sorted as they are.
package struct SiteUnion: @unchecked Sendable {
    /// The sites of the union.
    package let sites: SiteSet
    /// Of each row of the first set, and of the second, its place in the union.
    package let places: (Storage<Int32>, Storage<Int32>)

    /// The number of sites of the union.
    package var count: Int { sites.count }

    /// The union of the sites of two sets of one field; batch sizes may differ. The box of a field without bounds
    /// widens.
    package init(_ a: SiteSet, _ b: SiteSet) throws(SCNError) {
        let (field, layout, batchSize) = try a.commonLayout(b)
        try require(
            a.count + b.count <= Int(Int32.max), .overflow,
            "\(a.count) and \(b.count) sites; at most \(Int32.max) are possible together")
        func united<Key: SiteKey>(_: Key.Type) throws(SCNError) -> (Storage<Key>, Storage<Int32>, Storage<Int32>) {
            try Self.unite(
                a.keys(in: layout, from: field.lower, as: Key.self),
                b.keys(in: layout, from: field.lower, as: Key.self))
        }
        let keys: SiteSet.Keys
        if layout.isWide {
            let (wide, left, right) = try united(UInt128.self)
            (keys, places) = (.wide(wide), (left, right))
        } else {
            let (narrow, left, right) = try united(UInt64.self)
            (keys, places) = (.narrow(narrow), (left, right))
        }
        sites = try SiteSet(field, batchSize: batchSize, layout: layout, keys: keys)
    }

    private static func unite<Key: SiteKey>(
        _ a: Storage<Key>, _ b: Storage<Key>
    ) throws(SCNError) -> (Storage<Key>, Storage<Int32>, Storage<Int32>) {
        let places = (try Storage<Int32>(count: a.count), try Storage<Int32>(count: b.count))
        let (left, right) = (a.pointer, b.pointer)
        let (leftPlace, rightPlace) = (places.0.pointer, places.1.pointer)
        var (i, j, count) = (0, 0, 0)
        while i < a.count || j < b.count {
            let isLeft = j == b.count || i < a.count && left[i] <= right[j]
            let isRight = i == a.count || j < b.count && right[j] <= left[i]
            if isLeft {
                leftPlace[i] = Int32(truncatingIfNeeded: count)
                i += 1
            }
            if isRight {
                rightPlace[j] = Int32(truncatingIfNeeded: count)
                j += 1
            }
            count += 1
        }
        let keys = try Storage<Key>(count: count)
        for row in 0..<a.count { keys.pointer[Int(leftPlace[row])] = left[row] }
        for row in 0..<b.count { keys.pointer[Int(rightPlace[row])] = right[row] }
        withExtendedLifetime((a, b)) {}
        return (keys, places.0, places.1)
    }
}

extension SiteSet {
    /// A field that holds both site sets, and the layout and batch size of all that they have together.
    fileprivate func commonLayout(
        _ other: SiteSet
    ) throws(SCNError) -> (field: Field, layout: KeyLayout, batchSize: Int) {
        let field = try field.united(with: other.field, "y")
        let batchSize = max(batchSize, other.batchSize)
        return (field, try KeyLayout(spatialSize: field.size, batchSize: batchSize), batchSize)
    }

    /// For each site, its row in another set of the same field, -1 where it is not there.
    package func rows(in other: SiteSet) throws(SCNError) -> Storage<Int32> {
        let (field, layout, _) = try commonLayout(other)
        func found<Key: SiteKey>(_: Key.Type) throws(SCNError) -> Storage<Int32> {
            let queries = try keys(in: layout, from: field.lower, as: Key.self)
            return try Self.rows(queries, in: other.keys(in: layout, from: field.lower, as: Key.self))
        }
        return layout.isWide ? try found(UInt128.self) : try found(UInt64.self)
    }

    /// The rows of coordinates [count, columns], which come in any order and may repeat; -1 where no site is. `columns`
    /// is the dimension, or one more where the last column is the batch index.
    package func rows(
        ofCoordinates coordinates: UnsafePointer<Int64>, count: Int, columns: Int
    ) throws(SCNError) -> Storage<Int32> {
        try require(
            columns == dimension || columns == dimension + 1, .shape,
            "coordinates: has \(columns) columns, expected \(dimension), or \(dimension + 1) with the batch index")
        try require(
            count >= 0 && count <= Int(Int32.max), .overflow,
            "coordinates: has \(count) rows, expected 0 ... \(Int32.max)")
        return switch keys {
        case .narrow(let keys): try rows(coordinates, count, columns, keys)
        case .wide(let keys): try rows(coordinates, count, columns, keys)
        }
    }

    private func rows<Key: SiteKey>(
        _ coordinates: UnsafePointer<Int64>, _ count: Int, _ columns: Int, _ keys: Storage<Key>
    ) throws(SCNError) -> Storage<Int32> {
        let (queries, order) = (try Storage<Key>(count: count), try Storage<Int32>(count: count))
        let (query, number) = (queries.pointer, order.pointer)
        let lower = field.lower.map(Int64.init) + [0]
        let limits = field.size.map(UInt64.init) + [UInt64(batchSize)]
        Parallel.forEachChunk(count, size: ChunkSizes.sites) { _, range in
            layout.encode(
                coordinates + range.lowerBound * columns, count: range.count, columns: columns, from: field.lower,
                into: query + range.lowerBound)
            for index in range {
                let site = coordinates + index * columns
                number[index] = Int32(truncatingIfNeeded: index)
                for column in 0..<columns
                where UInt64(bitPattern: site[column] &- lower[column]) >= limits[column] {
                    // No site has this key.
                    query[index] = Key.max
                }
            }
        }
        let sorted = try radixSorted(queries, order)
        let found = try Self.rows(sorted.keys, in: keys)
        let result = try Storage<Int32>(count: count)
        let (row, place, target) = (found.pointer, sorted.payload.pointer, result.pointer)
        Parallel.forEachChunk(count, size: ChunkSizes.keys) { _, range in
            for index in range { target[Int(place[index])] = row[index] }
        }
        withExtendedLifetime((found, sorted.payload)) {}
        return result
    }

    /// For each query, which ascend, its place among keys that ascend strictly, or -1.
    private static func rows<Key: SiteKey>(
        _ queries: Storage<Key>, in keys: Storage<Key>
    ) throws(SCNError) -> Storage<Int32> {
        let result = try Storage<Int32>(count: queries.count)
        let (query, key, row, count) = (queries.pointer, keys.pointer, result.pointer, keys.count)
        Parallel.forEachChunk(queries.count, size: ChunkSizes.keys) { _, range in
            var place = lowerBound(key, 0..<count, query[range.lowerBound])
            for index in range {
                while place < count && key[place] < query[index] { place &+= 1 }
                row[index] = place < count && key[place] == query[index] ? Int32(truncatingIfNeeded: place) : -1
            }
        }
        withExtendedLifetime((queries, keys)) {}
        return result
    }

    /// The sites whose place in `rows` [count] is not negative (`areFound`), or is.
    package func sites(where rows: Storage<Int32>, areFound: Bool) throws(SCNError) -> SiteSet {
        try subset(try InputSites.selected(count) { (rows[$0] >= 0) == areFound })
    }

    /// The sites floor(coordinate / stride), each once, of a field that begins and ends where these do.
    package func floored(by stride: [Int]) throws(SCNError) -> SiteSet {
        try require(
            stride.count == dimension, .shape, "stride: has \(stride.count) entries, expected \(dimension)")
        for (axis, step) in stride.enumerated() where step < 1 {
            throw SCNError(.invalidArgument, "stride: is \(step) on axis \(axis), expected at least 1")
        }
        if stride.allSatisfy({ $0 == 1 }) { return self }
        func quotient(_ place: Int, _ axis: Int) -> Int128 { floorQuotient(Int128(place), Int128(stride[axis])) }
        func floored(_ places: Field.Places, isUnbounded: Bool, _ nominal: Field.Places?) throws(SCNError) -> Field {
            try Field(
                first: stride.indices.map { quotient(places.lower[$0], $0) },
                last: stride.indices.map { quotient(places.lower[$0] + (places.size[$0] - 1), $0) },
                isUnbounded: isUnbounded, nominal: nominal)
        }
        let nominal: Field.Places? =
            if let places = field.nominal { try floored(places, isUnbounded: false, nil).shown } else { nil }
        let floored = try floored(
            Field.Places(lower: field.lower, size: field.size), isUnbounded: field.isUnbounded, nominal)
        // How far the first place of this field is from the first place that has the same quotient.
        let rests = stride.indices.map {
            Int(Int128(field.lower[$0]) - Int128(stride[$0]) * Int128(floored.lower[$0]))
        }
        return try quotients(by: stride, plus: rests, in: floored)
    }

    /// The sites whose places in `field` are floor((place + rest) / stride), each once; they lie in that field.
    func quotients(by stride: [Int], plus rests: [Int], in field: Field) throws(SCNError) -> SiteSet {
        let layout = try KeyLayout(spatialSize: field.size, batchSize: batchSize)
        let keys: Keys =
            layout.isWide
            ? .wide(try quotientKeys(stride, rests, layout, UInt128.self))
            : .narrow(try quotientKeys(stride, rests, layout, UInt64.self))
        return try SiteSet(field, batchSize: batchSize, layout: layout, keys: keys)
    }

    /// Where strides are powers of two, quotients are parts of the bits of a place plus its rest, which the margin has
    /// room for; else nil.
    private func shiftedKeys(
        _ keys: Storage<UInt64>, _ stride: [Int], _ rests: [Int], _ other: KeyLayout
    ) throws(SCNError) -> Storage<UInt64>? {
        guard !other.isWide, stride.allSatisfy({ $0.nonzeroBitCount == 1 }),
            zip(rests, layout.axes).allSatisfy({ $0 <= 2 * $1.margin })
        else { return nil }
        let zeros = stride.map { _ in 0 }
        var parts = KeyParts(
            origin: layout.origin(from: rests, as: UInt64.self),
            base: other.origin(from: zeros, as: UInt64.self))
        for axis in stride.indices {
            let bits = min(stride[axis].trailingZeroBitCount, layout.axes[axis].bits)
            parts.move(
                from: layout.axes[axis].shift + bits, bits: layout.axes[axis].bits - bits, to: other.axes[axis].shift)
        }
        parts.move(from: layout.batch.shift, bits: layout.batch.bits, to: other.batch.shift)
        return try parts.moved(keys)
    }

    /// The distinct ones of `keys`, ascending.
    private static func distinct<Key: SiteKey>(_ keys: Storage<Key>) throws(SCNError) -> Storage<Key> {
        // Sites of one line follow each other, so that most of what is equal is adjacent before sorting, too.
        let few = try withoutRepeats(keys)
        return try withoutRepeats(radixSorted(few, Storage<Int32>(count: few.count)).keys)
    }

    /// One of each run of equal keys.
    private static func withoutRepeats<Key: SiteKey>(_ keys: Storage<Key>) throws(SCNError) -> Storage<Key> {
        let (count, source) = (keys.count, keys.pointer)
        let starts = try Storage<Int>(count: Parallel.chunkCount(count, size: ChunkSizes.keys) + 1, zeroed: true)
        let start = starts.pointer
        @inline(__always)
        func begins(_ index: Int) -> Int { zeroOrOne(source[index] != source[index &- 1]) }
        Parallel.forEachChunk(count, size: ChunkSizes.keys) { chunk, range in
            var runs = chunk == 0 ? 1 : 0
            for index in max(1, range.lowerBound)..<range.upperBound { runs &+= begins(index) }
            start[chunk + 1] = runs
        }
        for chunk in 1..<max(1, starts.count) { start[chunk] += start[chunk - 1] }
        let result = try Storage<Key>(count: start[starts.count - 1])
        let target = result.pointer
        Parallel.forEachChunk(count, size: ChunkSizes.keys) { chunk, range in
            var next = start[chunk]
            for index in range where index == 0 || begins(index) != 0 {
                target[next] = source[index]
                next &+= 1
            }
        }
        withExtendedLifetime((keys, starts)) {}
        return result
    }

    private func quotientKeys<Key: SiteKey>(
        _ stride: [Int], _ rests: [Int], _ layout: KeyLayout, _: Key.Type
    ) throws(SCNError) -> Storage<Key> {
        if case .narrow(let own) = self.keys, let keys = try shiftedKeys(own, stride, rests, layout) as? Storage<Key> {
            return try Self.distinct(keys)
        }
        let (keys, columns) = (try Storage<Key>(count: count), dimension + 1)
        let target = keys.pointer
        try Parallel.tryForEachChunk(count, size: ChunkSizes.sites) { _, rows throws(SCNError) in
            let places = try Storage<Int64>(count: rows.count * columns)
            let place = places.pointer
            self.places(of: rows, into: place)
            for axis in stride.indices {
                let (step, rest) = (UInt64(stride[axis]), UInt64(rests[axis]))
                for index in Swift.stride(from: axis, to: rows.count * columns, by: columns) {
                    place[index] = Int64((UInt64(place[index]) + rest) / step)
                }
            }
            layout.encode(
                place, count: rows.count, columns: columns, from: stride.map { _ in 0 },
                into: target + rows.lowerBound)
            withExtendedLifetime(places) {}
        }
        return try Self.distinct(keys)
    }
}

extension SiteSet {
    /// The samples of several site sets one after the other; all have one spatial size. Rows keep their order.
    package static func appending(_ sets: [SiteSet]) throws(SCNError) -> SiteSet {
        guard let first = sets.first else {
            throw SCNError(.invalidArgument, "tensors: none given, expected at least one")
        }
        let columns = first.dimension + 1
        var field = first.field
        var (rows, samples) = (0, 0)
        for (index, set) in sets.enumerated() {
            try require(
                field.isShownUnbounded || set.field.isShownUnbounded || set.field.shown == field.shown, .shape,
                "tensors[\(index)]: has \(set.field.spatialText), expected \(field.shown.size) as the first")
            field = try field.united(with: set.field, "tensors[\(index)]")
            // Each is at most 2^31, and no array holds 2^32 of them.
            rows += set.count
            samples += set.batchSize
        }
        let coordinates = try Storage<Int64>(count: checkedProduct([rows, columns], "coordinates of \(rows) sites"))
        var (row, sample) = (0, 0)
        for set in sets {
            let target = coordinates.pointer + row * columns
            set.coordinates(into: target)
            for site in 0..<set.count { target[site * columns + columns - 1] += Int64(sample) }
            row += set.count
            sample += set.batchSize
        }
        return try InputSites.build(
            dimension: first.dimension, spatialSize: field.isShownUnbounded ? nil : field.shown.size,
            lower: field.isShownUnbounded ? nil : field.shown.lower, keepsOutside: field.nominal != nil,
            coordinates: coordinates.pointer, rows: rows, columns: columns, batchSize: samples, mode: .unique
        ).0
    }
}
