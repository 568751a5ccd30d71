internal import CSCNSupport
internal import SCNCore

extension Value {
    /// The tensors inside, those of a table in order.
    var tensors: [Tensor] {
        if case .table(let values) = self { return values.flatMap(\.tensors) }
        return [tensor].compactMap { $0 }
    }

    /// The same with other tensors of the same shapes, in the order of `tensors`.
    func mapTensors(_ body: (Tensor) throws -> Tensor) throws -> Value {
        switch self {
        case .dense(let tensor): .dense(try body(tensor))
        case .sparse(let sparse): .sparse(try sparse.with(features: try body(sparse.features)))
        case .points(let points): .points(try points.with(features: try body(points.features)))
        case .table(let values): .table(try values.map { try $0.mapTensors(body) })
        }
    }
}

extension Value: CustomStringConvertible {
    /// A description for people to read: "sparse tensor: 40 sites, 3 planes, spatial size 15, 2 samples".
    public var description: String {
        switch self {
        case .dense(let tensor):
            "dense tensor: " + tensor.shape.map(String.init).joined(separator: " x ")
        case .sparse(let sparse):
            "sparse tensor: \(sparse.siteCount) sites, \(sparse.planes) planes, spatial size "
                + "\(describe(sparse.spatialSize)), \(sparse.batchSize) samples"
        case .points(let points):
            "points: \(points.rows) rows, \(points.features.shape.last ?? 0) planes"
        case .table(let values):
            "table of \(values.count)" + values.map { "\n  " + $0.description }.joined()
        }
    }
}
