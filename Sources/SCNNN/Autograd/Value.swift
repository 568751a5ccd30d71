public import SCNCore
package import SCNGeometry

/// Features [sites, planes] on a site set of a geometry; rows are sorted by batch index, then coordinates.
public struct SparseTensor {
    /// [sites, planes].
    public let features: Tensor
    package let geometry: Geometry
    package let siteSetID: SiteSetID
    /// What a ``Sparsify`` that made this tensor gave each of its input sites, [input sites]; nil elsewhere.
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
    /// The number of coordinates of a site, the batch index not counted.
    public var dimension: Int { sites.dimension }
    /// The size of the field along each axis.
    public var spatialSize: [Int] { sites.spatialSize }
    /// The number of samples.
    public var batchSize: Int { sites.batchSize }
    /// The number of active sites.
    public var siteCount: Int { sites.count }
    /// The number of features of a site.
    public var planes: Int { features.shape[1] }

    /// The coordinates [sites, dimension + 1], batch index last.
    public func coordinates() throws -> [[Int]] {
        let flat = try sites.coordinates()
        let columns = dimension + 1
        return (0..<siteCount).map { row in (0..<columns).map { Int(flat[row * columns + $0]) } }
    }

    /// The same sites with other features.
    public func with(features: Tensor) throws(SCNError) -> SparseTensor {
        try SparseTensor(features: features, geometry: geometry, sites: siteSetID)
    }

    /// Throws a shape error unless the rows of both are the same sites.
    func requireSameSites(as other: SparseTensor, _ name: String) throws(SCNError) {
        if geometry === other.geometry && siteSetID == other.siteSetID { return }
        try require(sites.hasSameSites(as: other.sites), .shape, "\(name): its sites are not those of the first tensor")
    }
}

/// What a host hands to an input layer: coordinates and features of points in any order.
public struct Points {
    package let coordinates: Storage<Int64>
    package let rows: Int
    package let columns: Int
    /// [rows, planes], through which gradients flow.
    public let features: Tensor
    package let batchSize: Int
    /// Rows of each sample, where all have the same number, padding included; nil where the rows name their sample.
    package let length: Int?

    /// Points from coordinates [rows, columns] (columns d, or d + 1 with the batch index last) and features
    /// [rows, planes]; `batchSize` is a lower bound, for trailing samples without points.
    package init(coordinates: Storage<Int64>, rows: Int, columns: Int, features: Tensor, batchSize: Int)
        throws(SCNError)
    {
        try Self.requireFeatures(features, rows: rows)
        try require(batchSize >= 0, .invalidArgument, "batch_size: is \(batchSize), expected at least 0")
        self.coordinates = coordinates
        self.rows = rows
        self.columns = columns
        self.features = features
        self.batchSize = batchSize
        length = nil
    }

    /// Points for a ``BLInputLayer`` from coordinates [samples, length, columns] and features [samples, length, planes]; a row
    /// whose first coordinate is negative is padding.
    package init(coordinates: Storage<Int64>, samples: Int, length: Int, columns: Int, features: Tensor)
        throws(SCNError)
    {
        try Self.requireFeatures(features, samples: samples, length: length)
        self.coordinates = coordinates
        rows = samples * length
        self.columns = columns
        self.features = features
        batchSize = samples
        self.length = length
    }

    package static func requireFeatures(_ features: Tensor, samples: Int, length: Int) throws(SCNError) {
        let shape = features.shape
        try require(
            shape.count == 3 && shape[0] == samples && shape[1] == length, .shape,
            "features: has shape \(shape), expected [\(samples), \(length), planes], a row for each of the coordinates")
    }

    package static func requireFeatures(_ features: Tensor, rows: Int) throws(SCNError) {
        try require(
            features.shape.count == 2 && features.shape[0] == rows, .shape,
            "features: has shape \(features.shape), expected [\(rows), planes], a row for each of the coordinates")
    }

    /// Points from one array of coordinates a row.
    public init(_ coordinates: [[Int]], features: Tensor, batchSize: Int = 0) throws(SCNError) {
        let columns = coordinates.first?.count ?? 0
        for (row, site) in coordinates.enumerated() {
            try require(
                site.count == columns, .shape,
                "coordinates: row \(row) has \(site.count) entries, expected \(columns) as in row 0")
        }
        try self.init(
            coordinates: Storage(coordinates.joined().map(Int64.init)), rows: coordinates.count, columns: columns,
            features: features, batchSize: batchSize)
    }
}

extension Points {
    /// Points for a ``BLInputLayer``: one array of rows a sample, all of the same length; a row whose first coordinate is
    /// negative is padding. features: [samples, length, planes].
    public init(batched coordinates: [[[Int]]], features: Tensor) throws(SCNError) {
        let length = coordinates.first?.count ?? 0
        let columns = coordinates.first?.first?.count ?? 0
        for (sample, rows) in coordinates.enumerated() {
            try require(
                rows.count == length, .shape,
                "coordinates: sample \(sample) has \(rows.count) rows, expected \(length) as in sample 0")
            for (row, site) in rows.enumerated() {
                try require(
                    site.count == columns, .shape,
                    "coordinates: row \(row) of sample \(sample) has \(site.count) entries, expected \(columns)")
            }
        }
        try self.init(
            coordinates: Storage(Array(coordinates.joined().joined().lazy.map(Int64.init))), samples: coordinates.count,
            length: length, columns: columns, features: features)
    }
}

/// What flows through a network.
public enum Value {
    /// An array.
    case dense(Tensor)
    /// Features on the sites of a geometry.
    case sparse(SparseTensor)
    /// What an input layer turns into a sparse tensor.
    case points(Points)
    /// A list of values: what a ``ConcatTable`` makes and a ``JoinTable`` takes.
    case table([Value])

    /// The tensor itself, or the features.
    public var tensor: Tensor? {
        switch self {
        case .dense(let tensor): tensor
        case .sparse(let sparse): sparse.features
        case .points(let points): points.features
        case .table: nil
        }
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
        SCNError(.shape, "input: \(module) got \(kind), expected \(expected)")
    }

    func sparse(for module: String, dimension: Int? = nil, planes: Int? = nil) throws(SCNError) -> SparseTensor {
        guard case .sparse(let sparse) = self else { throw mismatch(module, "a sparse tensor") }
        if let dimension {
            try require(
                sparse.dimension == dimension, .shape,
                "input: \(module) got sites of dimension \(sparse.dimension), expected \(dimension)")
        }
        if let planes {
            try require(
                sparse.planes == planes, .shape, "input: \(module) got \(sparse.planes) planes, expected \(planes)")
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
