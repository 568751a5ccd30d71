internal import CSCNKernels
internal import SCNCore
internal import SCNGeometry

extension Rulebook {
    /// target[o] = factor * the sum of source[i] over the rules (i, o) of every filter offset k, whose `planes` planes
    /// begin at plane `first.source` + k * `offsetStride` of the source, and at plane `first.target` of the target;
    /// added in double, offsets ascending, and rounded once.
    func sum(
        _ source: Matrix, offsetStride: Int = 0, factor: Double, into target: Matrix,
        first: (source: Int, target: Int) = (0, 0), planes: Int
    ) throws(SCNError) {
        let kernels = try Kernels.fitting(["input": source, "result": target])
        let (input, output) = (source.pointer + first.source, target.pointer + first.target)
        let (rows, volume) = (outputCount, volume)
        if rows == 0 || planes == 0 { return }
        // Where output rows repeat within an offset, one thread has them all.
        let spanRows = outputRowsAscend ? pooledSpan(planes: planes) : rows
        let tileRows = outputRowsAscend ? min(max(ChunkSizes.summedRows, volume / 8), spanRows, rows) : rows
        let capacity = outputRowsAscend ? max(ChunkSizes.summedRules, volume) : ruleCount
        let spans = Parallel.chunkCount(rows, size: spanRows)
        let cursors = try Storage<Int64>(count: checkedProduct([spans, volume], "the cursors of a pooling"))
        // A lane is a thread's scratch, made before anything is written.
        let lanes = min(spans, Parallel.threadCount)
        let starts = try Storage<Int64>(count: checkedProduct([lanes, tileRows + 1], "the scratch of a pooling"))
        let places = try Storage<Int64>(count: checkedProduct([lanes, capacity], "the scratch of a pooling"))
        try withKernelRules { (rules: UnsafePointer<scn_rules>) throws(SCNError) in
            Parallel.forEachChunk(rows, size: spanRows, lanes: lanes) { lane, span, range in
                kernels.sum_rules(
                    rules, outputRowsAscend ? 1 : 0, Int64(range.lowerBound), Int64(range.upperBound), input,
                    Int64(source.planes), Int64(offsetStride), Int64(planes), factor, output, Int64(target.planes),
                    Int64(tileRows), Int64(capacity), cursors.pointer + span * volume,
                    starts.pointer + lane * (tileRows + 1), places.pointer + lane * capacity)
            }
        }
        withExtendedLifetime((self, source, target, cursors, starts, places)) {}
    }
}
