internal import SCNCore

extension Networks {
    /// SparseConvNet's `MultiscaleShapeContext`: the shape contexts of the sites and of `layers - 1` coarser levels,
    /// made by average pooling and brought back by unpooling, side by side; `layers * volume * planes` planes on the
    /// same sites.
    ///
    /// - Parameters:
    ///   - shapeContextSize: the filter size of every level.
    ///   - downsampleSize, downsampleStride: of the pooling between levels.
    ///   - normalized: whether a batch normalization follows.
    public static func multiscaleShapeContext(
        dimension: Int, planes: Int = 1, layers: Int = 3, shapeContextSize: Size = 3, downsampleSize: Size = 2,
        downsampleStride: Size = 2, normalized: Bool = true
    ) throws -> Sequential {
        // A level nests three deep.
        let most = Container.maximumDepth / 4
        try require((1...most).contains(layers), .invalidArgument, "layers: is \(layers), expected 1 ... \(most)")
        let context = try ShapeContext(dimension: dimension, in: planes, filterSize: shapeContextSize)
        let net: Sequential
        if layers == 1 {
            net = try Sequential([context])
        } else {
            let coarser = try Sequential([
                AveragePooling(dimension: dimension, poolSize: downsampleSize, poolStride: downsampleStride),
                multiscaleShapeContext(
                    dimension: dimension, planes: planes, layers: layers - 1, shapeContextSize: shapeContextSize,
                    downsampleSize: downsampleSize, downsampleStride: downsampleStride, normalized: false),
                UnPooling(dimension: dimension, poolSize: downsampleSize, poolStride: downsampleStride),
            ])
            net = try Sequential([ConcatTable([context, coarser]), JoinTable()])
        }
        if normalized {
            let outPlanes = try checkedProduct([context.outPlanes, layers], "the planes of a multiscale shape context")
            try net.add(BatchNormalization(planes: outPlanes))
        }
        return net
    }

    /// The same under the label that it had in version 0.1.
    @available(*, deprecated, message: "use the label normalized")
    public static func multiscaleShapeContext(
        dimension: Int, planes: Int = 1, layers: Int = 3, shapeContextSize: Size = 3, downsampleSize: Size = 2,
        downsampleStride: Size = 2, normalised: Bool
    ) throws -> Sequential {
        try multiscaleShapeContext(
            dimension: dimension, planes: planes, layers: layers, shapeContextSize: shapeContextSize,
            downsampleSize: downsampleSize, downsampleStride: downsampleStride, normalized: normalised)
    }
}
