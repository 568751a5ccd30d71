internal import Glibc

/// Rows x planes of elements of one type, row after row, without gaps.
///
/// A matrix refers to its storage: copies of the value share the elements. Operations write only into matrices that
/// they made themselves or that the caller passes as their result. They ask ``Kernels`` for loops that fit the element
/// types of their operands; all else knows of rows and planes alone.
package struct Matrix {
    /// The number of rows.
    package let rows: Int
    /// The number of elements of a row.
    package let planes: Int
    /// What the elements are.
    package let type: ElementType
    /// Where the elements are.
    package let storage: RawStorage

    private init(rows: Int, planes: Int, type: ElementType, storage: RawStorage) {
        precondition(rows >= 0 && planes >= 0 && storage.byteCount == rows * planes * type.size)
        self.rows = rows
        self.planes = planes
        self.type = type
        self.storage = storage
    }

    /// A matrix of the given type, zeroed or with undefined content.
    package init(rows: Int, planes: Int, type: ElementType, zeroed: Bool = false) throws(SCNError) {
        let count = try checkedProduct([rows, planes], "a matrix of \(rows) x \(planes)")
        self.init(
            rows: rows, planes: planes, type: type,
            storage: try RawStorage(count: count, of: type.size, zeroed: zeroed))
    }

    /// A matrix of float32 with undefined content.
    package init(rows: Int, planes: Int) throws(SCNError) {
        try self.init(rows: rows, planes: planes, type: .float32)
    }

    /// A matrix of zeros, float32.
    package init(zeros rows: Int, planes: Int) throws(SCNError) {
        try self.init(rows: rows, planes: planes, type: .float32, zeroed: true)
    }

    /// A view of `storage`, which must hold `rows * planes` elements.
    package init(rows: Int, planes: Int, storage: Storage<Float>) {
        self.init(rows: rows, planes: planes, type: .float32, storage: storage)
    }

    /// A view of a host's buffer, which must outlive it.
    package init(rows: Int, planes: Int, borrowing pointer: UnsafeMutablePointer<Float>) {
        self.init(rows: rows, planes: planes, storage: Storage(borrowing: pointer, count: rows * planes))
    }

    /// The same of bfloat16.
    package init(rows: Int, planes: Int, borrowing pointer: UnsafeMutablePointer<UInt16>) {
        self.init(
            rows: rows, planes: planes, type: .bfloat16, storage: Storage(borrowing: pointer, count: rows * planes))
    }

    /// A copy of `elements`, of which there must be `rows * planes`.
    package init(rows: Int, planes: Int, _ elements: some Collection<Float>) throws(SCNError) {
        try require(
            elements.count == rows * planes, .shape,
            "elements: has \(elements.count), expected those of a matrix of \(rows) x \(planes)")
        self.init(rows: rows, planes: planes, storage: try Storage(elements))
    }

    /// The number of elements.
    @inlinable package var count: Int { rows * planes }

    /// The address of the first element of a matrix of float32: for kernels, copies to and from hosts, and files.
    /// Whoever has the matrix from elsewhere asks ``Kernels`` first.
    @inlinable package var pointer: UnsafeMutablePointer<Float> {
        precondition(type == .float32 && storage.memory != .absent, "read as what it is not")
        return storage.address.assumingMemoryBound(to: Float.self)
    }

    /// The address of the first element of a matrix of bfloat16.
    package var halves: UnsafeMutablePointer<UInt16> {
        precondition(type == .bfloat16 && storage.memory != .absent, "read as what it is not")
        return storage.address.assumingMemoryBound(to: UInt16.self)
    }

    /// The elements of a matrix of float32.
    package var buffer: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: pointer, count: count) }
    /// A copy of the elements of a matrix of float32 or bfloat16.
    package var elements: [Float] {
        if type == .float32 { return Array(buffer) }
        return UnsafeBufferPointer(start: halves, count: count).map { Float(bitPattern: UInt32($0) << 16) }
    }
    /// A copy of the only element.
    package var onlyElement: Float {
        precondition(count == 1)
        return type == .float32 ? pointer[0] : elements[0]
    }

    /// Takes over elements, of which there are `count`, rounded to a matrix of bfloat16: to the nearest, to even where
    /// two are.
    package func round(_ elements: some Collection<Float>) {
        precondition(elements.count == count)
        let target = halves
        for (index, element) in elements.enumerated() {
            let bits = element.bitPattern
            let rounded = (UInt64(bits) + 0x7FFF + UInt64(bits >> 16 & 1)) >> 16
            target[index] = element.isNaN ? UInt16(bits >> 16) | 0x40 : UInt16(rounded)
        }
    }

    /// The address of a row's first element, in a matrix of float32.
    package func row(_ index: Int) -> UnsafeMutablePointer<Float> {
        precondition(index >= 0 && index < rows)
        return pointer + index * planes
    }

    /// The same elements seen as another shape of the same count.
    package func reshaped(rows: Int, planes: Int) -> Matrix {
        Matrix(rows: rows, planes: planes, type: type, storage: storage)
    }

    /// Whether an element differs from that of a matrix of as many elements, also where both are NaN of other bits.
    package func hasOtherBits(than other: Matrix) -> Bool {
        type != other.type || memcmp(storage.address, other.storage.address, storage.byteCount) != 0
    }

    /// A matrix with elements of its own.
    package func copy() throws(SCNError) -> Matrix {
        let result = try Matrix(rows: rows, planes: planes, type: type)
        result.update(from: self)
        return result
    }

    /// Takes over elements of a matrix of the same type, from number `first` on.
    package func update(from other: Matrix, startingAt first: Int = 0) {
        precondition(type == other.type && first >= 0 && first + count <= other.count)
        storage.address.copyMemory(from: other.storage.address + first * type.size, byteCount: storage.byteCount)
    }
}

extension Matrix {
    /// Throws a shape error that names the argument unless the matrix is rows x planes.
    package func requireShape(_ rows: Int, _ planes: Int, _ name: String) throws(SCNError) {
        try require(
            self.rows == rows && self.planes == planes, .shape,
            "\(name): is \(self.rows) x \(self.planes), expected \(rows) x \(planes)")
    }

    /// Throws a shape error that names the argument unless both matrices have one shape.
    package func requireSameShape(as other: Matrix, _ name: String) throws(SCNError) {
        try requireShape(other.rows, other.planes, name)
    }
}
