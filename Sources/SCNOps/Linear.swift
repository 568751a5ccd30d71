internal import CSCNKernels
package import SCNCore

/// Dense products over the planes: result = input * weight + bias.
///
/// OpenBLAS computes chunks of rows, one thread each; its bits change with the number of rows it is given, so chunks depend
/// on shapes alone.
package enum LinearOperation {
    private static let chunkRows = 256
    /// OpenBLAS holds a buffer for each thread that is inside it and ends the process when it runs out.
    private static let concurrentProducts = 32

    /// result [n, out] from input [n, in] and weight [in, out] or, transposed, [out, in].
    package static func forward(
        _ input: Matrix, weight: UnsafePointer<Float>, weightIsTransposed: Bool, bias: UnsafePointer<Float>?,
        into result: Matrix
    ) throws(SCNError) {
        try check(input, result, names: ("input", "result"))
        let (inPlanes, outPlanes) = (input.planes, result.planes)
        forEachChunk(input.rows, chunkRows) { _, range in
            let target = result.pointer + range.lowerBound * outPlanes
            if let bias {
                for row in 0..<range.count { (target + row * outPlanes).update(from: bias, count: outPlanes) }
            }
            scn_dense_product(
                input.pointer + range.lowerBound * inPlanes, Int64(range.count), Int64(inPlanes), weight,
                weightIsTransposed ? 1 : 0, target, Int64(outPlanes), bias == nil ? 0 : 1)
        }
    }

    /// result [n, in]: by the input, from gradient [n, out].
    package static func backwardInput(
        _ gradient: Matrix, weight: UnsafePointer<Float>, weightIsTransposed: Bool, into result: Matrix
    ) throws(SCNError) {
        try forward(gradient, weight: weight, weightIsTransposed: !weightIsTransposed, bias: nil, into: result)
    }

    package static func backwardWeight(
        input: Matrix, gradient: Matrix, weightIsTransposed: Bool, weightResult: UnsafeMutablePointer<Float>,
        biasResult: UnsafeMutablePointer<Float>?
    ) throws(SCNError) {
        try check(input, gradient, names: ("input", "gradient"))
        let kernels = try Kernels.table()
        let (left, right) = weightIsTransposed ? (gradient, input) : (input, gradient)
        let count = left.planes * right.planes
        let size = reductionChunk(input.rows, atLeast: 1024, limit: 16)
        let chunks = Parallel.chunkCount(input.rows, size: size)
        let partial = try Storage<Float>(
            count: checkedProduct([chunks, left.planes, right.planes], "the scratch of a weight gradient"))
        let base = partial.pointer
        forEachChunk(input.rows, size) { chunk, range in
            scn_dense_product_of_columns(
                left.pointer + range.lowerBound * left.planes, Int64(range.count), Int64(left.planes),
                right.pointer + range.lowerBound * right.planes, Int64(right.planes), base + chunk * count)
        }
        weightResult.update(repeating: 0, count: count)
        for chunk in 0..<chunks { kernels.add(weightResult, base + chunk * count, Int64(count), weightResult) }
        if let biasResult { try ColumnSums.compute(gradient, into: biasResult) }
        withExtendedLifetime(partial) {}
    }

    private static func check(_ left: Matrix, _ right: Matrix, names: (String, String)) throws(SCNError) {
        try require(
            left.rows == right.rows, .shape,
            "\(names.1): has \(right.rows) rows, expected \(left.rows), as \(names.0) has")
        try require(
            left.planes >= 1 && right.planes >= 1, .shape,
            "planes: \(names.0) has \(left.planes), \(names.1) \(right.planes), expected at least 1")
    }

    private static func forEachChunk(_ rows: Int, _ size: Int, _ body: (_ chunk: Int, _ range: Range<Int>) -> Void) {
        let chunks = Parallel.chunkCount(rows, size: size)
        let lanes = min(chunks, concurrentProducts)
        Parallel.forEach(lanes) { lane in
            for chunk in stride(from: lane, to: chunks, by: lanes) {
                body(chunk, chunk * size..<min(rows, (chunk + 1) * size))
            }
        }
    }
}
