package import SCNCore
package import SCNGeometry

/// Between features [sites, planes] and a dense array [batch, planes, ...spatial size].
package enum SparseToDenseOperation {
    /// Elements of the dense array, or an overflow error.
    package static func count(_ sites: SiteSet, planes: Int) throws(SCNError) -> Int {
        try checkedProduct(
            [sites.batchSize, planes] + sites.spatialSize,
            "a dense array of \(sites.batchSize) samples, \(planes) planes and spatial size \(sites.spatialSize)")
    }

    /// Writes every element of result; zeros where there is no site.
    package static func forward(_ sites: SiteSet, input: Matrix, into result: UnsafeMutableBufferPointer<Float>)
        throws(SCNError)
    {
        let base = try check(sites, input, "input", UnsafeBufferPointer(result), "result")
        let (offsets, volume) = try sites.denseOffsets(planes: input.planes)
        base.update(repeating: 0, count: result.count)
        forEachRow(input) { row, planes, values in
            let target = base + Int(offsets[row])
            for p in 0..<planes { target[p * volume] = values[p] }
        }
        withExtendedLifetime((offsets, input)) {}
    }

    /// result [sites, planes]: by the input.
    package static func backward(_ sites: SiteSet, gradient: UnsafeBufferPointer<Float>, into result: Matrix)
        throws(SCNError)
    {
        let base = try check(sites, result, "result", gradient, "gradient")
        let (offsets, volume) = try sites.denseOffsets(planes: result.planes)
        forEachRow(result) { row, planes, values in
            let source = base + Int(offsets[row])
            for p in 0..<planes { values[p] = source[p * volume] }
        }
        withExtendedLifetime((offsets, result)) {}
    }

    private static func check(
        _ sites: SiteSet, _ matrix: Matrix, _ matrixName: String, _ dense: UnsafeBufferPointer<Float>,
        _ denseName: String
    ) throws(SCNError) -> UnsafeMutablePointer<Float> {
        try matrix.requireShape(sites.count, matrix.planes, matrixName)
        let count = try count(sites, planes: matrix.planes)
        try require(
            dense.count == count, .shape, "\(denseName): has \(dense.count) elements, expected \(count)")
        return UnsafeMutablePointer(mutating: dense.baseAddress ?? UnsafePointer(matrix.pointer))
    }

    private static func forEachRow(
        _ matrix: Matrix, _ body: (_ row: Int, _ planes: Int, _ values: UnsafeMutablePointer<Float>) -> Void
    ) {
        let (base, planes) = (matrix.pointer, matrix.planes)
        Parallel.forEachChunk(matrix.rows, size: 1024) { _, range in
            for row in range { body(row, planes, base + row * planes) }
        }
    }
}
