internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// Scaled sums over a rulebook: average pooling (scale 1 / volume) and, over a reversed rulebook, un-pooling (scale 1).
package enum SumPoolingOperation {
    /// result [rules.outputCount, planes - featuresToDrop] = scale * sum over the rules of input [rules.inputCount, planes].
    package static func forward(
        _ rules: Rulebook, input: Matrix, featuresToDrop: Int, scale: Float, into result: Matrix
    ) throws(SCNError) {
        try check(rules, input, "input", result, "result", featuresToDrop)
        try add(
            rules, from: input, input.pointer + featuresToDrop, to: result, result.pointer, planes: result.planes,
            scale: scale)
        ForwardCounts.add(rules: rules.ruleCount)
    }

    /// result [rules.inputCount, planes]: by the input; zeros for the planes that were left out.
    package static func backward(
        _ rules: Rulebook, gradient: Matrix, featuresToDrop: Int, scale: Float, into result: Matrix
    ) throws(SCNError) {
        try check(rules, result, "result", gradient, "gradient", featuresToDrop)
        try add(
            rules.reversed, from: gradient, gradient.pointer, to: result, result.pointer + featuresToDrop,
            planes: gradient.planes, scale: scale)
    }

    private static func add(
        _ rules: Rulebook, from source: Matrix, _ input: UnsafePointer<Float>, to target: Matrix,
        _ output: UnsafeMutablePointer<Float>, planes: Int, scale: Float
    ) throws(SCNError) {
        let kernels = try Kernels.table()
        let (inputRows, outputRows) = (rules.inputRows.pointer, rules.outputRows.pointer)
        rules.forEachOutputRun(clearing: target) { _, run in
            kernels.add_rows(
                Int64(run.count), inputRows + run.lowerBound, outputRows + run.lowerBound, input,
                Int64(source.planes), output, Int64(target.planes), Int64(planes), scale)
        }
        withExtendedLifetime((rules, source, target)) {}
    }

    private static func check(
        _ rules: Rulebook, _ all: Matrix, _ allName: String, _ kept: Matrix, _ keptName: String, _ featuresToDrop: Int
    ) throws(SCNError) {
        try require(
            featuresToDrop >= 0 && featuresToDrop < max(1, all.planes), .invalidArgument,
            "features_to_drop: is \(featuresToDrop), expected 0 ... \(all.planes - 1)")
        try all.requireShape(rules.inputCount, all.planes, allName)
        try kept.requireShape(rules.outputCount, all.planes - featuresToDrop, keptName)
    }
}
