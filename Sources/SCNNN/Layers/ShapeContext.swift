internal import SCNCore
package import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// The features of a site's neighbourhood side by side: [sites, planes] -> [sites, volume * planes] on the same sites. Plane
/// k * planes + p is plane p of the site under filter offset k, 0 where there is none.
public final class ShapeContext: SpatialLayer {
    /// The planes of the input.
    public let planes: Int
    /// The planes of the result.
    public let outPlanes: Int
    private let filter: FilterGeometry

    /// `filterSize`: one number for all axes, or one an axis.
    public init(dimension: Int, in planes: Int, filterSize: Size = 3) throws {
        try require(planes >= 1, .invalidArgument, "in_planes: is \(planes), expected at least 1")
        filter = try FilterGeometry.submanifold(size: filterSize.axes(dimension, "filter_size"))
        outPlanes = try checkedProduct([filter.volume, planes], "the planes of a shape context")
        self.planes = planes
        try super.init(dimension: dimension)
    }

    public override var summary: String { "\(planes) -> \(outPlanes), filter \(describe(filter.size))" }

    package override var arguments: [(key: String, value: JSON)]? {
        [("dimension", .integer(dimension)), ("in", .integer(planes)), ("filter_size", .sizes(filter.size))]
    }

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
