package import SCNCore

/// SparseConvNet's networks, built from the layers.
public enum Networks {
    /// One element of the layer list of ``sparseVGG(dimension:in:layers:)``.
    public enum VGGLayer: Hashable, Sendable {
        /// Max pooling.
        case maxPooling(size: Int = 3, stride: Int = 2)
        /// A convolution of size 3 and stride 2, to that many planes or as many as before, batch norm, ReLU.
        case stridedConvolution(planes: Int? = nil)
        /// A submanifold convolution of size 3, batch norm, ReLU. Branches make it the "plus" form: the result is
        /// joined with branches of that many planes, which go down one, two, and three levels and come up again.
        case convolution(planes: Int, branches: [Int] = [])
    }

    /// SparseConvNet's `SparseVggNet`.
    public static func sparseVGG(dimension: Int, in inPlanes: Int, layers: [VGGLayer]) throws -> Sequential {
        let net = try Sequential()
        var planes = inPlanes
        for layer in layers {
            switch layer {
            case .maxPooling(let size, let stride):
                try net.add(MaxPooling(dimension: dimension, poolSize: Size(size), poolStride: Size(stride)))
            case .stridedConvolution(let wanted):
                let wider = wanted ?? planes
                try net.add(down(dimension, planes, wider))
                try net.add(normalized(wider))
                planes = wider
            case .convolution(let main, let branches) where branches.isEmpty:
                try net.add(submanifold(dimension, planes, main))
                try net.add(normalized(main))
                planes = main
            case .convolution(let main, let branches):
                let table = try ConcatTable([submanifold(dimension, planes, main)])
                for (index, width) in branches.enumerated() {
                    try table.add(branch(dimension, planes, width, levels: index + 1))
                }
                try net.add(table)
                try net.add(JoinTable())
                planes = try checkedSum([main] + branches)
                try net.add(normalized(planes))
            }
        }
        return net
    }

    /// Down `levels` levels by convolutions 3/2, and up again by deconvolutions.
    private static func branch(_ dimension: Int, _ inPlanes: Int, _ width: Int, levels: Int) throws -> Sequential {
        let branch = try Sequential()
        for level in 0..<levels {
            try branch.add(down(dimension, level == 0 ? inPlanes : width, width))
            try branch.add(normalized(width))
            try branch.add(submanifold(dimension, width, width))
            try branch.add(normalized(width))
        }
        for level in 0..<levels {
            try branch.add(
                Deconvolution(dimension: dimension, in: width, out: width, filterSize: 3, stride: 2))
            guard level < levels - 1 else { break }
            try branch.add(normalized(width))
            try branch.add(submanifold(dimension, width, width))
            try branch.add(normalized(width))
        }
        return branch
    }

    private static func submanifold(_ dimension: Int, _ inPlanes: Int, _ outPlanes: Int) throws -> Module {
        try SubmanifoldConvolution(dimension: dimension, in: inPlanes, out: outPlanes, filterSize: 3)
    }

    private static func down(_ dimension: Int, _ inPlanes: Int, _ outPlanes: Int) throws -> Module {
        try Convolution(dimension: dimension, in: inPlanes, out: outPlanes, filterSize: 3, stride: 2)
    }

    private static func normalized(_ planes: Int) throws -> Module {
        try BatchNormalization(planes: planes, leakiness: 0)
    }

    private static func checkedSum(_ planes: [Int]) throws(SCNError) -> Int {
        var total = 0
        for width in planes {
            let (sum, overflow) = total.addingReportingOverflow(width)
            try require(!overflow, .overflow, "planes: the joined planes overflow 64 bits")
            total = sum
        }
        return total
    }
}

extension Networks.VGGLayer {
    /// Layers from words: "C16", "MP", "MP3/2", "C3/2", "C3/2:16", "C16,8,8".
    package static func parse(_ text: String) throws(SCNError) -> [Networks.VGGLayer] {
        try LayerList.parse(
            text, expected: "C16, C16,8 (up to three branches), C3/2, C3/2:16, MP, MP3/2", parse(word:))
    }

    private static func parse(word: Substring) -> Networks.VGGLayer? {
        if word == "MP" { return .maxPooling() }
        if word == "C3/2" { return .stridedConvolution() }
        if word.hasPrefix("C3/2:") {
            return LayerList.number(word.dropFirst(5)).map { .stridedConvolution(planes: $0) }
        }
        if word.hasPrefix("MP") {
            guard let numbers = LayerList.numbers(word.dropFirst(2), separator: "/", count: 2) else { return nil }
            return .maxPooling(size: numbers[0], stride: numbers[1])
        }
        guard word.hasPrefix("C") else { return nil }
        let numbers = word.dropFirst().split(separator: ",", omittingEmptySubsequences: false).map(LayerList.number)
        guard (1...4).contains(numbers.count) else { return nil }
        let planes = numbers.compactMap { $0 }
        guard planes.count == numbers.count else { return nil }
        return .convolution(planes: planes[0], branches: Array(planes.dropFirst()))
    }
}
