internal import CSCNKernels
package import SCNCore

/// The sum of each plane over all rows, added in double: gradients by a bias.
package enum ColumnSums {
    /// result: [planes], float32; input is float32 or bfloat16.
    package static func compute(_ input: Matrix, into result: Matrix) throws(SCNError) {
        try Kernels.requireFitting(["result": result])
        let planes = input.planes
        try result.requireShape(1, planes, "result")
        let chunkRows = ChunkSizes.columnSums.rows(input.rows)
        let chunks = Parallel.chunkCount(input.rows, size: chunkRows)
        let partial = try Storage<Double>(count: chunks * planes)
        let base = partial.pointer
        try Elements.forRowsAsFloat32(["input": input], chunkRows: chunkRows) { chunk in
            chunk.kernels.column_sums(
                chunk.a, Int64(planes), Int64(chunk.rows), Int64(planes), base + chunk.chunk * planes)
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
