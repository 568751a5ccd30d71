internal import SCNCore

/// The pre-activation blocks of U-Nets and fully convolutional networks: batch norm, (leaky) ReLU, submanifold
/// convolution of size 3; the residual ones do that twice and add their input.
struct Blocks {
    let dimension: Int
    let residual: Bool
    let leakiness: Double
    /// Whether a block that is not residual is a `Sequential` of its own.
    var nests = true

    func normalized(_ planes: Int) throws -> Module { try BatchNormalization(planes: planes, leakiness: leakiness) }

    func add(_ repetitions: Int, to net: Sequential, _ inPlanes: Int, _ outPlanes: Int) throws {
        for repetition in 0..<repetitions { try add(to: net, repetition == 0 ? inPlanes : outPlanes, outPlanes) }
    }

    private func add(to net: Sequential, _ inPlanes: Int, _ outPlanes: Int) throws {
        let half = try half(inPlanes, outPlanes)
        guard residual else {
            if nests { return try net.add(Sequential(half)) }
            for module in half { try net.add(module) }
            return
        }
        let around: Module = inPlanes == outPlanes ? Identity() : try NetworkInNetwork(in: inPlanes, out: outPlanes)
        try net.add(ConcatTable([around, Sequential(half + self.half(outPlanes, outPlanes))]))
        try net.add(AddTable())
    }

    private func half(_ inPlanes: Int, _ outPlanes: Int) throws -> [Module] {
        [
            try normalized(inPlanes),
            try SubmanifoldConvolution(dimension: dimension, in: inPlanes, out: outPlanes, filterSize: 3),
        ]
    }
}

extension Networks {
    /// Blocks a level or stage.
    static let mostRepetitions = 1000

    static func checkRepetitions(_ repetitions: Int) throws(SCNError) {
        try require(
            (1...mostRepetitions).contains(repetitions), .invalidArgument,
            "repetitions: is \(repetitions), expected 1 ... \(mostRepetitions)")
    }

    /// Far beyond what memory allows, so that no builder fills it before the allocation that fails.
    static let largestWidth = 1 << 20

    static func checkWidth(_ width: Int, _ name: String) throws(SCNError) {
        try require(
            (1...largestWidth).contains(width), .invalidArgument,
            "\(name): is \(width), expected 1 ... \(largestWidth)")
    }

    /// The arguments of networks with levels, of which each nests in the one above it.
    static func checkLevels(repetitions: Int, planes: [Int], inPlanes: Int?) throws(SCNError) {
        try require(
            (1...Container.maximumDepth / 4).contains(planes.count), .invalidArgument,
            "planes: has \(planes.count) levels, expected 1 ... \(Container.maximumDepth / 4)")
        try checkRepetitions(repetitions)
        for (level, width) in planes.enumerated() { try checkWidth(width, "planes[\(level)]") }
        if let inPlanes { try checkWidth(inPlanes, "in_planes") }
    }
}
