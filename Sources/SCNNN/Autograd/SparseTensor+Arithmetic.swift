internal import SCNCore
internal import SCNGeometry
internal import SCNOps

/// What two numbers become.
public enum ArithmeticOperation: Int, CaseIterable, Sendable {
    /// a + b.
    case add = 0
    /// a - b.
    case subtract = 1
    /// a * b.
    case multiply = 2
    /// a / b, as floating-point numbers have it.
    case divide = 3
}

/// Which sites the result of two tensors has.
public enum CombinedSites: Int, CaseIterable, Sendable {
    /// Those of either; a tensor is zero where it has no site.
    case union = 0
    /// Those of both.
    case intersection = 1
}

extension SparseTensor {
    /// The sum, difference, product or quotient of two sparse tensors of as many planes, which may have different
    /// sites. On the geometry of this one.
    public func combined(
        with other: SparseTensor, _ operation: ArithmeticOperation, on sites: CombinedSites
    ) throws -> SparseTensor {
        try require(
            other.dimension == dimension, .shape, "b: has dimension \(other.dimension), expected \(dimension)")
        try require(
            other.planes == planes, .shape, "b: has \(counted(other.planes, .plane)), expected \(planes) as a has")
        let isSame = geometry === other.geometry && siteSetID == other.siteSetID
        if isSame || self.sites.hasSameSites(as: other.sites) {
            return try with(features: features.combined(with: other.features, operation))
        }
        switch sites {
        case .union:
            let union = try SiteUnion(self.sites, other.sites)
            let (a, b) = (
                try features.spread(to: union.places.0, rows: union.count),
                try other.features.spread(to: union.places.1, rows: union.count)
            )
            return try SparseTensor(
                features: a.combined(with: b, operation), geometry: geometry, sites: geometry.add(union.sites))
        case .intersection:
            let rows = try self.sites.rows(in: other.sites)
            let common = try self.sites.sites(where: rows, areFound: true)
            let (a, b) = (
                try features.taken(from: common.rows(in: self.sites)),
                try other.features.taken(from: common.rows(in: other.sites))
            )
            return try SparseTensor(
                features: a.combined(with: b, operation), geometry: geometry, sites: geometry.add(common))
        }
    }
}

extension Tensor {
    /// Element by element; both have one shape.
    fileprivate func combined(with other: Tensor, _ operation: ArithmeticOperation) throws -> Tensor {
        switch operation {
        case .add: try self + other
        case .subtract: try self + other * -1
        case .multiply: try self * other
        case .divide: try self / other
        }
    }

    /// These rows at other places, zeros elsewhere. No two places are the same.
    fileprivate func spread(to places: Storage<Int32>, rows: Int) throws -> Tensor {
        let planes = values.planes
        let result = try Matrix(rows: rows, planes: planes)
        try RowGathering.scatter(values, at: places, into: result)
        return Tape.result(matrix: result, inputs: [self]) { gradient in
            let byRows = try Matrix(rows: places.count, planes: planes)
            try RowGathering.gather(gradient, at: places, into: byRows)
            return [.fresh(byRows)]
        }
    }

    /// The rows at some places, no two of which are the same.
    fileprivate func taken(from places: Storage<Int32>) throws -> Tensor {
        let (rows, planes) = (values.rows, values.planes)
        let result = try Matrix(rows: places.count, planes: planes)
        try RowGathering.gather(values, at: places, into: result)
        return Tape.result(matrix: result, inputs: [self]) { gradient in
            let byRows = try Matrix(rows: rows, planes: planes)
            try RowGathering.scatter(gradient, at: places, into: byRows)
            return [.fresh(byRows)]
        }
    }
}
