internal import CSCNKernels
package import SCNCore

/// Every plane times a number of its own.
package enum PlaneScaling {
    /// result = input * factors, factors [planes]; in place allowed.
    package static func apply(_ input: Matrix, factors: Matrix, into result: Matrix) throws(SCNError) {
        let zeros = try Matrix(zeros: 1, planes: input.planes)
        try PlaneMaps.apply(input, mean: zeros, scale: factors, shift: zeros, leakiness: 1, into: result)
    }
}

/// Maps of each plane by three numbers of its own, as normalizations need them.
enum PlaneMaps {
    /// y = (x - mean) * scale + shift, then y > 0 ? y : leakiness * y; vectors are [planes]. Input and result are each
    /// float32 or bfloat16.
    static func apply(
        _ input: Matrix, mean: Matrix, scale: Matrix, shift: Matrix, leakiness: Float, into result: Matrix
    ) throws(SCNError) {
        let kernels = try Kernels.fitting(["mean": mean, "scale": scale, "shift": shift])
        let planes = input.planes
        try result.requireSameShape(as: input, "result")
        for (vector, name) in [(mean, "mean"), (scale, "scale"), (shift, "shift")] {
            try vector.requireShape(1, planes, name)
        }
        if planes == 0 { return }
        if Elements.areConverted(input, result) {
            return try Elements.forRowsAsFloat32(input, into: result) { kernels, rows, source, _, target in
                kernels.batch_norm_apply(
                    source, Int64(rows), Int64(planes), mean.pointer, scale.pointer, shift.pointer, leakiness, target)
            }
        }
        try Kernels.requireFitting(["input": input, "result": result])
        Parallel.forEachChunk(input.rows, size: chunkRows(planes)) { _, range in
            let start = range.lowerBound * planes
            kernels.batch_norm_apply(
                input.pointer + start, Int64(range.count), Int64(planes), mean.pointer, scale.pointer, shift.pointer,
                leakiness, result.pointer + start)
        }
    }

    /// The rows of a chunk.
    static func chunkRows(_ planes: Int) -> Int { max(1, ChunkSizes.elements / planes) }
}
