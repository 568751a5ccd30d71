internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
public import SCNOps

/// The sum, average or maximum over all sites of each sample: dense [batch, planes], zeros for a sample without sites.
public final class GlobalPoolingLayer: SpatialLayer {
    /// What becomes of the sites of a sample.
    public let kind: GlobalPooling

    /// A layer for sites of the given dimension.
    public init(dimension: Int, _ kind: GlobalPooling) throws {
        self.kind = kind
        try super.init(dimension: dimension)
    }

    public override var typeName: String {
        switch kind {
        case .sum: "GlobalSumPooling"
        case .average: "GlobalAveragePooling"
        case .max: "GlobalMaxPooling"
        }
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
