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

nonisolated(unsafe) let convolutionDefaults = scn_convolution_options(
    struct_size: MemoryLayout<scn_convolution_options>.size, groups: 1, bias: 0, padding: nil, dilation: nil)

@_cdecl("scn_submanifold_convolution_create") @implementation
public func scn_submanifold_convolution_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ filter_size: UnsafePointer<Int64>?,
    _ options: UnsafePointer<scn_convolution_options>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        let size = Size(try sizes(filter_size, dimension, "filter_size"))
        let options = try SCNABI.options(options, convolutionDefaults)
        try require(
            options.padding == nil, .invalidArgument, "padding: a submanifold convolution has none, expected NULL")
        return try SubmanifoldConvolution(
            dimension: Int(dimension), in: Int(in_planes), out: Int(out_planes), filterSize: size,
            bias: try boolean(options.bias, "bias"), groups: Int(options.groups),
            dilation: try sizes(options.dilation, dimension, "dilation", absent: 1))
    }
}

@_cdecl("scn_convolution_create") @implementation
public func scn_convolution_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ filter_size: UnsafePointer<Int64>?,
    _ filter_stride: UnsafePointer<Int64>?, _ options: UnsafePointer<scn_convolution_options>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try strided(Convolution.self, dimension, in_planes, out_planes, filter_size, filter_stride, options)
    }
}

@_cdecl("scn_deconvolution_create") @implementation
public func scn_deconvolution_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ filter_size: UnsafePointer<Int64>?,
    _ filter_stride: UnsafePointer<Int64>?, _ options: UnsafePointer<scn_convolution_options>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try strided(Deconvolution.self, dimension, in_planes, out_planes, filter_size, filter_stride, options)
    }
}

@_cdecl("scn_full_convolution_create") @implementation
public func scn_full_convolution_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ filter_size: UnsafePointer<Int64>?,
    _ filter_stride: UnsafePointer<Int64>?, _ options: UnsafePointer<scn_convolution_options>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try strided(FullConvolution.self, dimension, in_planes, out_planes, filter_size, filter_stride, options)
    }
}

@_cdecl("scn_randomized_stride_convolution_create") @implementation
public func scn_randomized_stride_convolution_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ filter_size: UnsafePointer<Int64>?,
    _ filter_stride: UnsafePointer<Int64>?, _ options: UnsafePointer<scn_convolution_options>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try strided(
            RandomizedStrideConvolution.self, dimension, in_planes, out_planes, filter_size, filter_stride, options)
    }
}

private func strided<Layer: StridedConvolutionLayer>(
    _ type: Layer.Type, _ dimension: Int32, _ inPlanes: Int64, _ outPlanes: Int64,
    _ filterSize: UnsafePointer<Int64>?, _ filterStride: UnsafePointer<Int64>?,
    _ options: UnsafePointer<scn_convolution_options>?
) throws -> Layer {
    let size = Size(try sizes(filterSize, dimension, "filter_size"))
    let stride = Size(try sizes(filterStride, dimension, "filter_stride"))
    let options = try SCNABI.options(options, convolutionDefaults)
    return try Layer(
        dimension: Int(dimension), in: Int(inPlanes), out: Int(outPlanes), filterSize: size, stride: stride,
        bias: try boolean(options.bias, "bias"), groups: Int(options.groups),
        padding: try sizes(options.padding, dimension, "padding", absent: 0),
        dilation: try sizes(options.dilation, dimension, "dilation", absent: 1))
}

@_cdecl("scn_network_in_network_create") @implementation
public func scn_network_in_network_create(
    _ in_planes: Int64, _ out_planes: Int64, _ bias: Int32, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try NetworkInNetwork(in: Int(in_planes), out: Int(out_planes), bias: boolean(bias, "bias"))
    }
}

@_cdecl("scn_linear_create") @implementation
public func scn_linear_create(
    _ in_planes: Int64, _ out_planes: Int64, _ bias: Int32, _ module: HandleOut
) -> scn_status {
    produceModule(module) { try Linear(in: Int(in_planes), out: Int(out_planes), bias: boolean(bias, "bias")) }
}

let batchNormDefaults = scn_batch_norm_options(
    struct_size: MemoryLayout<scn_batch_norm_options>.size, epsilon: 1e-4, momentum: 0.99, affine: 1, leakiness: 1)

@_cdecl("scn_batch_normalization_create") @implementation
public func scn_batch_normalization_create(
    _ planes: Int64, _ options: UnsafePointer<scn_batch_norm_options>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        let options = try SCNABI.options(options, batchNormDefaults)
        return try BatchNormalization(
            planes: Int(planes), epsilon: options.epsilon, momentum: options.momentum,
            affine: try boolean(options.affine, "affine"), leakiness: options.leakiness)
    }
}

func activation(_ activation: scn_activation, _ parameter: Double) throws(SCNError) -> Activation {
    switch activation {
    case SCN_ACTIVATION_RELU: return .relu
    case SCN_ACTIVATION_LEAKY_RELU:
        try require(
            Float(parameter).isFinite, .invalidArgument, "parameter: is \(parameter), expected a finite number")
        return .leakyReLU(Float(parameter))
    case SCN_ACTIVATION_ELU: return .elu
    case SCN_ACTIVATION_SELU: return .selu
    case SCN_ACTIVATION_TANH: return .tanh
    case SCN_ACTIVATION_SIGMOID: return .sigmoid
    default: throw SCNError(.invalidArgument, "activation: is \(activation.rawValue), expected 0 ... 5")
    }
}

@_cdecl("scn_activation_create") @implementation
public func scn_activation_create(
    _ activation: scn_activation, _ parameter: Double, _ module: HandleOut
) -> scn_status {
    produceModule(module) { try ActivationLayer(SCNABI.activation(activation, parameter)) }
}

@_cdecl("scn_dropout_create") @implementation
public func scn_dropout_create(_ p: Double, _ module: HandleOut) -> scn_status {
    produceModule(module) { try Dropout(p: p) }
}
