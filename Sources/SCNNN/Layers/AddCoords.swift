internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Adds a plane for each axis of a sparse tensor: the coordinate, scaled to -1 ... 1 over the spatial size (0 where that is
/// 1). [sites, planes] -> [sites, planes + dimension].
public final class AddCoords: Module {
    static let layerType = LayerType(
        "AddCoords", "Adds a plane for each axis of a sparse tensor: the coordinate, scaled to -1 ... 1."
    ) { _ in AddCoords() }

    /// A module without arguments.
    public override init() { super.init(madeWith: Arguments(noneOf: Self.layerType)) }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName)
        let (count, dimension, size) = (sparse.siteCount, sparse.dimension, sparse.spatialSize)
        let sites = try Storage<Int64>(count: checkedProduct([count, dimension + 1], "coordinates of \(count) sites"))
        sparse.sites.coordinates(into: sites.pointer)
        let scaled = try Matrix(rows: count, planes: dimension)
        let (source, target) = (sites.pointer, scaled.pointer)
        for axis in 0..<dimension {
            let half = Double(size[axis] - 1) / 2
            for row in 0..<count {
                let coordinate = Double(source[row * (dimension + 1) + axis])
                target[row * dimension + axis] = half == 0 ? 0 : Float(coordinate / half - 1)
            }
        }
        withExtendedLifetime(sites) {}
        let coordinates = try sparse.with(features: Tensor(matrix: scaled))
        return try JoinTable().forward(.table([input, .sparse(coordinates)]))
    }
}
