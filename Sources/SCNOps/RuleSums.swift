internal import CSCNKernels
internal import SCNCore
internal import SCNGeometry

extension Rulebook {
    /// target[o] = factor * the sum of source[i] over the rules (i, o) of every filter offset k, whose planes begin at k *
    /// `offsetStride` in the source; added in double, offsets ascending, and rounded once.
    func sum(
        _ source: Matrix, from input: UnsafePointer<Float>, offsetStride: Int = 0, factor: Double, into target: Matrix,
        at output: UnsafeMutablePointer<Float>, planes: Int
    ) throws(SCNError) {
        let kernels = try Kernels.table()
        let (rows, volume) = (outputCount, volume)
        if rows == 0 || planes == 0 { return }
        // Where output rows repeat within an offset, one thread has them all, some planes at a time.
        let spanRows = outputRowsAscend ? max(256, min(4096, Self.spanElements / planes), volume) : rows
        let few = planes <= 4
        let fitting = max(32, min(1024, Self.tileElements / (few ? planes : roundedUp(planes))), volume / 8)
        let tileRows = outputRowsAscend ? min(fitting, spanRows, rows) : rows
        let tilePlanes = few ? planes : min(planes, max(16, Self.tileElements / tileRows / 16 * 16))
        let spans = Parallel.chunkCount(rows, size: spanRows)
        let cursors = try Storage<Int64>(count: checkedProduct([spans, volume], "the cursors of a pooling"))
        let scratch = try checkedProduct([tileRows, few ? planes : roundedUp(tilePlanes)], "the sums of a pooling")
        try withKernelRules { (rules: UnsafePointer<scn_rules>) throws(SCNError) in
            try Parallel.tryForEachChunk(rows, size: spanRows) { span, range throws(SCNError) in
                let sums = try Storage<Double>(count: scratch)
                kernels.sum_rules(
                    rules, outputRowsAscend ? 1 : 0, Int64(range.lowerBound), Int64(range.upperBound), input,
                    Int64(source.planes), Int64(offsetStride), Int64(planes), factor, output, Int64(target.planes),
                    Int64(tileRows), Int64(tilePlanes), cursors.pointer + span * volume, sums.pointer)
                withExtendedLifetime(sums) {}
            }
        }
        withExtendedLifetime((self, source, target, cursors)) {}
    }

    /// 32 KB, which stay in the core's first cache.
    private static var tileElements: Int { 1 << 12 }

    /// As vectors of every instruction set have it.
    private func roundedUp(_ planes: Int) -> Int { (planes + 15) / 16 * 16 }
}
