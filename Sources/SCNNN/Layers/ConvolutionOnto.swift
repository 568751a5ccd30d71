internal import SCNCore
internal import SCNFiles
internal import SCNGeometry

/// A convolution onto any sites: input * inputStride = output * outputStride + offset k of a filter that is centered,
/// anchored at its corner, or a cross.
///
/// Of a table of two sparse tensors, it convolves the first onto the sites of the second. Of one sparse tensor, the
/// result's sites are its own where strides are ones, floor(site / outputStride) where inputStride is 1, as in
/// MinkowskiEngine, and else all that are related to one of its sites.
public final class ConvolutionOnto: ConvolutionLayer {
    static let layerType = LayerType(
        "ConvolutionOnto",
        "A convolution onto a second tensor's sites; without one onto its own, their floor or all that it covers.",
        [
            .dimension, .inPlanes, .outPlanes,
            .size("filter_size", "The filter along each axis.", label: "filter"), .bias(false), .groups,
            LayerArgument(
                "shape", .choice(["centered", "corner", "cross"]),
                "Taps t of an axis at (t - size / 2) * dilation, at t * dilation, or the center and each axis's.",
                fallback: .string("centered"),
                isAddition: true, display: .value),
            .dilation,
            LayerArgument(
                "input_stride", .sizes(minimum: 1), "What a step of the input's coordinates counts.",
                fallback: .integer(1), isAddition: true, display: .labeled("input stride")),
            LayerArgument(
                "output_stride", .sizes(minimum: 1), "What a step of the result's coordinates counts.",
                fallback: .integer(1), isAddition: true, display: .labeled("output stride")),
            .normalized, .activation,
        ], checks: checks, state: convolutionState
    ) { try ConvolutionOnto($0) }

    /// Where the filter's offsets are.
    public enum FilterShape: String, CaseIterable, Sendable {
        /// Tap t of an axis at (t - size / 2) * dilation.
        case centered
        /// Tap t of an axis at t * dilation.
        case corner
        /// The center, then the centered taps of each axis.
        case cross

        var shape: SiteRelation.Shape {
            switch self {
            case .centered: .centered
            case .corner: .corner
            case .cross: .cross
            }
        }
    }

    /// `groups` divides the planes in and out. Sizes are one number for all axes, or one an axis. `normalized`: whether
    /// to divide sums by how many inputs the filter meets.
    public convenience init(
        dimension: Int, in inPlanes: Int, out outPlanes: Int, filterSize: Size, bias: Bool = false, groups: Int = 1,
        shape: FilterShape = .centered, dilation: Size = 1, inputStride: Size = 1, outputStride: Size = 1,
        normalized: Bool = false
    ) throws {
        try self.init(
            Arguments(
                Self.layerType,
                [
                    "dimension": .integer(dimension), "in_planes": .integer(inPlanes),
                    "out_planes": .integer(outPlanes), "filter_size": filterSize.argument, "bias": .bool(bias),
                    "groups": .integer(groups), "shape": .string(shape.rawValue), "dilation": dilation.argument,
                    "input_stride": inputStride.argument, "output_stride": outputStride.argument,
                    "normalized": .bool(normalized),
                ]))
    }

    private let relation: SiteRelation

    init(_ arguments: Arguments) throws {
        let filter = try FilterGeometry.strided(
            size: arguments.sizes("filter_size"), stride: arguments.sizes("output_stride"),
            padding: arguments.sizes("filter_size").map { _ in 0 }, dilation: arguments.sizes("dilation"))
        let shape = FilterShape(rawValue: arguments.text("shape"))?.shape ?? .centered
        relation = try SiteRelation(filter, shape, inputStride: arguments.sizes("input_stride"))
        try super.init(arguments, filter, volume: relation.volume)
    }

    public override func forward(_ input: Value) throws -> Value {
        guard case .table(let values) = input else {
            let sparse = try input.sparse(for: typeName, dimension: dimension, planes: inPlanes)
            let (output, rulebook) = try rules(sparse)
            return try along(rulebook, sparse, to: output)
        }
        try require(
            values.count == 2, .shape,
            "input: is a table of \(values.count), expected a tensor and one on the sites of the result for \(typeName)"
        )
        let sparse = try values[0].sparse(for: typeName, dimension: dimension, planes: inPlanes)
        let other = try values[1].sparse(for: typeName, dimension: dimension)
        let geometry = sparse.geometry
        let output = geometry === other.geometry ? other.siteSetID : geometry.add(other.sites)
        return try along(geometry.between(sparse.siteSetID, output, relation), sparse, to: output)
    }

    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        let geometry = input.geometry
        if relation.inputStride.contains(where: { $0 != 1 }) {
            return try geometry.covering(input.siteSetID, relation)
        }
        let output =
            relation.outputStride.contains { $0 != 1 }
            ? geometry.add(try input.sites.floored(by: relation.outputStride)) : input.siteSetID
        return (output, try geometry.between(input.siteSetID, output, relation))
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try relation.inputSize(of: outputSize)
    }
}
