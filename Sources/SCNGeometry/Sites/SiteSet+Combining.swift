package import SCNCore

/// Where the rows of two site sets are in their union, which is sorted as they are.
package struct SiteUnion: @unchecked Sendable {
    /// The number of sites of the union.
    package let count: Int
    /// Of each row of the first set, and of the second, its place in the union.
    package let places: (Storage<Int32>, Storage<Int32>)

    /// The union of the sites of two sets of one spatial size; batch sizes may differ.
    package init(_ a: SiteSet, _ b: SiteSet) throws(SCNError) {
        try require(
            a.spatialSize == b.spatialSize, .shape,
            "y: has spatial size \(b.spatialSize), expected \(a.spatialSize)")
        try require(
            a.count + b.count <= Int(Int32.max), .overflow,
            "\(a.count) and \(b.count) sites; at most \(Int32.max) are possible together")
        let columns = a.dimension + 1
        let sites = (try a.packedCoordinates(), try b.packedCoordinates())
        places = (try Storage(count: a.count), try Storage(count: b.count))
        let (left, right) = (sites.0.pointer, sites.1.pointer)
        let (leftPlaces, rightPlaces) = (places.0.pointer, places.1.pointer)
        var (i, j, union) = (0, 0, 0)
        while i < a.count || j < b.count {
            let order =
                i == a.count ? 1 : j == b.count ? -1 : compare(left + i * columns, right + j * columns, columns)
            if order <= 0 {
                leftPlaces[i] = Int32(truncatingIfNeeded: union)
                i += 1
            }
            if order >= 0 {
                rightPlaces[j] = Int32(truncatingIfNeeded: union)
                j += 1
            }
            union += 1
        }
        count = union
        withExtendedLifetime(sites) {}
    }
}

/// The order of two sites (coordinates, then batch index, which counts first): -1, 0 or 1.
private func compare(_ a: UnsafePointer<Int64>, _ b: UnsafePointer<Int64>, _ columns: Int) -> Int {
    let batch = columns - 1
    if a[batch] != b[batch] { return a[batch] < b[batch] ? -1 : 1 }
    for axis in 0..<batch where a[axis] != b[axis] { return a[axis] < b[axis] ? -1 : 1 }
    return 0
}

extension SiteSet {
    /// The samples of several site sets one after the other; all have one spatial size. Rows keep their order.
    package static func appending(_ sets: [SiteSet]) throws(SCNError) -> SiteSet {
        guard let first = sets.first else {
            throw SCNError(.invalidArgument, "tensors: none given, expected at least one")
        }
        let columns = first.dimension + 1
        var (rows, samples) = (0, 0)
        for (index, set) in sets.enumerated() {
            try require(
                set.spatialSize == first.spatialSize, .shape,
                "tensors[\(index)]: has spatial size \(set.spatialSize), expected \(first.spatialSize) as the first")
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
            dimension: first.dimension, spatialSize: first.spatialSize, coordinates: coordinates.pointer, rows: rows,
            columns: columns, batchSize: samples, mode: .unique
        ).0
    }

    /// (coordinates, batch) of all sites, [count, d + 1].
    fileprivate func packedCoordinates() throws(SCNError) -> Storage<Int64> {
        let result = try Storage<Int64>(
            count: checkedProduct([count, dimension + 1], "coordinates of \(count) sites"))
        coordinates(into: result.pointer)
        return result
    }
}
