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
        try require(
            (1...Container.maximumDepth / 4).contains(planes.count), .invalidArgument,
            "planes: has \(planes.count) levels, expected 1 ... \(Container.maximumDepth / 4)")
        try require(
            (1...1000).contains(repetitions), .invalidArgument,
            "repetitions: is \(repetitions), expected 1 ... 1000")
        for (level, width) in planes.enumerated() {
            try require(
                (1...1 << 20).contains(width), .invalidArgument,
                "planes: is \(width) at level \(level), expected 1 ... \(1 << 20)")
        }
        let blocks = Blocks(dimension: dimension, residual: residual, leakiness: leakiness)

        func level(_ planes: ArraySlice<Int>, _ inPlanes: Int) throws -> Sequential {
            let width = planes.first!
            let net = try Sequential()
            for repetition in 0..<repetitions { try blocks.add(to: net, repetition == 0 ? inPlanes : width, width) }
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
            for repetition in 0..<repetitions {
                try blocks.add(to: net, repetition == 0 ? 2 * width : width, width)
            }
            return net
        }
        return try level(planes[...], inPlanes ?? planes[0])
    }
}

/// The pre-activation blocks of U-Nets.
private struct Blocks {
    let dimension: Int
    let residual: Bool
    let leakiness: Double

    func normalised(_ planes: Int) throws -> Module { try BatchNormalization(planes: planes, leakiness: leakiness) }

    func add(to net: Sequential, _ inPlanes: Int, _ outPlanes: Int) throws {
        guard residual else { return try net.add(Sequential(half(inPlanes, outPlanes))) }
        let around: Module = inPlanes == outPlanes ? Identity() : try NetworkInNetwork(in: inPlanes, out: outPlanes)
        try net.add(ConcatTable([around, Sequential(half(inPlanes, outPlanes) + half(outPlanes, outPlanes))]))
        try net.add(AddTable())
    }

    private func half(_ inPlanes: Int, _ outPlanes: Int) throws -> [Module] {
        [
            try normalised(inPlanes),
            try SubmanifoldConvolution(dimension: dimension, in: inPlanes, out: outPlanes, filterSize: 3),
        ]
    }
}
