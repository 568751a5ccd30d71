internal import CSCNKernels
package import SCNCore

/// Layer normalization (Ba, Kiros and Hinton, 2016): the planes of each row have a mean and a biased variance of their
/// own. Sums are added in double; the backward pass takes the moments anew from the input.
package struct LayerNormalizationOperation {
    package let epsilon: Double

    package init(epsilon: Double) throws(SCNError) {
        try requirePositive(epsilon, "epsilon")
        self.epsilon = epsilon
    }

    /// weight, bias: [planes], nil for ones and zeros. In place allowed.
    package func forward(_ input: Matrix, weight: Matrix?, bias: Matrix?, into result: Matrix) throws(SCNError) {
        let planes = input.planes
        try result.requireSameShape(as: input, "result")
        try requireVectors(planes, ["weight": weight, "bias": bias])
        let kernels = try Kernels.fitting(["input": input, "result": result])
        guard input.count > 0 else { return }
        Parallel.forEachChunk(input.rows, size: PlaneMaps.chunkRows(planes)) { _, range in
            let start = range.lowerBound * planes
            kernels.layer_norm(
                input.pointer + start, Int64(range.count), Int64(planes), epsilon, weight?.pointer, bias?.pointer,
                result.pointer + start)
        }
    }

    /// result: by the input; weightResult, biasResult: [planes], by the parameters, nil where not wanted.
    package func backward(
        input: Matrix, gradient: Matrix, weight: Matrix?, weightResult: Matrix?, biasResult: Matrix?,
        into result: Matrix
    ) throws(SCNError) {
        let planes = input.planes
        try gradient.requireSameShape(as: input, "gradient")
        try result.requireSameShape(as: input, "result")
        try requireVectors(planes, ["weight": weight, "weight_result": weightResult, "bias_result": biasResult])
        let kernels = try Kernels.fitting(["input": input, "gradient": gradient, "result": result])
        try PlaneSums.forEachChunk(input.rows, into: [weightResult, biasResult], planes: planes) { range, sums in
            let start = range.lowerBound * planes
            kernels.layer_norm_backward(
                input.pointer + start, gradient.pointer + start, Int64(range.count), Int64(planes), epsilon,
                weight?.pointer, sums, sums + planes, result.pointer + start)
        }
    }
}

/// Sums of each plane over all rows that a loop over rows adds up beside its other work, in double and in chunks that
/// depend on the number of rows alone.
enum PlaneSums {
    /// Runs `body` on chunks of rows with places for the sums of as many vectors as there are results, one after the
    /// other and 0 at first; stores the sums of all chunks in the results that are not nil, each [planes], or [1] for
    /// the sum over all planes.
    static func forEachChunk(
        _ rows: Int, into results: [Matrix?], planes: Int,
        _ body: (_ range: Range<Int>, _ sums: UnsafeMutablePointer<Double>) -> Void
    ) throws(SCNError) {
        let (chunkRows, width) = (ChunkSizes.moments.rows(rows), results.count * planes)
        let chunks = Parallel.chunkCount(rows, size: chunkRows)
        let partial = try Storage<Double>(count: checkedProduct([chunks, width], "sums of chunks"), zeroed: true)
        let base = partial.pointer
        if planes > 0 {
            Parallel.forEachChunk(rows, size: chunkRows) { chunk, range in body(range, base + chunk * width) }
        }
        for (index, result) in results.enumerated() {
            guard let sums = result?.pointer else { continue }
            func total(_ p: Int) -> Double { (0..<chunks).reduce(0.0) { $0 + base[$1 * width + index * planes + p] } }
            if result?.planes == planes {
                for p in 0..<planes { sums[p] = Float(total(p)) }
            } else {
                sums[0] = Float((0..<planes).reduce(0.0) { $0 + total($1) })
            }
        }
        withExtendedLifetime((partial, results)) {}
    }
}
