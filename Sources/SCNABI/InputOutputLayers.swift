public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

@_cdecl("scn_input_layer_create") @implementation
public func scn_input_layer_create(
    _ dimension: Int32, _ spatial_size: UnsafePointer<Int64>?, _ mode: scn_input_mode, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try InputLayer(
            dimension: Int(dimension), spatialSize: Size(sizes(spatial_size, dimension, "spatial_size")),
            mode: try inputMode(mode))
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
    produceModule(module) { try OutputLayer(dimension: Int(dimension)) }
}

@_cdecl("scn_sparse_to_dense_create") @implementation
public func scn_sparse_to_dense_create(_ dimension: Int32, _ planes: Int64, _ module: HandleOut) -> scn_status {
    produceModule(module) { try SparseToDense(dimension: Int(dimension), planes: Int(planes)) }
}

@_cdecl("scn_bl_input_layer_create") @implementation
public func scn_bl_input_layer_create(
    _ dimension: Int32, _ spatial_size: UnsafePointer<Int64>?, _ mode: scn_input_mode, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try BLInputLayer(
            dimension: Int(dimension), spatialSize: Size(sizes(spatial_size, dimension, "spatial_size")),
            mode: try inputMode(mode))
    }
}

@_cdecl("scn_bl_output_layer_create") @implementation
public func scn_bl_output_layer_create(_ dimension: Int32, _ module: HandleOut) -> scn_status {
    produceModule(module) { try BLOutputLayer(dimension: Int(dimension)) }
}

@_cdecl("scn_dense_to_sparse_create") @implementation
public func scn_dense_to_sparse_create(_ dimension: Int32, _ module: HandleOut) -> scn_status {
    produceModule(module) { try DenseToSparse(dimension: Int(dimension)) }
}

@_cdecl("scn_sparsify_create") @implementation
public func scn_sparsify_create(
    _ dimension: Int32, _ in_planes: Int64, _ activation: scn_sparsify_activation, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        let known: Sparsify.Activation? =
            switch activation {
            case SCN_SPARSIFY_NONE: nil
            case SCN_SPARSIFY_SIGMOID: .sigmoid
            case SCN_SPARSIFY_FAKE_GRAD_HARD_SIGMOID: .fakeGradHardSigmoid
            default: throw SCNError(.invalidArgument, "activation: is \(activation.rawValue), expected 0 ... 2")
            }
        return try Sparsify(dimension: Int(dimension), in: Int(in_planes), activation: known)
    }
}

@_cdecl("scn_sparsify_fcs_create") @implementation
public func scn_sparsify_fcs_create(_ dimension: Int32, _ module: HandleOut) -> scn_status {
    produceModule(module) { try SparsifyFCS(dimension: Int(dimension)) }
}

@_cdecl("scn_flatten_create") @implementation
public func scn_flatten_create(_ module: HandleOut) -> scn_status { produceModule(module) { Flatten() } }
