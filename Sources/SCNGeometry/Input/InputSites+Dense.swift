package import SCNCore

extension InputSites {
    /// The sites of a dense array [samples, planes, ...spatial size], which `values` holds in any shape, at which some
    /// plane is not zero; NaN is not zero.
    package static func dense(
        spatialSize: [Int], values: Matrix, samples: Int, planes: Int
    ) throws(SCNError) -> SiteSet {
        try Kernels.requireFitting(["data": values])
        let dimension = spatialSize.count
        try requireSpatialSize(spatialSize, dimension: dimension)
        let volume = try checkedProduct(spatialSize, "a dense array of \(describe(spatialSize))")
        let count = try checkedProduct(
            [samples, planes, volume],
            "a dense array of \(samples) samples x \(planes) planes x \(describe(spatialSize))")
        try require(values.count == count, .shape, "data: has \(counted(values.count, .element)), expected \(count)")
        let cells = try checkedProduct([samples, volume], "a dense array of \(samples) samples")
        try require(
            cells <= Int(Int32.max), .overflow,
            "data: has \(samples) samples of \(describe(spatialSize)), \(cells) cells, expected at most \(Int32.max)"
        )
        let marks = try Storage<UInt8>(count: cells, zeroed: true)
        let (base, mark) = (values.pointer, marks.pointer)
        Parallel.forEachChunk(cells, size: ChunkSizes.elements) { _, range in
            var first = range.lowerBound
            while first < range.upperBound {
                let sample = first / volume
                let count = min(range.upperBound, (sample + 1) * volume) - first
                for p in 0..<planes {
                    let source = base + (sample * planes + p) * volume + (first - sample * volume)
                    // Without its sign, zero alone has no bits.
                    for cell in 0..<count { mark[first &+ cell] |= source[cell].bitPattern &<< 1 == 0 ? 0 : 1 }
                }
                first += count
            }
        }
        let active = try selected(cells) { mark[$0] != 0 }
        let (columns, cell) = (dimension + 1, active.pointer)
        let coordinates = try Storage<Int64>(
            count: checkedProduct([active.count, columns], "coordinates of \(active.count) sites"))
        let target = coordinates.pointer
        Parallel.forEachChunk(active.count, size: ChunkSizes.sites) { _, range in
            for index in range {
                var rest = Int(cell[index])
                for axis in stride(from: dimension - 1, through: 0, by: -1) {
                    target[index * columns + axis] = Int64(rest % spatialSize[axis])
                    rest /= spatialSize[axis]
                }
                target[index * columns + dimension] = Int64(rest)
            }
        }
        withExtendedLifetime((values, marks, active)) {}
        return try build(
            dimension: dimension, spatialSize: spatialSize, coordinates: target, rows: active.count, columns: columns,
            batchSize: samples, mode: .unique
        ).0
    }
}
