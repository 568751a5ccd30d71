internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// Rows divided by a number of their own, in normalized convolution by what their filter sees; a row whose number is 0
/// becomes zeros.
package enum RowQuotients {
    /// How many inputs each output row of a rulebook meets, [output rows, 1].
    package static func occupancy(_ rules: Rulebook) throws(SCNError) -> Matrix {
        let (counts, result) = (try rules.outputCounts(), try Matrix(rows: rules.outputCount, planes: 1))
        let target = result.pointer
        for row in 0..<counts.count { target[row] = Float(counts[row]) }
        withExtendedLifetime(result) {}
        return result
    }

    /// result [n, planes] = rows [n, planes] / divisors [n, 1] + bias [planes], zeros where it is nil; in place
    /// allowed.
    package static func forward(
        _ rows: Matrix, by divisors: Matrix, bias: Matrix? = nil, into result: Matrix
    ) throws(SCNError) {
        let kernels = try Kernels.fitting(["rows": rows, "divisors": divisors, "bias": bias, "result": result])
        try result.requireSameShape(as: rows, "result")
        try divisors.requireShape(rows.rows, 1, "divisors")
        try bias?.requireShape(1, rows.planes, "bias")
        let planes = rows.planes
        let (divisor, shift) = (divisors.pointer, bias?.pointer)
        Parallel.forEachChunk(rows.rows, size: ChunkSizes.rows) { _, range in
            for row in range {
                let target = result.pointer + row * planes
                if divisor[row] == 0 {
                    target.update(repeating: 0, count: planes)
                } else {
                    kernels.divide(rows.pointer + row * planes, divisor[row], Int64(planes), target)
                }
                if let shift { kernels.add(target, shift, Int64(planes), target) }
            }
        }
        withExtendedLifetime((rows, divisors, bias, result)) {}
    }

    /// result [n, 1]: by the divisors, from the rows that were divided.
    package static func backwardDivisors(
        _ rows: Matrix, by divisors: Matrix, gradient: Matrix, into result: Matrix
    ) throws(SCNError) {
        try Kernels.requireFitting(["rows": rows, "divisors": divisors, "gradient": gradient, "result": result])
        try gradient.requireSameShape(as: rows, "gradient")
        try divisors.requireShape(rows.rows, 1, "divisors")
        try result.requireShape(rows.rows, 1, "result")
        let planes = rows.planes
        Parallel.forEachChunk(rows.rows, size: ChunkSizes.rows) { _, range in
            for row in range {
                let (value, slope) = (rows.pointer + row * planes, gradient.pointer + row * planes)
                let divisor = Double(divisors.pointer[row])
                var sum = 0.0
                for plane in 0..<planes { sum += Double(value[plane]) * Double(slope[plane]) }
                result.pointer[row] = divisor == 0 ? 0 : Float(-sum / (divisor * divisor))
            }
        }
        withExtendedLifetime((rows, divisors, gradient, result)) {}
    }
}
