internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Turns points that come as samples of one length, filled up with padding, into a sparse tensor. Otherwise an
/// ``InputLayer``.
public final class BLInputLayer: PointsLayer {
    override class var layerType: LayerType { type }
    private static let type = layerType(
        "BLInputLayer", "An InputLayer of points that come as samples of one length, filled up with padding."
    ) { BLInputLayer(madeWith: $0) }

    public override func forward(_ input: Value) throws -> Value {
        guard case .points(let points) = input, let length = points.length else {
            throw input.mismatch(typeName, "points in samples of one length")
        }
        // No coordinates do not say how many columns they have.
        try require(
            points.columns == dimension || (points.rows == 0 && points.columns == 0), .shape,
            "coordinates: have \(points.columns) columns, expected \(dimension)")
        let (sites, map) = try InputSites.buildBatched(
            dimension: dimension, spatialSize: spatialSize ?? [], coordinates: points.coordinates.pointer,
            samples: points.batchSize, length: length, mode: mode)
        return .sparse(try Geometry(sites, inputMap: map).enter(points.features))
    }
}

/// Gives every row of a ``BLInputLayer``'s points the vector of its site: dense [samples, length, planes], zeros at
/// padding and, in modes 1 and 2, at the rows that did not win.
public final class BLOutputLayer: SpatialLayer {
    static let layerType = LayerType(
        "BLOutputLayer", "Gives every row of a BLInputLayer's points the vector of its site: [batch, length, planes].",
        [.dimension]
    ) { BLOutputLayer(madeWith: $0) }

    /// A layer for sites of the given dimension, 1 ... 10.
    public convenience init(dimension: Int) throws {
        try self.init(madeWith: Arguments(Self.layerType, ["dimension": .integer(dimension)]))
    }

    package override var takesBFloat16: Bool { true }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        guard let map = sparse.geometry.inputMap, let (samples, length) = map.rectangle,
            sparse.siteSetID == sparse.geometry.input
        else {
            throw SCNError(.state, "input: has other sites than a BLInputLayer made, expected those for BLOutputLayer")
        }
        let (values, type) = (sparse.features.values, sparse.features.values.type)
        let result = try Matrix(rows: map.rowCount, planes: values.planes, type: type)
        try map.outputForward(values, into: result)
        let shape = [samples, length, values.planes]
        return .dense(
            Tape.result(shape: shape, values: result, inputs: [sparse.features]) { gradient in
                let byFeatures = try Matrix(rows: values.rows, planes: values.planes, type: type)
                try map.outputBackward(
                    gradient.reshaped(rows: map.rowCount, planes: values.planes), into: byFeatures)
                return [.fresh(byFeatures)]
            })
    }
}
