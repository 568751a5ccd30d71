internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// The features under each filter offset side by side: a convolution with the unit matrix, without its products (after
/// the shape contexts of Belongie, Malik and Puzicha, 2002).
package enum ShapeContextOperation {
    /// result [rules.outputCount, volume * planes], plane k * planes + p being plane p under filter offset k, 0 where
    /// no site lies there; input [rules.inputCount, planes].
    package static func forward(_ rules: Rulebook, input: Matrix, into result: Matrix) throws(SCNError) {
        try check(rules, input, "input", result, "result")
        let planes = input.planes
        let kernels = try Kernels.fitting(["input": input, "result": result])
        let (inputRows, outputRows) = (rules.inputRows.pointer, rules.outputRows.pointer)
        rules.forEachOutputRun(clearing: result) { k, run in
            kernels.add_rows(
                Int64(run.count), inputRows + run.lowerBound, outputRows + run.lowerBound, input.pointer,
                Int64(planes), result.pointer + k * planes, Int64(result.planes), Int64(planes), 1)
        }
        withExtendedLifetime((rules, input, result)) {}
    }

    /// result [rules.inputCount, planes]: by the input, from gradient [rules.outputCount, volume * planes].
    package static func backward(_ rules: Rulebook, gradient: Matrix, into result: Matrix) throws(SCNError) {
        try check(rules, result, "result", gradient, "gradient")
        try rules.reversed.sum(
            gradient, offsetStride: result.planes, factor: 1, into: result, planes: result.planes)
    }

    private static func check(
        _ rules: Rulebook, _ narrow: Matrix, _ narrowName: String, _ wide: Matrix, _ wideName: String
    ) throws(SCNError) {
        try narrow.requireShape(rules.inputCount, narrow.planes, narrowName)
        let width = try checkedProduct(
            [rules.volume, narrow.planes], "a row of \(rules.volume) offsets x \(narrow.planes) planes")
        try wide.requireShape(rules.outputCount, width, wideName)
    }
}
