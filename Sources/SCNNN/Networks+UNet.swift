internal import SCNCore

extension Networks {
    /// SparseConvNet's `UNet` (after Ronneberger, Fischer and Brox, 2015): at each level pre-activation blocks, a way down to the
    /// next level and up again by the reversed convolution, joined with what the level had, and blocks again. The result has
    /// the sites of the input and planes[0] planes.
    ///
    /// - Parameters:
    ///   - repetitions: blocks a level, on the way down and again on the way up.
    ///   - planes: one entry a level, the finest first.
    ///   - residual: blocks of two submanifold convolutions around which their input goes, not of one alone.
    ///   - downsampleSize, downsampleStride: of the convolutions between levels.
    ///   - leakiness: of the activations; 0 is ReLU.
    ///   - inPlanes: planes of the input; nil for planes[0].
    public static func uNet(
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
                blocks.normalised(next),
                Deconvolution(
                    dimension: dimension, in: next, out: width, filterSize: downsampleSize, stride: downsampleStride),
            ])
            try net.add(ConcatTable([Identity(), below]))
            try net.add(JoinTable())
            try blocks.add(repetitions, to: net, 2 * width, width)
            return net
        }
        return try level(planes[...], inPlanes ?? planes[0])
    }
}
