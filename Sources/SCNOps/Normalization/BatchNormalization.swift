internal import CSCNKernels
package import SCNCore

/// Batch normalisation over rows (Ioffe and Szegedy, 2015) with a fused (leaky) ReLU.
///
/// Variance is the mean of squared deviations from the mean, in two passes a chunk; chunks combine as in Chan, Golub and
/// LeVeque (1979), in double. In evaluation a row's gradient depends on that row alone: a NaN stays there.
package struct BatchNormalizationOperation {
    package var epsilon: Double
    /// The fraction of the running statistics that is kept.
    package var momentum: Double
    /// After normalising: y > 0 ? y : leakiness * y; 1 is no activation.
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

    package typealias Vector = UnsafePointer<Float>
    package typealias MutableVector = UnsafeMutablePointer<Float>

    /// Normalises by the statistics of `input` [rows, planes]; vectors are [planes]. No rows: nothing is updated.
    /// `savedRemainder` gets what rounding took from `savedMean`; it matters where the mean is 10^4 deviations or more.
    package func forwardTraining(
        _ input: Matrix, weight: Vector?, bias: Vector?, runningMean: MutableVector?, runningVariance: MutableVector?,
        savedMean: MutableVector, savedInverseDeviation: MutableVector, savedRemainder: MutableVector? = nil,
        into result: Matrix
    ) throws(SCNError) {
        try result.requireSameShape(as: input, "result")
        let (rows, planes) = (input.rows, input.planes)
        guard input.count > 0 else {
            savedMean.update(repeating: 0, count: planes)
            savedInverseDeviation.update(repeating: 0, count: planes)
            savedRemainder?.update(repeating: 0, count: planes)
            return
        }
        let moments = try Self.moments(input)
        let scaleShift = try Storage<Float>(count: 2 * planes)
        let (scale, shift) = (scaleShift.pointer, scaleShift.pointer + planes)
        for p in 0..<planes {
            let (mean, squares) = (moments[2 * p], moments[2 * p + 1])
            let inverseDeviation = 1 / (squares / Double(rows) + epsilon).squareRoot()
            savedMean[p] = Float(mean)
            savedRemainder?[p] = Float(mean - Double(savedMean[p]))
            savedInverseDeviation[p] = Float(inverseDeviation)
            scale[p] = Float(inverseDeviation * Double(weight?[p] ?? 1))
            // What rounding took from the mean comes back with the shift.
            shift[p] = Float(Double(bias?[p] ?? 0) - (mean - Double(savedMean[p])) * Double(scale[p]))
            if let runningMean { runningMean[p] = running(runningMean[p], Float(mean), keeping: momentum) }
            if let runningVariance {
                let unbiased = rows > 1 ? Float(squares / Double(rows - 1)) : 0
                runningVariance[p] = running(runningVariance[p], unbiased, keeping: momentum)
            }
        }
        try apply(input, mean: savedMean, scale: scale, shift: shift, into: result)
        withExtendedLifetime(scaleShift) {}
    }

    package func forwardEvaluation(
        _ input: Matrix, weight: Vector?, bias: Vector?, runningMean: Vector, runningVariance: Vector,
        into result: Matrix
    ) throws(SCNError) {
        try result.requireSameShape(as: input, "result")
        let planes = input.planes
        let scaleShift = try Storage<Float>(count: 2 * planes)
        let (scale, shift) = (scaleShift.pointer, scaleShift.pointer + planes)
        for p in 0..<planes {
            scale[p] = Float(inverseDeviation(runningVariance[p]) * Double(weight?[p] ?? 1))
            shift[p] = bias?[p] ?? 0
        }
        try apply(input, mean: runningMean, scale: scale, shift: shift, into: result)
        withExtendedLifetime(scaleShift) {}
    }

    /// Backward of the training pass: result by the input, weightResult and biasResult by the parameters.
    package func backwardTraining(
        input: Matrix, output: Matrix, gradient: Matrix, weight: Vector?, savedMean: Vector,
        savedInverseDeviation: Vector, savedRemainder: Vector? = nil, weightResult: MutableVector?,
        biasResult: MutableVector?, into result: Matrix
    ) throws(SCNError) {
        try backward(
            input: input, output: output, gradient: gradient, weight: weight, mean: savedMean,
            remainder: savedRemainder, inverseDeviation: { Double(savedInverseDeviation[$0]) },
            statisticsDependOnInput: true,
            weightResult: weightResult, biasResult: biasResult, into: result)
    }

    /// Backward of the evaluation pass.
    package func backwardEvaluation(
        input: Matrix, output: Matrix, gradient: Matrix, weight: Vector?, runningMean: Vector, runningVariance: Vector,
        weightResult: MutableVector?, biasResult: MutableVector?, into result: Matrix
    ) throws(SCNError) {
        try backward(
            input: input, output: output, gradient: gradient, weight: weight, mean: runningMean,
            remainder: nil, inverseDeviation: { inverseDeviation(runningVariance[$0]) }, statisticsDependOnInput: false,
            weightResult: weightResult, biasResult: biasResult, into: result)
    }

    private func inverseDeviation(_ variance: Float) -> Double { 1 / (Double(variance) + epsilon).squareRoot() }

    private func apply(_ input: Matrix, mean: Vector, scale: Vector, shift: Vector, into result: Matrix)
        throws(SCNError)
    {
        let kernels = try Kernels.table()
        let planes = input.planes
        if planes == 0 { return }
        Parallel.forEachChunk(input.rows, size: Self.chunkRows(planes)) { _, range in
            let start = range.lowerBound * planes
            kernels.batch_norm_apply(
                input.pointer + start, Int64(range.count), Int64(planes), mean, scale, shift, leakiness,
                result.pointer + start)
        }
    }

    private func backward(
        input: Matrix, output: Matrix, gradient: Matrix, weight: Vector?, mean: Vector,
        remainder: Vector?, inverseDeviation: (Int) -> Double, statisticsDependOnInput: Bool,
        weightResult: MutableVector?,
        biasResult: MutableVector?, into result: Matrix
    ) throws(SCNError) {
        try output.requireSameShape(as: input, "output")
        try gradient.requireSameShape(as: input, "gradient")
        try result.requireSameShape(as: input, "result")
        let kernels = try Kernels.table()
        let (rows, planes) = (input.rows, input.planes)
        if planes == 0 { return }
        let chunkRows = reductionChunk(rows, atLeast: 256, limit: 256)
        let summedRows = statisticsDependOnInput || weightResult != nil || biasResult != nil ? rows : 0
        let chunks = Parallel.chunkCount(summedRows, size: chunkRows)
        let partial = try Storage<Double>(count: 2 * chunks * planes)
        let partialBase = partial.pointer
        Parallel.forEachChunk(summedRows, size: chunkRows) { chunk, range in
            let start = range.lowerBound * planes
            kernels.batch_norm_backward_sums(
                input.pointer + start, output.pointer + start, gradient.pointer + start, Int64(range.count),
                Int64(planes), mean, leakiness, partialBase + 2 * chunk * planes,
                partialBase + (2 * chunk + 1) * planes)
        }
        let factors = try Storage<Float>(count: 3 * planes)
        let (a, b, c) = (factors.pointer, factors.pointer + planes, factors.pointer + 2 * planes)
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
            weightResult?[p] = Float(sumProduct * inverse)
            biasResult?[p] = Float(sumGradient)
        }
        Self.applyBackward(
            kernels, input: input, output: output, gradient: gradient, mean: mean, leakiness: leakiness, scale: a,
            ofStatistics: statisticsDependOnInput ? (b, c) : nil, into: result)
        withExtendedLifetime((partial, factors)) {}
    }

    /// result = scale * the gradient behind the activation, and where the statistics depend on the input, + slope * (input -
    /// mean) + shift.
    static func applyBackward(
        _ kernels: scn_kernel_table, input: Matrix, output: Matrix, gradient: Matrix, mean: Vector, leakiness: Float,
        scale: Vector, ofStatistics: (slope: MutableVector, shift: MutableVector)?, into result: Matrix
    ) {
        let planes = result.planes
        Parallel.forEachChunk(result.rows, size: chunkRows(planes)) { _, range in
            let (start, rows) = (range.lowerBound * planes, Int64(range.count))
            if let (slope, shift) = ofStatistics {
                kernels.batch_norm_backward_apply(
                    input.pointer + start, output.pointer + start, gradient.pointer + start, rows, Int64(planes), mean,
                    leakiness, scale, slope, shift, result.pointer + start)
            } else {
                kernels.scaled_backward_apply(
                    output.pointer + start, gradient.pointer + start, rows, Int64(planes), leakiness, scale,
                    result.pointer + start)
            }
        }
    }

    /// Mean and sum of squared deviations of each plane, interleaved.
    package static func moments(_ input: Matrix) throws(SCNError) -> [Double] {
        let kernels = try Kernels.table()
        let (rows, planes) = (input.rows, input.planes)
        let chunkRows = reductionChunk(rows, atLeast: 256, limit: 256)
        let chunks = Parallel.chunkCount(rows, size: chunkRows)
        let partial = try Storage<Double>(count: 2 * chunks * planes)
        let base = partial.pointer
        Parallel.forEachChunk(rows, size: chunkRows) { chunk, range in
            let mean = base + 2 * chunk * planes
            kernels.column_moments(
                input.pointer + range.lowerBound * planes, Int64(range.count), Int64(planes), mean, mean + planes)
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

    private static func chunkRows(_ planes: Int) -> Int { max(1, Kernels.elementChunk / planes) }
}

/// Running statistics after a batch: what has no part in them leaves no trace, NaN and infinities either.
func running(_ before: Float, _ batch: Float, keeping momentum: Double) -> Float {
    let kept = Float(momentum)
    return kept == 0 ? batch : kept == 1 ? before : kept * before + (1 - kept) * batch
}
