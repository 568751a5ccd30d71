internal import CSCNKernels
internal import SCNCore
internal import SCNGeometry

/// Between rows and segments: what input maps, segment reductions and softmax are made of.
extension Segments {
    /// target[s]: of the rows of segment s what `which` says, zeros where it has none; sums and means are added in
    /// double, in an order that depends on the number of rows alone, and rounded once. Source and target are each
    /// float32 or bfloat16.
    func combine(_ source: Matrix, _ which: scn_site_rows, into target: Matrix) throws(SCNError) {
        let kernels = try Kernels.converting(["features": source, "result": target])
        let planes = source.planes
        let isOneRow = which == SCN_FIRST_ROW || which == SCN_LAST_ROW
        if isOneRow && Elements.areConverted(source, target) {
            if target.type == .float32 { return try combine(source.converted(to: .float32), which, into: target) }
            return try copyHalves(source, into: target, count) { winner($0, which) }
        }
        let cut = try SegmentCut(self, isWhole: isOneRow)
        let pieces = try Pieces(cut, planes: planes, isLargest: which == SCN_LARGEST_ROW)
        let lanes = Parallel.threadCount
        let reading = try ListedRows(source, self, cut, lanes: lanes, kernels)
        let writing = try FloatChunks(target, rows: cut.mostSegments, lanes: lanes, kernels)
        Parallel.forEachChunk(cut.chunkCount, size: 1, lanes: lanes) { lane, chunk, _ in
            let range = cut.segments(chunk)
            let (first, end) = (Int(starts[range.lowerBound]), Int(starts[range.upperBound]))
            let listed = reading.listed(rows.pointer, first..<end, lane)
            kernels.combine_site_rows(
                Int64(range.count), starts.pointer + range.lowerBound, listed.rows, which, listed.values,
                Int64(planes), writing.place(range, lane))
            writing.finish(range, lane)
        }
        Parallel.forEachChunk(cut.pieceCount, size: 1, lanes: lanes) { lane, piece, _ in
            let bounds = cut.pieceBounds.pointer + 2 * piece
            let (first, end) = (Int(bounds[0]), Int(bounds[1]))
            let listed = reading.listed(rows.pointer, first..<end, lane)
            if which == SCN_LARGEST_ROW {
                kernels.combine_site_rows(
                    1, bounds, listed.rows, which, listed.values, Int64(planes),
                    pieces.largest.pointer + piece * planes)
            } else {
                kernels.listed_row_sums(
                    bounds[1] - bounds[0], listed.rows + first, listed.values, Int64(planes),
                    pieces.sums.pointer + piece * planes)
            }
        }
        for (index, segment) in cut.large.enumerated() {
            let own = cut.pieces(index)
            let result = writing.place(segment..<segment + 1, 0)
            let divisor = which == SCN_MEAN_OF_ROWS ? Double(starts[segment + 1] - starts[segment]) : 1
            for p in 0..<planes {
                if which == SCN_LARGEST_ROW {
                    var largest = pieces.largest[own.lowerBound * planes + p]
                    for piece in own.dropFirst() {
                        let candidate = pieces.largest[piece * planes + p]
                        // A NaN wins, whichever side it is on.
                        if candidate > largest || candidate.isNaN { largest = candidate }
                    }
                    result[p] = largest
                } else {
                    var sum = 0.0
                    for piece in own { sum += pieces.sums[piece * planes + p] }
                    result[p] = Float(sum / divisor)
                }
            }
            writing.finish(segment..<segment + 1, 0)
        }
        withExtendedLifetime((self, source, target, cut, pieces, reading, writing)) {}
    }

    /// target[row]: what its segment has, where the row counts there. Row by row, since scattered reads overlap better
    /// than scattered writes. Source and target are each float32 or bfloat16.
    func spread(_ source: Matrix, _ which: scn_site_rows, into target: Matrix) throws(SCNError) {
        let kernels = try Kernels.converting(["features": source, "result": target])
        if Elements.areConverted(source, target) {
            if target.type == .float32 { return try spread(source.converted(to: .float32), which, into: target) }
            if which == SCN_MEAN_OF_ROWS {
                let shares = try Matrix(rows: target.rows, planes: target.planes)
                try spread(source.converted(to: .float32), which, into: shares)
                return try Elements.convert(shares, into: target)
            }
            return try copyHalves(source, into: target, rowCount) { row in
                let segment = Int(ofRow[row])
                if segment < 0 { return nil }
                return which == SCN_SUM_OF_ROWS || winner(segment, which) == row ? segment : nil
            }
        }
        let planes = source.planes
        forEachRows { first, end in
            kernels.spread_site_rows(
                first, end, ofRow.pointer, starts.pointer, rows.pointer, which, source.pointer, Int64(planes),
                target.pointer)
        }
        withExtendedLifetime((self, source, target)) {}
    }

    /// The first or the last row of a segment; nil where it has none.
    private func winner(_ segment: Int, _ which: scn_site_rows) -> Int? {
        let (first, end) = (Int(starts[segment]), Int(starts[segment + 1]))
        return first == end ? nil : Int(rows[which == SCN_FIRST_ROW ? first : end - 1])
    }

    /// target[row]: the row `from` of the source, or zeros where it gives none, as bfloat16, which the target is.
    private func copyHalves(
        _ source: Matrix, into target: Matrix, _ count: Int, _ from: (_ row: Int) -> Int?
    ) throws(SCNError) {
        let source = try source.converted(to: .bfloat16)
        let (values, result, planes) = (source.halves, target.halves, source.planes)
        Parallel.forEachChunk(count, size: ChunkSizes.rows) { _, range in
            for row in range {
                let place = result + row * planes
                if let origin = from(row) {
                    place.update(from: values + origin * planes, count: planes)
                } else {
                    place.update(repeating: 0, count: planes)
                }
            }
        }
        withExtendedLifetime((self, source, target)) {}
    }

    func forEachRows(_ body: (_ first: Int64, _ end: Int64) -> Void) {
        Parallel.forEachChunk(rowCount, size: ChunkSizes.rows) { _, range in
            body(Int64(range.lowerBound), Int64(range.upperBound))
        }
    }
}

/// The rows of chunks and pieces of segments as loops of float32 take them: where they are, or one after the other in
/// scratch.
private struct ListedRows: @unchecked Sendable {
    private let source: Matrix
    private let kernels: scn_kernel_table
    /// By lane, the most rows that a chunk has; empty where rows stay where they are.
    private let scratch: Storage<Float>
    private let numbers: Storage<Int32>

    init(
        _ source: Matrix, _ segments: Segments, _ cut: SegmentCut, lanes: Int, _ kernels: scn_kernel_table
    ) throws(SCNError) {
        let most = source.type == .float32 ? 0 : cut.mostRows(segments)
        (self.source, self.kernels) = (source, kernels)
        numbers = try Storage(count: most)
        scratch = try Storage(count: checkedProduct([lanes, most, source.planes], "the scratch of a conversion"))
        for index in 0..<most { numbers[index] = Int32(truncatingIfNeeded: index) }
    }

    /// The values, and where rows[index] is for each index of the range.
    func listed(
        _ rows: UnsafePointer<Int32>, _ range: Range<Int>, _ lane: Int
    ) -> (values: UnsafePointer<Float>, rows: UnsafePointer<Int32>) {
        if source.type == .float32 { return (UnsafePointer(source.pointer), rows) }
        let (planes, values) = (source.planes, scratch.pointer + lane * numbers.count * source.planes)
        for index in range {
            kernels.widen_bfloat16(
                source.halves + Int(rows[index]) * planes, Int64(planes),
                values + (index - range.lowerBound) * planes)
        }
        return (UnsafePointer(values), UnsafePointer(numbers.pointer) - range.lowerBound)
    }
}

/// What pieces of large segments add up to before they are put together: [pieces, planes].
private struct Pieces: @unchecked Sendable {
    let sums: Storage<Double>
    let largest: Storage<Float>

    init(_ cut: SegmentCut, planes: Int, isLargest: Bool) throws(SCNError) {
        let count = try checkedProduct([cut.pieceCount, planes], "sums of segments")
        sums = try Storage(count: isLargest ? 0 : count)
        largest = try Storage(count: isLargest ? count : 0)
    }
}

/// Segments in chunks of about as many rows, and those of many rows in pieces; all bounds depend on the segments alone.
private struct SegmentCut: @unchecked Sendable {
    /// The first segment of each chunk: [chunkCount + 1].
    private let firsts: Storage<Int>
    /// Whether the last segment of a chunk is a large one, which the chunk leaves out: [chunkCount].
    private let endsLarge: Storage<Bool>
    let chunkCount: Int
    /// The segments that are cut into pieces, ascending.
    private(set) var large: [Int] = []
    /// The first piece of each, and the number of pieces: [large.count + 1].
    private var firstPieces: [Int] = [0]
    /// The first of `rows` and that after the last: [2 * pieceCount].
    let pieceBounds: Storage<Int64>
    let pieceCount: Int

    /// isWhole: no segment is cut.
    init(_ segments: Segments, isWhole: Bool) throws(SCNError) {
        let (count, start) = (segments.count, segments.starts.pointer)
        let (size, most) = (ChunkSizes.segmentSteps, ChunkSizes.sampleRows)
        // A segment costs a step more than its rows.
        let steps = count + Int(start[count])
        chunkCount = Parallel.chunkCount(steps, size: size)
        firsts = try Storage(count: chunkCount + 1)
        endsLarge = try Storage(count: chunkCount)
        var pieces = 0
        for chunk in 0...chunkCount {
            // The first segment that begins at this step or later: within a chunk no other than the last is large.
            let before = chunk == 0 ? 0 : firsts[chunk - 1]
            var (low, high) = (before, min(count, before + size))
            while low < high {
                let middle = low + (high - low) / 2
                if middle + Int(start[middle]) < chunk * size { low = middle + 1 } else { high = middle }
            }
            firsts[chunk] = low
            if chunk == 0 { continue }
            let isLarge = !isWhole && low > before && Int(start[low] - start[low - 1]) > most
            endsLarge[chunk - 1] = isLarge
            if isLarge {
                large.append(low - 1)
                pieces += Parallel.chunkCount(Int(start[low] - start[low - 1]), size: most)
                firstPieces.append(pieces)
            }
        }
        pieceCount = pieces
        pieceBounds = try Storage(count: 2 * pieces)
        for (index, segment) in large.enumerated() {
            let (begin, end) = (Int(start[segment]), Int(start[segment + 1]))
            for (number, piece) in self.pieces(index).enumerated() {
                pieceBounds[2 * piece] = Int64(begin + number * most)
                pieceBounds[2 * piece + 1] = Int64(min(end, begin + (number + 1) * most))
            }
        }
    }

    /// The most rows that a chunk or a piece has.
    func mostRows(_ segments: Segments) -> Int {
        let start = segments.starts.pointer
        let ofChunks = (0..<chunkCount).reduce(0) {
            let range = self.segments($1)
            return max($0, Int(start[range.upperBound] - start[range.lowerBound]))
        }
        return large.isEmpty ? ofChunks : max(ofChunks, ChunkSizes.sampleRows)
    }

    /// The most segments that a chunk has, at least 1.
    var mostSegments: Int { (0..<chunkCount).reduce(1) { max($0, self.segments($1).count) } }

    func segments(_ chunk: Int) -> Range<Int> { firsts[chunk]..<firsts[chunk + 1] - (endsLarge[chunk] ? 1 : 0) }
    func pieces(_ index: Int) -> Range<Int> { firstPieces[index]..<firstPieces[index + 1] }
}
