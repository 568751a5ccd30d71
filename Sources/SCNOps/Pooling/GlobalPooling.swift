internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// Pooling of all sites of a sample into one row; a sample without sites gets zeros. Sums are added in double; NaN is
/// the largest of all.
public enum GlobalPooling: Int, CaseIterable, Sendable {
    /// The sum over the sample's sites.
    case sum = 0
    /// Over the sample's sites: inactive ones do not count.
    case average = 1
    /// Over the sample's sites, so that it may be negative; NaN wins. Tied maxima all get the gradient.
    case max = 2

    /// result [batch, planes] from input [sites, planes].
    package func forward(_ sites: SiteSet, input: Matrix, into result: Matrix) throws(SCNError) {
        try input.requireShape(sites.count, input.planes, "input")
        try result.requireShape(sites.batchSize, input.planes, "result")
        let kernels = try Kernels.fitting(["input": input, "result": result])
        if input.count == 0 { return result.pointer.update(repeating: 0, count: result.count) }
        let samples = try sites.samples()
        let pieces = try SamplePieces(samples)
        if self == .max {
            try largest(kernels, input, samples, pieces, into: result)
        } else {
            try sums(kernels, input, samples, pieces, into: result)
        }
    }

    private func sums(
        _ kernels: scn_kernel_table, _ input: Matrix, _ samples: SampleRows, _ pieces: SamplePieces, into result: Matrix
    ) throws(SCNError) {
        let planes = input.planes
        let partial = try Storage<Double>(count: checkedProduct([pieces.count, planes], "sums of samples"))
        let base = partial.pointer
        Parallel.forEach(pieces.count) { piece in
            let rows = pieces.rows(piece)
            kernels.column_sums(
                input.pointer + rows.lowerBound * planes, Int64(planes), Int64(rows.count), Int64(planes),
                base + piece * planes)
        }
        result.pointer.update(repeating: 0, count: result.count)
        Parallel.forEachChunk(samples.count, size: ChunkSizes.samples) { _, places in
            for place in places {
                let target = result.row(Int(samples.indices[place]))
                let divisor = self == .average ? Double(samples.rows(place).count) : 1
                for p in 0..<planes {
                    var sum = 0.0
                    for piece in pieces.ofSample(place) { sum += base[piece * planes + p] }
                    target[p] = Float(sum / divisor)
                }
            }
        }
        withExtendedLifetime((partial, input, result)) {}
    }

    private func largest(
        _ kernels: scn_kernel_table, _ input: Matrix, _ samples: SampleRows, _ pieces: SamplePieces, into result: Matrix
    ) throws(SCNError) {
        let planes = input.planes
        let partial = try Matrix(rows: pieces.count, planes: planes)
        let consecutive = try Storage<Int32>(0..<Int32(ChunkSizes.sampleRows))
        let zeros = try Storage<Int32>(count: ChunkSizes.sampleRows, zeroed: true)
        /// The maxima of consecutive rows.
        func pool(_ source: UnsafePointer<Float>, _ count: Int, _ target: UnsafeMutablePointer<Float>) {
            target.update(from: source, count: planes)
            for first in stride(from: 1, to: count, by: ChunkSizes.sampleRows) {
                kernels.max_pooling_forward(
                    Int64(min(ChunkSizes.sampleRows, count - first)), consecutive.pointer, zeros.pointer,
                    source + first * planes, Int64(planes), target, Int64(planes), Int64(planes))
            }
        }
        Parallel.forEach(pieces.count) { piece in
            let rows = pieces.rows(piece)
            pool(input.pointer + rows.lowerBound * planes, rows.count, partial.pointer + piece * planes)
        }
        result.pointer.update(repeating: 0, count: result.count)
        Parallel.forEachChunk(samples.count, size: ChunkSizes.samples) { _, places in
            for place in places {
                let own = pieces.ofSample(place)
                pool(
                    partial.pointer + own.lowerBound * planes, own.count, result.row(Int(samples.indices[place])))
            }
        }
        withExtendedLifetime((partial, consecutive, zeros, input, result)) {}
    }

    /// result [sites, planes]: by the input. input and output: of the forward pass; gradient: shaped as output.
    package func backward(
        _ sites: SiteSet, input: Matrix, output: Matrix, gradient: Matrix, into result: Matrix
    ) throws(SCNError) {
        try input.requireShape(sites.count, input.planes, "input")
        try output.requireShape(sites.batchSize, input.planes, "output")
        try gradient.requireSameShape(as: output, "gradient")
        try result.requireSameShape(as: input, "result")
        let kernels = try Kernels.fitting([
            "input": input, "output": output, "gradient": gradient, "result": result,
        ])
        let samples = try sites.samples()
        let pieces = try SamplePieces(samples)
        let planes = input.planes
        if input.count == 0 { return }
        let consecutive = try Storage<Int32>(0..<Int32(ChunkSizes.sampleRows))
        let zeros = try Storage<Int32>(count: ChunkSizes.sampleRows, zeroed: true)
        Parallel.forEach(pieces.count) { piece in
            let (rows, place) = (pieces.rows(piece), pieces.sample(piece))
            let sample = Int(samples.indices[place]) * planes
            let (source, target) = (gradient.pointer + sample, result.pointer + rows.lowerBound * planes)
            if self == .max {
                target.update(repeating: 0, count: rows.count * planes)
                kernels.max_pooling_backward(
                    Int64(rows.count), consecutive.pointer, zeros.pointer, input.pointer + rows.lowerBound * planes,
                    output.pointer + sample, source, target, Int64(planes), Int64(planes), Int64(planes))
            } else {
                let divisor = self == .average ? samples.rows(place).count : 1
                kernels.divide(source, Float(divisor), Int64(planes), target)
                kernels.copy_rows(
                    Int64(rows.count - 1), target, 0, target + planes, Int64(planes), Int64(planes))
            }
        }
        withExtendedLifetime((consecutive, zeros, input, output, gradient, result)) {}
    }
}

/// The rows of every sample, cut into pieces whose bounds depend on the sites alone.
private struct SamplePieces: @unchecked Sendable {
    /// [count + 1]
    private let firstRows: Storage<Int64>
    /// The place of each piece's sample: [count].
    private let places: Storage<Int64>
    /// Those of a sample are consecutive: [samples + 1].
    private let firstPieces: Storage<Int64>
    let count: Int

    init(_ samples: SampleRows) throws(SCNError) {
        firstPieces = try Storage(count: samples.count + 1)
        var found = 0
        for place in 0..<samples.count {
            firstPieces[place] = Int64(found)
            found += Parallel.chunkCount(samples.rows(place).count, size: ChunkSizes.sampleRows)
        }
        firstPieces[samples.count] = Int64(found)
        count = found
        firstRows = try Storage(count: count + 1)
        places = try Storage(count: count)
        for place in 0..<samples.count {
            for (number, piece) in ofSample(place).enumerated() {
                firstRows[piece] = samples.starts[place] + Int64(number * ChunkSizes.sampleRows)
                places[piece] = Int64(place)
            }
        }
        firstRows[count] = Int64(samples.rowCount)
    }

    func rows(_ piece: Int) -> Range<Int> { Int(firstRows[piece])..<Int(firstRows[piece + 1]) }
    func sample(_ piece: Int) -> Int { Int(places[piece]) }
    func ofSample(_ place: Int) -> Range<Int> { Int(firstPieces[place])..<Int(firstPieces[place + 1]) }
}
