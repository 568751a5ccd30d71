internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// Group normalization (Wu and He, 2018): each sample's sites and each group of neighboring planes have a mean and a
/// variance of their own.
///
/// Variance is the mean of squared deviations from the mean; chunks and planes combine as in Chan, Golub and LeVeque
/// (1979), in double. What it costs goes with the samples that have sites, whatever their batch indices are.
package struct GroupNormalizationOperation {
    package let groups: Int
    package let epsilon: Double

    package init(groups: Int, epsilon: Double) throws(SCNError) {
        try require(groups >= 1, .invalidArgument, "groups: is \(groups), expected at least 1")
        try requirePositive(epsilon, "epsilon")
        self.groups = groups
        self.epsilon = epsilon
    }

    /// The statistics of a forward pass, `groups` of each sample that has sites, one sample after the other;
    /// `remainder` is what rounding took from `mean`.
    package struct Statistics {
        package let mean: Matrix
        package let inverseDeviation: Matrix
        package let remainder: Matrix?

        package init(mean: Matrix, inverseDeviation: Matrix, remainder: Matrix? = nil) {
            self.mean = mean
            self.inverseDeviation = inverseDeviation
            self.remainder = remainder
        }

        fileprivate func check(_ samples: SampleRows, groups: Int) throws(SCNError) {
            let parts = [(mean, "saved_mean"), (inverseDeviation, "saved_inverse_deviation")]
            for (matrix, name) in parts + (remainder.map { [($0, "saved_remainder")] } ?? []) {
                try Kernels.requireFitting([name: matrix])
                try require(
                    matrix.rows >= samples.count && matrix.planes == groups, .shape,
                    "\(name): is \(matrix.rows) x \(matrix.planes), expected \(samples.count) x \(groups)")
            }
        }
    }

    /// weight, bias: [planes], nil for ones and zeros.
    package func forward(
        _ input: Matrix, samples: SampleRows, weight: Matrix?, bias: Matrix?, statistics: Statistics,
        into result: Matrix
    ) throws(SCNError) {
        let planes = input.planes
        let width = planes / groups
        try check(input, samples)
        try result.requireSameShape(as: input, "result")
        try requireVectors(planes, ["weight": weight, "bias": bias])
        try statistics.check(samples, groups: groups)
        let kernels = try Kernels.fitting(["input": input, "result": result])
        guard input.count > 0 else { return }
        let chunks = try Chunks(samples)
        let partial = try Storage<Double>(count: checkedProduct([2, chunks.count, planes], "sums of chunks"))
        let moments = partial.pointer
        Parallel.forEach(chunks.count) { chunk in
            let mean = moments + 2 * chunk * planes
            kernels.column_moments(
                input.pointer + chunks.firstRow(chunk) * planes, Int64(chunks.rowCount(chunk)), Int64(planes), mean,
                mean + planes)
        }
        let maps = try Storage<Float>(count: checkedProduct([3, samples.count, planes], "scales of samples"))
        let (weight, bias) = (weight?.pointer, bias?.pointer)
        let (means, deviations) = (statistics.mean.pointer, statistics.inverseDeviation.pointer)
        let remainders = statistics.remainder?.pointer
        for sample in 0..<samples.count {
            let (mean, scale, shift) = Self.vectors(maps, sample, planes)
            let start = sample * groups
            for group in 0..<groups {
                let planesOfGroup = group * width..<(group + 1) * width
                let (exact, variance) = combined(moments, chunks, chunks.ofSample(sample), planesOfGroup, planes)
                let rounded = Float(exact)
                let inverse = 1 / (variance + epsilon).squareRoot()
                let place = start + group
                means[place] = rounded
                deviations[place] = Float(inverse)
                remainders?[place] = Float(exact - Double(rounded))
                for p in planesOfGroup {
                    mean[p] = rounded
                    scale[p] = Float(inverse * Double(weight?[p] ?? 1))
                    // What rounding took from the mean comes back with the shift.
                    shift[p] = Float(Double(bias?[p] ?? 0) - (exact - Double(rounded)) * Double(scale[p]))
                }
            }
        }
        Parallel.forEach(chunks.count) { chunk in
            let (mean, scale, shift) = Self.vectors(maps, chunks.sampleOfChunk(chunk), planes)
            let start = chunks.firstRow(chunk) * planes
            kernels.batch_norm_apply(
                input.pointer + start, Int64(chunks.rowCount(chunk)), Int64(planes), mean, scale, shift, 1,
                result.pointer + start)
        }
        withExtendedLifetime((partial, maps)) {}
    }

    /// result: by the input; weightResult, biasResult: [planes], by the parameters, nil where not wanted.
    package func backward(
        input: Matrix, gradient: Matrix, samples: SampleRows, weight: Matrix?, statistics: Statistics,
        weightResult: Matrix?, biasResult: Matrix?, into result: Matrix
    ) throws(SCNError) {
        let planes = input.planes
        let width = planes / groups
        try check(input, samples)
        try gradient.requireSameShape(as: input, "gradient")
        try result.requireSameShape(as: input, "result")
        try requireVectors(
            planes, ["weight": weight, "weight_result": weightResult, "bias_result": biasResult])
        try statistics.check(samples, groups: groups)
        let kernels = try Kernels.fitting(["input": input, "gradient": gradient, "result": result])
        guard input.count > 0 else {
            for sums in [weightResult, biasResult] { if let sums { try Elements.fill(sums, with: 0) } }
            return
        }
        let chunks = try Chunks(samples)
        let partial = try Storage<Double>(count: checkedProduct([2, chunks.count, planes], "sums of chunks"))
        // Of each sample: its means, one a plane, and the three factors of its gradient.
        let maps = try Storage<Float>(count: checkedProduct([4, samples.count, planes], "scales of samples"))
        let (sums, base, weight) = (partial.pointer, maps.pointer, weight?.pointer)
        let (means, deviations) = (statistics.mean.pointer, statistics.inverseDeviation.pointer)
        let remainders = statistics.remainder?.pointer
        for sample in 0..<samples.count {
            let start = sample * groups
            for p in 0..<planes { base[4 * sample * planes + p] = means[start + p / width] }
        }
        Parallel.forEach(chunks.count) { chunk in
            let start = chunks.firstRow(chunk) * planes
            kernels.batch_norm_backward_sums(
                input.pointer + start, input.pointer + start, gradient.pointer + start, Int64(chunks.rowCount(chunk)),
                Int64(planes), base + 4 * chunks.sampleOfChunk(chunk) * planes, nil, nil, 1, sums + 2 * chunk * planes,
                sums + (2 * chunk + 1) * planes)
        }
        try expectMemory(planes, times: 32, "the gradients of \(planes) planes")
        var (byWeight, byBias) = ([Double](repeating: 0, count: planes), [Double](repeating: 0, count: planes))
        var (ofGradient, ofProduct) = (byWeight, byWeight)
        for sample in 0..<samples.count {
            let start = sample * groups
            let a = base + (4 * sample + 1) * planes
            let (b, c) = (a + planes, a + 2 * planes)
            for p in 0..<planes {
                (ofGradient[p], ofProduct[p]) = (0, 0)
                for chunk in chunks.ofSample(sample) {
                    ofGradient[p] += sums[2 * chunk * planes + p]
                    ofProduct[p] += sums[(2 * chunk + 1) * planes + p]
                }
            }
            for group in 0..<groups {
                let place = start + group
                let inverse = Double(deviations[place])
                let rounding = Double(remainders?[place] ?? 0)
                let count = Double(samples.rows(sample).count * width)
                var (meanGradient, meanProduct) = (0.0, 0.0)
                for p in group * width..<(group + 1) * width {
                    ofProduct[p] -= rounding * ofGradient[p]
                    byWeight[p] += inverse * ofProduct[p]
                    byBias[p] += ofGradient[p]
                    meanGradient += Double(weight?[p] ?? 1) * ofGradient[p] / count
                    meanProduct += Double(weight?[p] ?? 1) * ofProduct[p] * inverse / count
                }
                let slope = inverse * inverse * meanProduct
                for p in group * width..<(group + 1) * width {
                    a[p] = Float(inverse * Double(weight?[p] ?? 1))
                    b[p] = Float(-slope)
                    c[p] = Float(slope * rounding - inverse * meanGradient)
                }
            }
        }
        let (weightSums, biasSums) = (weightResult?.pointer, biasResult?.pointer)
        for p in 0..<planes {
            weightSums?[p] = Float(byWeight[p])
            biasSums?[p] = Float(byBias[p])
        }
        Parallel.forEach(chunks.count) { chunk in
            let mean = base + 4 * chunks.sampleOfChunk(chunk) * planes
            let start = chunks.firstRow(chunk) * planes
            kernels.batch_norm_backward_apply(
                input.pointer + start, input.pointer + start, gradient.pointer + start, Int64(chunks.rowCount(chunk)),
                Int64(planes), mean, nil, nil, 1, mean + planes, mean + 2 * planes, mean + 3 * planes,
                result.pointer + start)
        }
        withExtendedLifetime((partial, maps)) {}
    }

    private func check(_ input: Matrix, _ samples: SampleRows) throws(SCNError) {
        try require(
            input.planes % groups == 0, .shape,
            "input: has \(counted(input.planes, .plane)), expected a multiple of the groups, \(groups)")
        let rows = samples.rowCount
        try require(
            input.rows == rows, .shape, "input: has \(counted(input.rows, .row)), expected \(rows), one for each site")
    }

    private static func vectors(_ maps: Storage<Float>, _ index: Int, _ planes: Int) -> (
        UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>
    ) {
        let base = maps.pointer + 3 * index * planes
        return (base, base + planes, base + 2 * planes)
    }

    /// Mean and variance of some planes over some chunks, from each chunk's means and squares.
    private func combined(
        _ moments: UnsafePointer<Double>, _ chunks: Chunks, _ range: Range<Int>, _ planesOfGroup: Range<Int>,
        _ planes: Int
    ) -> (mean: Double, variance: Double) {
        var (mean, squares, before) = (0.0, 0.0, 0.0)
        for chunk in range {
            let count = Double(chunks.rowCount(chunk))
            let source = moments + 2 * chunk * planes
            for p in planesOfGroup {
                let difference = source[p] - mean
                mean += difference * count / (before + count)
                squares += source[planes + p] + difference * difference * before * count / (before + count)
                before += count
            }
        }
        return (mean, squares / max(1, before))
    }
}

/// The rows of samples, cut into chunks that depend on the samples' sizes alone.
private struct Chunks: @unchecked Sendable {
    let count: Int
    /// The first chunk of each sample, and the number of chunks.
    private let firstChunks: Storage<Int>
    /// Of each chunk: its first row, its rows, and its sample's place among those that have sites.
    private let table: Storage<Int>

    init(_ samples: SampleRows) throws(SCNError) {
        let size = ChunkSizes.moments.rows(samples.rowCount)
        firstChunks = try Storage(count: samples.count + 1)
        var found = 0
        for place in 0..<samples.count {
            firstChunks[place] = found
            found += Parallel.chunkCount(samples.rows(place).count, size: size)
        }
        firstChunks[samples.count] = found
        count = found
        table = try Storage(count: checkedProduct([3, count], "the chunks of samples"))
        for place in 0..<samples.count {
            let rows = samples.rows(place)
            for (number, chunk) in ofSample(place).enumerated() {
                table[3 * chunk] = rows.lowerBound + number * size
                table[3 * chunk + 1] = min(size, rows.count - number * size)
                table[3 * chunk + 2] = place
            }
        }
    }

    func ofSample(_ place: Int) -> Range<Int> { firstChunks[place]..<firstChunks[place + 1] }
    func firstRow(_ chunk: Int) -> Int { table[3 * chunk] }
    func rowCount(_ chunk: Int) -> Int { table[3 * chunk + 1] }
    func sampleOfChunk(_ chunk: Int) -> Int { table[3 * chunk + 2] }
}
