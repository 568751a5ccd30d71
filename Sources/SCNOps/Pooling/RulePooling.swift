internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// Pooling over any rulebook; an output row that meets no input is zero. Sums are added in double.
public enum Pooling: Int, CaseIterable, Sendable {
    /// The sum of the inputs.
    case sum = 0
    /// The sum divided by the number of inputs that are there.
    case mean = 1
    /// The sum divided by the rulebook's volume.
    case volumeMean = 2
    /// The largest input, so that it may be negative; NaN wins. Tied maxima all get the gradient.
    case max = 3
    /// The largest of the inputs and zero, as SparseConvNet and spconv have it.
    case maxWithZero = 4

    /// result [rules.outputCount, planes] from input [rules.inputCount, planes].
    package func forward(_ rules: Rulebook, input: Matrix, into result: Matrix) throws(SCNError) {
        let counts = needsCounts ? try rules.outputCounts() : nil
        switch self {
        case .sum, .mean, .volumeMean:
            try SumPoolingOperation.forward(
                rules, input: input, featuresToDrop: 0, factor: factor(rules), into: result)
            if let counts { try Self.divide(result, by: counts, into: result) }
        case .max:
            try MaxPoolingOperation.forward(rules, input: input, featuresToDrop: 0, from: -.infinity, into: result)
            for row in 0..<result.rows where counts?[row] == 0 {
                result.row(row).update(repeating: 0, count: result.planes)
            }
        case .maxWithZero:
            try MaxPoolingOperation.forward(rules, input: input, featuresToDrop: 0, into: result)
        }
    }

    /// result: by the input, [rules.inputCount, planes]. Sums read neither input nor output.
    package func backward(
        _ rules: Rulebook, input: Matrix, output: Matrix, gradient: Matrix, into result: Matrix
    ) throws(SCNError) {
        switch self {
        case .sum, .volumeMean:
            try SumPoolingOperation.backward(
                rules, gradient: gradient, featuresToDrop: 0, factor: factor(rules), into: result)
        case .mean:
            try gradient.requireShape(rules.outputCount, result.planes, "gradient")
            let shares = try Matrix(rows: gradient.rows, planes: gradient.planes)
            try Self.divide(gradient, by: rules.outputCounts(), into: shares)
            try SumPoolingOperation.backward(rules, gradient: shares, featuresToDrop: 0, factor: 1, into: result)
        case .max, .maxWithZero:
            try MaxPoolingOperation.backward(
                rules, input: input, output: output, gradient: gradient, featuresToDrop: 0, into: result)
        }
    }

    private var needsCounts: Bool { self == .mean || self == .max }

    private func factor(_ rules: Rulebook) -> Double {
        self == .volumeMean ? SumPoolingOperation.volumeShare(rules) : 1
    }

    /// Each row divided by its count; rows without one stay as they are.
    private static func divide(
        _ matrix: Matrix, by counts: Storage<Int32>, into result: Matrix
    ) throws(SCNError) {
        let kernels = try Kernels.fitting(["gradient": matrix, "result": result])
        let planes = matrix.planes
        Parallel.forEachChunk(matrix.rows, size: ChunkSizes.rows) { _, rows in
            for row in rows {
                kernels.divide(
                    matrix.pointer + row * planes, Float(Swift.max(1, counts[row])), Int64(planes),
                    result.pointer + row * planes)
            }
        }
        withExtendedLifetime((matrix, result, counts)) {}
    }
}
