public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

@_cdecl("scn_module_forward") @implementation
public func scn_module_forward(_ module: OpaquePointer?, _ input: OpaquePointer?, _ output: HandleOut) -> scn_status {
    produceTensor(output, "output") { try SCNABI.module(module).called(try keptValue(input, "input")) }
}

@_cdecl("scn_module_set_training") @implementation
public func scn_module_set_training(_ module: OpaquePointer?, _ training: Int32) -> scn_status {
    status {
        let training = try boolean(training, "training")
        try SCNABI.module(module).setTraining(training)
    }
}

@_cdecl("scn_module_get_training") @implementation
public func scn_module_get_training(_ module: OpaquePointer?, _ training: UnsafeMutablePointer<Int32>?) -> scn_status {
    store(training, "training", zero: 0) { try SCNABI.module(module).isTraining ? 1 : 0 }
}

@_cdecl("scn_module_set_momentum") @implementation
public func scn_module_set_momentum(_ module: OpaquePointer?, _ momentum: Double) -> scn_status {
    status { try SCNABI.module(module).setMomentum(momentum) }
}

@_cdecl("scn_module_input_spatial_size") @implementation
public func scn_module_input_spatial_size(
    _ module: OpaquePointer?, _ dimension: Int32, _ output_size: UnsafePointer<Int64>?,
    _ input_size: UnsafeMutablePointer<Int64>?
) -> scn_status {
    status {
        let module = try SCNABI.module(module)
        let output = try sizes(output_size, dimension, "output_size")
        let target = try required(input_size, "input_size")
        for (axis, size) in output.enumerated() {
            try require(size >= 1, .shape, "output_size: is \(size) on axis \(axis), expected at least 1")
        }
        for (axis, size) in try module.inputSpatialSize(output).enumerated() { target[axis] = Int64(size) }
    }
}

@_cdecl("scn_module_state_count") @implementation
public func scn_module_state_count(_ module: OpaquePointer?, _ count: UnsafeMutablePointer<Int64>?) -> scn_status {
    store(count, "count", zero: 0) { Int64(try moduleBox(module).state.count) }
}

@_cdecl("scn_module_state") @implementation
public func scn_module_state(
    _ module: OpaquePointer?, _ index: Int64, _ name: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
    _ tensor: HandleOut, _ is_parameter: UnsafeMutablePointer<Int32>?
) -> scn_status {
    name?.pointee = nil
    is_parameter?.pointee = 0
    return produceTensor(tensor, "tensor") {
        let (name, isParameter) = (try required(name, "name"), try required(is_parameter, "is_parameter"))
        let state = try moduleBox(module).state
        let entry = state[try checkedIndex(index, state.count)]
        name.pointee = try Constants.text(entry.name)
        isParameter.pointee = entry.isParameter ? 1 : 0
        return .dense(entry.tensor)
    }
}

@_cdecl("scn_module_reweight") @implementation
public func scn_module_reweight(_ module: OpaquePointer?, _ input: OpaquePointer?, _ output: HandleOut) -> scn_status {
    fit(output) { try SCNABI.module(module).reweight(value(input, "input")) }
}

@_cdecl("scn_module_rebias") @implementation
public func scn_module_rebias(_ module: OpaquePointer?, _ input: OpaquePointer?, _ output: HandleOut) -> scn_status {
    fit(output) { try SCNABI.module(module).rebias(value(input, "input")) }
}

private func fit(_ output: HandleOut, _ body: () throws -> Value) -> scn_status {
    guard output != nil else { return status { _ = try body() } }
    return produceTensor(output, "output", body)
}

@_cdecl("scn_module_add_spectral_norm") @implementation
public func scn_module_add_spectral_norm(
    _ module: OpaquePointer?, _ n_power_iterations: Int64, _ epsilon: Double, _ norm: Double
) -> scn_status {
    status {
        try SCNABI.module(module).addSpectralNorm(
            powerIterations: Int(n_power_iterations), epsilon: epsilon, norm: norm)
    }
}

@_cdecl("scn_module_zero_gradients") @implementation
public func scn_module_zero_gradients(_ module: OpaquePointer?) -> scn_status {
    status { try SCNABI.module(module).zeroGradients() }
}

public typealias TextOut = UnsafeMutablePointer<UnsafePointer<CChar>?>?

@_cdecl("scn_module_type") @implementation
public func scn_module_type(_ module: OpaquePointer?, _ name: TextOut) -> scn_status {
    store(name, "name", zero: nil) { try Constants.text(try SCNABI.module(module).typeName) }
}

@_cdecl("scn_module_architecture") @implementation
public func scn_module_architecture(_ module: OpaquePointer?, _ json: TextOut) -> scn_status {
    store(json, "json", zero: nil) {
        let box = try moduleBox(module)
        return try box.setArchitecture(try Architecture.text(of: box.module))
    }
}

@_cdecl("scn_module_description") @implementation
public func scn_module_description(_ module: OpaquePointer?, _ text: TextOut) -> scn_status {
    store(text, "text", zero: nil) {
        let box = try moduleBox(module)
        try box.module.expectMemoryForTexts()
        return try box.setDescription(box.module.description)
    }
}

@_cdecl("scn_module_summary") @implementation
public func scn_module_summary(_ module: OpaquePointer?, _ input: OpaquePointer?, _ text: TextOut) -> scn_status {
    store(text, "text", zero: nil) {
        let box = try moduleBox(module)
        try box.module.expectMemoryForTexts()
        return try box.setSummary(try Summary(of: box.module, input: try value(input, "input")).description)
    }
}

@_cdecl("scn_module_create") @implementation
public func scn_module_create(_ json: UnsafePointer<CChar>?, _ module: HandleOut) -> scn_status {
    produceModule(module) { try architecture(json) { try Architecture.build($0) } }
}

@_cdecl("scn_layer_types") @implementation
public func scn_layer_types(_ json: TextOut) -> scn_status {
    store(json, "json", zero: nil) { try Constants.text(try LayerType.description()) }
}

@_cdecl("scn_complete_architecture") @implementation
public func scn_complete_architecture(
    _ json: UnsafePointer<CChar>?, _ completed: UnsafeMutablePointer<CChar>?, _ capacity: Int64,
    _ length: UnsafeMutablePointer<Int64>?
) -> scn_status {
    length?.pointee = 0
    return status {
        try require(capacity >= 0, .invalidArgument, "capacity: is \(capacity), expected at least 0")
        let completed = capacity == 0 ? nil : try required(completed, "completed")
        let length = try required(length, "length")
        let text = Array(try architecture(json) { try Architecture.completed($0) }.utf8CString)
        try require(
            capacity == 0 || capacity >= text.count, .shape,
            "capacity: is \(capacity), expected 0 or at least \(text.count)")
        length.pointee = Int64(text.count)
        completed?.update(from: text, count: text.count)
    }
}

/// What `body` makes of an architecture, its errors of format saying which argument that is.
private func architecture<Result>(
    _ json: UnsafePointer<CChar>?, _ body: (Storage<UInt8>) throws -> Result
) throws -> Result {
    do {
        return try body(try bytes(json, "json"))
    } catch let error as SCNError where error.kind == .format {
        throw SCNError(.format, "json: \(error.message)")
    }
}

@_cdecl("scn_module_optimize_for_inference") @implementation
public func scn_module_optimize_for_inference(_ module: OpaquePointer?, _ optimized: HandleOut) -> scn_status {
    produceModule(optimized, "optimized") { try SCNABI.module(module).optimizedForInference() }
}

@_cdecl("scn_module_optimize_for_inference_in") @implementation
public func scn_module_optimize_for_inference_in(
    _ module: OpaquePointer?, _ precision: scn_element_type, _ optimized: HandleOut
) -> scn_status {
    produceModule(optimized, "optimized") {
        try SCNABI.module(module).optimizedForInference(precision: SCNABI.precision(precision, "precision"))
    }
}

/// The precision that an element type names.
func precision(_ type: scn_element_type, _ name: String) throws(SCNError) -> Precision {
    let wanted = Int32(bitPattern: type.rawValue)
    guard let known = Precision.allCases.first(where: { $0.elementType.rawValue == wanted }) else {
        throw SCNError(.unsupported, "\(name): is \(wanted), expected SCN_FLOAT32 or SCN_BFLOAT16")
    }
    return known
}

@_cdecl("scn_module_retain") @implementation
public func scn_module_retain(_ module: OpaquePointer?) -> scn_status { status { try Handles.retain(module, .module) } }

@_cdecl("scn_module_release") @implementation
public func scn_module_release(_ module: OpaquePointer?) -> scn_status {
    status { try Handles.release(module, .module) }
}
