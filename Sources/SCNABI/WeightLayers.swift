public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

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

@_cdecl("scn_permutohedral_submanifold_convolution_create") @implementation
public func scn_permutohedral_submanifold_convolution_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ options: UnsafePointer<scn_convolution_options>?,
    _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        let options = try SCNABI.options(options, convolutionDefaults)
        for (given, name) in [(options.padding, "padding"), (options.dilation, "dilation")] {
            try require(given == nil, .invalidArgument, "\(name): a permutohedral convolution has none, expected NULL")
        }
        return try PermutohedralSubmanifoldConvolution(
            dimension: Int(dimension), in: Int(in_planes), out: Int(out_planes),
            bias: try boolean(options.bias, "bias"), groups: Int(options.groups))
    }
}

@_cdecl("scn_permutohedral_offsets") @implementation
public func scn_permutohedral_offsets(
    _ dimension: Int32, _ offsets: UnsafeMutablePointer<Int64>?, _ capacity: Int64
) -> scn_status {
    status {
        let values = try Permutohedral.offsets(dimension: Int(dimension)).joined().map(Int64.init)
        try require(
            capacity >= Int64(values.count), .shape, "capacity: is \(capacity), expected at least \(values.count)")
        try required(offsets, "offsets").update(from: values, count: values.count)
    }
}

@_cdecl("scn_permutohedral_basis") @implementation
public func scn_permutohedral_basis(
    _ dimension: Int32, _ basis: UnsafeMutablePointer<Double>?, _ inverse: UnsafeMutablePointer<Double>?
) -> scn_status {
    status {
        let matrices = try Permutohedral.basis(dimension: Int(dimension))
        for (target, rows) in [(basis, matrices.basis), (inverse, matrices.inverse)] {
            target?.update(from: Array(rows.joined()), count: rows.count * rows.count)
        }
    }
}

@_cdecl("scn_shape_context_create") @implementation
public func scn_shape_context_create(
    _ dimension: Int32, _ in_planes: Int64, _ filter_size: UnsafePointer<Int64>?, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try ShapeContext(
            dimension: Int(dimension), in: Int(in_planes),
            filterSize: try sizes(filter_size, dimension, "filter_size", absent: 3))
    }
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
