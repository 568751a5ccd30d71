package import SCNCore

extension Networks {
    /// Basic blocks of one width in ``sparseResNet(dimension:in:stages:)``.
    public struct ResidualStage: Hashable, Sendable {
        /// The planes of the blocks' results.
        public var planes: Int
        /// The number of blocks, 1 ... 1000.
        public var repetitions: Int
        /// The stride of the first block: 1 keeps the sites, more is a convolution of size 3 and that stride.
        public var stride: Int

        /// Blocks of one width.
        public init(planes: Int, repetitions: Int = 1, stride: Int = 1) {
            self.planes = planes
            self.repetitions = repetitions
            self.stride = stride
        }
    }

    /// SparseConvNet's `SparseResNet`: pre-activation residual blocks (He, Zhang, Ren and Sun, "Identity mappings in
    /// deep residual networks", 2016) of two convolutions of size 3, and a closing batch norm with ReLU.
    public static func sparseResNet(dimension: Int, in inPlanes: Int, stages: [ResidualStage]) throws -> Sequential {
        try checkWidth(inPlanes, "in_planes")
        for (index, stage) in stages.enumerated() {
            try checkWidth(stage.planes, "planes of stage \(index)")
            try checkRepetitions(stage.repetitions)
            try require(
                stage.stride >= 1, .invalidArgument,
                "stride: is \(stage.stride) at stage \(index), expected at least 1")
        }
        let net = try Sequential()
        var planes = inPlanes
        for stage in stages {
            for repetition in 0..<stage.repetitions {
                try addBlock(
                    to: net, dimension, planes, stage.planes, stride: repetition == 0 ? stage.stride : 1,
                    isFirst: repetition == 0)
                planes = stage.planes
            }
        }
        try net.add(BatchNormalization(planes: planes, leakiness: 0))
        return net
    }

    /// A stage's first block normalizes the input of both of its paths, the others only the input of the convolutions.
    private static func addBlock(
        to net: Sequential, _ dimension: Int, _ inPlanes: Int, _ outPlanes: Int, stride: Int, isFirst: Bool
    ) throws {
        func convolution(_ inPlanes: Int, stride: Int) throws -> Module {
            if stride == 1 {
                return try SubmanifoldConvolution(dimension: dimension, in: inPlanes, out: outPlanes, filterSize: 3)
            }
            return try Convolution(
                dimension: dimension, in: inPlanes, out: outPlanes, filterSize: 3, stride: Size(stride))
        }
        let opening = try BatchNormalization(planes: inPlanes, leakiness: 0)
        if isFirst { try net.add(opening) }
        let inner = try Sequential(isFirst ? [] : [opening])
        try inner.add(convolution(inPlanes, stride: stride))
        try inner.add(BatchNormalization(planes: outPlanes, leakiness: 0))
        try inner.add(convolution(outPlanes, stride: 1))
        let around: Module
        if stride > 1 {
            around = try convolution(inPlanes, stride: stride)
        } else {
            around = inPlanes == outPlanes ? Identity() : try NetworkInNetwork(in: inPlanes, out: outPlanes)
        }
        try net.add(ConcatTable([inner, around]))
        try net.add(AddTable())
    }
}

extension Networks.ResidualStage {
    /// Stages from words: "b16", "b16x2", "b16x2/2".
    package static func parse(_ text: String) throws(SCNError) -> [Networks.ResidualStage] {
        try LayerList.parse(text, expected: "b16, b16x2 (blocks), b16x2/2 (and the stride of the first)") { word in
            guard word.hasPrefix("b") else { return nil }
            let halves = word.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            guard let blocks = halves.first, halves.count <= 2 else { return nil }
            let stride = halves.count == 1 ? 1 : LayerList.number(halves[1])
            let sizes =
                LayerList.numbers(blocks, separator: "x", count: 2)
                ?? LayerList.number(blocks).map { [$0, 1] }
            guard let sizes, let stride else { return nil }
            return Networks.ResidualStage(planes: sizes[0], repetitions: sizes[1], stride: stride)
        }
    }
}
