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

@_cdecl("scn_unet_create") @implementation
public func scn_unet_create(
    _ dimension: Int32, _ repetitions: Int64, _ planes: UnsafePointer<Int64>?, _ levels: Int64,
    _ options: UnsafePointer<scn_unet_options>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try require(levels >= 1 && levels <= 64, .invalidArgument, "levels: is \(levels), expected 1 ... 64")
        let planes = try elements(planes, levels, "planes", countName: "levels").map(Int.init)
        let options = try SCNABI.options(
            options,
            scn_unet_options(
                struct_size: MemoryLayout<scn_unet_options>.size, residual_blocks: 0, downsample_size: nil,
                downsample_stride: nil, leakiness: 0, in_planes: -1))
        return try Networks.uNet(
            dimension: Int(dimension), repetitions: Int(repetitions), planes: planes,
            residual: try boolean(options.residual_blocks, "residual_blocks"),
            downsampleSize: try sizes(options.downsample_size, dimension, "downsample_size", absent: 2),
            downsampleStride: try sizes(options.downsample_stride, dimension, "downsample_stride", absent: 2),
            leakiness: options.leakiness, inPlanes: options.in_planes == -1 ? nil : Int(options.in_planes))
    }
}
