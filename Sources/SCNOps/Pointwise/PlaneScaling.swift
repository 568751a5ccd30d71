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
        try Kernels.requireFitting(["mean": mean, "scale": scale, "shift": shift])
        let planes = input.planes
        try result.requireSameShape(as: input, "result")
        for (vector, name) in [(mean, "mean"), (scale, "scale"), (shift, "shift")] {
            try vector.requireShape(1, planes, name)
        }
        try Elements.forRowsAsFloat32(["input": input], into: result) { rows in
            rows.kernels.batch_norm_apply(
                rows.a, Int64(rows.rows), Int64(planes), mean.pointer, scale.pointer, shift.pointer, leakiness,
                rows.result)
        }
    }

    /// The rows of a chunk.
    static func chunkRows(_ planes: Int) -> Int { max(1, ChunkSizes.elements / planes) }
}
