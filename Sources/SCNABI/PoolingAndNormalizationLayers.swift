public import CSCN
internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

@_cdecl("scn_max_pooling_create") @implementation
public func scn_max_pooling_create(
    _ dimension: Int32, _ pool_size: UnsafePointer<Int64>?, _ pool_stride: UnsafePointer<Int64>?,
    _ options: UnsafePointer<scn_pooling_options>?, _ module: HandleOut
) -> scn_status {
    pooling("MaxPooling", dimension, pool_size, pool_stride, options, module)
}

@_cdecl("scn_average_pooling_create") @implementation
public func scn_average_pooling_create(
    _ dimension: Int32, _ pool_size: UnsafePointer<Int64>?, _ pool_stride: UnsafePointer<Int64>?,
    _ options: UnsafePointer<scn_pooling_options>?, _ module: HandleOut
) -> scn_status {
    pooling("AveragePooling", dimension, pool_size, pool_stride, options, module)
}

@_cdecl("scn_unpooling_create") @implementation
public func scn_unpooling_create(
    _ dimension: Int32, _ pool_size: UnsafePointer<Int64>?, _ pool_stride: UnsafePointer<Int64>?,
    _ options: UnsafePointer<scn_pooling_options>?, _ module: HandleOut
) -> scn_status {
    pooling("UnPooling", dimension, pool_size, pool_stride, options, module)
}

@_cdecl("scn_randomized_stride_max_pooling_create") @implementation
public func scn_randomized_stride_max_pooling_create(
    _ dimension: Int32, _ pool_size: UnsafePointer<Int64>?, _ pool_stride: UnsafePointer<Int64>?,
    _ options: UnsafePointer<scn_pooling_options>?, _ module: HandleOut
) -> scn_status {
    pooling("RandomizedStrideMaxPooling", dimension, pool_size, pool_stride, options, module)
}

private func pooling(
    _ name: String, _ dimension: Int32, _ poolSize: UnsafePointer<Int64>?, _ poolStride: UnsafePointer<Int64>?,
    _ options: UnsafePointer<scn_pooling_options>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, name) {
        let size = try axes(poolSize, dimension, "pool_size")
        let stride = try axes(poolStride, dimension, "pool_stride")
        let options = try SCNABI.options(
            options,
            scn_pooling_options(
                struct_size: MemoryLayout<scn_pooling_options>.size,
                features_to_drop: fallback("MaxPooling", "features_to_drop", as: \.int64), padding: nil, dilation: nil,
                rounds_down: fallback("MaxPooling", "round_down", as: \.int32)))
        return [
            "dimension": .integer(Int(dimension)), "pool_size": size, "pool_stride": stride,
            "features_to_drop": .integer(Int(options.features_to_drop)),
            "padding": try optionalAxes(options.padding, dimension, "padding"),
            "dilation": try optionalAxes(options.dilation, dimension, "dilation"),
            "round_down": .bool(try boolean(options.rounds_down, "rounds_down")),
        ]
    }
}

@_cdecl("scn_fractional_max_pooling_create") @implementation
public func scn_fractional_max_pooling_create(
    _ dimension: Int32, _ options: UnsafePointer<scn_fractional_options>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "FractionalMaxPooling") {
        let (windows, dropped) = try fractionalWindows(options, dimension)
        var (ratio, outputSize) = (JSON.null, JSON.null)
        switch windows.target {
        case .ratio(let values): ratio = .array(values.map(JSON.number))
        case .outputSize(let size): outputSize = .array(size.map(JSON.integer))
        }
        return [
            "dimension": .integer(Int(dimension)), "ratio": ratio, "output_size": outputSize,
            "pool_size": windows.poolSize.map { .array($0.map(JSON.integer)) } ?? .null,
            "sequence": .string(windows.order == .random ? "random" : "pseudorandom"),
            "features_to_drop": .integer(dropped),
        ]
    }
}

/// The windows that a host's options describe, and how many planes to leave out.
func fractionalWindows(
    _ pointer: UnsafePointer<scn_fractional_options>?, _ dimension: Int32
) throws(SCNError) -> (FractionalWindows, featuresToDrop: Int) {
    let host = try options(
        try required(pointer, "options"),
        scn_fractional_options(
            struct_size: MemoryLayout<scn_fractional_options>.size, ratio: nil, output_size: nil, pool_size: nil,
            tiles: 0, order: SCN_WINDOWS_PSEUDORANDOM, features_to_drop: 0))
    try requireDimension(dimension)
    try require(
        (host.ratio == nil) != (host.output_size == nil), .invalidArgument,
        "ratio: expected either ratio or output_size, \(host.ratio == nil ? "both are NULL" : "both are given")")
    let tiles = try boolean(host.tiles, "tiles")
    try require(
        !tiles || host.pool_size == nil, .invalidArgument, "pool_size: tiles have none, expected NULL")
    guard let order = FractionalWindows.Order(rawValue: Int(host.order.rawValue)) else {
        throw SCNError(.invalidArgument, "order: is \(host.order.rawValue), expected 0 or 1")
    }
    let target: FractionalWindows.Target =
        if let ratio = host.ratio {
            .ratio(try elements(ratio, Int64(dimension), "ratio").map { $0 })
        } else {
            .outputSize(try sizes(host.output_size, dimension, "output_size"))
        }
    var poolSize: [Int]?
    if !tiles {
        poolSize =
            host.pool_size == nil
            ? Array(repeating: 2, count: Int(dimension)) : try sizes(host.pool_size, dimension, "pool_size")
    }
    return (
        try FractionalWindows(target, poolSize: poolSize, order: order), featuresToDrop: Int(host.features_to_drop)
    )
}

func globalPooling(_ pooling: scn_global_pooling) throws(SCNError) -> GlobalPooling {
    guard let known = GlobalPooling(rawValue: Int(pooling.rawValue)) else {
        throw SCNError(.invalidArgument, "pooling: is \(pooling.rawValue), expected 0 ... 2")
    }
    return known
}

@_cdecl("scn_global_pooling_create") @implementation
public func scn_global_pooling_create(
    _ dimension: Int32, _ pooling: scn_global_pooling, _ module: HandleOut
) -> scn_status {
    produceModule(module) { try GlobalPoolingLayer(dimension: Int(dimension), globalPooling(pooling)) }
}

let batchNormDefaults = scn_batch_norm_options(
    struct_size: MemoryLayout<scn_batch_norm_options>.size,
    epsilon: fallback("BatchNormalization", "epsilon", as: \.double),
    momentum: fallback("BatchNormalization", "momentum", as: \.double),
    affine: fallback("BatchNormalization", "affine", as: \.int32),
    leakiness: fallback("BatchNormalization", "leakiness", as: \.double))

@_cdecl("scn_batch_norm_create") @implementation
public func scn_batch_norm_create(
    _ planes: Int64, _ options: UnsafePointer<scn_batch_norm_options>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "BatchNormalization") {
        let options = try SCNABI.options(options, batchNormDefaults)
        return [
            "planes": .integer(Int(planes)), "epsilon": .number(options.epsilon),
            "momentum": .number(options.momentum), "affine": .bool(try boolean(options.affine, "affine")),
            "leakiness": .number(options.leakiness),
        ]
    }
}

@_cdecl("scn_batch_norm_elu_create") @implementation
public func scn_batch_norm_elu_create(
    _ planes: Int64, _ epsilon: Double, _ momentum: Double, _ module: HandleOut
) -> scn_status {
    produceModule(module) { try Sequential.batchNormELU(planes: Int(planes), epsilon: epsilon, momentum: momentum) }
}

@_cdecl("scn_mean_only_norm_create") @implementation
public func scn_mean_only_norm_create(
    _ planes: Int64, _ affine: Int32, _ leakiness: Double, _ momentum: Double, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "MeanOnlyBNLeakyReLU") {
        [
            "planes": .integer(Int(planes)), "affine": .bool(try boolean(affine, "affine")),
            "leakiness": .number(leakiness), "momentum": .number(momentum),
        ]
    }
}

@_cdecl("scn_group_norm_create") @implementation
public func scn_group_norm_create(
    _ groups: Int64, _ planes: Int64, _ epsilon: Double, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "SparseGroupNorm") {
        ["groups": .integer(Int(groups)), "planes": .integer(Int(planes)), "epsilon": .number(epsilon)]
    }
}

private func produceAffineNorm(
    _ module: HandleOut, _ name: String, _ planes: Int64, _ epsilon: Double, _ affine: Int32
) -> scn_status {
    produceLayer(module, name) {
        [
            "planes": .integer(Int(planes)), "epsilon": .number(epsilon),
            "affine": .bool(try boolean(affine, "affine")),
        ]
    }
}

@_cdecl("scn_instance_norm_create") @implementation
public func scn_instance_norm_create(
    _ planes: Int64, _ epsilon: Double, _ affine: Int32, _ module: HandleOut
) -> scn_status {
    produceAffineNorm(module, "InstanceNorm", planes, epsilon, affine)
}

@_cdecl("scn_layer_norm_create") @implementation
public func scn_layer_norm_create(
    _ planes: Int64, _ epsilon: Double, _ affine: Int32, _ module: HandleOut
) -> scn_status {
    produceAffineNorm(module, "LayerNorm", planes, epsilon, affine)
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
    case SCN_ACTIVATION_GELU: return .gelu
    case SCN_ACTIVATION_SILU: return .silu
    case SCN_ACTIVATION_HARD_SWISH: return .hardSwish
    case SCN_ACTIVATION_SOFTPLUS: return .softplus
    default: throw SCNError(.invalidArgument, "activation: is \(activation.rawValue), expected 0 ... 9")
    }
}

@_cdecl("scn_activation_create") @implementation
public func scn_activation_create(
    _ activation: scn_activation, _ parameter: Double, _ module: HandleOut
) -> scn_status {
    produceModule(module) { try ActivationLayer(SCNABI.activation(activation, parameter)) }
}

@_cdecl("scn_prelu_create") @implementation
public func scn_prelu_create(_ planes: Int64, _ leak: Double, _ module: HandleOut) -> scn_status {
    produceLayer(module, "PReLU") { ["planes": .integer(Int(planes)), "leak": .number(leak)] }
}

@_cdecl("scn_dropout_create") @implementation
public func scn_dropout_create(_ p: Double, _ module: HandleOut) -> scn_status {
    produceLayer(module, "Dropout") { ["p": .number(p)] }
}

@_cdecl("scn_batchwise_dropout_create") @implementation
public func scn_batchwise_dropout_create(_ p: Double, _ module: HandleOut) -> scn_status {
    produceLayer(module, "BatchwiseDropout") { ["p": .number(p)] }
}
