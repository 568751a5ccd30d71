internal import CSCNKernels
package import SCNCore

/// Batch normalization of the mean alone (Salimans and Kingma, "Weight normalization", 2016) with a fused (leaky) ReLU:
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

    /// Takes the mean of `input` [rows, planes] from it; vectors are [planes]. No rows: nothing is updated.
    package func forwardTraining(_ input: Matrix, bias: Matrix?, runningMean: Matrix?, into result: Matrix)
        throws(SCNError)
    {
        let planes = input.planes
        try result.requireSameShape(as: input, "result")
        try requireVectors(planes, ["bias": bias, "running_mean": runningMean])
        _ = try Kernels.converting(["input": input, "result": result])
        guard input.count > 0 else { return }
        let moments = try BatchNormalizationOperation.moments(input)
        let means = try Matrix(rows: 1, planes: planes)
        let (scale, shifts) = (try Self.ones(planes), try Matrix(rows: 1, planes: planes))
        let (mean, shift, bias) = (means.pointer, shifts.pointer, bias?.pointer)
        for p in 0..<planes {
            let exact = moments[2 * p]
            mean[p] = Float(exact)
            // What rounding took from the mean comes back with the shift.
            shift[p] = Float(Double(bias?[p] ?? 0) - (exact - Double(mean[p])))
        }
        // The last that asks for memory comes before the first that writes.
        try PlaneMaps.apply(input, mean: means, scale: scale, shift: shifts, leakiness: leakiness, into: result)
        guard let running = runningMean?.pointer else { return }
        for p in 0..<planes { running[p] = updated(running[p], by: Float(moments[2 * p]), keeping: momentum) }
    }

    package func forwardEvaluation(_ input: Matrix, bias: Matrix?, runningMean: Matrix, into result: Matrix)
        throws(SCNError)
    {
        let planes = input.planes
        try requireVectors(planes, ["bias": bias, "running_mean": runningMean])
        let (scale, zeros) = (try Self.ones(planes), try Matrix(zeros: 1, planes: planes))
        try PlaneMaps.apply(
            input, mean: runningMean, scale: scale, shift: bias ?? zeros, leakiness: leakiness, into: result)
    }

    /// result: by the input. The mean depends on the input in training (`isTraining`), and its gradient goes through
    /// it.
    package func backward(
        output: Matrix, gradient: Matrix, isTraining: Bool, biasResult: Matrix?, into result: Matrix
    ) throws(SCNError) {
        let (rows, planes) = (output.rows, output.planes)
        try gradient.requireSameShape(as: output, "gradient")
        try result.requireSameShape(as: output, "result")
        try requireVectors(planes, ["bias_result": biasResult])
        _ = try Kernels.converting(["output": output, "gradient": gradient, "result": result])
        if planes == 0 { return }
        let chunkRows = ChunkSizes.moments.rows(rows)
        let areSummed = isTraining || biasResult != nil
        let chunks = areSummed ? Parallel.chunkCount(rows, size: chunkRows) : 0
        let partial = try Storage<Double>(count: 2 * chunks * planes)
        let vectors = try Storage<Float>(count: 4 * planes, zeroed: true)
        let (zeros, ones, shift) = (vectors.pointer, vectors.pointer + planes, vectors.pointer + 2 * planes)
        ones.update(repeating: 1, count: planes)
        let sums = partial.pointer
        if areSummed {
            try Elements.forRowsAsFloat32(["output": output, "gradient": gradient], chunkRows: chunkRows) { chunk in
                let target = sums + 2 * chunk.chunk * planes
                chunk.kernels.batch_norm_backward_sums(
                    chunk.b, chunk.a, chunk.b, Int64(chunk.rows), Int64(planes), zeros, nil, nil, leakiness, target,
                    target + planes)
            }
        }
        let biasSums = vectors.pointer + 3 * planes
        for p in 0..<planes {
            let sum = (0..<chunks).reduce(0.0) { $0 + sums[2 * $1 * planes + p] }
            biasSums[p] = Float(sum)
            if isTraining { shift[p] = Float(-sum / Double(max(1, rows))) }
        }
        try BatchNormalizationOperation.applyBackward(
            input: gradient, outputs: .given(output), gradient: gradient, mean: zeros, leakiness: leakiness,
            scale: ones, ofStatistics: isTraining ? (zeros, shift) : nil, into: result)
        biasResult?.pointer.update(from: biasSums, count: planes)
        withExtendedLifetime((partial, vectors)) {}
    }

    private static func ones(_ planes: Int) throws(SCNError) -> Matrix {
        let ones = try Matrix(rows: 1, planes: planes)
        try Elements.fill(ones, with: 1)
        return ones
    }
}
