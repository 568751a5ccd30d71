/// Rows x planes of float32, row after row, without gaps.
///
/// A matrix refers to its storage: copies of the value share the elements. Operations write only into matrices that
/// they made themselves or that the caller passes as their result.
public struct Matrix {
    /// The number of rows.
    public let rows: Int
    /// The number of elements of a row.
    public let planes: Int
    /// Where the elements are.
    public let storage: Storage<Float>

    /// A matrix with undefined content.
    public init(rows: Int, planes: Int) throws(SCNError) {
        let count = try checkedProduct([rows, planes], "a matrix of \(rows) x \(planes)")
        self.init(rows: rows, planes: planes, storage: try Storage(count: count))
    }

    /// A matrix of zeros.
    public init(zeros rows: Int, planes: Int) throws(SCNError) {
        let count = try checkedProduct([rows, planes], "a matrix of \(rows) x \(planes)")
        self.init(rows: rows, planes: planes, storage: try Storage(count: count, zeroed: true))
    }

    /// A view of `storage`, which must hold `rows * planes` elements.
    public init(rows: Int, planes: Int, storage: Storage<Float>) {
        precondition(rows >= 0 && planes >= 0 && storage.count == rows * planes)
        self.rows = rows
        self.planes = planes
        self.storage = storage
    }

    /// A view of a host's buffer, which must outlive it.
    public init(rows: Int, planes: Int, borrowing pointer: UnsafeMutablePointer<Float>) {
        self.init(rows: rows, planes: planes, storage: Storage(borrowing: pointer, count: rows * planes))
    }

    /// A copy of `elements`, of which there must be `rows * planes`.
    public init(rows: Int, planes: Int, _ elements: some Collection<Float>) throws(SCNError) {
        try require(
            elements.count == rows * planes, .shape,
            "\(elements.count) elements given for a matrix of \(rows) x \(planes)")
        self.init(rows: rows, planes: planes, storage: try Storage(elements))
    }

    /// The address of the first element.
    @inlinable public var pointer: UnsafeMutablePointer<Float> { storage.pointer }
    /// The number of elements.
    @inlinable public var count: Int { storage.count }
    /// A copy of the elements.
    public var elements: [Float] { Array(storage.buffer) }

    /// The address of a row's first element.
    public func row(_ index: Int) -> UnsafeMutablePointer<Float> {
        precondition(index >= 0 && index < rows)
        return pointer + index * planes
    }

    /// The same elements seen as another shape of the same count.
    public func reshaped(rows: Int, planes: Int) -> Matrix { Matrix(rows: rows, planes: planes, storage: storage) }

    /// Whether an element differs from that of a matrix of as many elements, also where both are NaN of other bits.
    package func hasOtherBits(than other: Matrix) -> Bool {
        let (a, b) = (UnsafePointer(pointer), UnsafePointer(other.pointer))
        return (0..<count).contains { a[$0].bitPattern != b[$0].bitPattern }
    }

    /// A matrix with elements of its own.
    public func copy() throws(SCNError) -> Matrix {
        let result = try Matrix(rows: rows, planes: planes)
        result.pointer.update(from: pointer, count: count)
        return result
    }
}
