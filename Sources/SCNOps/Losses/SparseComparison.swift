package import SCNCore
package import SCNGeometry

/// The squared distance between features on two site sets, zeros where there is no site.
package enum SparseComparison {
    /// The sum of squared differences over the union of the sites, divided by the number of sites there; 0 where there
    /// is none. Writes x - y over the union to `differences` [union, planes].
    package static func forward(_ x: Matrix, _ y: Matrix, union: SiteUnion, differences: Matrix) throws(SCNError)
        -> Float
    {
        try x.requireShape(union.places.0.count, differences.planes, "x")
        try y.requireShape(union.places.1.count, differences.planes, "y")
        try differences.requireShape(union.count, differences.planes, "differences")
        try Elements.fill(differences, with: 0)
        try RowGathering.add(x, at: union.places.0, to: differences)
        try RowGathering.add(y, factor: -1, at: union.places.1, to: differences)
        return union.count == 0 ? 0 : Float(try Elements.sumOfSquares(differences) / Double(union.count))
    }

    /// The gradients by x and y, where wanted, from the gradient by the result.
    package static func backward(
        differences: Matrix, gradient: Float, union: SiteUnion, byX: Matrix?, byY: Matrix?
    ) throws(SCNError) {
        let factor = union.count == 0 ? 0 : 2 * gradient / Float(union.count)
        if let byX { try RowGathering.gather(differences, at: union.places.0, factor: factor, into: byX) }
        if let byY { try RowGathering.gather(differences, at: union.places.1, factor: -factor, into: byY) }
    }
}
