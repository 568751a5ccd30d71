public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

@_cdecl("scn_tensor_add") @implementation
public func scn_tensor_add(_ a: OpaquePointer?, _ b: OpaquePointer?, _ sum: HandleOut) -> scn_status {
    produceTensor(sum, "sum") { try value(a, "a") + value(b, "b") }
}

@_cdecl("scn_tensor_multiply") @implementation
public func scn_tensor_multiply(_ a: OpaquePointer?, _ b: OpaquePointer?, _ product: HandleOut) -> scn_status {
    produceTensor(product, "product") { try value(a, "a") * value(b, "b") }
}

@_cdecl("scn_tensor_scale") @implementation
public func scn_tensor_scale(_ tensor: OpaquePointer?, _ factor: Float, _ result: HandleOut) -> scn_status {
    produceTensor(result, "result") { try value(tensor).mapTensor("scn_tensor_scale") { try $0 * factor } }
}

@_cdecl("scn_tensor_sum") @implementation
public func scn_tensor_sum(_ tensor: OpaquePointer?, _ sum: HandleOut) -> scn_status {
    produceTensor(sum, "sum") { .dense(try SCNABI.tensor(tensor).sum()) }
}

@_cdecl("scn_tensor_reshape") @implementation
public func scn_tensor_reshape(
    _ dense: OpaquePointer?, _ shape: UnsafePointer<Int64>?, _ rank: Int32, _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        try require(rank >= 0 && rank <= 16, .invalidArgument, "rank: is \(rank), expected 0 ... 16")
        let shape = try elements(shape, Int64(rank), "shape", countName: "rank").map(Int.init)
        return .dense(try denseTensor(dense, "dense").reshaped(shape))
    }
}

@_cdecl("scn_append_tensors") @implementation
public func scn_append_tensors(
    _ tensors: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        .sparse(try SparseTensor.appending(try handles(tensors, count, "tensors") { try sparseTensor($0, $1) }))
    }
}

@_cdecl("scn_combine_sparse") @implementation
public func scn_combine_sparse(
    _ a: OpaquePointer?, _ b: OpaquePointer?, _ operation: scn_arithmetic, _ sites: scn_site_combination,
    _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        let (first, second) = (try sparseTensor(a, "a"), try sparseTensor(b, "b"))
        guard let arithmetic = ArithmeticOperation(rawValue: Int(operation.rawValue)) else {
            throw SCNError(.invalidArgument, "operation: is \(operation.rawValue), expected 0 ... 3")
        }
        guard let combined = CombinedSites(rawValue: Int(sites.rawValue)) else {
            throw SCNError(.invalidArgument, "sites: is \(sites.rawValue), expected 0 or 1, the union or intersection")
        }
        return .sparse(try first.combined(with: second, arithmetic, on: combined))
    }
}

@_cdecl("scn_compare_sparse") @implementation
public func scn_compare_sparse(_ x: OpaquePointer?, _ y: OpaquePointer?, _ loss: HandleOut) -> scn_status {
    produceTensor(loss, "loss") {
        .dense(try Loss.compareSparse(try sparseTensor(x, "x"), try sparseTensor(y, "y")))
    }
}

@_cdecl("scn_cross_entropy") @implementation
public func scn_cross_entropy(
    _ logits: OpaquePointer?, _ labels: UnsafePointer<Int64>?, _ count: Int64, _ class_weights: UnsafePointer<Float>?,
    _ ignore_index: Int64, _ loss: HandleOut
) -> scn_status {
    produceTensor(loss, "loss") {
        let logits = try tensor(logits, "logits")
        let weights = try optionalVector(class_weights, logits.values.planes, "class_weights")
        return .dense(
            try Loss.crossEntropy(logits, try elements(labels, count, "labels"), weights, ignore_index))
    }
}

@_cdecl("scn_binary_cross_entropy") @implementation
public func scn_binary_cross_entropy(
    _ logits: OpaquePointer?, _ targets: UnsafePointer<Float>?, _ count: Int64, _ loss: HandleOut
) -> scn_status {
    produceTensor(loss, "loss") {
        .dense(
            try Loss.binaryCrossEntropy(
                try tensor(logits, "logits"), try matrix(targets, 1, Int(count), "targets")))
    }
}
