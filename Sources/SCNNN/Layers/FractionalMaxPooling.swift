internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Fractional max pooling (Graham, "Fractional Max-Pooling", 2014): a max pooling that shrinks the field by any ratio
/// above 1. The steps between its windows along each axis are two neighboring integers, in an order that is drawn anew
/// in training.
///
/// In training, the order is drawn once for a site set and these arguments; each pass takes one number from the
/// generator. In evaluation, the windows are spread as evenly as possible, so that the result does not depend on
/// chance. To average over several draws, as the paper does, leave this layer in training mode.
public final class FractionalMaxPooling: Module {
    /// The number of coordinates of a site, not counting the batch index.
    public let dimension: Int
    /// How many of the first planes are left out.
    public let featuresToDrop: Int
    private let windows: FractionalWindows

    /// How many windows there are along each axis.
    public enum Target: Hashable, Sendable {
        /// floor(input / ratio), at least 1; ratios above 1, one for all axes or one for each.
        case ratio([Double])
        /// This many windows.
        case outputSize(Size)
    }

    static let layerType = LayerType(
        "FractionalMaxPooling", "Max pooling that makes the field smaller by any ratio above 1.",
        [
            .dimension,
            LayerArgument(
                "ratio", .ratios,
                "floor(size / ratio) windows along each axis, at least 1; null where output_size is given.",
                fallback: .null, display: .labeled("ratio")),
            LayerArgument(
                "pool_size", .sizes(minimum: 1), "The window along each axis; null: each ends where the next begins.",
                fallback: .integer(2), isNullable: true, display: .labeled("size")),
            .featuresToDrop,
            LayerArgument(
                "output_size", .sizes(minimum: 1), "So many windows along each axis; null where ratio is given.",
                fallback: .null, isAddition: true, display: .labeled("output size")),
            LayerArgument(
                "sequence", .choice(["pseudorandom", "random"]),
                "The order of the steps from window to window: as even as can be, or shuffled.",
                fallback: .string("pseudorandom"), isAddition: true, display: .value),
        ],
        checks: [LayerType.exactlyOne("ratio", "output_size")]
    ) { try FractionalMaxPooling($0) }

    /// - Parameters:
    ///   - poolSize: The size of the windows, which overlap where steps are smaller; nil if each ends where the next
    ///     begins.
    ///   - isPseudorandom: Whether steps are spread evenly from a random start; otherwise they are shuffled.
    public convenience init(
        dimension: Int, _ target: Target, poolSize: Size? = 2, featuresToDrop: Int = 0, isPseudorandom: Bool = true
    ) throws {
        var (ratio, outputSize) = (JSON.null, JSON.null)
        switch target {
        case .ratio(let values): ratio = values.count == 1 ? .number(values[0]) : .array(values.map(JSON.number))
        case .outputSize(let size): outputSize = size.argument
        }
        try self.init(
            Arguments(
                Self.layerType,
                [
                    "dimension": .integer(dimension), "ratio": ratio, "output_size": outputSize,
                    "pool_size": poolSize?.argument ?? .null, "features_to_drop": .integer(featuresToDrop),
                    "sequence": .string(isPseudorandom ? "pseudorandom" : "random"),
                ]))
    }

    init(_ arguments: Arguments) throws {
        dimension = arguments.integer("dimension")
        featuresToDrop = arguments.integer("features_to_drop")
        windows = try FractionalWindows(
            arguments.optionalReals("ratio").map { .ratio($0) } ?? .outputSize(arguments.sizes("output_size")),
            poolSize: arguments.optionalSizes("pool_size"),
            order: arguments.optionalText("sequence") == "random" ? .random : .pseudorandom)
        super.init(madeWith: arguments)
    }

    package override var takesBFloat16: Bool { true }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try windows.inputSize(of: outputSize)
    }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        let (output, rulebook) = try sparse.geometry.fractional(sparse.siteSetID, windows, isRegular: !isTraining)
        return .sparse(try sparse.maxPooled(rulebook, to: output, dropping: featuresToDrop, for: typeName))
    }
}
