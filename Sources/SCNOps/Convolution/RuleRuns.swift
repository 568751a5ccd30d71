internal import SCNCore
internal import SCNGeometry

extension Rulebook {
    /// Fills `target` [outputCount, ...] with zeros and calls `body` for the runs of rules that are to add to it:
    /// cuts its rows into spans, one thread each, short enough to stay near the core while all filter offsets pass over
    /// one, offsets ascending. No two spans write the same row. Where output rows repeat within an offset, all are one
    /// span.
    func forEachOutputRun(
        clearing target: Matrix, _ body: (_ offset: Int, _ rules: Range<Int>) -> Void
    ) {
        let (offsets, outputRows) = (offsets.pointer, outputRows.pointer)
        let (values, planes) = (target.pointer, target.planes)
        if !outputRowsAscend {
            values.update(repeating: 0, count: target.count)
            for k in 0..<volume where offsets[k] < offsets[k + 1] { body(k, Int(offsets[k])..<Int(offsets[k + 1])) }
            return
        }
        let spanRows = pooledSpan(planes: planes)
        Parallel.forEachChunk(outputCount, size: spanRows) { _, rows in
            (values + rows.lowerBound * planes).update(repeating: 0, count: rows.count * planes)
            for k in 0..<volume {
                let (begin, end) = (Int(offsets[k]), Int(offsets[k + 1]))
                let first = lowerBound(outputRows, begin, end, Int32(rows.lowerBound))
                // Rows ascend strictly, so a span has no more rules than rows.
                let last = lowerBound(
                    outputRows, first, min(end, first + rows.count), Int32(rows.upperBound - 1) &+ 1)
                if first < last { body(k, first..<last) }
            }
        }
        withExtendedLifetime((self, target)) {}
    }

    /// The output rows of a span of so many planes.
    func pooledSpan(planes: Int) -> Int {
        let fitting = ChunkSizes.pooledElements / max(1, planes)
        return max(min(max(fitting, ChunkSizes.pooledRows.lowerBound), ChunkSizes.pooledRows.upperBound), volume)
    }
}

extension Rulebook {
    /// How many rules each output row has.
    func outputCounts() throws(SCNError) -> Storage<Int32> {
        let counts = try Storage<Int32>(count: outputCount, zeroed: true)
        let (count, row) = (counts.pointer, outputRows.pointer)
        for rule in 0..<ruleCount { count[Int(row[rule])] &+= 1 }
        withExtendedLifetime(self) {}
        return counts
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
