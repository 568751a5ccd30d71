package import SCNCore

/// The active sites of a tensor: unique, in (batch, coordinates) order. Row i of a feature matrix belongs to site i.
///
/// Immutable: its storages are shared and only read.
package final class SiteSet: @unchecked Sendable {
    /// Sorted keys, 64 bits each where they fit.
    enum Keys {
        case narrow(Storage<UInt64>)
        case wide(Storage<UInt128>)
    }

    package let field: Field
    package let batchSize: Int
    package let count: Int
    let layout: KeyLayout
    /// Of coordinates that count from where the field begins.
    let keys: Keys

    /// Of the field that holds all sites; what programs see is `field.shown`.
    package var spatialSize: [Int] { field.size }
    package var dimension: Int { field.dimension }

    /// Takes strictly ascending keys in the layout that belongs to the field's size and this batch size.
    init(_ field: Field, batchSize: Int, layout: KeyLayout, keys: Keys) throws(SCNError) {
        self.field = field
        self.batchSize = batchSize
        self.layout = layout
        self.keys = keys
        count =
            switch keys {
            case .narrow(let keys): keys.count
            case .wide(let keys): keys.count
            }
        try require(count <= Int(Int32.max), .overflow, "\(count) sites; at most \(Int32.max) are possible")
    }

    /// Writes (coordinates, batch) of all sites to `output`, [count, d + 1].
    package func coordinates(into output: UnsafeMutablePointer<Int64>) {
        let columns = dimension + 1
        Parallel.forEachChunk(count, size: ChunkSizes.keys) { _, rows in
            coordinates(of: rows, from: field.lower, into: output + rows.lowerBound * columns)
        }
    }

    /// (coordinates, batch) of all sites, [count, d + 1].
    package func coordinates() throws(SCNError) -> [Int64] {
        let result = try Storage<Int64>(
            count: checkedProduct([count, dimension + 1], "coordinates of \(count) sites"))
        coordinates(into: result.pointer)
        return Array(result)
    }

    /// The same of some rows, but coordinates count from where the field begins: each is in 0 ..< `spatialSize`.
    func places(of rows: Range<Int>, into output: UnsafeMutablePointer<Int64>) {
        coordinates(of: rows, from: field.lower.map { _ in 0 }, into: output)
    }

    /// The same, counted from where the field that programs see begins; below 0 before it.
    package func shownPlaces(of rows: Range<Int>, into output: UnsafeMutablePointer<Int64>) {
        coordinates(of: rows, from: zip(field.lower, field.shown.lower).map { $0 &- $1 }, into: output)
    }

    private func coordinates(of rows: Range<Int>, from lower: [Int], into output: UnsafeMutablePointer<Int64>) {
        let (first, count) = (rows.lowerBound, rows.count)
        switch keys {
        case .narrow(let keys): layout.decode(keys.pointer + first, count: count, from: lower, into: output)
        case .wide(let keys): layout.decode(keys.pointer + first, count: count, from: lower, into: output)
        }
    }

    /// (coordinates, batch) of the sites of `count` rows.
    func coordinates(
        ofRows rows: UnsafePointer<Int32>, count: Int, into output: UnsafeMutablePointer<Int64>
    ) throws(SCNError) {
        switch keys {
        case .narrow(let keys): try decode(keys, rows, count, into: output)
        case .wide(let keys): try decode(keys, rows, count, into: output)
        }
    }

    private func decode<Key: SiteKey>(
        _ keys: Storage<Key>, _ rows: UnsafePointer<Int32>, _ count: Int, into output: UnsafeMutablePointer<Int64>
    ) throws(SCNError) {
        let gathered = try Storage<Key>(count: count)
        let (source, target) = (keys.pointer, gathered.pointer)
        for index in 0..<count { target[index] = source[Int(rows[index])] }
        layout.decode(target, count: count, from: field.lower, into: output)
        withExtendedLifetime(gathered) {}
    }

    /// The keys that the sites have in another layout and field, which have room for them.
    func keys<Key: SiteKey>(in other: KeyLayout, from lower: [Int], as: Key.Type) throws(SCNError) -> Storage<Key> {
        if other == layout && lower == field.lower {
            switch keys {
            case .narrow(let keys as Storage<Key>), .wide(let keys as Storage<Key>): return keys
            default: break
            }
        }
        if Key.self == UInt64.self, case .narrow(let keys) = keys,
            let moved = try moved(keys, to: other, from: lower) as? Storage<Key>
        {
            return moved
        }
        let result = try Storage<Key>(count: count)
        let columns = dimension + 1
        let target = result.pointer
        try Parallel.tryForEachChunk(count, size: ChunkSizes.sites) { _, rows throws(SCNError) in
            let scratch = try Storage<Int64>(count: rows.count * columns)
            coordinates(of: rows, from: field.lower, into: scratch.pointer)
            other.encode(
                scratch.pointer, count: rows.count, columns: columns, from: lower, into: target + rows.lowerBound)
        }
        return result
    }

    private func moved(
        _ keys: Storage<UInt64>, to other: KeyLayout, from lower: [Int]
    ) throws(SCNError) -> Storage<UInt64> {
        var parts = KeyParts(
            origin: layout.origin(from: lower.map { _ in 0 }, as: UInt64.self),
            base: other.origin(from: zip(lower, field.lower).map { $0 &- $1 }, as: UInt64.self))
        for (from, to) in zip(layout.axes + [layout.batch], other.axes + [other.batch]) {
            parts.move(from: from.shift, bits: from.bits, to: to.shift)
        }
        return try parts.moved(keys)
    }

    /// The same sites in another field, which contains them.
    func moved(to field: Field) throws(SCNError) -> SiteSet {
        if field == self.field { return self }
        let layout = try KeyLayout(spatialSize: field.size, batchSize: batchSize)
        let keys: Keys =
            layout.isWide
            ? .wide(try self.keys(in: layout, from: field.lower, as: UInt128.self))
            : .narrow(try self.keys(in: layout, from: field.lower, as: UInt64.self))
        return try SiteSet(field, batchSize: batchSize, layout: layout, keys: keys)
    }

    /// Where each site's plane 0 lies in a dense array [batchSize, planes, spatial size ...], -1 where it lies outside,
    /// and the spatial volume, which is the way from one plane to the next. Throws an overflow error where that array
    /// has no 64-bit size.
    package func denseOffsets(planes: Int) throws(SCNError) -> (offsets: Storage<Int64>, volume: Int) {
        let spatialSize = field.shown.size
        let inside = field.nominal.map { Field.Places(lower: $0.lower.map { _ in 0 }, size: $0.size) }
        let volume = try checkedProduct(spatialSize, "a dense tensor of \(describe(spatialSize))")
        _ = try checkedProduct(
            [batchSize, planes, volume],
            "a dense tensor of \(batchSize) samples x \(planes) planes x \(describe(spatialSize))")
        let offsets = try Storage<Int64>(count: count)
        let columns = dimension + 1
        let block = ChunkSizes.sites
        let scratch = try Storage<Int64>(count: min(count, block) * columns)
        for first in stride(from: 0, to: count, by: block) {
            let rows = first..<min(count, first + block)
            shownPlaces(of: rows, into: scratch.pointer)
            for row in rows {
                let site = scratch.pointer + (row - first) * columns
                if let inside, Field.isOutside(site, inside) {
                    offsets.pointer[row] = -1
                    continue
                }
                var offset = site[dimension] * Int64(planes)
                for axis in 0..<dimension { offset = offset * Int64(spatialSize[axis]) + site[axis] }
                offsets.pointer[row] = offset
            }
        }
        return (offsets, volume)
    }

    /// The row of a site (coordinates, then batch index), or nil where it is not active.
    package func row(of site: [Int]) -> Int? {
        guard site.count == dimension + 1, (0..<batchSize).contains(site[dimension]),
            (0..<dimension).allSatisfy({ site[$0] >= field.lower[$0] && site[$0] <= field.last($0) })
        else { return nil }
        return switch keys {
        case .narrow(let keys): row(of: site, keys)
        case .wide(let keys): row(of: site, keys)
        }
    }

    private func row<Key: SiteKey>(of site: [Int], _ keys: Storage<Key>) -> Int? {
        let batch = Key(site[dimension]) << Key(layout.batch.shift)
        let key =
            layout.origin(from: field.lower, as: Key.self) &+ layout.delta(Array(site.dropLast()), as: Key.self)
            &+ batch
        let row = lowerBound(keys.pointer, 0..<count, key)
        return row < count && keys.pointer[row] == key ? row : nil
    }

    /// Whether both have the same batch size and sites, in the same field where both are bounded.
    package func hasSameSites(as other: SiteSet) -> Bool {
        if self === other { return true }
        guard batchSize == other.batchSize, count == other.count else { return false }
        if field.lower == other.field.lower && field.size == other.field.size {
            // Equal sizes have equal layouts, so that equal sites have equal keys.
            return switch (keys, other.keys) {
            case (.narrow(let a), .narrow(let b)): a.elementsEqual(b)
            case (.wide(let a), .wide(let b)): a.elementsEqual(b)
            default: false
            }
        }
        guard dimension == other.dimension, field.isUnbounded || other.field.isUnbounded else { return false }
        return hasSameCoordinates(as: other)
    }

    private func hasSameCoordinates(as other: SiteSet) -> Bool {
        let (columns, block) = (dimension + 1, 256)
        return withUnsafeTemporaryAllocation(of: Int64.self, capacity: 2 * block * columns) { scratch in
            let (ours, theirs) = (scratch.baseAddress!, scratch.baseAddress! + block * columns)
            for first in stride(from: 0, to: count, by: block) {
                let rows = first..<min(count, first + block)
                coordinates(of: rows, from: field.lower, into: ours)
                other.coordinates(of: rows, from: other.field.lower, into: theirs)
                for index in 0..<rows.count * columns where ours[index] != theirs[index] { return false }
            }
            return true
        }
    }
}

/// The first index of `range` whose key is not below `key`, or the end of the range.
func lowerBound<Key: SiteKey>(_ keys: UnsafePointer<Key>, _ range: Range<Int>, _ key: Key) -> Int {
    var low = range.lowerBound
    var high = range.upperBound
    while low < high {
        let middle = low + (high - low) / 2
        if keys[middle] < key { low = middle + 1 } else { high = middle }
    }
    return low
}
