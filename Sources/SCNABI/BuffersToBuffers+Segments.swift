public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNOps

public typealias SegmentOfRow = UnsafePointer<Int64>?

/// A host's map from rows to segments.
func segmentsOfRows(_ pointer: SegmentOfRow, rows: Int, count: Int) throws(SCNError) -> Segments {
    try Segments(try segmentMap(pointer, rows), rows: rows, count: count)
}

private func segmentMap(_ pointer: SegmentOfRow, _ rows: Int) throws(SCNError) -> UnsafePointer<Int64> {
    try elements(pointer, Int64(rows), "segment_of_row", countName: "rows").baseAddress
        ?? UnsafePointer(UnsafeRawPointer(nowhere).assumingMemoryBound(to: Int64.self))
}

private func narrowed(_ pointer: SegmentOfRow, rows: Int, count: Int) throws(SCNError) -> Storage<Int32> {
    try Segments.narrowed(try segmentMap(pointer, rows), rows: rows, count: count)
}

func segmentReduction(_ reduction: scn_segment_reduction) throws(SCNError) -> SegmentReduction {
    guard let known = SegmentReduction(rawValue: Int(reduction.rawValue)) else {
        throw SCNError(.invalidArgument, "reduction: is \(reduction.rawValue), expected 0 ... 2")
    }
    return known
}

@_cdecl("scn_segment_reduce_forward") @implementation
public func scn_segment_reduce_forward(
    _ segment_of_row: SegmentOfRow, _ reduction: scn_segment_reduction, _ input: Host, _ result: HostResult
) -> scn_status {
    status {
        let reduction = try segmentReduction(reduction)
        let (input, result) = (try matrix(input, "input"), try matrix(result, "result"))
        // Before the rows are sorted.
        try result.requireShape(result.rows, input.planes, "result")
        try segmentsOfRows(segment_of_row, rows: input.rows, count: result.rows).reduce(input, reduction, into: result)
    }
}

@_cdecl("scn_segment_reduce_backward") @implementation
public func scn_segment_reduce_backward(
    _ segment_of_row: SegmentOfRow, _ reduction: scn_segment_reduction, _ input: Host, _ output: Host,
    _ gradient: Host, _ result: HostResult
) -> scn_status {
    status {
        let reduction = try segmentReduction(reduction)
        let (gradient, result) = (try matrix(gradient, "gradient"), try matrix(result, "result"))
        let input = try input.map { try matrix($0, "input") }
        let output = try output.map { try matrix($0, "output") }
        try segmentsOfRows(segment_of_row, rows: result.rows, count: gradient.rows).reduceBackward(
            reduction, input: input, output: output, gradient: gradient, into: result)
    }
}

@_cdecl("scn_segment_softmax_forward") @implementation
public func scn_segment_softmax_forward(
    _ segment_of_row: SegmentOfRow, _ segments: Int64, _ input: Host, _ result: HostResult
) -> scn_status {
    status {
        let (input, result) = (try matrix(input, "input"), try matrix(result, "result"))
        try result.requireSameShape(as: input, "result")
        try segmentsOfRows(segment_of_row, rows: input.rows, count: Int(segments)).softmax(input, into: result)
    }
}

@_cdecl("scn_segment_softmax_backward") @implementation
public func scn_segment_softmax_backward(
    _ segment_of_row: SegmentOfRow, _ segments: Int64, _ output: Host, _ gradient: Host, _ result: HostResult
) -> scn_status {
    status {
        let (output, gradient) = (try matrix(output, "output"), try matrix(gradient, "gradient"))
        let result = try matrix(result, "result")
        try segmentsOfRows(segment_of_row, rows: output.rows, count: Int(segments)).softmaxBackward(
            output: output, gradient: gradient, into: result)
    }
}

@_cdecl("scn_segment_gather_forward") @implementation
public func scn_segment_gather_forward(
    _ segment_of_row: SegmentOfRow, _ vectors: Host, _ result: HostResult
) -> scn_status {
    status {
        let (vectors, result) = (try matrix(vectors, "vectors"), try matrix(result, "result"))
        try RowGathering.gather(
            vectors, at: try narrowed(segment_of_row, rows: result.rows, count: vectors.rows), into: result)
    }
}

@_cdecl("scn_segment_pad_forward") @implementation
public func scn_segment_pad_forward(
    _ segment_of_row: SegmentOfRow, _ most: Int64, _ input: Host, _ counts: UnsafeMutablePointer<Int64>?,
    _ result: HostResult
) -> scn_status {
    status {
        let (input, result) = (try matrix(input, "input"), try matrix(result, "result"))
        if let counts { _ = try elements(UnsafePointer(counts), Int64(result.rows), "counts") }
        let places = try paddedRows(segment_of_row, rows: input.rows, count: result.rows, most)
        try places.pad(input, into: result)
        counts?.update(from: places.counts.pointer, count: result.rows)
    }
}

@_cdecl("scn_segment_pad_backward") @implementation
public func scn_segment_pad_backward(
    _ segment_of_row: SegmentOfRow, _ most: Int64, _ gradient: Host, _ result: HostResult
) -> scn_status {
    status {
        let (gradient, result) = (try matrix(gradient, "gradient"), try matrix(result, "result"))
        try paddedRows(segment_of_row, rows: result.rows, count: gradient.rows, most).padBackward(
            gradient, into: result)
    }
}

func paddedRows(_ pointer: SegmentOfRow, rows: Int, count: Int, _ most: Int64) throws(SCNError) -> PaddedRows {
    try PaddedRows(ofRow: try narrowed(pointer, rows: rows, count: count), count: count, most: Int(most))
}
