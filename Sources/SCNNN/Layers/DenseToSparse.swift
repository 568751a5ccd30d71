internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Turns a dense tensor [batch, planes, ...spatial size] into a sparse one: a site wherever some plane is not zero.
public final class DenseToSparse: SpatialLayer {
    static let layerType = LayerType(
        "DenseToSparse",
        "Turns a dense tensor [batch, planes, ...spatial size] into a sparse one: a site wherever a plane is not 0.",
        [.dimension]
    ) { DenseToSparse(madeWith: $0) }

    /// A layer for sites of the given dimension, 1 ... 10.
    public convenience init(dimension: Int) throws {
        try self.init(madeWith: Arguments(Self.layerType, ["dimension": .integer(dimension)]))
    }

    public override func forward(_ input: Value) throws -> Value {
        guard case .dense(let dense) = input else { throw input.mismatch(typeName, "a dense tensor") }
        try require(
            dense.shape.count == dimension + 2, .shape,
            "input: has shape \(dense.shape), expected rank \(dimension + 2), [batch, planes] and \(dimension) axes, for DenseToSparse"
        )
        let (samples, planes) = (dense.shape[0], dense.shape[1])
        let values = dense.values
        let sites = try InputSites.dense(
            spatialSize: Array(dense.shape.dropFirst(2)), values: values, samples: samples, planes: planes)
        let geometry = Geometry(sites, inputMap: nil)
        let result = try Matrix(rows: sites.count, planes: planes)
        try SparseToDenseOperation.backward(sites, gradient: values, into: result)
        let (rows, width) = (values.rows, values.planes)
        let features = Tape.result(matrix: result, inputs: [dense]) { gradient in
            let byInput = try Matrix(rows: rows, planes: width)
            try SparseToDenseOperation.forward(sites, input: gradient, into: byInput)
            return [.fresh(byInput)]
        }
        return .sparse(try SparseTensor(features: features, geometry: geometry, sites: geometry.input))
    }
}
