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
        if outputCount == 0 || planes == 0 { return }
        let capacity = outputRowsAscend ? max(ChunkSizes.summedRules, volume) : ruleCount
        // All scratch is made before anything is written.
        let spans = try PooledSpans(self, planes: planes, tileRows: ChunkSizes.summedRows)
        let (lanes, tileRows) = (spans.lanes, spans.tileRows)
        let starts = try Storage<Int64>(count: checkedProduct([lanes, tileRows + 1], "the scratch of a pooling"))
        let places = try Storage<Int64>(count: checkedProduct([lanes, capacity], "the scratch of a pooling"))
        try spans.forEach { lane, rules, rowsAscend, rows, cursors in
            kernels.sum_rules(
                rules, rowsAscend, Int64(rows.lowerBound), Int64(rows.upperBound), input, Int64(source.planes),
                Int64(offsetStride), Int64(planes), factor, output, Int64(target.planes), Int64(tileRows),
                Int64(capacity), cursors, starts.pointer + lane * (tileRows + 1), places.pointer + lane * capacity)
        }
        withExtendedLifetime((source, target, starts, places)) {}
    }
}
