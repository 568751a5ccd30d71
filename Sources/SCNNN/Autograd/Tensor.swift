public import SCNCore

/// A row-major array of float32, of any rank, that can carry a gradient.
///
/// A tensor is either a leaf (created by the program, or a parameter) or the result of a recorded operation. Gradients
/// accumulate in the leaves that require one.
public final class Tensor {
    /// The sizes of the axes, the last one varying fastest; empty for a single number.
    public let shape: [Int]
    /// The elements: the last axis as planes, all other axes together as rows.
    package internal(set) var values: Matrix
    /// Whether backward passes reach this tensor.
    public internal(set) var requiresGradient: Bool
    /// What backward passes have accumulated in a leaf; nil before the first.
    package internal(set) var gradientValues: Matrix?
    /// The operation that made this tensor; nil for leaves.
    var node: TapeNode?

    /// A leaf over `values`, whose count must match the shape.
    package init(shape: [Int], values: Matrix, requiresGradient: Bool = false) {
        precondition(shape.reduce(1, &*) == values.count)
        self.shape = shape
        self.values = values
        self.requiresGradient = requiresGradient
    }

    package convenience init(matrix: Matrix, requiresGradient: Bool = false) {
        self.init(shape: [matrix.rows, matrix.planes], values: matrix, requiresGradient: requiresGradient)
    }

    /// A leaf of zeros.
    public convenience init(zeros shape: [Int]) throws(SCNError) {
        let (rows, planes) = try Self.rowsAndPlanes(shape)
        self.init(shape: shape, values: try Matrix(zeros: rows, planes: planes))
    }

    /// A leaf with a copy of `elements`, row-major.
    public convenience init(_ elements: some Collection<Float>, shape: [Int]) throws(SCNError) {
        let (rows, planes) = try Self.rowsAndPlanes(shape)
        try require(
            elements.count == rows * planes, .shape,
            "elements: \(elements.count) given, expected \(rows * planes) for shape \(shape)")
        self.init(shape: shape, values: try Matrix(rows: rows, planes: planes, elements))
    }

    /// A leaf that uses the caller's buffer without copying it; `release` is called when the buffer is no longer
    /// needed.
    public convenience init(
        borrowing pointer: UnsafeMutablePointer<Float>, shape: [Int], release: @escaping () -> Void = {}
    ) throws(SCNError) {
        let (rows, planes) = try Self.rowsAndPlanes(shape)
        let storage = Storage(borrowing: pointer, count: rows * planes, release: release)
        self.init(shape: shape, values: Matrix(rows: rows, planes: planes, storage: storage))
    }

    /// A leaf that uses the caller's buffer without copying it, as above. Throws an error if its count does not match
    /// the shape.
    public convenience init(
        borrowing buffer: UnsafeMutableBufferPointer<Float>, shape: [Int], release: @escaping () -> Void = {}
    ) throws(SCNError) {
        let (rows, planes) = try Self.rowsAndPlanes(shape)
        try require(
            buffer.count == rows * planes, .shape,
            "buffer: has \(counted(buffer.count, .element)), expected \(rows * planes) for shape \(shape)")
        guard let pointer = buffer.baseAddress else {
            try self.init(zeros: shape)
            release()
            return
        }
        try self.init(borrowing: pointer, shape: shape, release: release)
    }

    /// The number of elements.
    public var count: Int { values.count }
    /// A copy of the elements, row-major.
    public var elements: [Float] { values.elements }
    /// Calls `body` with the row-major elements, without copying them. The buffer is valid only during the call.
    public func withUnsafeBufferPointer<R, E: Error>(
        _ body: (UnsafeBufferPointer<Float>) throws(E) -> R
    ) throws(E) -> R {
        try withExtendedLifetime(self) { () throws(E) -> R in
            if values.type == .float32 { return try body(UnsafeBufferPointer(values.buffer)) }
            return try values.elements.withUnsafeBufferPointer { (elements) throws(E) -> R in try body(elements) }
        }
    }

    /// Calls `body` with the row-major elements, which it may overwrite in place. The buffer is valid only during the
    /// call.
    public func withUnsafeMutableBufferPointer<R, E: Error>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws(E) -> R
    ) throws(E) -> R {
        defer { values.storage.noteChange() }
        return try withExtendedLifetime(self) { () throws(E) -> R in
            if values.type == .float32 { return try body(values.buffer) }
            var elements = values.elements
            defer { values.round(elements) }
            return try elements.withUnsafeMutableBufferPointer { (buffer) throws(E) -> R in try body(buffer) }
        }
    }

    /// A copy of the gradient's elements, or nil if there is none.
    public var gradient: [Float]? { gradientValues?.elements }
    /// Whether this is not the result of a recorded operation.
    public var isLeaf: Bool { node == nil }

    /// The only element.
    public func item() throws(SCNError) -> Float {
        try require(count == 1, .shape, "item: the tensor has \(counted(count, .element)), expected 1")
        return values.onlyElement
    }

    /// Sets whether this tensor requires a gradient. Only leaves can change that.
    public func setRequiresGradient(_ wanted: Bool) throws(SCNError) {
        try require(
            isLeaf || wanted == requiresGradient, .state,
            "requires_gradient: the tensor is the result of an operation; detach it first")
        requiresGradient = wanted
    }

    /// Discards the gradient.
    public func zeroGradient() { gradientValues = nil }

    /// A leaf that shares the elements.
    public func detached() -> Tensor { Tensor(shape: shape, values: values) }

    /// Overwrites the elements.
    public func update(from elements: some Collection<Float>) throws(SCNError) {
        try require(elements.count == count, .shape, "data: \(elements.count) elements given, expected \(count)")
        if values.type == .float32 {
            _ = values.buffer.update(fromContentsOf: elements)
        } else {
            values.round(elements)
        }
        values.storage.noteChange()
    }

    package static let maximumRank = 16

    /// The shape as rows x planes, or an error that names the axis.
    package static func rowsAndPlanes(_ shape: [Int]) throws(SCNError) -> (rows: Int, planes: Int) {
        try require(
            shape.count <= maximumRank, .invalidArgument, "rank: is \(shape.count), expected 0 ... \(maximumRank)")
        for (axis, size) in shape.enumerated() {
            try require(size >= 0, .shape, "shape: is \(size) on axis \(axis), expected at least 0")
        }
        // Zeros last, so that a product that overflows before its zero is still an error.
        _ = try checkedProduct(shape.map { max(1, $0) } + [MemoryLayout<Float>.stride], "a tensor of shape \(shape)")
        return (shape.dropLast().reduce(1, *), shape.last ?? 1)
    }

    /// A shape that an operation derives from another, or an error: a zero axis may hide how long others are.
    static func derived(_ shape: [Int]) throws(SCNError) -> [Int] {
        _ = try rowsAndPlanes(shape)
        return shape
    }
}
