internal import SCNCore

extension Networks {
    /// SparseConvNet's `UNet` (after Ronneberger, Fischer and Brox, 2015): at each level pre-activation blocks, a way
    /// down to the next level and up again by the reversed convolution, joined with what the level had, and blocks
    /// again. The result has the sites of the input and planes[0] planes.
    ///
    /// The spatial size of the input must suit every convolution down: with the default size and stride of 2 it is a
    /// multiple of 2^(levels - 1) on each axis, 4 for three levels. Another is an error of the forward pass.
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
        let blocks = Blocks(dimension: dimension, residual: residual, leakiness: leakiness)
        let levels = try Levels(
            dimension: dimension, repetitions: repetitions, planes: planes, downsampleSize: downsampleSize,
            downsampleStride: downsampleStride, inPlanes: inPlanes, blocks: blocks)
        return try levels.network { width, below in
            [
                try blocks.normalized(below),
                try Deconvolution(
                    dimension: dimension, in: below, out: width, filterSize: downsampleSize, stride: downsampleStride),
            ]
        } join: { net, width, below in
            try net.add(ConcatTable([Identity(), below]))
            try net.add(JoinTable())
            try blocks.add(repetitions, to: net, 2 * width, width)
        }
    }
}
