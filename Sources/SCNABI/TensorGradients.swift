public import CSCN
internal import SCNCore
internal import SCNNN

@_cdecl("scn_tensor_get_requires_gradient") @implementation
public func scn_tensor_get_requires_gradient(
    _ tensor: OpaquePointer?, _ requires_gradient: UnsafeMutablePointer<Int32>?
) -> scn_status {
    store(requires_gradient, "requires_gradient", zero: 0) {
        try SCNABI.tensor(tensor).requiresGradient ? 1 : 0
    }
}

@_cdecl("scn_tensor_set_requires_gradient") @implementation
public func scn_tensor_set_requires_gradient(_ tensor: OpaquePointer?, _ requires_gradient: Int32) -> scn_status {
    status {
        let wanted = try boolean(requires_gradient, "requires_gradient")
        try SCNABI.tensor(tensor).setRequiresGradient(wanted)
    }
}

@_cdecl("scn_tensor_detach") @implementation
public func scn_tensor_detach(_ tensor: OpaquePointer?, _ detached: HandleOut) -> scn_status {
    produceTensor(detached, "detached") {
        try value(tensor).mapTensor("scn_tensor_detach") { $0.detached() }
    }
}

@_cdecl("scn_tensor_backward") @implementation
public func scn_tensor_backward(
    _ tensor: OpaquePointer?, _ gradient: UnsafePointer<Float>?, _ count: Int64
) -> scn_status {
    status {
        let tensor = try SCNABI.tensor(tensor)
        guard let gradient else { return try tensor.backward() }
        let source = try elements(gradient, count, "gradient")
        try require(
            source.count == tensor.count, .shape,
            "gradient: has \(source.count) elements, expected \(tensor.count)")
        try tensor.backward(Matrix(rows: tensor.values.rows, planes: tensor.values.planes, source))
    }
}

@_cdecl("scn_tensor_gradient") @implementation
public func scn_tensor_gradient(_ tensor: OpaquePointer?, _ gradient: HandleOut) -> scn_status {
    produce(gradient, "gradient", .tensor) {
        let tensor = try SCNABI.tensor(tensor)
        return tensor.gradientValues.map { TensorBox(.dense(Tensor(shape: tensor.shape, values: $0))) }
    }
}

@_cdecl("scn_tensor_zero_gradient") @implementation
public func scn_tensor_zero_gradient(_ tensor: OpaquePointer?) -> scn_status {
    status { try SCNABI.tensor(tensor).zeroGradient() }
}

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

@_cdecl("scn_cross_entropy") @implementation
public func scn_cross_entropy(
    _ logits: OpaquePointer?, _ labels: UnsafePointer<Int64>?, _ count: Int64, _ class_weights: UnsafePointer<Float>?,
    _ ignore_index: Int64, _ loss: HandleOut
) -> scn_status {
    produceTensor(loss, "loss") {
        .dense(
            try Loss.crossEntropy(
                try tensor(logits, "logits"), try elements(labels, count, "labels"), class_weights, ignore_index))
    }
}

@_cdecl("scn_binary_cross_entropy") @implementation
public func scn_binary_cross_entropy(
    _ logits: OpaquePointer?, _ targets: UnsafePointer<Float>?, _ count: Int64, _ loss: HandleOut
) -> scn_status {
    produceTensor(loss, "loss") {
        .dense(
            try Loss.binaryCrossEntropy(try tensor(logits, "logits"), try elements(targets, count, "targets")))
    }
}
