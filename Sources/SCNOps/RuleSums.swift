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
        // Where output rows repeat within an offset, one thread has them all.
        let spanRows = outputRowsAscend ? max(256, min(4096, Self.spanElements / planes), volume) : rows
        let tileRows = outputRowsAscend ? min(max(Self.tileRows, volume / 8), spanRows, rows) : rows
        let capacity = outputRowsAscend ? max(Self.tileRules, volume) : ruleCount
        let spans = Parallel.chunkCount(rows, size: spanRows)
        let cursors = try Storage<Int64>(count: checkedProduct([spans, volume], "the cursors of a pooling"))
        try withKernelRules { (rules: UnsafePointer<scn_rules>) throws(SCNError) in
            try Parallel.tryForEachChunk(rows, size: spanRows) { span, range throws(SCNError) in
                let starts = try Storage<Int64>(count: tileRows + 1)
                let places = try Storage<Int64>(count: capacity)
                kernels.sum_rules(
                    rules, outputRowsAscend ? 1 : 0, Int64(range.lowerBound), Int64(range.upperBound), input,
                    Int64(source.planes), Int64(offsetStride), Int64(planes), factor, output, Int64(target.planes),
                    Int64(tileRows), Int64(capacity), cursors.pointer + span * volume, starts.pointer, places.pointer)
                withExtendedLifetime((starts, places)) {}
            }
        }
        withExtendedLifetime((self, source, target, cursors)) {}
    }

    private static var tileRows: Int { 1 << 10 }
    /// Rules of a tile: 64 KB.
    private static var tileRules: Int { 1 << 13 }
}
