internal import CSCNKernels
package import SCNCore

/// Group normalisation (Wu and He, 2018): each sample's sites and each group of neighbouring planes have a mean and a
/// variance of their own.
///
/// Variance is the mean of squared deviations from the mean; chunks and planes combine as in Chan, Golub and LeVeque (1979),
/// in double. A sample's rows are contiguous: `samples` [batch + 1] holds where each begins, and the number of rows.
package struct GroupNormalizationOperation {
    package let groups: Int
    package let epsilon: Double

    package init(groups: Int, epsilon: Double) throws(SCNError) {
        try require(groups >= 1, .invalidArgument, "groups: is \(groups), expected at least 1")
        try require(
            epsilon > 0 && epsilon.isFinite, .invalidArgument, "epsilon: is \(epsilon), expected a positive number")
        self.groups = groups
        self.epsilon = epsilon
    }

    package typealias Vector = UnsafePointer<Float>
    package typealias MutableVector = UnsafeMutablePointer<Float>

    /// The statistics of a forward pass, [batch, groups] each; `remainder` is what rounding took from `mean`.
    package struct Statistics {
        package let mean: MutableVector
        package let inverseDeviation: MutableVector
        package let remainder: MutableVector?

        package init(mean: MutableVector, inverseDeviation: MutableVector, remainder: MutableVector? = nil) {
            self.mean = mean
            self.inverseDeviation = inverseDeviation
            self.remainder = remainder
        }
    }

    /// weight, bias: [planes], nil for ones and zeros. Statistics of samples without rows are zeros.
    package func forward(
        _ input: Matrix, samples: Storage<Int64>, weight: Vector?, bias: Vector?, statistics: Statistics,
        into result: Matrix
    ) throws(SCNError) {
        try check(input, samples)
        try result.requireSameShape(as: input, "result")
        let kernels = try Kernels.table()
        let planes = input.planes
        let width = planes / groups
        let batch = samples.count - 1
        for vector in [statistics.mean, statistics.inverseDeviation, statistics.remainder] {
            vector?.update(repeating: 0, count: batch * groups)
        }
        guard input.count > 0 else { return }
        let chunks = try Chunks(samples)
        let partial = try Storage<Float>(count: checkedProduct([3, chunks.count, planes], "sums of chunks"))
        let moments = partial.pointer
        Parallel.forEach(chunks.count) { chunk in
            let mean = moments + 3 * chunk * planes
            kernels.column_moments(
                input.pointer + chunks.firstRow(chunk) * planes, Int64(chunks.rowCount(chunk)), Int64(planes), mean,
                mean + planes, mean + 2 * planes)
        }
        let maps = try Storage<Float>(count: checkedProduct([3, chunks.samples.count, planes], "scales of samples"))
        for (index, sample) in chunks.samples.enumerated() {
            let (mean, scale, shift) = Self.vectors(maps, index, planes)
            for group in 0..<groups {
                let planesOfGroup = group * width..<(group + 1) * width
                let (exact, variance) = combined(moments, chunks, sample.chunks, planesOfGroup, planes)
                let rounded = Float(exact)
                let inverse = 1 / (variance + epsilon).squareRoot()
                let place = sample.index * groups + group
                statistics.mean[place] = rounded
                statistics.inverseDeviation[place] = Float(inverse)
                statistics.remainder?[place] = Float(exact - Double(rounded))
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
        input: Matrix, gradient: Matrix, samples: Storage<Int64>, weight: Vector?, statistics: Statistics,
        weightResult: MutableVector?, biasResult: MutableVector?, into result: Matrix
    ) throws(SCNError) {
        try check(input, samples)
        try gradient.requireSameShape(as: input, "gradient")
        try result.requireSameShape(as: input, "result")
        let kernels = try Kernels.table()
        let planes = input.planes
        let width = planes / groups
        weightResult?.update(repeating: 0, count: planes)
        biasResult?.update(repeating: 0, count: planes)
        guard input.count > 0 else { return }
        let chunks = try Chunks(samples)
        let partial = try Storage<Float>(count: checkedProduct([2, chunks.count, planes], "sums of chunks"))
        // Of each sample: its means, one a plane, and the three factors of its gradient.
        let maps = try Storage<Float>(count: checkedProduct([4, chunks.samples.count, planes], "scales of samples"))
        let (sums, base) = (partial.pointer, maps.pointer)
        for (index, sample) in chunks.samples.enumerated() {
            for p in 0..<planes { base[4 * index * planes + p] = statistics.mean[sample.index * groups + p / width] }
        }
        Parallel.forEach(chunks.count) { chunk in
            let start = chunks.firstRow(chunk) * planes
            kernels.batch_norm_backward_sums(
                input.pointer + start, input.pointer + start, gradient.pointer + start, Int64(chunks.rowCount(chunk)),
                Int64(planes), base + 4 * chunks.sampleOfChunk(chunk) * planes, 1, sums + 2 * chunk * planes,
                sums + (2 * chunk + 1) * planes)
        }
        try expectMemory(planes, times: 32, "the gradients of \(planes) planes")
        var (byWeight, byBias) = ([Double](repeating: 0, count: planes), [Double](repeating: 0, count: planes))
        var (ofGradient, ofProduct) = (byWeight, byWeight)
        for (index, sample) in chunks.samples.enumerated() {
            let a = base + (4 * index + 1) * planes
            let (b, c) = (a + planes, a + 2 * planes)
            for p in 0..<planes {
                (ofGradient[p], ofProduct[p]) = (0, 0)
                for chunk in sample.chunks {
                    ofGradient[p] += Double(sums[2 * chunk * planes + p])
                    ofProduct[p] += Double(sums[(2 * chunk + 1) * planes + p])
                }
            }
            for group in 0..<groups {
                let place = sample.index * groups + group
                let inverse = Double(statistics.inverseDeviation[place])
                let rounding = Double(statistics.remainder?[place] ?? 0)
                let count = Double(sample.rowCount * width)
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
        for p in 0..<planes {
            weightResult?[p] = Float(byWeight[p])
            biasResult?[p] = Float(byBias[p])
        }
        Parallel.forEach(chunks.count) { chunk in
            let mean = base + 4 * chunks.sampleOfChunk(chunk) * planes
            let start = chunks.firstRow(chunk) * planes
            kernels.batch_norm_backward_apply(
                input.pointer + start, input.pointer + start, gradient.pointer + start, Int64(chunks.rowCount(chunk)),
                Int64(planes), mean, 1, mean + planes, mean + 2 * planes, mean + 3 * planes, result.pointer + start)
        }
        withExtendedLifetime((partial, maps)) {}
    }

    private func check(_ input: Matrix, _ samples: Storage<Int64>) throws(SCNError) {
        try require(
            input.planes % groups == 0, .shape,
            "input: has \(input.planes) planes, expected a multiple of the groups, \(groups)")
        let rows = Int(samples[samples.count - 1])
        try require(input.rows == rows, .shape, "input: has \(input.rows) rows, expected \(rows), one for each site")
    }

    private static func vectors(_ maps: Storage<Float>, _ index: Int, _ planes: Int) -> (
        MutableVector, MutableVector, MutableVector
    ) {
        let base = maps.pointer + 3 * index * planes
        return (base, base + planes, base + 2 * planes)
    }

    /// Mean and variance of some planes over some chunks, from each chunk's mean, remainder and squares a plane.
    private func combined(
        _ moments: UnsafePointer<Float>, _ chunks: Chunks, _ range: Range<Int>, _ planesOfGroup: Range<Int>,
        _ planes: Int
    ) -> (mean: Double, variance: Double) {
        var (mean, squares, before) = (0.0, 0.0, 0.0)
        for chunk in range {
            let count = Double(chunks.rowCount(chunk))
            let source = moments + 3 * chunk * planes
            for p in planesOfGroup {
                let difference = Double(source[p]) + Double(source[planes + p]) - mean
                mean += difference * count / (before + count)
                squares += Double(source[2 * planes + p]) + difference * difference * before * count / (before + count)
                before += count
            }
        }
        return (mean, squares / max(1, before))
    }
}

/// The rows of samples, cut into chunks that depend on the samples' sizes alone.
private struct Chunks: @unchecked Sendable {
    struct Sample {
        var index: Int
        var rowCount: Int
        var chunks: Range<Int>
    }

    /// Those that have rows.
    private(set) var samples: [Sample] = []
    private(set) var count = 0
    /// Of each chunk: its first row, its rows, and its sample's place in `samples`.
    private let table: Storage<Int>

    init(_ starts: Storage<Int64>) throws(SCNError) {
        let rows = Int(starts[starts.count - 1])
        let size = reductionChunk(rows, atLeast: 256, limit: 256)
        for index in 0..<starts.count - 1 where starts[index + 1] > starts[index] {
            let rowCount = Int(starts[index + 1] - starts[index])
            let chunks = Parallel.chunkCount(rowCount, size: size)
            samples.append(Sample(index: index, rowCount: rowCount, chunks: count..<count + chunks))
            count += chunks
        }
        table = try Storage(count: 3 * count)
        for (place, sample) in samples.enumerated() {
            for (number, chunk) in sample.chunks.enumerated() {
                table[3 * chunk] = Int(starts[sample.index]) + number * size
                table[3 * chunk + 1] = min(size, sample.rowCount - number * size)
                table[3 * chunk + 2] = place
            }
        }
    }

    func firstRow(_ chunk: Int) -> Int { table[3 * chunk] }
    func rowCount(_ chunk: Int) -> Int { table[3 * chunk + 1] }
    func sampleOfChunk(_ chunk: Int) -> Int { table[3 * chunk + 2] }
}
