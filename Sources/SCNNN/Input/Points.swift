public import SCNCore
internal import SCNGeometry

/// The input of an input layer: coordinates and features of points, in any order.
public struct Points {
    package let coordinates: Storage<Int64>
    package let rows: Int
    package let columns: Int
    /// [rows, planes], or [samples, length, planes] for a ``BLInputLayer``. Gradients flow through them.
    public let features: Tensor
    package let batchSize: Int
    /// The rows of each sample, padding included, where all have the same number; nil where rows name their sample.
    package let length: Int?

    /// Points from coordinates [rows, columns] and features [rows, planes], as in
    /// ``init(_:columns:features:batchSize:)``.
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

    /// Points for a ``BLInputLayer`` from coordinates [samples, length, columns] and features [samples, length,
    /// planes], as in ``init(batched:dimension:features:)``.
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

    /// The same coordinates with other features of as many rows.
    func with(features: Tensor) throws(SCNError) -> Points {
        guard let length else {
            return try Points(
                coordinates: coordinates, rows: rows, columns: columns, features: features, batchSize: batchSize)
        }
        return try Points(
            coordinates: coordinates, samples: batchSize, length: length, columns: columns, features: features)
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

    /// Points from one array of coordinates per row.
    ///
    /// - Parameters:
    ///   - coordinates: Rows of `dimension` coordinates, or one more number, the batch index.
    ///   - features: [rows, planes].
    ///   - batchSize: A lower bound on the batch size, for trailing samples without points.
    public init(_ coordinates: [[Int]], features: Tensor, batchSize: Int = 0) throws(SCNError) {
        let columns = coordinates.first?.count ?? 0
        for (row, site) in coordinates.enumerated() {
            try require(
                site.count == columns, .shape,
                "coordinates: row \(row) has \(counted(site.count, .entry)), expected \(columns) as in row 0")
        }
        try self.init(
            coordinates: Storage(converting: coordinates.joined(), "coordinates"), rows: coordinates.count,
            columns: columns, features: features, batchSize: batchSize)
    }

    /// Points from a flat array or buffer of coordinates [rows, columns], row-major.
    ///
    /// - Parameters:
    ///   - coordinates: Integers of any type, copied.
    ///   - columns: The dimension, or one more if the last column is the batch index.
    ///   - features: [rows, planes].
    ///   - batchSize: A lower bound on the batch size, for trailing samples without points.
    public init<Coordinate: FixedWidthInteger>(
        _ coordinates: some Collection<Coordinate>, columns: Int, features: Tensor, batchSize: Int = 0
    ) throws(SCNError) {
        let most = FilterGeometry.dimensions.upperBound + 1
        try require(
            columns >= 1 && columns <= most, .invalidArgument, "columns: is \(columns), expected 1 ... \(most)")
        let count = coordinates.count
        try require(
            count.isMultiple(of: columns), .shape,
            "coordinates: has \(counted(count, .entry)), expected a multiple of \(columns)")
        try self.init(
            coordinates: Storage(converting: coordinates, "coordinates"), rows: count / columns, columns: columns,
            features: features, batchSize: batchSize)
    }
}

extension Points {
    /// Points for a ``BLInputLayer`` from one array of rows per sample.
    ///
    /// - Parameters:
    ///   - coordinates: Samples of the same length; a row whose first coordinate is negative is padding.
    ///   - features: [samples, length, planes].
    public init(batched coordinates: [[[Int]]], features: Tensor) throws(SCNError) {
        let length = coordinates.first?.count ?? 0
        let columns = coordinates.first?.first?.count ?? 0
        for (sample, rows) in coordinates.enumerated() {
            try require(
                rows.count == length, .shape,
                "coordinates: sample \(sample) has \(counted(rows.count, .row)), expected \(length) as in sample 0")
            for (row, site) in rows.enumerated() {
                try require(
                    site.count == columns, .shape,
                    "coordinates: row \(row) of sample \(sample) has \(counted(site.count, .entry)), "
                        + "expected \(columns)")
            }
        }
        try self.init(
            coordinates: Storage(converting: coordinates.joined().joined(), "coordinates"), samples: coordinates.count,
            length: length, columns: columns, features: features)
    }

    /// Points for a ``BLInputLayer`` from a flat array or buffer of coordinates [samples, length, dimension],
    /// row-major. A row whose first coordinate is negative is padding.
    ///
    /// - Parameters:
    ///   - coordinates: Integers of any type, copied.
    ///   - dimension: The number of coordinates of a row.
    ///   - features: [samples, length, planes].
    public init<Coordinate: FixedWidthInteger>(
        batched coordinates: some Collection<Coordinate>, dimension: Int, features: Tensor
    ) throws(SCNError) {
        let (shape, most) = (features.shape, FilterGeometry.dimensions.upperBound)
        try require(
            dimension >= 1 && dimension <= most, .invalidArgument, "dimension: is \(dimension), expected 1 ... \(most)")
        try require(
            shape.count == 3, .shape, "features: has shape \(shape), expected [samples, length, planes]")
        let count = try checkedProduct([shape[0], shape[1], dimension], "coordinates")
        try require(
            coordinates.count == count, .shape,
            "coordinates: has \(counted(coordinates.count, .entry)), expected \(shape[0]) x \(shape[1]) x \(dimension)")
        try self.init(
            coordinates: Storage(converting: coordinates, "coordinates"), samples: shape[0], length: shape[1],
            columns: dimension, features: features)
    }
}
