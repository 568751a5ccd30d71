internal import CSCNKernels
package import SCNCore

/// The sum of each plane over all rows, added in double: gradients by a bias.
package enum ColumnSums {
    package static func compute(_ input: Matrix, into result: UnsafeMutablePointer<Float>) throws(SCNError) {
        let kernels = try Kernels.table()
        let planes = input.planes
        let chunkRows = reductionChunk(input.rows, atLeast: 1024)
        let chunks = Parallel.chunkCount(input.rows, size: chunkRows)
        let partial = try Storage<Double>(count: chunks * planes)
        let base = partial.pointer
        Parallel.forEachChunk(input.rows, size: chunkRows) { chunk, range in
            kernels.column_sums(
                input.pointer + range.lowerBound * planes, Int64(planes), Int64(range.count), Int64(planes),
                base + chunk * planes)
        }
        for p in 0..<planes {
            var sum = 0.0
            for chunk in 0..<chunks { sum += base[chunk * planes + p] }
            result[p] = Float(sum)
        }
        withExtendedLifetime((partial, input)) {}
    }
}
