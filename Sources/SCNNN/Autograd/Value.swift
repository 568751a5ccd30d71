public import SCNCore
package import SCNGeometry

/// Features [sites, planes] on a site set of a geometry; rows are sorted by batch index, then coordinates.
public struct SparseTensor {
    /// [sites, planes].
    public let features: Tensor
    package let geometry: Geometry
    package let siteSetID: SiteSetID
    /// The score of each input site, [input sites], where a ``Sparsify`` made this tensor; otherwise nil.
    public let mask: Tensor?

    package init(features: Tensor, geometry: Geometry, sites: SiteSetID, mask: Tensor? = nil) throws(SCNError) {
        let count = geometry.sites(sites).count
        try require(
            features.shape.count == 2 && features.shape[0] == count, .shape,
            "features: has shape \(features.shape), expected [\(count), planes], a row for each site")
        self.features = features
        self.geometry = geometry
        siteSetID = sites
        self.mask = mask
    }

    package var sites: SiteSet { geometry.sites(siteSetID) }
    /// The number of coordinates of a site, not counting the batch index.
    public var dimension: Int { sites.dimension }
    /// The size of the field along each axis.
    public var spatialSize: [Int] { sites.field.shown.size }
    /// The number of samples.
    public var batchSize: Int { sites.batchSize }
    /// The number of active sites.
    public var siteCount: Int { sites.count }
    /// The number of features of a site.
    public var planes: Int { features.shape[1] }

    /// The coordinates, one array per site: `dimension` of them, then the batch index.
    public func coordinates() throws -> [[Int]] { try sites.coordinateRows() }

    /// The coordinates [sites, dimension + 1] as one row-major array, batch index last.
    ///
    /// - Parameter type: The type of the numbers. Throws an error if it cannot represent one of them.
    public func flatCoordinates<Number: FixedWidthInteger>(as type: Number.Type = Int.self) throws(SCNError) -> [Number]
    {
        try sites.flatCoordinates(type)
    }

    /// Copies ``flatCoordinates(as:)`` into a buffer of `siteCount * (dimension + 1)` elements.
    public func copyCoordinates(into buffer: UnsafeMutableBufferPointer<some FixedWidthInteger>) throws(SCNError) {
        try sites.copyCoordinates(into: buffer)
    }

    /// The same sites with other features.
    public func with(features: Tensor) throws(SCNError) -> SparseTensor {
        try SparseTensor(features: features, geometry: geometry, sites: siteSetID)
    }

    /// Throws a shape error unless both have the same sites.
    func requireSameSites(as other: SparseTensor, _ name: String) throws(SCNError) {
        if geometry === other.geometry && siteSetID == other.siteSetID { return }
        try require(sites.hasSameSites(as: other.sites), .shape, "\(name): its sites are not those of the first tensor")
    }
}

/// What flows through a network.
public enum Value {
    /// A dense array.
    case dense(Tensor)
    /// Features on the sites of a geometry.
    case sparse(SparseTensor)
    /// What an input layer turns into a sparse tensor.
    case points(Points)
    /// A list of values: what a ``ConcatTable`` returns and a ``JoinTable`` takes.
    case table([Value])

    /// The dense tensor, or the features of a sparse tensor or of points; nil for a table.
    public var tensor: Tensor? {
        switch self {
        case .dense(let tensor): tensor
        case .sparse(let sparse): sparse.features
        case .points(let points): points.features
        case .table: nil
        }
    }

    /// The dense tensor. Throws an error if this is anything else.
    public var dense: Tensor {
        get throws(SCNError) {
            guard case .dense(let tensor) = self else { throw mismatch(expected: "a dense tensor") }
            return tensor
        }
    }

    /// The sparse tensor. Throws an error if this is anything else.
    public var sparse: SparseTensor {
        get throws(SCNError) {
            guard case .sparse(let tensor) = self else { throw mismatch(expected: "a sparse tensor") }
            return tensor
        }
    }

    /// The points. Throws an error if this is anything else.
    public var points: Points {
        get throws(SCNError) {
            guard case .points(let points) = self else { throw mismatch(expected: "points") }
            return points
        }
    }

    /// The values of the table. Throws an error if this is anything else.
    public var table: [Value] {
        get throws(SCNError) {
            guard case .table(let values) = self else { throw mismatch(expected: "a table") }
            return values
        }
    }

    private func mismatch(expected: String) -> SCNError {
        SCNError(.shape, "value: is \(kind), expected \(expected)")
    }

    var kind: String {
        switch self {
        case .dense: "a dense tensor"
        case .sparse: "a sparse tensor"
        case .points(let points): points.length == nil ? "points" : "points in samples of one length"
        case .table: "a table"
        }
    }

    func mismatch(_ module: String, _ expected: String) -> SCNError {
        SCNError(.shape, "input: is \(kind), expected \(expected) for \(module)")
    }

    func sparse(for module: String, dimension: Int? = nil, planes: Int? = nil) throws(SCNError) -> SparseTensor {
        guard case .sparse(let sparse) = self else { throw mismatch(module, "a sparse tensor") }
        if let dimension {
            try require(
                sparse.dimension == dimension, .shape,
                "input: has dimension \(sparse.dimension), expected \(dimension) for \(module)")
        }
        if let planes {
            try require(
                sparse.planes == planes, .shape,
                "input: has \(counted(sparse.planes, .plane)), expected \(planes) for \(module)")
        }
        return sparse
    }

    /// Applies a function of the tensor, or of the features of a sparse one, that keeps the rows.
    package func mapTensor(_ module: String, _ body: (Tensor) throws -> Tensor) throws -> Value {
        switch self {
        case .dense(let tensor): .dense(try body(tensor))
        case .sparse(let sparse): .sparse(try sparse.with(features: try body(sparse.features)))
        case .points, .table: throw mismatch(module, "a dense or sparse tensor")
        }
    }
}

extension Tensor {
    /// Throws a shape error unless the shape is [n, planes].
    func requireRows(of planes: Int, for module: String) throws(SCNError) {
        try require(
            shape.count == 2 && shape[1] == planes, .shape,
            "input: has shape \(shape), expected [n, \(planes)] for \(module)")
    }
}
