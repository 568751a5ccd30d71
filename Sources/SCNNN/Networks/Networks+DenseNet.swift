package import SCNCore

extension Networks {
    /// One element of the layer list of ``sparseDenseNet(dimension:in:layers:)``.
    public enum DenseNetLayer: Hashable, Sendable {
        /// A dense block: layers that each see the planes of all layers before them and add `growthRate` more.
        case block(layers: Int = 2, growthRate: Int = 16)
        /// A transition: batch norm, ReLU, a 1 x 1 convolution to that many planes or as many as before, average
        /// pooling.
        case transition(planes: Int? = nil, size: Int = 2, stride: Int = 2)
        /// Max pooling alone.
        case maxPooling(size: Int = 2, stride: Int = 2)
        /// Average pooling alone.
        case averagePooling(size: Int = 2, stride: Int = 2)
    }

    /// A DenseNet (Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", 2017) of
    /// submanifold convolutions, as in Graham and van der Maaten, "Submanifold sparse convolutional networks", 2017.
    ///
    /// A layer of a dense block is batch norm, ReLU, a 1 x 1 convolution to 4 * growthRate planes, batch norm, ReLU and
    /// a submanifold convolution of size 3 to growthRate planes, joined with the layer's input. A batch norm with ReLU
    /// closes the network.
    public static func sparseDenseNet(dimension: Int, in inPlanes: Int, layers: [DenseNetLayer]) throws -> Sequential {
        try checkWidth(inPlanes, "in_planes")
        let net = try Sequential()
        var planes = inPlanes
        for layer in layers {
            switch layer {
            case .block(let count, let growthRate):
                try checkRepetitions(count)
                try checkWidth(growthRate, "growth_rate")
                try checkWidth(planes + count * growthRate, "planes after a dense block")
                for _ in 0..<count {
                    try net.add(ConcatTable([Identity(), growth(dimension, planes, growthRate)]))
                    try net.add(JoinTable())
                    planes += growthRate
                }
            case .transition(let wanted, let size, let stride):
                let kept = wanted ?? planes
                try checkWidth(kept, "planes of a transition")
                try net.add(BatchNormalization(planes: planes, leakiness: 0))
                try net.add(NetworkInNetwork(in: planes, out: kept))
                try net.add(AveragePooling(dimension: dimension, poolSize: Size(size), poolStride: Size(stride)))
                planes = kept
            case .maxPooling(let size, let stride):
                try net.add(MaxPooling(dimension: dimension, poolSize: Size(size), poolStride: Size(stride)))
            case .averagePooling(let size, let stride):
                try net.add(AveragePooling(dimension: dimension, poolSize: Size(size), poolStride: Size(stride)))
            }
        }
        try net.add(BatchNormalization(planes: planes, leakiness: 0))
        return net
    }

    private static func growth(_ dimension: Int, _ planes: Int, _ growthRate: Int) throws -> Sequential {
        let bottleneck = 4 * growthRate
        return try Sequential([
            BatchNormalization(planes: planes, leakiness: 0),
            NetworkInNetwork(in: planes, out: bottleneck),
            BatchNormalization(planes: bottleneck, leakiness: 0),
            SubmanifoldConvolution(dimension: dimension, in: bottleneck, out: growthRate, filterSize: 3),
        ])
    }
}

extension Networks.DenseNetLayer {
    /// Layers from words: "B4x12", "T", "T:24", "T3/2", "T3/2:24", "MP2/2", "AP2/2".
    package static func parse(_ text: String) throws(SCNError) -> [Networks.DenseNetLayer] {
        try LayerList.parse(
            text, expected: "B4x12 (layers x growth rate), T, T:24 (planes), T3/2, T3/2:24, MP2/2, AP2/2"
        ) { word in
            if word.hasPrefix("B") {
                return LayerList.numbers(word.dropFirst(), separator: "x", count: 2).map {
                    .block(layers: $0[0], growthRate: $0[1])
                }
            }
            if word.hasPrefix("T") { return transition(word.dropFirst()) }
            guard word.hasPrefix("MP") || word.hasPrefix("AP"),
                let window = LayerList.numbers(word.dropFirst(2), separator: "/", count: 2)
            else { return nil }
            return word.hasPrefix("MP")
                ? .maxPooling(size: window[0], stride: window[1]) : .averagePooling(size: window[0], stride: window[1])
        }
    }

    private static func transition(_ word: Substring) -> Networks.DenseNetLayer? {
        let halves = word.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let window = halves[0].isEmpty ? [2, 2] : LayerList.numbers(halves[0], separator: "/", count: 2)
        let planes = halves.count == 2 ? LayerList.number(halves[1]) : nil
        guard let window, halves.count == 1 || planes != nil else { return nil }
        return .transition(planes: planes, size: window[0], stride: window[1])
    }
}
