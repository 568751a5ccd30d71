internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// What becomes of the rows of a segment; a segment without rows gets zeros.
public enum SegmentReduction: Int, CaseIterable, Sendable {
    /// The sum of the rows, added in double.
    case sum = 0
    /// The mean of the rows, added in double.
    case mean = 1
    /// The maximum of each plane; NaN wins. Tied maxima all get the gradient.
    case max = 2

    fileprivate var rows: scn_site_rows {
        switch self {
        case .sum: SCN_SUM_OF_ROWS
        case .mean: SCN_MEAN_OF_ROWS
        case .max: SCN_LARGEST_ROW
        }
    }
}

extension Segments {
    /// result [segments, planes] from input [rows, planes].
    package func reduce(
        _ input: Matrix, _ reduction: SegmentReduction, into result: Matrix
    ) throws(SCNError) {
        try input.requireShape(rowCount, input.planes, "input")
        try result.requireShape(count, input.planes, "result")
        try combine(input, reduction.rows, into: result)
    }

    /// result [rows, planes]: by the input, from gradient [segments, planes]. input and output: of the forward pass,
    /// which the maximum alone needs.
    package func reduceBackward(
        _ reduction: SegmentReduction, input: Matrix?, output: Matrix?, gradient: Matrix, into result: Matrix
    ) throws(SCNError) {
        try gradient.requireShape(count, gradient.planes, "gradient")
        try result.requireShape(rowCount, gradient.planes, "result")
        try input?.requireSameShape(as: result, "input")
        try output?.requireSameShape(as: gradient, "output")
        let kernels = try Kernels.fitting(["input": input, "output": output, "gradient": gradient, "result": result])
        if reduction != .max { return try spread(gradient, reduction.rows, into: result) }
        guard let input, let output else {
            throw SCNError(
                .invalidArgument, "\(input == nil ? "input" : "output"): is NULL, expected that of the forward pass")
        }
        forEachRows { first, end in
            kernels.largest_row_backward(
                first, end, ofRow.pointer, input.pointer, output.pointer, gradient.pointer, Int64(gradient.planes),
                result.pointer)
        }
        withExtendedLifetime((self, input, output, gradient, result)) {}
    }

    /// result [rows, planes]: softmax of each plane of input [rows, planes] over the rows of a segment; zeros in rows
    /// that belong to none. It may take the place of the input.
    package func softmax(_ input: Matrix, into result: Matrix) throws(SCNError) {
        try input.requireShape(rowCount, input.planes, "input")
        try result.requireSameShape(as: input, "result")
        let kernels = try Kernels.fitting(["input": input, "result": result])
        let planes = input.planes
        let (largest, exponentials) = (
            try Matrix(rows: count, planes: planes), try Matrix(rows: rowCount, planes: planes)
        )
        try combine(input, SCN_LARGEST_ROW, into: largest)
        forEachRows { first, end in
            kernels.segment_exponentials(
                first, end, ofRow.pointer, input.pointer, largest.pointer, Int64(planes), exponentials.pointer)
        }
        // The sums take the place of the maxima.
        try combine(exponentials, SCN_SUM_OF_ROWS, into: largest)
        forEachRows { first, end in
            kernels.divide_by_segment(
                first, end, ofRow.pointer, exponentials.pointer, largest.pointer, Int64(planes), result.pointer)
        }
        withExtendedLifetime((self, input, largest, exponentials, result)) {}
    }

    /// result [rows, planes]: by the input, from gradient [rows, planes]. output: of the forward pass.
    package func softmaxBackward(output: Matrix, gradient: Matrix, into result: Matrix) throws(SCNError) {
        try output.requireShape(rowCount, output.planes, "output")
        try gradient.requireSameShape(as: output, "gradient")
        try result.requireSameShape(as: output, "result")
        let kernels = try Kernels.fitting(["output": output, "gradient": gradient, "result": result])
        let planes = output.planes
        let (products, sums) = (try Matrix(rows: rowCount, planes: planes), try Matrix(rows: count, planes: planes))
        try Elements.multiply(output, gradient, into: products)
        try combine(products, SCN_SUM_OF_ROWS, into: sums)
        forEachRows { first, end in
            kernels.segment_softmax_backward(
                first, end, ofRow.pointer, output.pointer, gradient.pointer, sums.pointer, Int64(planes), result.pointer
            )
        }
        withExtendedLifetime((self, output, gradient, products, sums, result)) {}
    }

    /// result [rows, planes]: each row gets the vector of its segment, zeros where it belongs to none; vectors
    /// [segments, planes].
    package func gather(_ vectors: Matrix, into result: Matrix) throws(SCNError) {
        try vectors.requireShape(count, vectors.planes, "vectors")
        try RowGathering.gather(vectors, at: ofRow, into: result)
    }
}

extension PaddedRows {
    /// result [segments, most * planes]: the first rows of each segment side by side, zeros where it has fewer; input
    /// [rows, planes].
    package func pad(_ input: Matrix, into result: Matrix) throws(SCNError) {
        try input.requireShape(placeOfRow.count, input.planes, "input")
        try result.requireShape(counts.count, try width(input.planes), "result")
        try RowGathering.gather(
            input, at: rowOfPlace, into: result.reshaped(rows: rowOfPlace.count, planes: input.planes))
    }

    /// result [rows, planes]: by the input, from gradient [segments, most * planes].
    package func padBackward(_ gradient: Matrix, into result: Matrix) throws(SCNError) {
        try result.requireShape(placeOfRow.count, result.planes, "result")
        try gradient.requireShape(counts.count, try width(result.planes), "gradient")
        try RowGathering.gather(
            gradient.reshaped(rows: rowOfPlace.count, planes: result.planes), at: placeOfRow, into: result)
    }

    private func width(_ planes: Int) throws(SCNError) -> Int {
        try checkedProduct([most, planes], "a row of \(most) x \(planes) planes")
    }
}
