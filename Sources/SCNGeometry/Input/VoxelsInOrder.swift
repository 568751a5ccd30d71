package import SCNCore

/// Voxels of points in space, numbered in the order in which points first enter them.
package struct VoxelsInOrder: @unchecked Sendable {
    /// The number of points.
    package let rows: Int
    /// The number of voxels.
    package let count: Int
    package let dimension: Int
    /// The points that lie in the field; nil: all.
    private let inside: Storage<Int32>?
    /// The sites of those, sorted; the number of each site's voxel, -1 where it is beyond the limit.
    private let sites: Segments
    private let numbers: Storage<Int32>
    /// Of each voxel the first point, among those that lie in the field.
    private let firsts: Storage<Int32>
    /// Of the points that lie in the field, with the batch index where one was given.
    private let coordinates: Storage<Int64>
    private let columns: Int

    fileprivate init(
        rows: Int, _ voxelization: Voxelization, _ inside: Storage<Int32>?, _ set: SiteSet, _ sites: Segments,
        coordinates: Storage<Int64>, columns: Int, limit: Int?
    ) throws(SCNError) {
        self.rows = rows
        dimension = voxelization.dimension
        self.inside = inside
        self.sites = sites
        self.coordinates = coordinates
        self.columns = columns
        let isFirst = try Storage<UInt8>(count: sites.rowCount, zeroed: true)
        let (mark, start, row) = (isFirst.pointer, sites.starts.pointer, sites.rows.pointer)
        Parallel.forEachChunk(sites.count, size: ChunkSizes.keys) { _, range in
            for site in range { mark[Int(row[Int(start[site])])] = 1 }
        }
        firsts = try InputSites.selected(sites.rowCount) { mark[$0] != 0 }
        numbers = try Storage(count: sites.count)
        let (first, number, siteOfRow) = (firsts.pointer, numbers.pointer, sites.ofRow.pointer)
        guard let limit else {
            count = firsts.count
            Parallel.forEachChunk(firsts.count, size: ChunkSizes.keys) { _, range in
                for index in range { number[Int(siteOfRow[Int(first[index])])] = Int32(truncatingIfNeeded: index) }
            }
            return
        }
        let samples = try set.samples()
        let placeOfSite = try Storage<Int32>(count: sites.count)
        let taken = try Storage<Int>(count: samples.count, zeroed: true)
        for place in 0..<samples.count {
            let range = samples.rows(place)
            (placeOfSite.pointer + range.lowerBound).update(
                repeating: Int32(truncatingIfNeeded: place), count: range.count)
        }
        var next = 0
        for index in 0..<firsts.count {
            let site = Int(siteOfRow[Int(first[index])])
            let place = Int(placeOfSite[site])
            number[site] = -1
            if taken[place] >= limit { continue }
            taken[place] += 1
            number[site] = Int32(truncatingIfNeeded: next)
            first[next] = first[index]
            next += 1
        }
        count = next
    }

    /// Writes the voxel of each point, [rows], and how many points of that voxel come before it, [rows]; -1 for both
    /// where the point is left out. Either may be nil.
    package func copyPoints(voxel: UnsafeMutablePointer<Int64>?, place: UnsafeMutablePointer<Int64>?) {
        voxel?.update(repeating: -1, count: rows)
        place?.update(repeating: -1, count: rows)
        let (start, row, number) = (sites.starts.pointer, sites.rows.pointer, numbers.pointer)
        let outer = inside?.pointer
        Parallel.forEachChunk(sites.count, size: ChunkSizes.keys) { _, range in
            for site in range where number[site] >= 0 {
                let begin = Int(start[site])
                for index in begin..<Int(start[site &+ 1]) {
                    let own = Int(row[index])
                    let point = outer.map { Int($0[own]) } ?? own
                    if let voxel { voxel[point] = Int64(number[site]) }
                    if let place { place[point] = Int64(index &- begin) }
                }
            }
        }
        withExtendedLifetime(self) {}
    }

    /// Writes the coordinates of each voxel, batch index last, [count, dimension + 1].
    package func copyCoordinates(into target: UnsafeMutablePointer<Int64>) {
        let (first, source) = (firsts.pointer, coordinates.pointer)
        Parallel.forEachChunk(count, size: ChunkSizes.keys) { _, range in
            for voxel in range {
                let (from, to) = (source + Int(first[voxel]) * columns, target + voxel * (dimension + 1))
                to[dimension] = 0
                to.update(from: from, count: columns)
            }
        }
        withExtendedLifetime(self) {}
    }
}

extension Voxelization {
    /// The voxels of points, numbered in the order in which points first enter them, at most `limit` of each sample.
    /// Arguments and errors as of `sites`; where ``dropsOutside``, points that are not finite, below the origin,
    /// outside of the spatial size or 2^53 voxels or more from the origin are left out instead.
    package func sitesInOrder(
        _ points: PointCoordinates, rows: Int, batch: UnsafePointer<Int64>?, limit: Int?
    ) throws(SCNError) -> VoxelsInOrder {
        switch points {
        case .float32(let points): try sitesInOrder(points, rows: rows, batch: batch, limit: limit)
        case .float64(let points): try sitesInOrder(points, rows: rows, batch: batch, limit: limit)
        }
    }

    private func sitesInOrder<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
        _ points: UnsafePointer<Scalar>, rows: Int, batch: UnsafePointer<Int64>?, limit: Int?
    ) throws(SCNError) -> VoxelsInOrder {
        if let spatialSize { try requireSpatialSize(spatialSize, dimension: dimension) }
        let origin = try checkedOrigin(points, rows: rows)
        let columns = batch == nil ? dimension : dimension + 1
        var coordinates = try Storage<Int64>(count: rows * columns)
        var largest = try quantize(points, rows: rows, batch, origin, into: coordinates.pointer)
        var inside: Storage<Int32>?
        if dropsOutside {
            let all = coordinates.pointer
            let kept = try InputSites.selected(rows) { all[$0 * columns] >= 0 }
            if kept.count < rows {
                let few = try Storage<Int64>(count: kept.count * columns)
                let (target, place) = (few.pointer, kept.pointer)
                Parallel.forEachChunk(kept.count, size: ChunkSizes.keys) { _, range in
                    for index in range {
                        (target + index * columns).update(from: all + Int(place[index]) * columns, count: columns)
                    }
                }
                withExtendedLifetime(coordinates) {}
                coordinates = few
                inside = kept
                if spatialSize == nil {
                    largest = (0..<dimension).map { axis in
                        (0..<kept.count).reduce(0) { max($0, Int(target[$1 * columns + axis])) }
                    }
                }
            }
        }
        let outer = inside
        let (set, map) = try InputSites.build(
            dimension: dimension, spatialSize: spatialSize ?? largest.map { $0 + 1 },
            coordinates: coordinates.pointer, rows: outer?.count ?? rows, columns: columns, mode: .first
        ) { index in "row \(outer.map { Int($0[index]) } ?? index)" }
        return try VoxelsInOrder(
            rows: rows, self, inside, set, map.segments, coordinates: coordinates, columns: columns, limit: limit)
    }
}
