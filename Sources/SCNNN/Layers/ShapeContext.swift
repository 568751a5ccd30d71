internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// The features of a site's neighborhood side by side: [sites, planes] -> [sites, volume * planes] on the same sites.
/// Plane k * planes + p is plane p of the site under filter offset k, 0 where there is none.
public final class ShapeContext: SpatialLayer {
    /// The planes of the input.
    public let planes: Int
    /// The planes of the result.
    public let outPlanes: Int
    private let filter: FilterGeometry

    static let layerType = LayerType(
        "ShapeContext", "Puts the features of a site's neighborhood side by side: [sites, volume * in_planes].",
        [
            .dimension,
            LayerArgument("in_planes", .planes, "The planes of the input.", sparseConvNet: "nIn", former: ["in"]),
            .size("filter_size", "The neighborhood along each axis.", fallback: 3, label: "filter"),
        ]
    ) { try ShapeContext($0) }

    /// `filterSize`: one number for all axes, or one an axis.
    public convenience init(dimension: Int, in planes: Int, filterSize: Size = 3) throws {
        try self.init(
            Arguments(
                Self.layerType,
                [
                    "dimension": .integer(dimension), "in_planes": .integer(planes),
                    "filter_size": filterSize.argument,
                ]))
    }

    private init(_ arguments: Arguments) throws {
        planes = arguments.integer("in_planes")
        filter = try .submanifold(size: arguments.sizes("filter_size"))
        outPlanes = try checkedProduct([filter.volume, planes], "the planes of a shape context")
        super.init(madeWith: arguments)
    }

    public override var summary: String { "\(planes) -> \(outPlanes), filter \(describe(filter.size))" }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension, planes: planes)
        let rulebook = try sparse.geometry.submanifold(sparse.siteSetID, filter)
        let values = sparse.features.values
        let result = try Matrix(rows: values.rows, planes: outPlanes)
        try ShapeContextOperation.forward(rulebook, input: values, into: result)
        let (rows, planes) = (values.rows, planes)
        let features = Tape.result(matrix: result, inputs: [sparse.features]) { gradient in
            let byInput = try Matrix(rows: rows, planes: planes)
            try ShapeContextOperation.backward(rulebook, gradient: gradient, into: byInput)
            return [.fresh(byInput)]
        }
        return .sparse(try sparse.with(features: features))
    }
}
