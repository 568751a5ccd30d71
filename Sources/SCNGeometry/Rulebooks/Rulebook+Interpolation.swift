package import SCNCore

extension Rulebook {
    /// The rules from sites to points between them, in units of the sites: under filter offset k, one of the 2^d
    /// corners in row-major order, a point reads the site floor(point) + corner where that is active.
    ///
    /// points: [rows, dimension]; batch: [rows], the sample of each point, nil for the first. Throws a coordinate error
    /// that names the row where a coordinate is not finite, or has no 63 bits.
    package static func interpolation(
        _ sites: SiteSet, _ points: PointCoordinates, rows: Int, batch: UnsafePointer<Int64>?
    ) throws(SCNError) -> Rulebook {
        let dimension = sites.dimension
        let columns = dimension + 1
        try require(
            rows >= 0 && rows <= Int(Int32.max), .overflow, "points: have \(rows) rows, expected 0 ... \(Int32.max)")
        let floors = try Storage<Int64>(count: checkedProduct([rows, columns], "the places of \(rows) points"))
        switch points {
        case .float32(let points): try floor(points, rows, dimension, batch, into: floors.pointer)
        case .float64(let points): try floor(points, rows, dimension, batch, into: floors.pointer)
        }
        let (cells, map) = try InputSites.build(
            dimension: dimension, spatialSize: nil, coordinates: floors.pointer, rows: rows, columns: columns,
            mode: .first)
        withExtendedLifetime(floors) {}
        let corners = try FilterGeometry.strided(
            size: [Int](repeating: 2, count: dimension), stride: [Int](repeating: 1, count: dimension))
        return try between(sites, cells, SiteRelation(corners)).spread(over: map.siteOfRow)
    }

    /// The same rules for rows of which each belongs to an output row.
    private func spread(over outputOfRow: Storage<Int32>) throws(SCNError) -> Rulebook {
        let (rows, cells, volume) = (outputOfRow.count, outputCount, volume)
        // Asked for once: another thread may set it meanwhile.
        let lanes = min(Parallel.threadCount, volume)
        let sources = try Storage<Int32>(count: checkedProduct([lanes, cells], "the corners of cells"))
        let starts = try Storage<Int64>(count: volume + 1, zeroed: true)
        let (start, cell) = (starts.pointer, outputOfRow.pointer)
        let (offset, inputRow, outputRow) = (offsets.pointer, inputRows.pointer, outputRows.pointer)
        // Of each cell, the input row under offset k, or -1.
        func corner(_ k: Int, _ lane: Int) -> UnsafeMutablePointer<Int32> {
            let source = sources.pointer + lane * cells
            source.update(repeating: -1, count: cells)
            for rule in Int(offset[k])..<Int(offset[k + 1]) { source[Int(outputRow[rule])] = inputRow[rule] }
            return source
        }
        Parallel.forEach(lanes) { lane in
            for k in Swift.stride(from: lane, to: volume, by: lanes) where offset[k] < offset[k + 1] {
                let source = corner(k, lane)
                var count: Int64 = 0
                for row in 0..<rows { count &+= source[Int(cell[row])] >= 0 ? 1 : 0 }
                start[k + 1] = count
            }
        }
        for k in 0..<volume { start[k + 1] += start[k] }
        try require(
            start[volume] <= Int64(Int32.max), .overflow,
            "a rulebook of more than \(Int32.max) rules is not possible")
        let count = Int(start[volume])
        let (inputs, outputs) = (try Storage<Int32>(count: count), try Storage<Int32>(count: count))
        let (input, output) = (inputs.pointer, outputs.pointer)
        Parallel.forEach(lanes) { lane in
            for k in Swift.stride(from: lane, to: volume, by: lanes) where offset[k] < offset[k + 1] {
                let source = corner(k, lane)
                var (row, next) = (0, Int(start[k]))
                let end = Int(start[k + 1])
                while next < end {
                    let found = source[Int(cell[row])]
                    input[next] = found
                    output[next] = Int32(truncatingIfNeeded: row)
                    next &+= zeroOrOne(found >= 0)
                    row &+= 1
                }
            }
        }
        withExtendedLifetime((self, sources, outputOfRow)) {}
        return Rulebook(
            offsets: starts, inputRows: inputs, outputRows: outputs, inputCount: inputCount, outputCount: rows,
            inputRowsAscend: false)
    }

    private static func floor<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
        _ points: UnsafePointer<Scalar>, _ rows: Int, _ dimension: Int, _ batch: UnsafePointer<Int64>?,
        into places: UnsafeMutablePointer<Int64>
    ) throws(SCNError) {
        let columns = dimension + 1
        let chunks = Parallel.chunkCount(rows, size: ChunkSizes.points)
        let bad = try Storage<Int>(count: chunks)
        let firstBad = bad.pointer
        Parallel.forEachChunk(rows, size: ChunkSizes.points) { chunk, range in
            firstBad[chunk] = -1
            for row in range {
                for axis in 0..<dimension {
                    let value = points[row &* dimension &+ axis].rounded(.down)
                    // So that a corner beyond has 64 bits, too.
                    let isInside = value.magnitude < 0x1p62
                    if !isInside && firstBad[chunk] < 0 { firstBad[chunk] = row }
                    places[row &* columns &+ axis] = isInside ? Int64(value) : 0
                }
                places[row &* columns &+ dimension] = batch?[row] ?? 0
            }
        }
        guard let row = bad.first(where: { $0 >= 0 }) else { return }
        let axis = (0..<dimension).first { !(points[row * dimension + $0].magnitude < 0x1p62) } ?? 0
        throw SCNError(
            .coordinate,
            "points: row \(row) has \(points[row * dimension + axis]) on axis \(axis), expected a finite number "
                + "below 2^62")
    }
}
