internal import SCNCore
internal import SCNGeometry
internal import SCNOps

extension SparseTensor {
    /// One batch of the samples of all tensors, one tensor after the other; all have one spatial size and planes.
    public static func appending(_ tensors: [SparseTensor]) throws -> SparseTensor {
        let sites = try SiteSet.appending(tensors.map(\.sites))
        let planes = tensors[0].planes
        for (index, tensor) in tensors.enumerated() {
            try require(
                tensor.planes == planes, .shape,
                "tensors[\(index)]: has \(counted(tensor.planes, .plane)), expected \(planes) as the first")
        }
        let parts = tensors.map(\.features.values)
        let joined = try Matrix(rows: sites.count, planes: planes)
        try Elements.stack(parts, into: joined)
        let rowCounts = parts.map(\.rows)
        let features = Tape.result(matrix: joined, inputs: tensors.map(\.features)) { gradient in
            let parts = try rowCounts.map { try Matrix(rows: $0, planes: planes) }
            try Elements.unstack(gradient, into: parts)
            return parts.map { .fresh($0) }
        }
        let geometry = Geometry(sites, inputMap: nil)
        return try SparseTensor(features: features, geometry: geometry, sites: geometry.input)
    }
}

extension Loss {
    /// The sum of squared differences over the union of the sites of two tensors, zeros where a tensor has no site,
    /// divided by the number of sites of the union; 0 where there is none. Of rank 0. Both have one spatial size and
    /// planes.
    public static func compareSparse(_ x: SparseTensor, _ y: SparseTensor) throws -> Tensor {
        try require(y.planes == x.planes, .shape, "y: has \(counted(y.planes, .plane)), expected \(x.planes) as x")
        let union = try SiteUnion(x.sites, y.sites)
        let differences = try Matrix(rows: union.count, planes: x.planes)
        let loss = try SparseComparison.forward(
            x.features.values, y.features.values, union: union, differences: differences)
        let inputs = [x.features, y.features]
        let wanted = inputs.map(\.requiresGradient)
        let rows = inputs.map(\.values.rows)
        return Tape.result(shape: [], values: try Matrix(rows: 1, planes: 1, [loss]), inputs: inputs) { gradient in
            let results = try zip(wanted, rows).map { wanted, rows in
                wanted ? try Matrix(rows: rows, planes: differences.planes) : nil
            }
            try SparseComparison.backward(
                differences: differences, gradient: gradient.onlyElement, union: union, byX: results[0],
                byY: results[1])
            return results.map { $0.map { .fresh($0) } }
        }
    }
}
