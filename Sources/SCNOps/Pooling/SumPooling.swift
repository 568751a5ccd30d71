package import SCNCore
package import SCNGeometry

/// Sums over a rulebook, times a factor: average pooling (1 / volume) and, over a reversed rulebook, un-pooling (1).
package enum SumPoolingOperation {
    /// result [rules.outputCount, planes - featuresToDrop] = factor * sum over the rules of input [rules.inputCount,
    /// planes]. Both are each float32 or bfloat16, rounded once.
    package static func forward(
        _ rules: Rulebook, input: Matrix, featuresToDrop: Int, factor: Double, into result: Matrix
    ) throws(SCNError) {
        try check(rules, input, "input", result, "result", featuresToDrop)
        let source = try input.converted(to: .float32)
        try Elements.rounding(result) { sums throws(SCNError) in
            try rules.sum(source, factor: factor, into: sums, first: (featuresToDrop, 0), planes: sums.planes)
        }
        ForwardCounts.add(rules: rules.ruleCount)
    }

    /// result [rules.inputCount, planes]: by the input; zeros for the planes that were left out.
    package static func backward(
        _ rules: Rulebook, gradient: Matrix, featuresToDrop: Int, factor: Double, into result: Matrix
    ) throws(SCNError) {
        try check(rules, result, "result", gradient, "gradient", featuresToDrop)
        let source = try gradient.converted(to: .float32)
        try Elements.rounding(result) { sums throws(SCNError) in
            if featuresToDrop > 0 { try Elements.fill(sums, with: 0) }
            try rules.reversed.sum(
                source, factor: factor, into: sums, first: (0, featuresToDrop), planes: source.planes)
        }
    }

    /// The factor of a mean over all filter offsets, whether they meet a site or not; a filter may have none.
    package static func volumeShare(_ rules: Rulebook) -> Double { 1 / Double(max(1, rules.volume)) }

    private static func check(
        _ rules: Rulebook, _ all: Matrix, _ allName: String, _ kept: Matrix, _ keptName: String, _ featuresToDrop: Int
    ) throws(SCNError) {
        try require(
            featuresToDrop >= 0 && featuresToDrop < max(1, all.planes), .invalidArgument,
            "features_to_drop: is \(featuresToDrop), expected 0 ... \(all.planes - 1)")
        _ = try Kernels.converting([allName: all, keptName: kept])
        try all.requireShape(rules.inputCount, all.planes, allName)
        try kept.requireShape(rules.outputCount, all.planes - featuresToDrop, keptName)
    }
}
