internal import CSCNKernels
package import SCNCore

/// A ReLU whose leaks are learned (He et al., "Delving deep into rectifiers", 2015): x > 0 ? x : leak * x.
package enum ParametricReLU {
    /// leaks: [planes]. In place allowed.
    package static func forward(_ input: Matrix, leaks: Matrix, into result: Matrix) throws(SCNError) {
        let planes = input.planes
        try result.requireSameShape(as: input, "result")
        try requireVectors(planes, ["leaks": leaks])
        let kernels = try Kernels.fitting(["input": input, "result": result])
        guard input.count > 0 else { return }
        Parallel.forEachChunk(input.rows, size: PlaneMaps.chunkRows(planes)) { _, range in
            let start = range.lowerBound * planes
            kernels.prelu(
                input.pointer + start, Int64(range.count), Int64(planes), leaks.pointer, result.pointer + start)
        }
    }

    /// result: by the input; leaksResult: [planes], by the leaks, nil where not wanted.
    package static func backward(
        input: Matrix, gradient: Matrix, leaks: Matrix, leaksResult: Matrix?, into result: Matrix
    ) throws(SCNError) {
        let planes = input.planes
        try gradient.requireSameShape(as: input, "gradient")
        try result.requireSameShape(as: input, "result")
        try requireVectors(planes, ["leaks": leaks, "leaks_result": leaksResult])
        let kernels = try Kernels.fitting(["input": input, "gradient": gradient, "result": result])
        try PlaneSums.forEachChunk(input.rows, into: [leaksResult], planes: planes) { range, sums in
            let start = range.lowerBound * planes
            kernels.prelu_backward(
                input.pointer + start, gradient.pointer + start, Int64(range.count), Int64(planes), leaks.pointer, sums,
                result.pointer + start)
        }
    }
}
