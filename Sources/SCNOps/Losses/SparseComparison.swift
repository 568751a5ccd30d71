internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// The squared distance between features on two site sets, zeros where there is no site.
package enum SparseComparison {
    /// The sum of squared differences over the union of the sites, divided by the number of sites there; 0 where there is
    /// none. Writes x - y over the union to `differences` [union, planes].
    package static func forward(_ x: Matrix, _ y: Matrix, union: SiteUnion, differences: Matrix) throws(SCNError)
        -> Float
    {
        try x.requireShape(union.places.0.count, differences.planes, "x")
        try y.requireShape(union.places.1.count, differences.planes, "y")
        try differences.requireShape(union.count, differences.planes, "differences")
        differences.pointer.update(repeating: 0, count: differences.count)
        try add(x, 1, to: differences, at: union.places.0)
        try add(y, -1, to: differences, at: union.places.1)
        return union.count == 0 ? 0 : Float(try Elements.sumOfSquares(differences) / Double(union.count))
    }

    /// The gradients by x and y, where wanted, from the gradient by the result.
    package static func backward(
        differences: Matrix, gradient: Float, union: SiteUnion, byX: Matrix?, byY: Matrix?
    ) throws(SCNError) {
        let factor = union.count == 0 ? 0 : 2 * gradient / Float(union.count)
        // Made before either is written.
        let rows = try ascending(max(union.places.0.count, union.places.1.count))
        if let byX { try take(differences, factor, at: union.places.0, into: byX, rows) }
        if let byY { try take(differences, -factor, at: union.places.1, into: byY, rows) }
    }

    /// target[places[row]] += factor * source[row].
    private static func add(_ source: Matrix, _ factor: Float, to target: Matrix, at places: Storage<Int32>)
        throws(SCNError)
    {
        let kernels = try Kernels.table()
        let rows = try ascending(places.count)
        let (from, to, planes) = (rows.pointer, places.pointer, Int64(source.planes))
        Parallel.forEachChunk(places.count, size: 1 << 10) { _, range in
            let start = range.lowerBound
            kernels.add_rows(
                Int64(range.count), from + start, to + start, source.pointer, planes, target.pointer, planes, planes,
                factor)
        }
        withExtendedLifetime(rows) {}
    }

    /// target[row] = factor * source[places[row]].
    private static func take(
        _ source: Matrix, _ factor: Float, at places: Storage<Int32>, into target: Matrix, _ rows: Storage<Int32>
    ) throws(SCNError) {
        try target.requireShape(places.count, source.planes, "result")
        let kernels = try Kernels.table()
        let (to, from, planes) = (rows.pointer, places.pointer, Int64(source.planes))
        target.pointer.update(repeating: 0, count: target.count)
        Parallel.forEachChunk(places.count, size: 1 << 10) { _, range in
            let start = range.lowerBound
            kernels.add_rows(
                Int64(range.count), from + start, to + start, source.pointer, planes, target.pointer, planes, planes,
                factor)
        }
        withExtendedLifetime(rows) {}
    }

    private static func ascending(_ count: Int) throws(SCNError) -> Storage<Int32> {
        let rows = try Storage<Int32>(count: count)
        for row in 0..<count { rows.pointer[row] = Int32(truncatingIfNeeded: row) }
        return rows
    }
}
