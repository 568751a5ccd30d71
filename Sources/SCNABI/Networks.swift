public import CSCN
internal import SCNCore
internal import SCNFiles
internal import SCNNN

@_cdecl("scn_sparse_vgg_net_create") @implementation
public func scn_sparse_vgg_net_create(
    _ dimension: Int32, _ in_planes: Int64, _ layers: UnsafePointer<CChar>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "SparseVggNet") {
        [
            "dimension": .integer(Int(dimension)), "in_planes": .integer(Int(in_planes)),
            "layers": .string(try text(layers, "layers")),
        ]
    }
}

@_cdecl("scn_sparse_resnet_create") @implementation
public func scn_sparse_resnet_create(
    _ dimension: Int32, _ in_planes: Int64, _ stages: UnsafePointer<CChar>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "SparseResNet") {
        [
            "dimension": .integer(Int(dimension)), "in_planes": .integer(Int(in_planes)),
            "stages": .string(try text(stages, "stages")),
        ]
    }
}

@_cdecl("scn_sparse_densenet_create") @implementation
public func scn_sparse_densenet_create(
    _ dimension: Int32, _ in_planes: Int64, _ layers: UnsafePointer<CChar>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "SparseDenseNet") {
        [
            "dimension": .integer(Int(dimension)), "in_planes": .integer(Int(in_planes)),
            "layers": .string(try text(layers, "layers")),
        ]
    }
}

nonisolated(unsafe) private let uNetDefaults = scn_unet_options(
    struct_size: MemoryLayout<scn_unet_options>.size,
    residual_blocks: fallback("UNet", "residual_blocks", as: \.int32), downsample_size: nil, downsample_stride: nil,
    leakiness: fallback("UNet", "leakiness", as: \.double), in_planes: -1)

/// What networks with levels have in common.
private func levels(
    _ dimension: Int32, _ repetitions: Int64, _ planes: UnsafePointer<Int64>?, _ levels: Int64,
    _ options: UnsafePointer<scn_unet_options>?
) throws(SCNError) -> [String: JSON?] {
    try require(levels >= 1 && levels <= 64, .invalidArgument, "levels: is \(levels), expected 1 ... 64")
    let planes = try elements(planes, levels, "planes", countName: "levels").map { JSON.integer(Int($0)) }
    let options = try SCNABI.options(options, uNetDefaults)
    return [
        "dimension": .integer(Int(dimension)), "repetitions": .integer(Int(repetitions)), "planes": .array(planes),
        "residual_blocks": .bool(try boolean(options.residual_blocks, "residual_blocks")),
        "downsample_size": try optionalAxes(options.downsample_size, dimension, "downsample_size"),
        "downsample_stride": try optionalAxes(options.downsample_stride, dimension, "downsample_stride"),
        "leakiness": .number(options.leakiness), "in_planes": unlessMinusOne(options.in_planes),
    ]
}

/// A number of planes; nil, which stands for the network's own choice, where it is -1.
private func unlessMinusOne(_ planes: Int64) -> JSON? { planes == -1 ? nil : .integer(Int(planes)) }

@_cdecl("scn_unet_create") @implementation
public func scn_unet_create(
    _ dimension: Int32, _ repetitions: Int64, _ planes: UnsafePointer<Int64>?, _ levels: Int64,
    _ options: UnsafePointer<scn_unet_options>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "UNet") { try SCNABI.levels(dimension, repetitions, planes, levels, options) }
}

@_cdecl("scn_fully_convolutional_net_create") @implementation
public func scn_fully_convolutional_net_create(
    _ dimension: Int32, _ repetitions: Int64, _ planes: UnsafePointer<Int64>?, _ levels: Int64,
    _ options: UnsafePointer<scn_unet_options>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "FullyConvolutionalNet") {
        try SCNABI.levels(dimension, repetitions, planes, levels, options)
    }
}

@_cdecl("scn_fully_convolutional_integrated_linear_create") @implementation
public func scn_fully_convolutional_integrated_linear_create(
    _ dimension: Int32, _ repetitions: Int64, _ planes: UnsafePointer<Int64>?, _ levels: Int64, _ classes: Int64,
    _ options: UnsafePointer<scn_unet_options>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "FullConvolutionalNetIntegratedLinear") {
        var arguments = try SCNABI.levels(dimension, repetitions, planes, levels, options)
        arguments["classes"] = unlessMinusOne(classes)
        return arguments
    }
}

nonisolated(unsafe) private let multiscaleDefaults = scn_multiscale_shape_context_options(
    struct_size: MemoryLayout<scn_multiscale_shape_context_options>.size,
    planes: fallback("MultiscaleShapeContext", "planes", as: \.int64),
    layers: fallback("MultiscaleShapeContext", "layers", as: \.int64), filter_size: nil, downsample_size: nil,
    downsample_stride: nil, batch_norm: fallback("MultiscaleShapeContext", "batch_norm", as: \.int32))

@_cdecl("scn_multiscale_shape_context_create") @implementation
public func scn_multiscale_shape_context_create(
    _ dimension: Int32, _ options: UnsafePointer<scn_multiscale_shape_context_options>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "MultiscaleShapeContext") {
        let options = try SCNABI.options(options, multiscaleDefaults)
        return [
            "dimension": .integer(Int(dimension)), "planes": .integer(Int(options.planes)),
            "layers": .integer(Int(options.layers)),
            "filter_size": try optionalAxes(options.filter_size, dimension, "filter_size"),
            "downsample_size": try optionalAxes(options.downsample_size, dimension, "downsample_size"),
            "downsample_stride": try optionalAxes(options.downsample_stride, dimension, "downsample_stride"),
            "batch_norm": .bool(try boolean(options.batch_norm, "batch_norm")),
        ]
    }
}
