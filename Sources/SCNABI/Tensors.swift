public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN

@_cdecl("scn_tensor_create") @implementation
public func scn_tensor_create(
    _ shape: UnsafePointer<Int64>?, _ rank: Int32, _ data: UnsafePointer<Float>?, _ tensor: HandleOut
) -> scn_status {
    produceTensor(tensor, "tensor") {
        let shape = try SCNABI.shape(shape, rank)
        guard let data else { return .dense(try Tensor(zeros: shape)) }
        let (rows, planes) = try Tensor.rowsAndPlanes(shape)
        return .dense(try Tensor(try elements(data, Int64(rows * planes), "data"), shape: shape))
    }
}

func shape(_ shape: UnsafePointer<Int64>?, _ rank: Int32) throws -> [Int] {
    try require(rank >= 0 && rank <= 16, .invalidArgument, "rank: is \(rank), expected 0 ... 16")
    return try elements(shape, Int64(rank), "shape", countName: "rank").map(Int.init)
}

@_cdecl("scn_tensor_borrow") @implementation
public func scn_tensor_borrow(
    _ shape: UnsafePointer<Int64>?, _ rank: Int32, _ data: UnsafeMutablePointer<Float>?,
    _ release: scn_release_callback?, _ context: UnsafeMutableRawPointer?, _ tensor: HandleOut
) -> scn_status {
    produceTensor(tensor, "tensor") {
        let shape = try SCNABI.shape(shape, rank)
        let (rows, planes) = try Tensor.rowsAndPlanes(shape)
        let data = try elements(UnsafePointer(data), Int64(rows * planes), "data")
        return .dense(
            try Tensor(borrowing: UnsafeMutablePointer(mutating: data.baseAddress) ?? nowhere, shape: shape) {
                release?(context)
            })
    }
}

@_cdecl("scn_points_create") @implementation
public func scn_points_create(
    _ coordinates: UnsafePointer<Int64>?, _ rows: Int64, _ columns: Int32, _ features: OpaquePointer?,
    _ batch_size: Int64, _ points: HandleOut
) -> scn_status {
    produceTensor(points, "points") {
        try require(rows >= 0, .invalidArgument, "rows: is \(rows), expected at least 0")
        try require(
            columns >= 1 && columns <= SCN_MAX_DIMENSION + 1, .invalidArgument,
            "columns: is \(columns), expected 1 ... \(SCN_MAX_DIMENSION + 1)")
        let features = try denseTensor(features, "features")
        // Before the coordinates are read: a wrong `rows` would read past their end.
        try Points.requireFeatures(features, rows: Int(rows))
        let count = try checkedProduct([Int(rows), Int(columns)], "coordinates")
        let source = try elements(coordinates, Int64(count), "coordinates")
        return .points(
            try Points(
                coordinates: try Storage(source), rows: Int(rows), columns: Int(columns), features: features,
                batchSize: Int(batch_size)))
    }
}

@_cdecl("scn_points_create_batched") @implementation
public func scn_points_create_batched(
    _ coordinates: UnsafePointer<Int64>?, _ batch_size: Int64, _ length: Int64, _ dimension: Int32,
    _ features: OpaquePointer?, _ points: HandleOut
) -> scn_status {
    produceTensor(points, "points") {
        try requireDimension(dimension)
        let features = try denseTensor(features, "features")
        // Before the coordinates are read: a wrong size would read past their end.
        try Points.requireFeatures(features, samples: Int(batch_size), length: Int(length))
        let count = try checkedProduct([Int(batch_size), Int(length), Int(dimension)], "coordinates")
        return .points(
            try Points(
                coordinates: try Storage(try elements(coordinates, Int64(count), "coordinates")),
                samples: Int(batch_size), length: Int(length), columns: Int(dimension), features: features))
    }
}

@_cdecl("scn_table_create") @implementation
public func scn_table_create(
    _ tensors: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ table: HandleOut
) -> scn_status {
    produceTensor(table, "table") {
        let values = try handles(tensors, count, "tensors") { try keptValue($0, $1) }
        for (index, value) in values.enumerated() {
            if case .table = value { throw SCNError(.shape, "tensors[\(index)]: is a table; tables do not nest") }
        }
        return .table(values)
    }
}

private func table(_ handle: OpaquePointer?) throws -> [Value] {
    guard case .table(let values) = try keptValue(handle, "table") else {
        throw SCNError(.shape, "table: expected a table")
    }
    return values
}

@_cdecl("scn_table_count") @implementation
public func scn_table_count(_ table: OpaquePointer?, _ count: UnsafeMutablePointer<Int64>?) -> scn_status {
    store(count, "count", zero: 0) { Int64(try SCNABI.table(table).count) }
}

@_cdecl("scn_table_tensor") @implementation
public func scn_table_tensor(_ table: OpaquePointer?, _ index: Int64, _ tensor: HandleOut) -> scn_status {
    produceTensor(tensor, "tensor") {
        let values = try SCNABI.table(table)
        return values[try checkedIndex(index, values.count)]
    }
}

@_cdecl("scn_tensor_retain") @implementation
public func scn_tensor_retain(_ tensor: OpaquePointer?) -> scn_status { status { try Handles.retain(tensor, .tensor) } }

@_cdecl("scn_tensor_release") @implementation
public func scn_tensor_release(_ tensor: OpaquePointer?) -> scn_status {
    status { try Handles.release(tensor, .tensor) }
}

@_cdecl("scn_tensor_kind") @implementation
public func scn_tensor_kind(_ tensor: OpaquePointer?, _ kind: UnsafeMutablePointer<scn_value_kind>?) -> scn_status {
    store(kind, "kind", zero: SCN_TENSOR_DENSE) {
        switch try keptValue(tensor) {
        case .dense: SCN_TENSOR_DENSE
        case .sparse: SCN_TENSOR_SPARSE
        case .points: SCN_TENSOR_POINTS
        case .table: SCN_TENSOR_TABLE
        }
    }
}

@_cdecl("scn_tensor_type") @implementation
public func scn_tensor_type(
    _ tensor: OpaquePointer?, _ type: UnsafeMutablePointer<scn_element_type>?
) -> scn_status {
    store(type, "type", zero: SCN_FLOAT32) {
        let type = try keptTensor(tensor).values.type
        // What it is for whoever reads it.
        return type == .bfloat16 ? SCN_FLOAT32 : scn_element_type(rawValue: UInt32(type.rawValue))
    }
}

@_cdecl("scn_tensor_rank") @implementation
public func scn_tensor_rank(_ tensor: OpaquePointer?, _ rank: UnsafeMutablePointer<Int32>?) -> scn_status {
    store(rank, "rank", zero: 0) { Int32(try keptTensor(tensor).shape.count) }
}

@_cdecl("scn_tensor_shape") @implementation
public func scn_tensor_shape(
    _ tensor: OpaquePointer?, _ shape: UnsafeMutablePointer<Int64>?, _ capacity: Int32
) -> scn_status {
    status {
        let sizes = try keptTensor(tensor).shape
        try require(
            Int(capacity) >= sizes.count, .shape, "capacity: is \(capacity), expected at least the rank, \(sizes.count)"
        )
        if sizes.isEmpty { return }
        let shape = try required(shape, "shape")
        for (axis, size) in sizes.enumerated() { shape[axis] = Int64(size) }
    }
}

@_cdecl("scn_tensor_data") @implementation
public func scn_tensor_data(
    _ tensor: OpaquePointer?, _ data: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>?
) -> scn_status {
    store(data, "data", zero: nil) {
        let values = try SCNABI.tensor(tensor).values
        try Kernels.requireFitting(["tensor": values])
        values.storage.noteAddressGivenOut()
        return values.pointer
    }
}

@_cdecl("scn_tensor_copy_from") @implementation
public func scn_tensor_copy_from(_ tensor: OpaquePointer?, _ data: UnsafePointer<Float>?, _ count: Int64) -> scn_status
{
    status {
        let target = try SCNABI.tensor(tensor)
        try target.update(from: try elements(data, count, "data"))
    }
}
