public import CSCN
internal import CSCNSupport
internal import SCNCore
internal import SCNNN
internal import SCNOps

@_cdecl("scn_tensor_get_requires_gradient") @implementation
public func scn_tensor_get_requires_gradient(
    _ tensor: OpaquePointer?, _ requires_gradient: UnsafeMutablePointer<Int32>?
) -> scn_status {
    store(requires_gradient, "requires_gradient", zero: 0) {
        try keptTensor(tensor).requiresGradient ? 1 : 0
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
            "gradient: has \(counted(source.count, .element)), expected \(tensor.count)")
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

@_cdecl("scn_get_gradient_recording") @implementation
public func scn_get_gradient_recording() -> Int32 { scn_gradient_recording_get() }

@_cdecl("scn_set_gradient_recording") @implementation
public func scn_set_gradient_recording(_ on: Int32) -> scn_status {
    status { scn_gradient_recording_set(try boolean(on, "on") ? 1 : 0) }
}

@_cdecl("scn_get_autocast") @implementation
public func scn_get_autocast() -> scn_element_type { scn_autocast_get() != 0 ? SCN_BFLOAT16 : SCN_FLOAT32 }

@_cdecl("scn_set_autocast") @implementation
public func scn_set_autocast(_ type: scn_element_type) -> scn_status {
    status { Autocast.precision = try precision(type, "type") }
}
