internal import CSCNKernels
internal import SCNCore
internal import SCNGeometry

/// Between rows and segments: what input maps, segment reductions and softmax are made of.
extension Segments {
    /// target[s]: of the rows of segment s what `which` says, zeros where it has none; sums and means are added in
    /// double, in an order that depends on the number of rows alone, and rounded once.
    func combine(_ source: Matrix, _ which: scn_site_rows, into target: Matrix) throws(SCNError) {
        let kernels = try Kernels.fitting(["features": source, "result": target])
        let planes = source.planes
        let cut = try SegmentCut(self, isWhole: which == SCN_FIRST_ROW || which == SCN_LAST_ROW)
        let pieces = try Pieces(cut, planes: planes, isLargest: which == SCN_LARGEST_ROW)
        Parallel.forEach(cut.chunkCount) { chunk in
            let range = cut.segments(chunk)
            kernels.combine_site_rows(
                Int64(range.count), starts.pointer + range.lowerBound, rows.pointer, which, source.pointer,
                Int64(planes), target.pointer + range.lowerBound * planes)
        }
        Parallel.forEach(cut.pieceCount) { piece in
            let bounds = cut.pieceBounds.pointer + 2 * piece
            if which == SCN_LARGEST_ROW {
                kernels.combine_site_rows(
                    1, bounds, rows.pointer, which, source.pointer, Int64(planes),
                    pieces.largest.pointer + piece * planes)
            } else {
                kernels.listed_row_sums(
                    bounds[1] - bounds[0], rows.pointer + Int(bounds[0]), source.pointer, Int64(planes),
                    pieces.sums.pointer + piece * planes)
            }
        }
        for (index, segment) in cut.large.enumerated() {
            let (own, result) = (cut.pieces(index), target.row(segment))
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
        }
        withExtendedLifetime((self, source, target, cut, pieces)) {}
    }

    /// target[row]: what its segment has, where the row counts there. Row by row, since scattered reads overlap better
    /// than scattered writes.
    func spread(_ source: Matrix, _ which: scn_site_rows, into target: Matrix) throws(SCNError) {
        let kernels = try Kernels.fitting(["features": source, "result": target])
        let planes = source.planes
        forEachRows { first, end in
            kernels.spread_site_rows(
                first, end, ofRow.pointer, starts.pointer, rows.pointer, which, source.pointer, Int64(planes),
                target.pointer)
        }
        withExtendedLifetime((self, source, target)) {}
    }

    func forEachRows(_ body: (_ first: Int64, _ end: Int64) -> Void) {
        Parallel.forEachChunk(rowCount, size: ChunkSizes.rows) { _, range in
            body(Int64(range.lowerBound), Int64(range.upperBound))
        }
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

    func segments(_ chunk: Int) -> Range<Int> { firsts[chunk]..<firsts[chunk + 1] - (endsLarge[chunk] ? 1 : 0) }
    func pieces(_ index: Int) -> Range<Int> { firstPieces[index]..<firstPieces[index + 1] }
}
