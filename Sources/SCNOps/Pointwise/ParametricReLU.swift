internal import CSCNKernels
package import SCNCore

/// A ReLU whose leaks are learned (He et al., "Delving deep into rectifiers", 2015): x > 0 ? x : leak * x.
package enum ParametricReLU {
    /// leaks: [planes], or [1] for all planes. In place allowed.
    package static func forward(_ input: Matrix, leaks: Matrix, into result: Matrix) throws(SCNError) {
        let planes = input.planes
        try result.requireSameShape(as: input, "result")
        let leaks = try ofPlanes(leaks, planes)
        let kernels = try Kernels.fitting(["input": input, "result": result])
        guard input.count > 0 else { return }
        Parallel.forEachChunk(input.rows, size: PlaneMaps.chunkRows(planes)) { _, range in
            let start = range.lowerBound * planes
            kernels.prelu(
                input.pointer + start, Int64(range.count), Int64(planes), leaks.pointer, result.pointer + start)
        }
    }

    /// result: by the input; leaksResult: shaped as leaks, by these, nil where not wanted.
    package static func backward(
        input: Matrix, gradient: Matrix, leaks: Matrix, leaksResult: Matrix?, into result: Matrix
    ) throws(SCNError) {
        let planes = input.planes
        try gradient.requireSameShape(as: input, "gradient")
        try result.requireSameShape(as: input, "result")
        try requireVectors(leaks.planes, ["leaks_result": leaksResult])
        let leaks = try ofPlanes(leaks, planes)
        let kernels = try Kernels.fitting(["input": input, "gradient": gradient, "result": result])
        try PlaneSums.forEachChunk(input.rows, into: [leaksResult], planes: planes) { range, sums in
            let start = range.lowerBound * planes
            kernels.prelu_backward(
                input.pointer + start, gradient.pointer + start, Int64(range.count), Int64(planes), leaks.pointer, sums,
                result.pointer + start)
        }
    }

    /// A leak for each plane.
    private static func ofPlanes(_ leaks: Matrix, _ planes: Int) throws(SCNError) -> Matrix {
        guard leaks.planes == 1 && planes != 1 else {
            try requireVectors(planes, ["leaks": leaks])
            return leaks
        }
        try requireVectors(1, ["leaks": leaks])
        let spread = try Matrix(rows: 1, planes: planes)
        try Elements.fill(spread, with: leaks.pointer[0])
        return spread
    }
}
