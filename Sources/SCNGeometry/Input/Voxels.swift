package import SCNCore

/// What a voxel makes of the features of several points in it.
public enum VoxelReduction: Int, Sendable, CaseIterable {
    /// The sum over the points.
    case sum = 0
    /// The mean over the points.
    case mean = 1
    /// The features of the point that comes first.
    case first = 2
    /// The features of the point that comes last.
    case last = 3
    /// The features of one of the points, each as likely as any other.
    case random = 4
}

/// Coordinates of points, [rows, dimension], of either precision.
package enum PointCoordinates {
    case float32(UnsafePointer<Float>)
    case float64(UnsafePointer<Double>)
}

/// From points in space to sites.
package struct Voxelization {
    /// Edge lengths of a voxel, one an axis, finite and above 0.
    package var size: [Double]
    /// Where the voxel with the coordinates 0 begins; nil: at the least coordinate of the points on each axis.
    package var origin: [Double]?
    /// Of the sites; nil: just large enough.
    package var spatialSize: [Int]?
    package var reduction = VoxelReduction.mean
    /// Of reduction `random`: which point wins in a voxel depends on this, the voxel's row and its number of points.
    package var seed: UInt64 = 0
    /// Of ``sitesInOrder``: whether a point that has no voxel is left out, and no error.
    package var dropsOutside = false

    package init(size: [Double]) { self.size = size }

    var dimension: Int { size.count }

    /// The site of point p is floor((p - origin) / size) on each axis, in double precision.
    ///
    /// points: [rows, dimension]; batch: [rows] or nil for one sample; `batchSize`: a lower bound. Throws a coordinate
    /// error that names the row where a coordinate is not finite or below the origin, or a site is outside of the
    /// spatial size; an overflow error where a site needs more than 53 bits on an axis.
    package func sites(
        _ points: PointCoordinates, rows: Int, batch: UnsafePointer<Int64>?, batchSize: Int
    ) throws(SCNError) -> (SiteSet, InputMap) {
        switch points {
        case .float32(let points): try sites(points, rows: rows, batch: batch, batchSize: batchSize)
        case .float64(let points): try sites(points, rows: rows, batch: batch, batchSize: batchSize)
        }
    }

    private func sites<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
        _ points: UnsafePointer<Scalar>, rows: Int, batch: UnsafePointer<Int64>?, batchSize: Int
    ) throws(SCNError) -> (SiteSet, InputMap) {
        let origin = try checkedOrigin(points, rows: rows)
        let columns = batch == nil ? dimension : dimension + 1
        let coordinates = try Storage<Int64>(count: rows * columns)
        let largest = try quantize(points, rows: rows, batch, origin, into: coordinates.pointer)
        let (sites, map) = try InputSites.build(
            dimension: dimension, spatialSize: spatialSize ?? largest.map { $0 + 1 },
            coordinates: coordinates.pointer, rows: rows, columns: columns, batchSize: batchSize, mode: mode)
        if reduction == .random { map.chooseFirst(seed: seed) }
        return (sites, map)
    }

    private var mode: InputMode {
        switch reduction {
        case .sum: .sum
        case .mean: .mean
        // A random winner is put first.
        case .first, .random: .first
        case .last: .last
        }
    }

    /// Checks the arguments and, unless they are to be left out, that all coordinates are finite; returns where voxel 0
    /// begins.
    func checkedOrigin<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
        _ points: UnsafePointer<Scalar>, rows: Int
    ) throws(SCNError) -> [Double] {
        try require(
            FilterGeometry.dimensions.contains(dimension), .invalidArgument,
            "voxel_size: has \(counted(dimension, .axis)), expected 1 ... 10")
        for (axis, edge) in size.enumerated() {
            try require(
                edge.isFinite && edge > 0, .invalidArgument,
                "voxel_size: is \(edge) on axis \(axis), expected a finite number above 0")
        }
        try require(
            rows >= 0 && rows <= Int(Int32.max), .overflow, "points: have \(rows) rows, expected 0 ... \(Int32.max)")
        let least = try least(points, rows: rows)
        guard let origin else { return least }
        try require(
            origin.count == dimension, .shape,
            "origin: has \(counted(origin.count, .axis)), voxel_size has \(dimension)")
        for (axis, start) in origin.enumerated() {
            try require(
                start.isFinite, .invalidArgument, "origin: is \(start) on axis \(axis), expected a finite number")
        }
        return origin
    }

    /// The least finite coordinate on each axis, 0 where there is none. Throws where one is not finite, unless such
    /// points are left out.
    private func least<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
        _ points: UnsafePointer<Scalar>, rows: Int
    ) throws(SCNError) -> [Double] {
        let dimension = dimension
        let chunks = Parallel.chunkCount(rows, size: ChunkSizes.points)
        let (leasts, bad) = (try Storage<Scalar>(count: chunks * dimension), try Storage<Int>(count: chunks))
        let (least, firstBad) = (leasts.pointer, bad.pointer)
        Parallel.forEachChunk(rows, size: ChunkSizes.points) { chunk, range in
            firstBad[chunk] = -1
            for axis in 0..<dimension {
                var minimum = Scalar.infinity
                var finite = true
                for row in range {
                    let value = points[row &* dimension &+ axis]
                    finite = finite && value - value == 0
                    minimum = value < minimum ? value : minimum
                }
                least[chunk * dimension + axis] = minimum
                if !finite { firstBad[chunk] = 0 }
            }
            if firstBad[chunk] == 0 {
                if dropsOutside {
                    for axis in 0..<dimension {
                        least[chunk * dimension + axis] = range.reduce(.infinity) { found, row in
                            let value = points[row &* dimension &+ axis]
                            return value.isFinite && value < found ? value : found
                        }
                    }
                }
                firstBad[chunk] =
                    range.first { row in (0..<dimension).contains { !points[row * dimension + $0].isFinite } } ?? -1
            }
        }
        if !dropsOutside, let row = bad.first(where: { $0 >= 0 }) {
            let axis = (0..<dimension).first { !points[row * dimension + $0].isFinite } ?? 0
            throw SCNError(
                .coordinate,
                "points: row \(row) has \(points[row * dimension + axis]) on axis \(axis), expected a finite number")
        }
        return (0..<dimension).map { axis in
            let least = (0..<chunks).map { Double(leasts[$0 * dimension + axis]) }.min() ?? 0
            return least.isFinite ? least : 0
        }
    }

    /// Writes (coordinates and, where given, batch index) of all points; returns the largest coordinate on each axis.
    /// A point that is to be left out gets a first coordinate of -1.
    func quantize<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
        _ points: UnsafePointer<Scalar>, rows: Int, _ batch: UnsafePointer<Int64>?, _ origin: [Double],
        into coordinates: UnsafeMutablePointer<Int64>
    ) throws(SCNError) -> [Int] {
        let dimension = dimension
        let columns = batch == nil ? dimension : dimension + 1
        let chunks = Parallel.chunkCount(rows, size: ChunkSizes.points)
        let (maxima, bad) = (try Storage<Int>(count: chunks * dimension), try Storage<Int>(count: chunks))
        let (largest, firstBad) = (maxima.pointer, bad.pointer)
        let outside: Int64 = dropsOutside ? -1 : 0
        let ends = try Storage(
            (0..<dimension).map { axis in
                dropsOutside ? min(0x1p53, spatialSize.map { Double($0[axis]) } ?? 0x1p53) : 0x1p53
            })
        Parallel.forEachChunk(rows, size: ChunkSizes.points) { chunk, range in
            firstBad[chunk] = -1
            for axis in 0..<dimension {
                let (start, edge, end) = (origin[axis], size[axis], ends[axis])
                var most: Int64 = 0
                for row in range {
                    let place = (Double(points[row &* dimension &+ axis]) - start) / edge
                    // Not below 0, so that cutting the fraction off is rounding down.
                    let isInside = place >= 0 && place < end
                    let voxel = isInside ? Int64(place) : outside
                    if !isInside && (firstBad[chunk] < 0 || row < firstBad[chunk]) { firstBad[chunk] = row }
                    most = max(most, voxel)
                    coordinates[row &* columns &+ axis] = voxel
                }
                largest[chunk * dimension + axis] = Int(most)
            }
            if dropsOutside && firstBad[chunk] >= 0 {
                for row in range {
                    for axis in stride(from: 1, to: dimension, by: 1) where coordinates[row &* columns &+ axis] < 0 {
                        coordinates[row &* columns] = -1
                    }
                }
            }
            if let batch { for row in range { coordinates[row &* columns &+ dimension] = batch[row] } }
        }
        if !dropsOutside, let row = bad.first(where: { $0 >= 0 }) {
            throw outsideError((0..<dimension).map { Double(points[row * dimension + $0]) }, row, origin)
        }
        return (0..<dimension).map { axis in (0..<chunks).map { maxima[$0 * dimension + axis] }.max() ?? 0 }
    }

    private func outsideError(_ point: [Double], _ row: Int, _ origin: [Double]) -> SCNError {
        for axis in point.indices where point[axis] < origin[axis] {
            return SCNError(
                .coordinate,
                "points: row \(row) has \(point[axis]) on axis \(axis), below the origin, which is \(origin[axis]) there"
            )
        }
        let axis = point.indices.first { !((point[$0] - origin[$0]) / size[$0] < 0x1p53) } ?? 0
        return SCNError(
            .overflow,
            "points: row \(row) has \(point[axis]) on axis \(axis), 2^53 voxels of \(size[axis]) or more from the origin"
        )
    }
}

extension InputMap {
    /// Puts one of each site's rows first, each as likely as any other; only for a map that nobody else has yet.
    fileprivate func chooseFirst(seed: UInt64) {
        let (start, row) = (starts.pointer, rows.pointer)
        Parallel.forEachChunk(siteCount, size: ChunkSizes.sites) { _, range in
            for site in range {
                let (begin, count) = (Int(start[site]), Int(start[site + 1] - start[site]))
                if count == 1 { continue }
                // A generator for each site: which row wins does not depend on who else draws.
                var random = Random(seed: seed &+ UInt64(site) &* 0x9E37_79B9_7F4A_7C15)
                let chosen = begin + Int(random.next().multipliedFullWidth(by: UInt64(count)).high)
                let winner = row[chosen]
                row[chosen] = row[begin]
                row[begin] = winner
            }
        }
    }
}
