public import CSCN
internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

@_cdecl("scn_input_layer_create") @implementation
public func scn_input_layer_create(
    _ dimension: Int32, _ spatial_size: UnsafePointer<Int64>?, _ mode: scn_input_mode, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "InputLayer") {
        [
            "dimension": .integer(Int(dimension)), "spatial_size": try axes(spatial_size, dimension, "spatial_size"),
            "mode": .integer(Int(mode.rawValue)),
        ]
    }
}

@_cdecl("scn_input_layer_create_in_field") @implementation
public func scn_input_layer_create_in_field(
    _ field: UnsafePointer<scn_field>?, _ mode: scn_input_mode, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "InputLayer") {
        let field = try HostField(field)
        return [
            "dimension": .integer(field.dimension),
            "spatial_size": field.spatialSize.map { .array($0.map(JSON.integer)) } ?? .null,
            "lower": field.lower.map { .array($0.map(JSON.integer)) } ?? .null, "mode": .integer(Int(mode.rawValue)),
            "keep_outside": .bool(field.keepsOutside),
        ]
    }
}

func inputMode(_ mode: scn_input_mode) throws(SCNError) -> InputMode {
    guard let known = InputMode(rawValue: Int(mode.rawValue)) else {
        throw SCNError(.invalidArgument, "mode: is \(mode.rawValue), expected 0 ... 4")
    }
    return known
}

@_cdecl("scn_output_layer_create") @implementation
public func scn_output_layer_create(_ dimension: Int32, _ module: HandleOut) -> scn_status {
    produceLayer(module, "OutputLayer") { ["dimension": .integer(Int(dimension))] }
}

@_cdecl("scn_sparse_to_dense_create") @implementation
public func scn_sparse_to_dense_create(_ dimension: Int32, _ planes: Int64, _ module: HandleOut) -> scn_status {
    produceLayer(module, "SparseToDense") {
        ["dimension": .integer(Int(dimension)), "planes": .integer(Int(planes))]
    }
}

@_cdecl("scn_bl_input_layer_create") @implementation
public func scn_bl_input_layer_create(
    _ dimension: Int32, _ spatial_size: UnsafePointer<Int64>?, _ mode: scn_input_mode, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "BLInputLayer") {
        [
            "dimension": .integer(Int(dimension)), "spatial_size": try axes(spatial_size, dimension, "spatial_size"),
            "mode": .integer(Int(mode.rawValue)),
        ]
    }
}

@_cdecl("scn_bl_output_layer_create") @implementation
public func scn_bl_output_layer_create(_ dimension: Int32, _ module: HandleOut) -> scn_status {
    produceLayer(module, "BLOutputLayer") { ["dimension": .integer(Int(dimension))] }
}

@_cdecl("scn_dense_to_sparse_create") @implementation
public func scn_dense_to_sparse_create(_ dimension: Int32, _ module: HandleOut) -> scn_status {
    produceLayer(module, "DenseToSparse") { ["dimension": .integer(Int(dimension))] }
}

@_cdecl("scn_sparsify_create") @implementation
public func scn_sparsify_create(
    _ dimension: Int32, _ in_planes: Int64, _ activation: scn_sparsify_activation, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "Sparsify") {
        let word: JSON =
            switch activation {
            case SCN_SPARSIFY_NONE: .null
            case SCN_SPARSIFY_SIGMOID: .string("sigmoid")
            case SCN_SPARSIFY_FAKE_GRAD_HARD_SIGMOID: .string("fakeGradHardSigmoid")
            default: throw SCNError(.invalidArgument, "activation: is \(activation.rawValue), expected 0 ... 2")
            }
        return ["dimension": .integer(Int(dimension)), "in_planes": .integer(Int(in_planes)), "activation": word]
    }
}

@_cdecl("scn_sparsify_fcs_create") @implementation
public func scn_sparsify_fcs_create(_ dimension: Int32, _ module: HandleOut) -> scn_status {
    produceLayer(module, "SparsifyFCS") { ["dimension": .integer(Int(dimension))] }
}

@_cdecl("scn_flatten_create") @implementation
public func scn_flatten_create(_ module: HandleOut) -> scn_status {
    produceLayer(module, "Flatten")
}
