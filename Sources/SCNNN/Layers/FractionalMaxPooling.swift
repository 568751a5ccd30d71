internal import SCNCore
package import SCNFiles
package import SCNGeometry
internal import SCNOps

/// Fractional max pooling (Graham, "Fractional Max-Pooling", 2014): a max pooling that makes the field smaller by any ratio
/// above 1, by windows whose steps along each axis are two neighbouring integers in an order drawn anew in training.
///
/// In training the order is drawn once for a site set and these arguments, each pass taking one number from the generator. In
/// evaluation the windows lie as evenly as can be, so that the result does not depend on chance; to average over several
/// draws, as the paper does, leave this layer in training mode.
public final class FractionalMaxPooling: Module {
    /// The number of coordinates of a site, the batch index not counted.
    public let dimension: Int
    /// Leaves out the first planes.
    public let featuresToDrop: Int
    private let windows: FractionalWindows

    /// How many windows there are along each axis.
    public enum Target {
        /// floor(input / ratio), at least 1; ratios above 1, one for all axes or one an axis.
        case ratio([Double])
        /// So many windows: a number for all axes or one an axis.
        case outputSize(Size)
    }

    /// - Parameters:
    ///   - poolSize: Of the windows, which overlap where steps are smaller; nil: each ends where the next one begins.
    ///   - isPseudorandom: Whether steps are spread evenly from a random beginning; else they are shuffled.
    public convenience init(
        dimension: Int, _ target: Target, poolSize: Size? = 2, featuresToDrop: Int = 0, isPseudorandom: Bool = true
    ) throws {
        let poolAxes = try poolSize?.axes(dimension, "pool_size")
        let axes: FractionalWindows.Target
        switch target {
        case .ratio(let ratio):
            _ = try Size(1).axes(dimension, "dimension")
            try require(
                ratio.count == 1 || ratio.count == dimension, .shape,
                "ratio: has \(ratio.count) entries, expected \(dimension)")
            axes = .ratio(ratio.count == 1 ? Array(repeating: ratio[0], count: dimension) : ratio)
        case .outputSize(let size): axes = .outputSize(try size.axes(dimension, "output_size"))
        }
        try self.init(
            FractionalWindows(axes, poolSize: poolAxes, order: isPseudorandom ? .pseudorandom : .random),
            featuresToDrop: featuresToDrop)
    }

    package init(_ windows: FractionalWindows, featuresToDrop: Int) throws {
        try require(
            featuresToDrop >= 0, .invalidArgument, "features_to_drop: is \(featuresToDrop), expected at least 0")
        dimension = windows.dimension
        self.featuresToDrop = featuresToDrop
        self.windows = windows
    }

    public override var summary: String {
        var parts: [String] = []
        switch windows.target {
        case .ratio(let ratio):
            parts.append("ratio " + (Set(ratio).count == 1 ? "\(ratio[0])" : "\(ratio)"))
        case .outputSize(let size): parts.append("output size \(describe(size))")
        }
        parts.append(windows.poolSize.map { "size \(describe($0))" } ?? "tiles")
        if windows.order == .random { parts.append("random") }
        if featuresToDrop > 0 { parts.append("drops \(featuresToDrop)") }
        return parts.joined(separator: ", ")
    }

    package override var arguments: [(key: String, value: JSON)]? {
        var (ratio, outputSize) = (JSON.null, JSON.null)
        switch windows.target {
        case .ratio(let values): ratio = .array(values.map(JSON.number))
        case .outputSize(let size): outputSize = .sizes(size)
        }
        return [
            ("dimension", .integer(dimension)), ("ratio", ratio), ("output_size", outputSize),
            ("pool_size", windows.poolSize.map(JSON.sizes) ?? .null),
            ("sequence", .string(windows.order == .random ? "random" : "pseudorandom")),
            ("features_to_drop", .integer(featuresToDrop)),
        ]
    }

    /// Rebuilds a layer from the arguments of its architecture.
    static func build(_ json: JSONValue) throws -> FractionalMaxPooling {
        func isAbsent(_ key: String) -> Bool { json.find(key) == nil || json.find(key)?.kind == .null }
        try require(
            isAbsent("ratio") != isAbsent("output_size"), .format, "ratio: expected it or output_size, not both")
        let sequence = json.find("sequence") == nil ? "pseudorandom" : try json.string("sequence")
        try require(
            sequence == "pseudorandom" || sequence == "random", .format,
            "sequence: is \"\(sequence.prefix(60))\", expected \"pseudorandom\" or \"random\"")
        let target: Target
        if isAbsent("ratio") {
            target = .outputSize(try json.size("output_size"))
        } else if json.find("ratio")?.kind == .array {
            target = .ratio(try json.doubles("ratio"))
        } else {
            target = .ratio([try json.double("ratio")])
        }
        return try FractionalMaxPooling(
            dimension: json.int("dimension"), target,
            poolSize: json.find("pool_size") == nil ? 2 : isAbsent("pool_size") ? nil : json.size("pool_size"),
            featuresToDrop: json.find("features_to_drop") == nil ? 0 : json.int("features_to_drop"),
            isPseudorandom: sequence == "pseudorandom")
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try windows.inputSize(of: outputSize)
    }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        let (output, rulebook) = try sparse.geometry.fractional(sparse.siteSetID, windows, isRegular: !isTraining)
        return .sparse(try sparse.maxPooled(rulebook, to: output, dropping: featuresToDrop, for: typeName))
    }
}
