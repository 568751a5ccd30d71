internal import SCNCore
internal import SCNGeometry

extension Rulebook {
    /// Cuts the output rows into spans, one thread each, and calls `body` for the run of rules that each filter offset has
    /// in a span, offsets ascending. No two spans write the same output row. Where output rows repeat within an offset, all
    /// are one span.
    func forEachOutputRun(_ body: (_ offset: Int, _ rules: Range<Int>) -> Void) {
        let (offsets, outputRows) = (offsets.pointer, outputRows.pointer)
        if !outputRowsAscend {
            for k in 0..<volume where offsets[k] < offsets[k + 1] { body(k, Int(offsets[k])..<Int(offsets[k + 1])) }
            return
        }
        let spanRows = max(256, (outputCount + 8 * Parallel.threadCount - 1) / (8 * Parallel.threadCount))
        Parallel.forEachChunk(outputCount, size: spanRows) { _, rows in
            for k in 0..<volume {
                let (begin, end) = (Int(offsets[k]), Int(offsets[k + 1]))
                let first = lowerBound(outputRows, begin, end, Int32(rows.lowerBound))
                let last = lowerBound(outputRows, first, end, Int32(rows.upperBound - 1) &+ 1)
                if first < last { body(k, first..<last) }
            }
        }
        withExtendedLifetime(self) {}
    }
}

/// The first index in begin ..< end whose element is not below `value`.
private func lowerBound(_ elements: UnsafePointer<Int32>, _ begin: Int, _ end: Int, _ value: Int32) -> Int {
    var (low, high) = (begin, end)
    while low < high {
        let middle = (low + high) / 2
        if elements[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
}
