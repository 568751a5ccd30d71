internal import CSCNKernels
package import SCNCore

/// Batch normalization over rows (Ioffe and Szegedy, 2015) with a fused (leaky) ReLU.
///
/// Variance is the mean of squared deviations from the mean, in two passes a chunk; chunks combine as in Chan, Golub
/// and LeVeque (1979), in double. In evaluation a row's gradient depends on that row alone: a NaN stays there.
package struct BatchNormalizationOperation {
    package var epsilon: Double
    /// The fraction of the running statistics that is kept.
    package var momentum: Double
    /// After normalizing: y > 0 ? y : leakiness * y; 1 is no activation.
    package var leakiness: Float

    package init(epsilon: Double, momentum: Double, leakiness: Double) throws(SCNError) {
        try requirePositive(epsilon, "epsilon")
        try require(
            momentum >= 0 && momentum <= 1, .invalidArgument, "momentum: is \(momentum), expected 0 ... 1")
        try requireAtLeastZero(leakiness, "leakiness")
        self.epsilon = epsilon
        self.momentum = momentum
        self.leakiness = Float(leakiness)
    }

    /// Running statistics, each [planes].
    package struct Running {
        package let mean: Matrix
        package let variance: Matrix

        package init(mean: Matrix, variance: Matrix) {
            self.mean = mean
            self.variance = variance
        }
    }

    /// The statistics of a batch, which the backward pass needs, each [planes].
    package struct Saved {
        package let mean: Matrix
        package let inverseDeviation: Matrix
        /// What rounding took from the mean; it matters where that is 10^4 deviations or more.
        package let remainder: Matrix?
        /// What the forward pass multiplied deviations by, and then added; with these, the backward pass needs no
        /// output.
        package let line: Line?

        package init(mean: Matrix, inverseDeviation: Matrix, remainder: Matrix? = nil, line: Line? = nil) {
            self.mean = mean
            self.inverseDeviation = inverseDeviation
            self.remainder = remainder
            self.line = line
        }
    }

    /// Each [planes].
    package struct Line {
        package let scale: Matrix
        package let shift: Matrix

        package init(scale: Matrix, shift: Matrix) { (self.scale, self.shift) = (scale, shift) }
    }

    /// What tells a backward pass where outputs were above 0: they themselves, or what they were computed from.
    enum Outputs {
        case given(Matrix)
        case computed(Line)

        var matrix: Matrix? { if case .given(let output) = self { output } else { nil } }
        var line: Line? { if case .computed(let line) = self { line } else { nil } }
    }

    /// Normalizes by the statistics of `input` [rows, planes], which it saves; weight and bias are [planes]. No rows:
    /// the running statistics are not updated. Input and result are each float32 or bfloat16.
    package func forwardTraining(
        _ input: Matrix, weight: Matrix?, bias: Matrix?, running: Running?, saved: Saved, into result: Matrix
    ) throws(SCNError) {
        let (rows, planes) = (input.rows, input.planes)
        try result.requireSameShape(as: input, "result")
        try requireVectors(
            planes,
            [
                "weight": weight, "bias": bias, "running_mean": running?.mean, "running_variance": running?.variance,
                "saved_mean": saved.mean, "saved_inverse_deviation": saved.inverseDeviation,
                "saved_remainder": saved.remainder, "saved_scale": saved.line?.scale,
                "saved_shift": saved.line?.shift,
            ])
        _ = try Kernels.converting(["input": input, "result": result])
        guard input.count > 0 else {
            for statistic in [
                saved.mean, saved.inverseDeviation, saved.remainder, saved.line?.scale, saved.line?.shift,
            ] {
                if let statistic { try Elements.fill(statistic, with: 0) }
            }
            return
        }
        let moments = try Self.moments(input)
        func inverseDeviation(_ p: Int) -> Double {
            1 / (moments[2 * p + 1] / Double(rows) + epsilon).squareRoot()
        }
        let (meanVector, scaleVector) = (try Matrix(rows: 1, planes: planes), try Matrix(rows: 1, planes: planes))
        let shiftVector = try Matrix(rows: 1, planes: planes)
        let (means, scale, shift) = (meanVector.pointer, scaleVector.pointer, shiftVector.pointer)
        let (weight, bias) = (weight?.pointer, bias?.pointer)
        for p in 0..<planes {
            let mean = moments[2 * p]
            means[p] = Float(mean)
            scale[p] = Float(inverseDeviation(p) * Double(weight?[p] ?? 1))
            // What rounding took from the mean comes back with the shift.
            shift[p] = Float(Double(bias?[p] ?? 0) - (mean - Double(means[p])) * Double(scale[p]))
        }
        // The last that asks for memory comes before the first that writes.
        try PlaneMaps.apply(
            input, mean: meanVector, scale: scaleVector, shift: shiftVector, leakiness: leakiness, into: result)
        saved.line?.scale.update(from: scaleVector)
        saved.line?.shift.update(from: shiftVector)
        let (savedMean, savedInverseDeviation) = (saved.mean.pointer, saved.inverseDeviation.pointer)
        let savedRemainder = saved.remainder?.pointer
        let (runningMean, runningVariance) = (running?.mean.pointer, running?.variance.pointer)
        for p in 0..<planes {
            let (mean, squares) = (moments[2 * p], moments[2 * p + 1])
            savedMean[p] = Float(mean)
            savedRemainder?[p] = Float(mean - Double(savedMean[p]))
            savedInverseDeviation[p] = Float(inverseDeviation(p))
            if let runningMean { runningMean[p] = updated(runningMean[p], by: Float(mean), keeping: momentum) }
            if let runningVariance {
                let unbiased = rows > 1 ? Float(squares / Double(rows - 1)) : 0
                runningVariance[p] = updated(runningVariance[p], by: unbiased, keeping: momentum)
            }
        }
    }

    /// Normalizes by the running statistics; input and result are each float32 or bfloat16.
    package func forwardEvaluation(
        _ input: Matrix, weight: Matrix?, bias: Matrix?, running: Running, into result: Matrix
    ) throws(SCNError) {
        let planes = input.planes
        try result.requireSameShape(as: input, "result")
        try requireVectors(
            planes,
            [
                "weight": weight, "bias": bias, "running_mean": running.mean, "running_variance": running.variance,
            ])
        _ = try Kernels.converting(["input": input, "result": result])
        let (scaleVector, shiftVector) = (try Matrix(rows: 1, planes: planes), try Matrix(rows: 1, planes: planes))
        let (scale, shift, variance) = (scaleVector.pointer, shiftVector.pointer, running.variance.pointer)
        let (weight, bias) = (weight?.pointer, bias?.pointer)
        for p in 0..<planes {
            scale[p] = Float(inverseDeviation(variance[p]) * Double(weight?[p] ?? 1))
            shift[p] = bias?[p] ?? 0
        }
        try PlaneMaps.apply(
            input, mean: running.mean, scale: scaleVector, shift: shiftVector, leakiness: leakiness, into: result)
    }

    /// Backward of the training pass: result by the input, weightResult and biasResult by the parameters. Input,
    /// output, gradient and result are each float32 or bfloat16. `output`: may be nil where `saved` has a line.
    package func backwardTraining(
        input: Matrix, output: Matrix?, gradient: Matrix, weight: Matrix?, saved: Saved, weightResult: Matrix?,
        biasResult: Matrix?, into result: Matrix
    ) throws(SCNError) {
        try requireVectors(
            input.planes,
            [
                "saved_mean": saved.mean, "saved_inverse_deviation": saved.inverseDeviation,
                "saved_remainder": saved.remainder,
            ])
        let inverseDeviation = saved.inverseDeviation.pointer
        let outputs: Outputs
        if let output {
            outputs = .given(output)
        } else if let line = saved.line {
            outputs = .computed(line)
        } else {
            throw SCNError(.invalidArgument, "output: is not given, and saved statistics do not replace it")
        }
        try backward(
            input: input, outputs: outputs, gradient: gradient, weight: weight, mean: saved.mean,
            remainder: saved.remainder, inverseDeviation: { Double(inverseDeviation[$0]) },
            statisticsDependOnInput: true, weightResult: weightResult, biasResult: biasResult, into: result)
    }

    /// Backward of the evaluation pass.
    package func backwardEvaluation(
        input: Matrix, output: Matrix, gradient: Matrix, weight: Matrix?, running: Running, weightResult: Matrix?,
        biasResult: Matrix?, into result: Matrix
    ) throws(SCNError) {
        try requireVectors(
            input.planes, ["running_mean": running.mean, "running_variance": running.variance])
        let variance = running.variance.pointer
        try backward(
            input: input, outputs: .given(output), gradient: gradient, weight: weight, mean: running.mean,
            remainder: nil,
            inverseDeviation: { inverseDeviation(variance[$0]) }, statisticsDependOnInput: false,
            weightResult: weightResult, biasResult: biasResult, into: result)
    }

    private func inverseDeviation(_ variance: Float) -> Double { 1 / (Double(variance) + epsilon).squareRoot() }

    private func backward(
        input: Matrix, outputs: Outputs, gradient: Matrix, weight: Matrix?, mean: Matrix, remainder: Matrix?,
        inverseDeviation: (Int) -> Double, statisticsDependOnInput: Bool, weightResult: Matrix?, biasResult: Matrix?,
        into result: Matrix
    ) throws(SCNError) {
        let (rows, planes) = (input.rows, input.planes)
        try outputs.matrix?.requireSameShape(as: input, "output")
        try gradient.requireSameShape(as: input, "gradient")
        try result.requireSameShape(as: input, "result")
        try requireVectors(
            planes, ["weight": weight, "weight_result": weightResult, "bias_result": biasResult])
        let operands: KeyValuePairs<String, Matrix?> = [
            "input": input, "gradient": gradient, "output": outputs.matrix,
        ]
        _ = try Kernels.converting(operands)
        _ = try Kernels.converting(["result": result])
        if planes == 0 { return }
        let chunkRows = ChunkSizes.moments.rows(rows)
        let areSummed = statisticsDependOnInput || weightResult != nil || biasResult != nil
        let chunks = areSummed ? Parallel.chunkCount(rows, size: chunkRows) : 0
        let partial = try Storage<Double>(count: 2 * chunks * planes)
        let partialBase = partial.pointer
        if areSummed {
            try Elements.forRowsAsFloat32(operands, chunkRows: chunkRows) { chunk in
                let sums = partialBase + 2 * chunk.chunk * planes
                chunk.kernels.batch_norm_backward_sums(
                    chunk.a, outputs.matrix == nil ? nil : chunk.c, chunk.b, Int64(chunk.rows), Int64(planes),
                    mean.pointer, outputs.line?.scale.pointer, outputs.line?.shift.pointer, leakiness, sums,
                    sums + planes)
            }
        }
        let factors = try Storage<Float>(count: checkedProduct([5, planes], "the factors of a batch normalization"))
        let (weight, remainder) = (weight?.pointer, remainder?.pointer)
        let (a, b, c) = (factors.pointer, factors.pointer + planes, factors.pointer + 2 * planes)
        let (weightSums, biasSums) = (factors.pointer + 3 * planes, factors.pointer + 4 * planes)
        for p in 0..<planes {
            var (sumGradient, sumProduct) = (0.0, 0.0)
            for chunk in 0..<chunks {
                sumGradient += partialBase[2 * chunk * planes + p]
                sumProduct += partialBase[(2 * chunk + 1) * planes + p]
            }
            let rounding = Double(remainder?[p] ?? 0)
            sumProduct -= rounding * sumGradient
            let inverse = inverseDeviation(p)
            let scale = inverse * Double(weight?[p] ?? 1)
            a[p] = Float(scale)
            let share = scale / Double(max(1, rows))
            let slope = share * inverse * inverse * sumProduct
            b[p] = Float(-slope)
            c[p] = Float(slope * rounding - share * sumGradient)
            weightSums[p] = Float(sumProduct * inverse)
            biasSums[p] = Float(sumGradient)
        }
        try Self.applyBackward(
            input: input, outputs: outputs, gradient: gradient, mean: mean.pointer, leakiness: leakiness, scale: a,
            ofStatistics: statisticsDependOnInput ? (b, c) : nil, into: result)
        weightResult?.pointer.update(from: weightSums, count: planes)
        biasResult?.pointer.update(from: biasSums, count: planes)
        withExtendedLifetime((partial, factors, mean)) {}
    }

    /// result = scale * the gradient behind the activation, and where the statistics depend on the input, + slope *
    /// (input - mean) + shift. Matrices are each float32 or bfloat16.
    static func applyBackward(
        input: Matrix, outputs: Outputs, gradient: Matrix, mean: UnsafePointer<Float>, leakiness: Float,
        scale: UnsafePointer<Float>,
        ofStatistics: (slope: UnsafeMutablePointer<Float>, shift: UnsafeMutablePointer<Float>)?, into result: Matrix
    ) throws(SCNError) {
        let planes = Int64(result.planes)
        guard let (slope, shift) = ofStatistics else {
            guard let output = outputs.matrix else { preconditionFailure("only training saves a line") }
            return try Elements.forRowsAsFloat32(["output": output, "gradient": gradient], into: result) { chunk in
                chunk.kernels.scaled_backward_apply(
                    chunk.a, chunk.b, Int64(chunk.rows), planes, leakiness, scale, chunk.result)
            }
        }
        let operands: KeyValuePairs<String, Matrix?> = [
            "input": input, "gradient": gradient, "output": outputs.matrix,
        ]
        try Elements.forRowsAsFloat32(operands, into: result) { chunk in
            chunk.kernels.batch_norm_backward_apply(
                chunk.a, outputs.matrix == nil ? nil : chunk.c, chunk.b, Int64(chunk.rows), planes, mean,
                outputs.line?.scale.pointer, outputs.line?.shift.pointer, leakiness, scale, slope, shift, chunk.result)
        }
    }

    /// Mean and sum of squared deviations of each plane, interleaved; of float32 or bfloat16.
    package static func moments(_ input: Matrix) throws(SCNError) -> [Double] {
        let (rows, planes) = (input.rows, input.planes)
        let chunkRows = ChunkSizes.moments.rows(rows)
        let chunks = Parallel.chunkCount(rows, size: chunkRows)
        let partial = try Storage<Double>(count: 2 * chunks * planes)
        let base = partial.pointer
        try Elements.forRowsAsFloat32(["input": input], chunkRows: chunkRows) { chunk in
            let mean = base + 2 * chunk.chunk * planes
            chunk.kernels.column_moments(chunk.a, Int64(chunk.rows), Int64(planes), mean, mean + planes)
        }
        try expectMemory(planes, times: 16, "the moments of \(planes) planes")
        var result = [Double](repeating: 0, count: 2 * planes)
        for chunk in 0..<chunks {
            let before = Double(chunk * chunkRows)
            let count = Double(min(rows - chunk * chunkRows, chunkRows))
            let mean = base + 2 * chunk * planes
            for p in 0..<planes {
                let difference = mean[p] - result[2 * p]
                result[2 * p] += difference * count / (before + count)
                result[2 * p + 1] +=
                    mean[planes + p] + difference * difference * before * count / (before + count)
            }
        }
        withExtendedLifetime((partial, input)) {}
        return result
    }
}

/// Running statistics after a batch: what has no part in them leaves no trace, NaN and infinities either.
func updated(_ before: Float, by batch: Float, keeping momentum: Double) -> Float {
    let kept = Float(momentum)
    return kept == 0 ? batch : kept == 1 ? before : kept * before + (1 - kept) * batch
}

/// Throws where a vector, given under its name, is not [planes] of a type that there are loops for.
func requireVectors(_ planes: Int, _ vectors: KeyValuePairs<String, Matrix?>) throws(SCNError) {
    try Kernels.requireFitting(vectors)
    for (name, vector) in vectors { try vector?.requireShape(1, planes, name) }
}
