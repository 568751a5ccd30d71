internal import CSCNKernels
package import SCNCore

/// The sum of each plane over all rows, added in double: gradients by a bias.
package enum ColumnSums {
    /// result: [planes].
    package static func compute(_ input: Matrix, into result: Matrix) throws(SCNError) {
        let kernels = try Kernels.fitting(["input": input, "result": result])
        let planes = input.planes
        try result.requireShape(1, planes, "result")
        let chunkRows = ChunkSizes.columnSums.rows(input.rows)
        let chunks = Parallel.chunkCount(input.rows, size: chunkRows)
        let partial = try Storage<Double>(count: chunks * planes)
        let base = partial.pointer
        Parallel.forEachChunk(input.rows, size: chunkRows) { chunk, range in
            kernels.column_sums(
                input.pointer + range.lowerBound * planes, Int64(planes), Int64(range.count), Int64(planes),
                base + chunk * planes)
        }
        let sums = result.pointer
        for p in 0..<planes {
            var sum = 0.0
            for chunk in 0..<chunks { sum += base[chunk * planes + p] }
            sums[p] = Float(sum)
        }
        withExtendedLifetime((partial, input, result)) {}
    }
}
