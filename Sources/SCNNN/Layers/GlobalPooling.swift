internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
public import SCNOps

/// The sum, average or maximum over all sites of each sample: dense [batch, planes], zeros for a sample without sites.
public final class GlobalPoolingLayer: SpatialLayer {
    /// What becomes of the sites of a sample.
    public let kind: GlobalPooling

    static let layerTypes: [LayerType] = [
        type(
            .sum, "GlobalSumPooling",
            "The sum over all sites of each sample: a matrix [batch, planes], zeros for a sample without sites."),
        type(.average, "GlobalAveragePooling", "The average over the sites of each sample; zeros where it has none."),
        type(
            .max, "GlobalMaxPooling",
            "The maximum over the sites of each sample, which may be negative; zeros where it has none."),
    ]

    private static func type(_ kind: GlobalPooling, _ name: String, _ documentation: String) -> LayerType {
        LayerType(name, documentation, [.dimension]) { GlobalPoolingLayer($0, kind) }
    }

    /// A layer for sites of the given dimension.
    public convenience init(dimension: Int, _ kind: GlobalPooling) throws {
        try self.init(Arguments(Self.layerTypes[kind.rawValue], ["dimension": .integer(dimension)]), kind)
    }

    private init(_ arguments: Arguments, _ kind: GlobalPooling) {
        self.kind = kind
        super.init(madeWith: arguments)
    }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        let (sites, values, kind) = (sparse.sites, sparse.features.values, kind)
        let result = try Matrix(rows: sites.batchSize, planes: values.planes)
        try kind.forward(sites, input: values, into: result)
        return .dense(
            Tape.result(matrix: result, inputs: [sparse.features]) { gradient in
                let byFeatures = try Matrix(rows: values.rows, planes: values.planes)
                try kind.backward(sites, input: values, output: result, gradient: gradient, into: byFeatures)
                return [.fresh(byFeatures)]
            })
    }
}
