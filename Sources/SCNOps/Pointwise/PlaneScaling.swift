internal import CSCNKernels
package import SCNCore

/// Every plane times a number of its own.
package enum PlaneScaling {
    /// result = input * factors, factors [planes]; in place allowed.
    package static func apply(_ input: Matrix, factors: UnsafePointer<Float>, into result: Matrix) throws(SCNError) {
        try result.requireSameShape(as: input, "result")
        let zeros = try Storage<Float>(count: input.planes, zeroed: true)
        try PlaneMaps.apply(
            input, mean: zeros.pointer, scale: factors, shift: zeros.pointer, leakiness: 1, into: result)
        withExtendedLifetime(zeros) {}
    }
}

/// Maps of each plane by three numbers of its own, as normalisations need them.
enum PlaneMaps {
    /// y = (x - mean) * scale + shift, then y > 0 ? y : leakiness * y; vectors are [planes].
    static func apply(
        _ input: Matrix, mean: UnsafePointer<Float>, scale: UnsafePointer<Float>, shift: UnsafePointer<Float>,
        leakiness: Float, into result: Matrix
    ) throws(SCNError) {
        let kernels = try Kernels.table()
        let planes = input.planes
        if planes == 0 { return }
        Parallel.forEachChunk(input.rows, size: max(1, Kernels.elementChunk / planes)) { _, range in
            let start = range.lowerBound * planes
            kernels.batch_norm_apply(
                input.pointer + start, Int64(range.count), Int64(planes), mean, scale, shift, leakiness,
                result.pointer + start)
        }
    }
}
