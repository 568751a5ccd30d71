internal import SCNCore

extension Networks {
    /// SparseConvNet's `FullyConvolutionalNet`: at each level pre-activation blocks, and a way down to the next level
    /// whose result is copied up again by un-pooling and joined with what the level had. The result has the sites of
    /// the input and the sum of `planes` planes.
    ///
    /// The arguments are those of
    /// ``uNet(dimension:repetitions:planes:residual:downsampleSize:downsampleStride:leakiness:inPlanes:)``.
    public static func fullyConvolutional(
        dimension: Int, repetitions: Int, planes: [Int], residual: Bool = false, downsampleSize: Size = 2,
        downsampleStride: Size = 2, leakiness: Double = 0, inPlanes: Int? = nil
    ) throws -> Sequential {
        let blocks = Blocks(dimension: dimension, residual: residual, leakiness: leakiness)
        let levels = try Levels(
            dimension: dimension, repetitions: repetitions, planes: planes, downsampleSize: downsampleSize,
            downsampleStride: downsampleStride, inPlanes: inPlanes, blocks: blocks)
        return try levels.network { _, _ in
            [try levels.unpooling()]
        } join: { net, _, below in
            try net.add(ConcatTable([Identity(), below]))
            try net.add(JoinTable())
        }
    }

    /// SparseConvNet's `FullConvolutionalNetIntegratedLinear`: a fully convolutional network whose every level scores
    /// the classes by a linear layer of its own; the scores are copied up by un-pooling and added. It computes what a
    /// linear layer after the joined levels would, without joining them. Only the coarsest level's linear layer has a
    /// bias.
    ///
    /// - Parameter classes: planes of the result; nil for planes[0]. The other arguments are those of
    ///   ``uNet(dimension:repetitions:planes:residual:downsampleSize:downsampleStride:leakiness:inPlanes:)``.
    public static func fullyConvolutionalIntegratedLinear(
        dimension: Int, repetitions: Int, planes: [Int], classes: Int? = nil, residual: Bool = false,
        downsampleSize: Size = 2, downsampleStride: Size = 2, leakiness: Double = 0, inPlanes: Int? = nil
    ) throws -> Sequential {
        let blocks = Blocks(dimension: dimension, residual: residual, leakiness: leakiness, nests: false)
        let levels = try Levels(
            dimension: dimension, repetitions: repetitions, planes: planes, downsampleSize: downsampleSize,
            downsampleStride: downsampleStride, inPlanes: inPlanes, blocks: blocks)
        let classes = classes ?? planes[0]
        try checkWidth(classes, "classes")

        func scores(_ width: Int, bias: Bool) throws -> [Module] {
            [try blocks.normalized(width), try NetworkInNetwork(in: width, out: classes, bias: bias)]
        }
        return try levels.network { _, _ in
            [try levels.unpooling()]
        } join: { net, width, below in
            try net.add(ConcatTable([Sequential(scores(width, bias: false)), below]))
            try net.add(AddTable())
        } end: { net, width in
            for module in try scores(width, bias: true) { try net.add(module) }
        }
    }
}
