package import SCNCore
package import SCNGeometry

extension SiteSet {
    /// result [sites, dimension]: each coordinate, scaled to -1 ... 1 over the field (0 where its size is 1).
    package func scaledCoordinates(into result: Matrix) throws(SCNError) {
        try Kernels.requireFitting(["result": result])
        try result.requireShape(count, dimension, "result")
        let columns = dimension + 1
        let sites = try Storage<Int64>(count: checkedProduct([count, columns], "coordinates of \(count) sites"))
        shownPlaces(of: 0..<count, into: sites.pointer)
        let (source, target) = (sites.pointer, result.pointer)
        for axis in 0..<dimension {
            let half = Double(field.shown.size[axis] - 1) / 2
            for row in 0..<count {
                let coordinate = Double(source[row * columns + axis])
                target[row * dimension + axis] = half == 0 ? 0 : Float(coordinate / half - 1)
            }
        }
        withExtendedLifetime((sites, result)) {}
    }
}
