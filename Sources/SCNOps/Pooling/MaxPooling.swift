internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// Max pooling over a rulebook; NaN wins.
package enum MaxPoolingOperation {
    /// result [rules.outputCount, planes - featuresToDrop] from input [rules.inputCount, planes]. The running maximum
    /// starts at `start`: 0 counts inactive sites in. Matrices are each float32 or bfloat16, here and in the backward
    /// pass.
    package static func forward(
        _ rules: Rulebook, input: Matrix, featuresToDrop: Int, from start: Float = 0, into result: Matrix
    ) throws(SCNError) {
        try check(rules, input, result, "result", featuresToDrop)
        let kernels = try Kernels.converting(["input": input, "result": result])
        if Elements.areConverted(input, result) {
            let input = try input.converted(to: .float32)
            return try Elements.rounding(result) { largest throws(SCNError) in
                try forward(rules, input: input, featuresToDrop: featuresToDrop, from: start, into: largest)
            }
        }
        let spans = try PooledSpans(rules, planes: result.planes, tileRows: ChunkSizes.pooledTileRows)
        try spans.forEach { _, rules, rowsAscend, rows, cursors in
            kernels.max_pooling_rules(
                rules, rowsAscend, Int64(rows.lowerBound), Int64(rows.upperBound), input.pointer + featuresToDrop,
                Int64(input.planes), start, result.pointer, Int64(result.planes), Int64(result.planes),
                Int64(spans.tileRows), cursors)
        }
        withExtendedLifetime((rules, input, result)) {}
        ForwardCounts.add(rules: rules.ruleCount)
    }

    /// result: by the input. Every input that equals the maximum gets the gradient, every NaN where that is one.
    package static func backward(
        _ rules: Rulebook, input: Matrix, output: Matrix, gradient: Matrix, featuresToDrop: Int, into result: Matrix
    ) throws(SCNError) {
        try check(rules, input, output, "output", featuresToDrop)
        try gradient.requireSameShape(as: output, "gradient")
        try result.requireSameShape(as: input, "result")
        let kernels = try Kernels.converting([
            "input": input, "output": output, "gradient": gradient, "result": result,
        ])
        if Elements.areConverted(input, output, gradient, result) {
            let (input, output) = (try input.converted(to: .float32), try output.converted(to: .float32))
            let gradient = try gradient.converted(to: .float32)
            return try Elements.rounding(result) { byInput throws(SCNError) in
                try backward(
                    rules, input: input, output: output, gradient: gradient, featuresToDrop: featuresToDrop,
                    into: byInput)
            }
        }
        let spans = try PooledSpans(rules.reversed, planes: result.planes, tileRows: ChunkSizes.pooledTileRows)
        try spans.forEach { _, rules, rowsAscend, rows, cursors in
            if featuresToDrop > 0 {
                result.row(rows.lowerBound).update(repeating: 0, count: rows.count * result.planes)
            }
            kernels.max_pooling_rules_backward(
                rules, rowsAscend, Int64(rows.lowerBound), Int64(rows.upperBound), input.pointer + featuresToDrop,
                output.pointer, gradient.pointer, result.pointer + featuresToDrop, Int64(input.planes),
                Int64(output.planes), Int64(output.planes), Int64(spans.tileRows), cursors)
        }
        withExtendedLifetime((rules, input, output, gradient, result)) {}
    }

    private static func check(
        _ rules: Rulebook, _ input: Matrix, _ output: Matrix, _ outputName: String, _ featuresToDrop: Int
    )
        throws(SCNError)
    {
        try require(
            featuresToDrop >= 0 && featuresToDrop < max(1, input.planes), .invalidArgument,
            "features_to_drop: is \(featuresToDrop), expected 0 ... \(input.planes - 1)")
        try input.requireShape(rules.inputCount, input.planes, "input")
        try output.requireShape(rules.outputCount, input.planes - featuresToDrop, outputName)
    }
}
