internal import CSCNKernels
internal import SCNCore
internal import SCNGeometry

/// The output rows of a rulebook, cut into spans, one thread each, that kernels go through tile by tile while all
/// filter offsets pass over a tile. Where output rows repeat within an offset, all are one span and one tile.
struct PooledSpans: @unchecked Sendable {
    private let rules: Rulebook
    private let rowsOfSpan: Int
    private let cursors: Storage<Int64>
    /// How many spans are gone through at a time, each with the scratch of its lane.
    let lanes: Int
    /// Of the largest tile.
    let tileRows: Int

    /// planes: those of an output row. tileRows: the rows of a tile that suit the kernel; it gets more where there are
    /// many offsets.
    init(_ rules: Rulebook, planes: Int, tileRows: Int) throws(SCNError) {
        let rows = rules.outputCount
        self.rules = rules
        rowsOfSpan = rules.outputRowsAscend ? rules.pooledSpan(planes: planes) : max(1, rows)
        self.tileRows = rules.outputRowsAscend ? min(max(tileRows, rules.volume / 8), rowsOfSpan, rows) : rows
        let count = Parallel.chunkCount(rows, size: rowsOfSpan)
        lanes = min(count, Parallel.threadCount)
        cursors = try Storage(count: checkedProduct([count, rules.volume], "the cursors of a pooling"))
    }

    /// Calls `body` for each span. rowsAscend: 0 where output rows repeat. cursors: scratch of as many elements as
    /// there are offsets.
    func forEach(
        _ body: (
            _ lane: Int, _ rules: UnsafePointer<scn_rules>, _ rowsAscend: Int32, _ rows: Range<Int>,
            _ cursors: UnsafeMutablePointer<Int64>
        ) -> Void
    ) throws(SCNError) {
        try rules.withKernelRules { (kernelRules: UnsafePointer<scn_rules>) throws(SCNError) in
            Parallel.forEachChunk(rules.outputCount, size: rowsOfSpan, lanes: lanes) { lane, span, rows in
                body(lane, kernelRules, rules.outputRowsAscend ? 1 : 0, rows, cursors.pointer + span * rules.volume)
            }
        }
        withExtendedLifetime((rules, cursors)) {}
    }
}
