internal import SCNFiles

/// Arguments that several types have, and what they are for all of them.
extension LayerArgument {
    static let dimension = LayerArgument(
        "dimension", .number(1...10), "The number of coordinates of a site, the batch index not counted.")

    static let inPlanes = LayerArgument(
        "in_planes", .planes, "The planes of the input.", sparseConvNet: "nIn", former: ["in"], display: .value)

    static let outPlanes = LayerArgument(
        "out_planes", .planes, "The planes of the result.", sparseConvNet: "nOut", former: ["out"], display: .arrow)

    static func planes(_ documentation: String = "The planes of input and result.") -> LayerArgument {
        LayerArgument("planes", .planes, documentation, sparseConvNet: "nPlanes", display: .value)
    }

    static func bias(_ fallback: Bool) -> LayerArgument {
        LayerArgument(
            "bias", .flag, "Whether to add a bias, one number for each plane of the result.",
            fallback: .bool(fallback), display: .word("bias"))
    }

    static let groups = LayerArgument(
        "groups", .count(minimum: 1), "Groups of planes that see only one another; a divisor of the planes in and out.",
        fallback: .integer(1), display: .labeled("groups"))

    static let padding = LayerArgument(
        "padding", .sizes(minimum: 0), "How far windows reach beyond the field, before and behind it.",
        fallback: .integer(0), isAddition: true, display: .labeled("padding"))

    static let dilation = LayerArgument(
        "dilation", .sizes(minimum: 1), "The distance of neighboring filter offsets.", fallback: .integer(1),
        isAddition: true, display: .labeled("dilation"))

    static let roundDown = LayerArgument(
        "round_down", .flag,
        "Whether the last places of a field may lie under no window, where there is neither padding nor dilation; "
            + "elsewhere they may in any case.", fallback: .bool(false), isAddition: true,
        display: .word("rounds down"))

    static let normalized = LayerArgument(
        "normalized", .flag,
        "Whether to divide sums, before the bias, by how many inputs the filter meets (Knutsson and Westin, 1993).",
        fallback: .bool(false), isAddition: true, display: .word("normalized"))

    static let featuresToDrop = LayerArgument(
        "features_to_drop", .count(minimum: 0), "How many of the first planes to leave out.", fallback: .integer(0),
        sparseConvNet: "nFeaturesToDrop", display: .labeled("drops"))

    static func size(
        _ key: String, _ documentation: String, fallback: Int? = nil, former: [String] = [], label: String
    ) -> LayerArgument {
        LayerArgument(
            key, .sizes(minimum: 1), documentation, fallback: fallback.map(JSON.integer), former: former,
            display: .labeled(label))
    }

    static func epsilon(_ fallback: Double) -> LayerArgument {
        LayerArgument(
            "epsilon", .real(.positive), "What is added to the variance.", fallback: .number(fallback),
            sparseConvNet: "eps")
    }

    static let affine = LayerArgument(
        "affine", .flag, "Whether to multiply by a weight and add a bias.", fallback: .bool(true))

    static let momentum = LayerArgument(
        "momentum", .real(.fraction), "The fraction of the running statistics that a step keeps.",
        fallback: .number(0.99))

    static let leakiness = LayerArgument(
        "leakiness", .real(.atLeastZero),
        "After normalizing: y > 0 ? y : leakiness * y; 1 is no activation, 0 is ReLU.", fallback: .number(1),
        display: .leakiness)

    /// The activation that a product takes over when a network is optimized for inference.
    static let activation = LayerArgument(
        "leakiness", .real(.atLeastZero), "The last step: y > 0 ? y : leakiness * y; 1 is no activation.",
        fallback: .number(1), isTakenOver: true, display: .leakiness)
}

extension LayerType.State {
    static let affineWeight = parameter("weight", "[planes]", "ones", where: "affine")
    static let affineBias = parameter("bias", "[planes]", "zeros", where: "affine")
}
