internal import CSCNKernels
package import SCNCore

/// Rows taken from given places of a matrix, and put there.
package enum RowGathering {
    /// A byte for each row: 1 where its first element is above `least`, else 0.
    package static func marks(_ source: Matrix, above least: Float) throws(SCNError) -> Storage<UInt8> {
        let kernels = try Kernels.fitting(["source": source])
        try require(source.planes >= 1 || source.rows == 0, .shape, "source: has no planes, expected at least 1")
        let marks = try Storage<UInt8>(count: source.rows)
        Parallel.forEachChunk(source.rows, size: ChunkSizes.elements) { _, range in
            kernels.mark_above(
                source.pointer + range.lowerBound * source.planes, Int64(source.planes), Int64(range.count), least,
                marks.pointer + range.lowerBound)
        }
        withExtendedLifetime(source) {}
        return marks
    }

    /// result[index] = factor * source[places[index]], zeros where the place is -1.
    package static func gather(
        _ source: Matrix, at places: Storage<Int32>, factor: Float = 1, into result: Matrix
    ) throws(SCNError) {
        let kernels = try Kernels.fitting(["source": source, "result": result])
        try result.requireShape(places.count, source.planes, "result")
        Parallel.forEachChunk(places.count, size: ChunkSizes.rows) { _, range in
            kernels.spread_site_rows(
                Int64(range.lowerBound), Int64(range.upperBound), places.pointer, nil, nil, SCN_SUM_OF_ROWS,
                source.pointer, Int64(source.planes), result.pointer)
        }
        withExtendedLifetime((source, places, result)) {}
        if factor != 1 { try Elements.scale(result, by: factor, into: result) }
    }

    /// result[places[index]] = source[index], zeros at all other places. No two places are the same.
    package static func scatter(_ source: Matrix, at places: Storage<Int32>, into result: Matrix) throws(SCNError) {
        try Elements.fill(result, with: 0)
        try add(source, at: places, to: result)
    }

    /// result[places[index]] += factor * source[index]. No two places are the same.
    static func add(
        _ source: Matrix, factor: Float = 1, at places: Storage<Int32>, to result: Matrix
    ) throws(SCNError) {
        let kernels = try Kernels.fitting(["source": source, "result": result])
        try source.requireShape(places.count, result.planes, "source")
        let planes = Int64(source.planes)
        forEachRun(places) { first, place, consecutive, count in
            kernels.add_rows(
                count, consecutive, place, source.pointer + first * source.planes, planes, result.pointer, planes,
                planes, factor)
        }
        withExtendedLifetime((source, result)) {}
    }

    private typealias Rows = UnsafePointer<Int32>

    /// Calls `body` for runs of places, with the index of the first and with the rows 0, 1, ... that a matrix has
    /// there.
    private static func forEachRun(
        _ places: Storage<Int32>, _ body: (_ first: Int, _ places: Rows, _ consecutive: Rows, _ count: Int64) -> Void
    ) {
        // On the stack, as long as it is no larger than 1 KB: once results are written, no memory may be asked for.
        let longest = 256
        Parallel.forEachChunk(places.count, size: ChunkSizes.rows) { _, range in
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: longest) { consecutive in
                for row in 0..<longest { consecutive[row] = Int32(truncatingIfNeeded: row) }
                for first in stride(from: range.lowerBound, to: range.upperBound, by: longest) {
                    body(
                        first, places.pointer + first, UnsafePointer(consecutive.baseAddress!),
                        Int64(min(longest, range.upperBound - first)))
                }
            }
        }
        withExtendedLifetime(places) {}
    }
}
