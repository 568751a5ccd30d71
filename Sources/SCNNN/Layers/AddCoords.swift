internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Adds a plane for each axis of a sparse tensor: the coordinate, scaled to -1 ... 1 over the spatial size (0 where
/// that is 1). [sites, planes] -> [sites, planes + dimension].
public final class AddCoords: Module {
    static let layerType = LayerType(
        "AddCoords", "Adds a plane for each axis of a sparse tensor: the coordinate, scaled to -1 ... 1."
    ) { _ in AddCoords() }

    /// A module without arguments.
    public override init() { super.init(madeWith: Arguments(noneOf: Self.layerType)) }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName)
        let scaled = try Matrix(rows: sparse.siteCount, planes: sparse.dimension)
        try sparse.sites.scaledCoordinates(into: scaled)
        let coordinates = try sparse.with(features: Tensor(matrix: scaled))
        return try JoinTable().forward(.table([input, .sparse(coordinates)]))
    }
}
