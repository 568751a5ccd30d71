internal import SCNCore

extension Networks {
    /// SparseConvNet's `FullyConvolutionalNet`: at each level pre-activation blocks, and a way down to the next level whose result
    /// is copied up again by un-pooling and joined with what the level had. The result has the sites of the input and the sum
    /// of `planes` planes.
    ///
    /// The arguments are those of ``uNet(dimension:repetitions:planes:residual:downsampleSize:downsampleStride:leakiness:inPlanes:)``.
    public static func fullyConvolutional(
        dimension: Int, repetitions: Int, planes: [Int], residual: Bool = false, downsampleSize: Size = 2,
        downsampleStride: Size = 2, leakiness: Double = 0, inPlanes: Int? = nil
    ) throws -> Sequential {
        try checkLevels(repetitions: repetitions, planes: planes, inPlanes: inPlanes)
        let blocks = Blocks(dimension: dimension, residual: residual, leakiness: leakiness)

        func level(_ planes: ArraySlice<Int>, _ inPlanes: Int) throws -> Sequential {
            let width = planes.first!
            let net = try Sequential()
            try blocks.add(repetitions, to: net, inPlanes, width)
            guard let next = planes.dropFirst().first else { return net }
            let below = try Sequential([
                blocks.normalised(width),
                Convolution(
                    dimension: dimension, in: width, out: next, filterSize: downsampleSize, stride: downsampleStride),
                level(planes.dropFirst(), next),
                UnPooling(dimension: dimension, poolSize: downsampleSize, poolStride: downsampleStride),
            ])
            try net.add(ConcatTable([Identity(), below]))
            try net.add(JoinTable())
            return net
        }
        return try level(planes[...], inPlanes ?? planes[0])
    }

    /// SparseConvNet's `FullConvolutionalNetIntegratedLinear`: a fully convolutional network whose every level scores the classes
    /// by a linear layer of its own; the scores are copied up by un-pooling and added. It computes what a linear layer after
    /// the joined levels would, without joining them. Only the coarsest level's linear layer has a bias.
    ///
    /// - Parameter classes: planes of the result; nil for planes[0]. The other arguments are those of
    ///   ``uNet(dimension:repetitions:planes:residual:downsampleSize:downsampleStride:leakiness:inPlanes:)``.
    public static func fullyConvolutionalIntegratedLinear(
        dimension: Int, repetitions: Int, planes: [Int], classes: Int? = nil, residual: Bool = false,
        downsampleSize: Size = 2, downsampleStride: Size = 2, leakiness: Double = 0, inPlanes: Int? = nil
    ) throws -> Sequential {
        try checkLevels(repetitions: repetitions, planes: planes, inPlanes: inPlanes)
        let classes = classes ?? planes[0]
        try checkWidth(classes, "classes")
        let blocks = Blocks(dimension: dimension, residual: residual, leakiness: leakiness, nests: false)

        func scores(_ width: Int, bias: Bool) throws -> [Module] {
            [try blocks.normalised(width), try NetworkInNetwork(in: width, out: classes, bias: bias)]
        }
        func level(_ planes: ArraySlice<Int>, _ inPlanes: Int) throws -> Sequential {
            let width = planes.first!
            let net = try Sequential()
            try blocks.add(repetitions, to: net, inPlanes, width)
            guard let next = planes.dropFirst().first else {
                for module in try scores(width, bias: true) { try net.add(module) }
                return net
            }
            let below = try Sequential([
                blocks.normalised(width),
                Convolution(
                    dimension: dimension, in: width, out: next, filterSize: downsampleSize, stride: downsampleStride),
                level(planes.dropFirst(), next),
                UnPooling(dimension: dimension, poolSize: downsampleSize, poolStride: downsampleStride),
            ])
            try net.add(ConcatTable([Sequential(scores(width, bias: false)), below]))
            try net.add(AddTable())
            return net
        }
        return try level(planes[...], inPlanes ?? planes[0])
    }
}
