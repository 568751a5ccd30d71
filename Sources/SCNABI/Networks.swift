public import CSCN
internal import SCNCore
internal import SCNNN

@_cdecl("scn_sparse_vgg_net_create") @implementation
public func scn_sparse_vgg_net_create(
    _ dimension: Int32, _ in_planes: Int64, _ layers: UnsafePointer<CChar>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try Networks.sparseVGG(
            dimension: Int(dimension), in: Int(in_planes), layers: Networks.VGGLayer.parse(try text(layers, "layers")))
    }
}

@_cdecl("scn_sparse_resnet_create") @implementation
public func scn_sparse_resnet_create(
    _ dimension: Int32, _ in_planes: Int64, _ stages: UnsafePointer<CChar>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try Networks.sparseResNet(
            dimension: Int(dimension), in: Int(in_planes),
            stages: Networks.ResidualStage.parse(try text(stages, "stages")))
    }
}

@_cdecl("scn_sparse_densenet_create") @implementation
public func scn_sparse_densenet_create(
    _ dimension: Int32, _ in_planes: Int64, _ layers: UnsafePointer<CChar>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try Networks.sparseDenseNet(
            dimension: Int(dimension), in: Int(in_planes),
            layers: Networks.DenseNetLayer.parse(try text(layers, "layers")))
    }
}

/// What networks with levels have in common.
private struct Levels {
    let planes: [Int]
    let residual: Bool
    let downsampleSize: Size
    let downsampleStride: Size
    let leakiness: Double
    let inPlanes: Int?

    init(
        _ dimension: Int32, _ planes: UnsafePointer<Int64>?, _ levels: Int64,
        _ options: UnsafePointer<scn_unet_options>?
    ) throws(SCNError) {
        try require(levels >= 1 && levels <= 64, .invalidArgument, "levels: is \(levels), expected 1 ... 64")
        self.planes = try elements(planes, levels, "planes", countName: "levels").map(Int.init)
        let options = try SCNABI.options(
            options,
            scn_unet_options(
                struct_size: MemoryLayout<scn_unet_options>.size, residual_blocks: 0, downsample_size: nil,
                downsample_stride: nil, leakiness: 0, in_planes: -1))
        residual = try boolean(options.residual_blocks, "residual_blocks")
        downsampleSize = try sizes(options.downsample_size, dimension, "downsample_size", absent: 2)
        downsampleStride = try sizes(options.downsample_stride, dimension, "downsample_stride", absent: 2)
        leakiness = options.leakiness
        inPlanes = options.in_planes == -1 ? nil : Int(options.in_planes)
    }
}

@_cdecl("scn_unet_create") @implementation
public func scn_unet_create(
    _ dimension: Int32, _ repetitions: Int64, _ planes: UnsafePointer<Int64>?, _ levels: Int64,
    _ options: UnsafePointer<scn_unet_options>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        let net = try Levels(dimension, planes, levels, options)
        return try Networks.uNet(
            dimension: Int(dimension), repetitions: Int(repetitions), planes: net.planes, residual: net.residual,
            downsampleSize: net.downsampleSize, downsampleStride: net.downsampleStride, leakiness: net.leakiness,
            inPlanes: net.inPlanes)
    }
}

@_cdecl("scn_fully_convolutional_net_create") @implementation
public func scn_fully_convolutional_net_create(
    _ dimension: Int32, _ repetitions: Int64, _ planes: UnsafePointer<Int64>?, _ levels: Int64,
    _ options: UnsafePointer<scn_unet_options>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        let net = try Levels(dimension, planes, levels, options)
        return try Networks.fullyConvolutional(
            dimension: Int(dimension), repetitions: Int(repetitions), planes: net.planes, residual: net.residual,
            downsampleSize: net.downsampleSize, downsampleStride: net.downsampleStride, leakiness: net.leakiness,
            inPlanes: net.inPlanes)
    }
}

@_cdecl("scn_fully_convolutional_integrated_linear_create") @implementation
public func scn_fully_convolutional_integrated_linear_create(
    _ dimension: Int32, _ repetitions: Int64, _ planes: UnsafePointer<Int64>?, _ levels: Int64, _ classes: Int64,
    _ options: UnsafePointer<scn_unet_options>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        let net = try Levels(dimension, planes, levels, options)
        return try Networks.fullyConvolutionalIntegratedLinear(
            dimension: Int(dimension), repetitions: Int(repetitions), planes: net.planes,
            classes: classes == -1 ? nil : Int(classes), residual: net.residual, downsampleSize: net.downsampleSize,
            downsampleStride: net.downsampleStride, leakiness: net.leakiness, inPlanes: net.inPlanes)
    }
}

nonisolated(unsafe) private let multiscaleDefaults = scn_multiscale_shape_context_options(
    struct_size: MemoryLayout<scn_multiscale_shape_context_options>.size, planes: 1, layers: 3, filter_size: nil,
    downsample_size: nil, downsample_stride: nil, batch_norm: 1)

func requireDimension(_ dimension: Int32) throws(SCNError) {
    try require(
        dimension >= 1 && dimension <= SCN_MAX_DIMENSION, .invalidArgument,
        "dimension: is \(dimension), expected 1 ... \(SCN_MAX_DIMENSION)")
}

@_cdecl("scn_multiscale_shape_context_create") @implementation
public func scn_multiscale_shape_context_create(
    _ dimension: Int32, _ options: UnsafePointer<scn_multiscale_shape_context_options>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        let options = try SCNABI.options(options, multiscaleDefaults)
        return try Networks.multiscaleShapeContext(
            dimension: Int(dimension), planes: Int(options.planes), layers: Int(options.layers),
            shapeContextSize: try sizes(options.filter_size, dimension, "filter_size", absent: 3),
            downsampleSize: try sizes(options.downsample_size, dimension, "downsample_size", absent: 2),
            downsampleStride: try sizes(options.downsample_stride, dimension, "downsample_stride", absent: 2),
            normalized: try boolean(options.batch_norm, "batch_norm"))
    }
}
