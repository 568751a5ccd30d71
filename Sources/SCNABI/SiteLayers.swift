public import CSCN
internal import SCNCore
internal import SCNNN

@_cdecl("scn_points_create_batched") @implementation
public func scn_points_create_batched(
    _ coordinates: UnsafePointer<Int64>?, _ batch_size: Int64, _ length: Int64, _ dimension: Int32,
    _ features: OpaquePointer?, _ points: HandleOut
) -> scn_status {
    produceTensor(points, "points") {
        try requireDimension(dimension)
        let features = try denseTensor(features, "features")
        // Before the coordinates are read: a wrong size would read past their end.
        try Points.requireFeatures(features, samples: Int(batch_size), length: Int(length))
        let count = try checkedProduct([Int(batch_size), Int(length), Int(dimension)], "coordinates")
        return .points(
            try Points(
                coordinates: try Storage(try elements(coordinates, Int64(count), "coordinates")),
                samples: Int(batch_size), length: Int(length), columns: Int(dimension), features: features))
    }
}

@_cdecl("scn_tensor_mask") @implementation
public func scn_tensor_mask(_ sparse: OpaquePointer?, _ mask: HandleOut) -> scn_status {
    produce(mask, "mask", .tensor) { try sparseTensor(sparse, "sparse").mask.map { TensorBox(.dense($0)) } }
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

nonisolated(unsafe) private let multiscaleDefaults = scn_multiscale_shape_context_options(
    struct_size: MemoryLayout<scn_multiscale_shape_context_options>.size, planes: 1, layers: 3, filter_size: nil,
    downsample_size: nil, downsample_stride: nil, batch_norm: 1)

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
            normalised: try boolean(options.batch_norm, "batch_norm"))
    }
}

func requireDimension(_ dimension: Int32) throws(SCNError) {
    try require(
        dimension >= 1 && dimension <= SCN_MAX_DIMENSION, .invalidArgument,
        "dimension: is \(dimension), expected 1 ... \(SCN_MAX_DIMENSION)")
}
