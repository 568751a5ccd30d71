internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// Pooling of all sites of a sample into one row; a sample without sites gets zeros.
public enum GlobalPooling: Int, CaseIterable, Sendable {
    /// The sum over the sample's sites.
    case sum = 0
    /// Over the sample's sites: inactive ones do not count.
    case average = 1
    /// Over the sample's sites, so that it may be negative. Tied maxima all get the gradient.
    case max = 2

    /// result [batch, planes] from input [sites, planes].
    package func forward(_ sites: SiteSet, input: Matrix, into result: Matrix) throws(SCNError) {
        try input.requireShape(sites.count, input.planes, "input")
        try result.requireShape(sites.batchSize, input.planes, "result")
        let kernels = try Kernels.table()
        let pieces = try SamplePieces(sites)
        let planes = input.planes
        let partial = try Matrix(rows: pieces.count, planes: planes)
        let joined = SamplePieces.mostRows
        let rows = try Storage<Int32>((0..<Int32(joined)))
        let zeros = try Storage<Int32>(count: joined, zeroed: true)
        /// Pools consecutive rows into one.
        func pool(_ source: UnsafePointer<Float>, _ count: Int, _ target: UnsafeMutablePointer<Float>) {
            if self == .max {
                target.update(from: source, count: planes)
                kernels.max_pooling_forward(
                    Int64(count), rows.pointer, zeros.pointer, source, Int64(planes), target, Int64(planes),
                    Int64(planes))
            } else {
                kernels.column_sums(source, Int64(planes), Int64(count), Int64(planes), target)
            }
        }
        let (first, firstPiece) = (pieces.firstRows.pointer, pieces.firstPieces.pointer)
        Parallel.forEach(pieces.count) { piece in
            pool(
                input.pointer + Int(first[piece]) * planes, Int(first[piece + 1] - first[piece]),
                partial.pointer + piece * planes)
        }
        Parallel.forEachChunk(sites.batchSize, size: 64) { _, samples in
            for sample in samples {
                let target = result.pointer + sample * planes
                let (begin, end) = (Int(firstPiece[sample]), Int(firstPiece[sample + 1]))
                target.update(repeating: 0, count: planes)
                if begin == end { continue }
                target.update(from: partial.pointer + begin * planes, count: planes)
                for piece in begin + 1..<Swift.max(end, begin + 1) {
                    let next = partial.pointer + piece * planes
                    if self == .max {
                        kernels.max_pooling_forward(
                            1, zeros.pointer, zeros.pointer, next, Int64(planes), target, Int64(planes), Int64(planes))
                    } else {
                        kernels.add(target, next, Int64(planes), target)
                    }
                }
                if self == .average {
                    kernels.scale(target, 1 / Float(first[end] - first[begin]), Int64(planes), target)
                }
            }
        }
        withExtendedLifetime((pieces, partial, rows, zeros, input, result)) {}
    }

    /// result [sites, planes]: by the input. input and output: of the forward pass; gradient: shaped as output.
    package func backward(
        _ sites: SiteSet, input: Matrix, output: Matrix, gradient: Matrix, into result: Matrix
    ) throws(SCNError) {
        try input.requireShape(sites.count, input.planes, "input")
        try output.requireShape(sites.batchSize, input.planes, "output")
        try gradient.requireSameShape(as: output, "gradient")
        try result.requireSameShape(as: input, "result")
        let kernels = try Kernels.table()
        let pieces = try SamplePieces(sites)
        let planes = input.planes
        let rows = try Storage<Int32>((0..<Int32(SamplePieces.mostRows)))
        let zeros = try Storage<Int32>(count: SamplePieces.mostRows, zeroed: true)
        let (first, firstPiece, sampleOf) = (
            pieces.firstRows.pointer, pieces.firstPieces.pointer, pieces.samples.pointer
        )
        Parallel.forEach(pieces.count) { piece in
            let (begin, count) = (Int(first[piece]), first[piece + 1] - first[piece])
            let sample = Int(sampleOf[piece])
            let target = result.pointer + begin * planes
            target.update(repeating: 0, count: Int(count) * planes)
            if self == .max {
                kernels.max_pooling_backward(
                    count, rows.pointer, zeros.pointer, input.pointer + begin * planes,
                    output.pointer + sample * planes, gradient.pointer + sample * planes, target, Int64(planes),
                    Int64(planes), Int64(planes))
            } else {
                let (sampleBegin, sampleEnd) = (first[Int(firstPiece[sample])], first[Int(firstPiece[sample + 1])])
                let scale = self == .average ? 1 / Float(sampleEnd - sampleBegin) : 1
                kernels.add_rows(
                    count, zeros.pointer, rows.pointer, gradient.pointer + sample * planes, Int64(planes), target,
                    Int64(planes), Int64(planes), scale)
            }
        }
        withExtendedLifetime((pieces, rows, zeros, input, output, gradient, result)) {}
    }
}

/// The rows of every sample, cut into pieces whose bounds depend on the sites alone.
private struct SamplePieces {
    static let mostRows = 2048
    /// [count + 1]
    let firstRows: Storage<Int64>
    /// [count]
    let samples: Storage<Int64>
    /// [batch + 1]: those of a sample are consecutive.
    let firstPieces: Storage<Int64>
    let count: Int

    init(_ sites: SiteSet) throws(SCNError) {
        let rows = try sites.samples()
        let (row, batch) = (rows.pointer, sites.batchSize)
        firstPieces = try Storage(count: batch + 1)
        let piece = firstPieces.pointer
        piece[0] = 0
        for sample in 0..<batch {
            piece[sample + 1] =
                piece[sample] + Int64(Parallel.chunkCount(Int(row[sample + 1] - row[sample]), size: Self.mostRows))
        }
        count = Int(piece[batch])
        firstRows = try Storage(count: count + 1)
        samples = try Storage(count: count)
        for sample in 0..<batch {
            for index in piece[sample]..<piece[sample + 1] {
                firstRows[Int(index)] = row[sample] + (index - piece[sample]) * Int64(Self.mostRows)
                samples[Int(index)] = Int64(sample)
            }
        }
        firstRows[count] = row[batch]
    }
}
