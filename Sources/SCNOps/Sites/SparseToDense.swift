package import SCNCore
package import SCNGeometry

/// Between features [sites, planes] and a dense array [batch, planes, ...spatial size], a matrix of any shape with as
/// many elements.
package enum SparseToDenseOperation {
    /// Elements of the dense array, or an overflow error.
    package static func count(_ sites: SiteSet, planes: Int) throws(SCNError) -> Int {
        try checkedProduct(
            [sites.batchSize, planes] + sites.field.shown.size,
            "a dense array of \(sites.batchSize) samples, \(planes) planes and spatial size \(sites.field.shown.size)")
    }

    /// Writes every element of result; zeros where there is no site. Sites outside of the field are left out.
    package static func forward(_ sites: SiteSet, input: Matrix, into result: Matrix) throws(SCNError) {
        try check(sites, input, "input", result, "result")
        let (offsets, volume) = try sites.denseOffsets(planes: input.planes)
        let base = result.pointer
        base.update(repeating: 0, count: result.count)
        forEachRow(input) { row, planes, values in
            if offsets[row] < 0 { return }
            let target = base + Int(offsets[row])
            for p in 0..<planes { target[p * volume] = values[p] }
        }
        withExtendedLifetime((offsets, input, result)) {}
    }

    /// result [sites, planes]: by the input.
    package static func backward(_ sites: SiteSet, gradient: Matrix, into result: Matrix) throws(SCNError) {
        try check(sites, result, "result", gradient, "gradient")
        let (offsets, volume) = try sites.denseOffsets(planes: result.planes)
        let base = gradient.pointer
        forEachRow(result) { row, planes, values in
            if offsets[row] < 0 {
                values.update(repeating: 0, count: planes)
                return
            }
            let source = base + Int(offsets[row])
            for p in 0..<planes { values[p] = source[p * volume] }
        }
        withExtendedLifetime((offsets, gradient, result)) {}
    }

    private static func check(
        _ sites: SiteSet, _ matrix: Matrix, _ matrixName: String, _ dense: Matrix, _ denseName: String
    ) throws(SCNError) {
        try Kernels.requireFitting([matrixName: matrix, denseName: dense])
        try matrix.requireShape(sites.count, matrix.planes, matrixName)
        let count = try count(sites, planes: matrix.planes)
        try require(
            dense.count == count, .shape, "\(denseName): has \(counted(dense.count, .element)), expected \(count)")
    }

    private static func forEachRow(
        _ matrix: Matrix, _ body: (_ row: Int, _ planes: Int, _ values: UnsafeMutablePointer<Float>) -> Void
    ) {
        let (base, planes) = (matrix.pointer, matrix.planes)
        Parallel.forEachChunk(matrix.rows, size: ChunkSizes.rows) { _, range in
            for row in range { body(row, planes, base + row * planes) }
        }
    }
}
