public import SCNCore
public import SCNGeometry
public import SCNOps

extension Segments {
    /// Which of `count` segments each row belongs to, in any order.
    ///
    /// - Parameters:
    ///   - segmentOfRow: For each row 0 ..< count, or -1 if it belongs to none.
    ///   - count: The number of segments; some may have no rows.
    public init(_ segmentOfRow: some Collection<some FixedWidthInteger>, count: Int) throws(SCNError) {
        let places = try Storage(converting: segmentOfRow, "segment_of_row")
        try self.init(places.pointer, rows: places.count, count: count)
        withExtendedLifetime(places) {}
    }

    /// The sample of each site of a sparse tensor; a segment is a sample.
    public init(samplesOf tensor: SparseTensor) throws(SCNError) {
        self = try tensor.sites.sampleSegments()
    }
}

/// How the vectors of segments meet the rows of a tensor.
public enum Broadcast: Int, CaseIterable, Sendable {
    /// Row by row the sum; rows without a segment stay as they are.
    case add = 0
    /// Row by row the product; rows without a segment become zeros.
    case multiply = 1
    /// The vector's planes behind the row's own; zeros in rows without a segment.
    case join = 2
}

extension Tensor {
    /// The rows of each segment added up, averaged, or their maximum: [rows, ...] becomes [segments, ...].
    public func reduced(_ reduction: SegmentReduction, over segments: Segments) throws -> Tensor {
        let input = try rows("input")
        let shape = try Self.derived([segments.count] + shape.dropFirst())
        let result = try Matrix(rows: segments.count, planes: input.planes)
        try segments.reduce(input, reduction, into: result)
        let (first, output) = reduction == .max ? (input, result) : (nil, nil)
        return Tape.result(shape: shape, values: result, inputs: [self]) { gradient in
            let byInput = try Matrix(rows: segments.rowCount, planes: result.planes)
            try segments.reduceBackward(
                reduction, input: first, output: output,
                gradient: gradient.reshaped(rows: segments.count, planes: result.planes), into: byInput)
            return [.fresh(byInput)]
        }
    }

    /// Softmax of each plane over the rows of a segment, in the same shape; rows that belong to none become zeros.
    public func softmax(within segments: Segments) throws -> Tensor {
        let input = try rows("input")
        let result = try Matrix(rows: input.rows, planes: input.planes)
        try segments.softmax(input, into: result)
        return Tape.result(shape: shape, values: result, inputs: [self]) { gradient in
            let byInput = try Matrix(rows: result.rows, planes: result.planes)
            try segments.softmaxBackward(
                output: result, gradient: gradient.reshaped(rows: result.rows, planes: result.planes), into: byInput)
            return [.fresh(byInput)]
        }
    }

    /// For each row the vector of its segment, zeros where it belongs to none: [segments, ...] becomes [rows, ...].
    public func gathered(by segments: Segments) throws -> Tensor {
        let vectors = try rows("vectors")
        let shape = try Self.derived([segments.rowCount] + shape.dropFirst())
        let result = try Matrix(rows: segments.rowCount, planes: vectors.planes)
        try segments.gather(vectors, into: result)
        return Tape.result(shape: shape, values: result, inputs: [self]) { gradient in
            let byVectors = try Matrix(rows: segments.count, planes: result.planes)
            try segments.reduce(
                gradient.reshaped(rows: segments.rowCount, planes: result.planes), .sum, into: byVectors)
            return [.fresh(byVectors)]
        }
    }

    /// The first rows of each segment, in their order, with zeros behind them: [rows, ...] becomes [segments,
    /// rowsPerSegment, ...].
    public func padded(by segments: Segments, rowsPerSegment: Int) throws -> Tensor {
        try padded(
            PaddedRows(ofRow: segments.ofRow, count: segments.count, most: rowsPerSegment))
    }

    package func padded(_ places: PaddedRows) throws -> Tensor {
        let input = try rows("input")
        let (segments, planes) = (places.counts.count, input.planes)
        let shape = try Self.derived([segments, places.most] + shape.dropFirst())
        let width = try checkedProduct([places.most, planes], "a row of \(places.most) x \(planes) planes")
        let result = try Matrix(rows: segments, planes: width)
        try places.pad(input, into: result)
        return Tape.result(shape: shape, values: result, inputs: [self]) { gradient in
            let byInput = try Matrix(rows: input.rows, planes: planes)
            try places.padBackward(gradient.reshaped(rows: segments, planes: width), into: byInput)
            return [.fresh(byInput)]
        }
    }

    /// The elements as a matrix whose rows go by the first axis.
    private func rows(_ name: String) throws(SCNError) -> Matrix {
        guard let count = shape.first else {
            throw SCNError(.shape, "\(name): has rank 0, expected at least 1")
        }
        // Beside an axis of size 0, the other sizes can be any.
        let planes = try checkedProduct(shape.dropFirst(), "a row of a tensor of shape \(shape)")
        return values.reshaped(rows: count, planes: planes)
    }
}

extension Value {
    /// Each row of a tensor, dense [rows, planes] or sparse, with the vector of its segment, one of [segments, planes].
    ///
    /// - Parameter segments: Nil for the samples of a sparse tensor.
    public func broadcast(_ vectors: Tensor, _ operation: Broadcast, over segments: Segments? = nil) throws -> Value {
        let own = try self.segments(segments, "tensor")
        let spread = try vectors.gathered(by: own)
        return try mapTensor("broadcast") { tensor in
            try require(
                tensor.shape.count == 2 && tensor.shape[0] == own.rowCount, .shape,
                "tensor: has shape \(tensor.shape), expected [\(own.rowCount), planes]")
            try require(
                vectors.shape.count == 2 && (operation == .join || vectors.shape[1] == tensor.shape[1]), .shape,
                "vectors: has shape \(vectors.shape), expected [\(own.count), "
                    + "\(operation == .join ? "planes" : String(tensor.shape[1]))]")
            switch operation {
            case .add: return try tensor + spread
            case .multiply: return try tensor * spread
            case .join: return try Tensor.joined([tensor, spread])
            }
        }
    }

    /// The given segments, or else the samples of a sparse tensor.
    package func segments(_ given: Segments?, _ name: String) throws -> Segments {
        if let given { return given }
        guard case .sparse(let sparse) = self else {
            throw SCNError(.shape, "\(name): is \(kind), expected a sparse tensor, whose samples are the segments")
        }
        return try Segments(samplesOf: sparse)
    }
}
