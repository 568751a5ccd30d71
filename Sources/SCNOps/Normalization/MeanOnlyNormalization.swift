internal import CSCNKernels
package import SCNCore

/// Batch normalisation of the mean alone (Salimans and Kingma, "Weight normalization", 2016) with a fused (leaky) ReLU:
/// y = x - mean + bias.
package struct MeanOnlyNormalizationOperation {
    /// The fraction of the running mean that is kept.
    package var momentum: Double
    /// y > 0 ? y : leakiness * y; 1 is no activation.
    package let leakiness: Float

    package init(momentum: Double, leakiness: Double) throws(SCNError) {
        try require(momentum >= 0 && momentum <= 1, .invalidArgument, "momentum: is \(momentum), expected 0 ... 1")
        try requireAtLeastZero(leakiness, "leakiness")
        self.momentum = momentum
        self.leakiness = Float(leakiness)
    }

    package typealias Vector = UnsafePointer<Float>
    package typealias MutableVector = UnsafeMutablePointer<Float>

    /// Takes the mean of `input` [rows, planes] from it; vectors are [planes]. No rows: nothing is updated.
    package func forwardTraining(_ input: Matrix, bias: Vector?, runningMean: MutableVector?, into result: Matrix)
        throws(SCNError)
    {
        try result.requireSameShape(as: input, "result")
        guard input.count > 0 else { return }
        let planes = input.planes
        let moments = try BatchNormalizationOperation.moments(input)
        let vectors = try Storage<Float>(count: 3 * planes)
        let (mean, scale, shift) = (vectors.pointer, vectors.pointer + planes, vectors.pointer + 2 * planes)
        scale.update(repeating: 1, count: planes)
        for p in 0..<planes {
            let exact = moments[2 * p]
            mean[p] = Float(exact)
            // What rounding took from the mean comes back with the shift.
            shift[p] = Float(Double(bias?[p] ?? 0) - (exact - Double(mean[p])))
            if let runningMean { runningMean[p] = running(runningMean[p], Float(exact), keeping: momentum) }
        }
        try PlaneMaps.apply(input, mean: mean, scale: scale, shift: shift, leakiness: leakiness, into: result)
        withExtendedLifetime(vectors) {}
    }

    package func forwardEvaluation(_ input: Matrix, bias: Vector?, runningMean: Vector, into result: Matrix)
        throws(SCNError)
    {
        try result.requireSameShape(as: input, "result")
        let planes = input.planes
        let vectors = try Storage<Float>(count: 2 * planes)
        let (scale, shift) = (vectors.pointer, vectors.pointer + planes)
        scale.update(repeating: 1, count: planes)
        for p in 0..<planes { shift[p] = bias?[p] ?? 0 }
        try PlaneMaps.apply(input, mean: runningMean, scale: scale, shift: shift, leakiness: leakiness, into: result)
        withExtendedLifetime(vectors) {}
    }

    /// result: by the input. The mean depends on the input in training (`isTraining`), and its gradient goes through it.
    package func backward(
        output: Matrix, gradient: Matrix, isTraining: Bool, biasResult: MutableVector?, into result: Matrix
    ) throws(SCNError) {
        try gradient.requireSameShape(as: output, "gradient")
        try result.requireSameShape(as: output, "result")
        let kernels = try Kernels.table()
        let (rows, planes) = (output.rows, output.planes)
        if planes == 0 { return }
        let chunkRows = reductionChunk(rows, atLeast: 256, limit: 256)
        let summedRows = isTraining || biasResult != nil ? rows : 0
        let chunks = Parallel.chunkCount(summedRows, size: chunkRows)
        let partial = try Storage<Double>(count: 2 * chunks * planes)
        let vectors = try Storage<Float>(count: 3 * planes, zeroed: true)
        let (zeros, ones, shift) = (vectors.pointer, vectors.pointer + planes, vectors.pointer + 2 * planes)
        ones.update(repeating: 1, count: planes)
        let sums = partial.pointer
        Parallel.forEachChunk(summedRows, size: chunkRows) { chunk, range in
            let start = range.lowerBound * planes
            kernels.batch_norm_backward_sums(
                gradient.pointer + start, output.pointer + start, gradient.pointer + start, Int64(range.count),
                Int64(planes), zeros, leakiness, sums + 2 * chunk * planes, sums + (2 * chunk + 1) * planes)
        }
        for p in 0..<planes {
            let sum = (0..<chunks).reduce(0.0) { $0 + sums[2 * $1 * planes + p] }
            biasResult?[p] = Float(sum)
            if isTraining { shift[p] = Float(-sum / Double(max(1, rows))) }
        }
        BatchNormalizationOperation.applyBackward(
            kernels, input: gradient, output: output, gradient: gradient, mean: zeros, leakiness: leakiness,
            scale: ones,
            ofStatistics: isTraining ? (zeros, shift) : nil, into: result)
        withExtendedLifetime((partial, vectors)) {}
    }
}
