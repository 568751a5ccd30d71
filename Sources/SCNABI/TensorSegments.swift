public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

/// The segments of a tensor's rows: as the host maps them, or, for a count of -1, the samples of a sparse tensor.
private func segments(
    _ value: Value, _ map: SegmentOfRow, _ count: Int64, _ segments: Int, _ name: String = "tensor"
) throws -> Segments {
    if count == -1 { return try value.segments(nil, name) }
    guard let rows = value.tensor?.shape.first else {
        throw SCNError(.shape, "\(name): is a table or of rank 0, expected a tensor with rows")
    }
    // Before the map is read: a wrong count would read past its end.
    try require(
        count == Int64(rows), .shape,
        "count: is \(count), expected \(rows), the rows of \(name), or -1 for the samples of a sparse tensor")
    return try segmentsOfRows(map, rows: rows, count: segments)
}

@_cdecl("scn_tensor_segment_reduce") @implementation
public func scn_tensor_segment_reduce(
    _ tensor: OpaquePointer?, _ segment_of_row: SegmentOfRow, _ count: Int64, _ segments: Int64,
    _ reduction: scn_segment_reduction, _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        let (value, reduction) = (try value(tensor), try segmentReduction(reduction))
        let segments = try SCNABI.segments(value, segment_of_row, count, Int(segments))
        return .dense(try SCNABI.tensor(tensor).reduced(reduction, over: segments))
    }
}

@_cdecl("scn_tensor_segment_softmax") @implementation
public func scn_tensor_segment_softmax(
    _ tensor: OpaquePointer?, _ segment_of_row: SegmentOfRow, _ count: Int64, _ segments: Int64, _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        let value = try value(tensor)
        let segments = try SCNABI.segments(value, segment_of_row, count, Int(segments))
        return try value.mapTensor("scn_tensor_segment_softmax") { try $0.softmax(within: segments) }
    }
}

@_cdecl("scn_tensor_segment_gather") @implementation
public func scn_tensor_segment_gather(
    _ vectors: OpaquePointer?, _ segment_of_row: SegmentOfRow, _ count: Int64, _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        let vectors = try denseTensor(vectors, "vectors")
        try require(count >= 0, .invalidArgument, "count: is \(count), expected at least 0")
        guard let segments = vectors.shape.first else {
            throw SCNError(.shape, "vectors: has rank 0, expected at least 1")
        }
        return .dense(
            try vectors.gathered(by: try segmentsOfRows(segment_of_row, rows: Int(count), count: segments)))
    }
}

@_cdecl("scn_tensor_segment_pad") @implementation
public func scn_tensor_segment_pad(
    _ tensor: OpaquePointer?, _ segment_of_row: SegmentOfRow, _ count: Int64, _ segments: Int64, _ most: Int64,
    _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        let own = try SCNABI.segments(try value(tensor), segment_of_row, count, Int(segments))
        return .dense(try SCNABI.tensor(tensor).padded(by: own, rowsPerSegment: Int(most)))
    }
}

@_cdecl("scn_tensor_broadcast") @implementation
public func scn_tensor_broadcast(
    _ tensor: OpaquePointer?, _ vectors: OpaquePointer?, _ segment_of_row: SegmentOfRow, _ count: Int64,
    _ operation: scn_broadcast, _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        let (value, vectors) = (try value(tensor), try denseTensor(vectors, "vectors"))
        guard let operation = Broadcast(rawValue: Int(operation.rawValue)) else {
            throw SCNError(.invalidArgument, "operation: is \(operation.rawValue), expected 0 ... 2")
        }
        let segments = try SCNABI.segments(value, segment_of_row, count, vectors.shape.first ?? 0)
        return try value.broadcast(vectors, operation, over: segments)
    }
}
