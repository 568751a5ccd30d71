package import SCNCore
internal import SCNGeometry

extension Storage where Element == Int64 {
    /// A copy of integers of any type. Throws an overflow error that names the argument if one does not fit into 64
    /// bits.
    package convenience init<Number: FixedWidthInteger>(
        converting numbers: some Collection<Number>, _ name: String
    ) throws(SCNError) {
        try self.init(count: numbers.count)
        let target = buffer
        func convert(_ numbers: UnsafeBufferPointer<Number>) -> SCNError? {
            widen(numbers, into: target).map { index in
                SCNError(
                    .overflow, "\(name)[\(index)]: is \(numbers[index]), expected \(Int64.min) ... \(Int64.max)")
            }
        }
        let error =
            numbers.withContiguousStorageIfAvailable(convert)
            ?? ContiguousArray(numbers).withUnsafeBufferPointer(convert)
        if let error { throw error }
    }
}

extension SiteSet {
    /// Copies the coordinates and the batch index of all sites, [sites, dimension + 1]. Throws an error if the count of
    /// `target` does not match, or if its elements cannot represent one of them.
    func copyCoordinates<Number: FixedWidthInteger>(
        into target: UnsafeMutableBufferPointer<Number>
    ) throws(SCNError) {
        let count = try coordinateCount()
        try require(
            target.count == count, .shape, "coordinates: has \(counted(target.count, .entry)), expected \(count)")
        guard let base = target.baseAddress, count > 0 else { return }
        if Number.self == Int.self || Number.self == Int64.self {
            base.withMemoryRebound(to: Int64.self, capacity: count) { coordinates(into: $0) }
            return
        }
        let wide = try Storage<Int64>(count: count)
        coordinates(into: wide.pointer)
        if let index = narrow(wide.pointer, into: target) {
            throw SCNError(
                .overflow, "coordinates[\(index)]: is \(wide[index]), expected \(Number.min) ... \(Number.max)")
        }
    }

    func flatCoordinates<Number: FixedWidthInteger>(_: Number.Type) throws(SCNError) -> [Number] {
        var coordinates = [Number](repeating: 0, count: try coordinateCount())
        try coordinates.withUnsafeMutableBufferPointer { (target) throws(SCNError) in
            try copyCoordinates(into: target)
        }
        return coordinates
    }

    /// The coordinates, one array per site.
    func coordinateRows() throws(SCNError) -> [[Int]] {
        let (flat, columns) = (try flatCoordinates(Int.self), dimension + 1)
        return (0..<count).map { Array(flat[$0 * columns..<($0 + 1) * columns]) }
    }

    private func coordinateCount() throws(SCNError) -> Int {
        try checkedProduct([count, dimension + 1], "coordinates of \(count) sites")
    }
}

// Programs choose the types, so without these attributes the loops would run unspecialized.

/// Widens numbers into `target`. Stops at the first that does not fit, and returns its index.
@_specialize(where Number == Int8)
@_specialize(where Number == Int16)
@_specialize(where Number == Int32)
@_specialize(where Number == Int64)
@_specialize(where Number == Int)
@_specialize(where Number == UInt8)
@_specialize(where Number == UInt16)
@_specialize(where Number == UInt32)
@_specialize(where Number == UInt64)
@_specialize(where Number == UInt)
private func widen<Number: FixedWidthInteger>(
    _ numbers: UnsafeBufferPointer<Number>, into target: UnsafeMutableBufferPointer<Int64>
) -> Int? {
    precondition(numbers.count == target.count)
    for index in numbers.indices {
        guard let wide = Int64(exactly: numbers[index]) else { return index }
        target[index] = wide
    }
    return nil
}

/// Narrows numbers into `target`. Stops at the first that does not fit, and returns its index.
@_specialize(where Number == Int8)
@_specialize(where Number == Int16)
@_specialize(where Number == Int32)
@_specialize(where Number == Int64)
@_specialize(where Number == Int)
@_specialize(where Number == UInt8)
@_specialize(where Number == UInt16)
@_specialize(where Number == UInt32)
@_specialize(where Number == UInt64)
@_specialize(where Number == UInt)
private func narrow<Number: FixedWidthInteger>(
    _ numbers: UnsafePointer<Int64>, into target: UnsafeMutableBufferPointer<Number>
) -> Int? {
    for index in target.indices {
        guard let narrow = Number(exactly: numbers[index]) else { return index }
        target[index] = narrow
    }
    return nil
}
