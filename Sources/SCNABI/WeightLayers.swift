public import CSCN
internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

nonisolated(unsafe) private let convolutionDefaults = scn_convolution_options(
    struct_size: MemoryLayout<scn_convolution_options>.size, groups: fallback("Convolution", "groups", as: \.int64),
    bias: fallback("Convolution", "bias", as: \.int32), padding: nil, dilation: nil,
    rounds_down: fallback("Convolution", "round_down", as: \.int32),
    normalized: fallback("Convolution", "normalized", as: \.int32))

@_cdecl("scn_submanifold_convolution_create") @implementation
public func scn_submanifold_convolution_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ filter_size: UnsafePointer<Int64>?,
    _ options: UnsafePointer<scn_convolution_options>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "SubmanifoldConvolution") {
        let size = try axes(filter_size, dimension, "filter_size")
        let options = try SCNABI.options(options, convolutionDefaults)
        try require(
            options.padding == nil, .invalidArgument, "padding: is given, expected NULL: the sites stay as they are")
        try requireNoRounding(options)
        return [
            "dimension": .integer(Int(dimension)), "in_planes": .integer(Int(in_planes)),
            "out_planes": .integer(Int(out_planes)), "filter_size": size,
            "bias": .bool(try boolean(options.bias, "bias")), "groups": .integer(Int(options.groups)),
            "dilation": try optionalAxes(options.dilation, dimension, "dilation"),
            "normalized": .bool(try boolean(options.normalized, "normalized")),
        ]
    }
}

@_cdecl("scn_convolution_create") @implementation
public func scn_convolution_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ filter_size: UnsafePointer<Int64>?,
    _ filter_stride: UnsafePointer<Int64>?, _ options: UnsafePointer<scn_convolution_options>?, _ module: HandleOut
) -> scn_status {
    strided("Convolution", dimension, in_planes, out_planes, filter_size, filter_stride, options, module)
}

@_cdecl("scn_deconvolution_create") @implementation
public func scn_deconvolution_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ filter_size: UnsafePointer<Int64>?,
    _ filter_stride: UnsafePointer<Int64>?, _ options: UnsafePointer<scn_convolution_options>?, _ module: HandleOut
) -> scn_status {
    strided("Deconvolution", dimension, in_planes, out_planes, filter_size, filter_stride, options, module)
}

@_cdecl("scn_full_convolution_create") @implementation
public func scn_full_convolution_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ filter_size: UnsafePointer<Int64>?,
    _ filter_stride: UnsafePointer<Int64>?, _ options: UnsafePointer<scn_convolution_options>?, _ module: HandleOut
) -> scn_status {
    strided("FullConvolution", dimension, in_planes, out_planes, filter_size, filter_stride, options, module)
}

@_cdecl("scn_randomized_stride_convolution_create") @implementation
public func scn_randomized_stride_convolution_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ filter_size: UnsafePointer<Int64>?,
    _ filter_stride: UnsafePointer<Int64>?, _ options: UnsafePointer<scn_convolution_options>?, _ module: HandleOut
) -> scn_status {
    strided(
        "RandomizedStrideConvolution", dimension, in_planes, out_planes, filter_size, filter_stride, options, module)
}

private func requireNoRounding(_ options: scn_convolution_options) throws(SCNError) {
    try require(
        options.rounds_down == 0, .invalidArgument,
        "rounds_down: is \(options.rounds_down), expected 0: the sites stay as they are")
}

private func strided(
    _ name: String, _ dimension: Int32, _ inPlanes: Int64, _ outPlanes: Int64, _ filterSize: UnsafePointer<Int64>?,
    _ filterStride: UnsafePointer<Int64>?, _ options: UnsafePointer<scn_convolution_options>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, name) {
        let size = try axes(filterSize, dimension, "filter_size")
        let stride = try axes(filterStride, dimension, "filter_stride")
        let options = try SCNABI.options(options, convolutionDefaults)
        return [
            "dimension": .integer(Int(dimension)), "in_planes": .integer(Int(inPlanes)),
            "out_planes": .integer(Int(outPlanes)), "filter_size": size, "filter_stride": stride,
            "bias": .bool(try boolean(options.bias, "bias")), "groups": .integer(Int(options.groups)),
            "padding": try optionalAxes(options.padding, dimension, "padding"),
            "dilation": try optionalAxes(options.dilation, dimension, "dilation"),
            "round_down": .bool(try boolean(options.rounds_down, "rounds_down")),
            "normalized": .bool(try boolean(options.normalized, "normalized")),
        ]
    }
}

@_cdecl("scn_permutohedral_submanifold_convolution_create") @implementation
public func scn_permutohedral_submanifold_convolution_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ options: UnsafePointer<scn_convolution_options>?,
    _ module: HandleOut
) -> scn_status {
    produceLayer(module, "PermutohedralSubmanifoldConvolution") {
        let options = try SCNABI.options(options, convolutionDefaults)
        for (given, name) in [(options.padding, "padding"), (options.dilation, "dilation")] {
            try require(given == nil, .invalidArgument, "\(name): is given, expected NULL: the lattice has none")
        }
        try requireNoRounding(options)
        return [
            "dimension": .integer(Int(dimension)), "in_planes": .integer(Int(in_planes)),
            "out_planes": .integer(Int(out_planes)), "bias": .bool(try boolean(options.bias, "bias")),
            "groups": .integer(Int(options.groups)),
            "normalized": .bool(try boolean(options.normalized, "normalized")),
        ]
    }
}

nonisolated(unsafe) private let convolutionOntoDefaults = scn_convolution_onto_options(
    struct_size: MemoryLayout<scn_convolution_onto_options>.size,
    groups: fallback("ConvolutionOnto", "groups", as: \.int64), bias: fallback("ConvolutionOnto", "bias", as: \.int32),
    shape: SCN_FILTER_CENTERED, dilation: nil, input_stride: nil, output_stride: nil,
    normalized: fallback("ConvolutionOnto", "normalized", as: \.int32))

@_cdecl("scn_convolution_onto_create") @implementation
public func scn_convolution_onto_create(
    _ dimension: Int32, _ in_planes: Int64, _ out_planes: Int64, _ filter_size: UnsafePointer<Int64>?,
    _ options: UnsafePointer<scn_convolution_onto_options>?, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "ConvolutionOnto") {
        let size = try axes(filter_size, dimension, "filter_size")
        let options = try SCNABI.options(options, convolutionOntoDefaults)
        let shapes = ConvolutionOnto.FilterShape.allCases
        guard shapes.indices.contains(Int(options.shape.rawValue)) else {
            throw SCNError(.invalidArgument, "shape: is \(options.shape.rawValue), expected 0 ... \(shapes.count - 1)")
        }
        return [
            "dimension": .integer(Int(dimension)), "in_planes": .integer(Int(in_planes)),
            "out_planes": .integer(Int(out_planes)), "filter_size": size,
            "bias": .bool(try boolean(options.bias, "bias")), "groups": .integer(Int(options.groups)),
            "shape": .string(shapes[Int(options.shape.rawValue)].rawValue),
            "dilation": try optionalAxes(options.dilation, dimension, "dilation"),
            "input_stride": try optionalAxes(options.input_stride, dimension, "input_stride"),
            "output_stride": try optionalAxes(options.output_stride, dimension, "output_stride"),
            "normalized": .bool(try boolean(options.normalized, "normalized")),
        ]
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
    produceLayer(module, "ShapeContext") {
        [
            "dimension": .integer(Int(dimension)), "in_planes": .integer(Int(in_planes)),
            "filter_size": try optionalAxes(filter_size, dimension, "filter_size"),
        ]
    }
}

@_cdecl("scn_network_in_network_create") @implementation
public func scn_network_in_network_create(
    _ in_planes: Int64, _ out_planes: Int64, _ bias: Int32, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "NetworkInNetwork") {
        [
            "in_planes": .integer(Int(in_planes)), "out_planes": .integer(Int(out_planes)),
            "bias": .bool(try boolean(bias, "bias")),
        ]
    }
}

@_cdecl("scn_linear_create") @implementation
public func scn_linear_create(
    _ in_planes: Int64, _ out_planes: Int64, _ bias: Int32, _ module: HandleOut
) -> scn_status {
    produceLayer(module, "Linear") {
        [
            "in_planes": .integer(Int(in_planes)), "out_planes": .integer(Int(out_planes)),
            "bias": .bool(try boolean(bias, "bias")),
        ]
    }
}
