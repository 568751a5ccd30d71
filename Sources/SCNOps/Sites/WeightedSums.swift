internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// Sums over the rules of any rulebook of input rows, each times a weight of its rule; added in double, in the order
/// of the rules. With the weights of an interpolation: values at points between sites.
package enum WeightedSums {
    /// result [rules.outputCount, planes] = the sum over the rules of weights [rules.ruleCount] times input
    /// [rules.inputCount, planes].
    package static func forward(
        _ rules: Rulebook, weights: Matrix, input: Matrix, into result: Matrix
    ) throws(SCNError) {
        try check(rules, weights, "weights", input, "input", result, "result")
        let kernels = try Kernels.fitting(["weights": weights, "input": input, "result": result])
        try sum(kernels, rules, weights, input, into: result)
        ForwardCounts.add(rules: rules.ruleCount)
    }

    /// result [rules.inputCount, planes]: by the input, from gradient [rules.outputCount, planes].
    package static func backwardInput(
        _ rules: Rulebook, weights: Matrix, gradient: Matrix, into result: Matrix
    ) throws(SCNError) {
        try check(rules, weights, "weights", result, "result", gradient, "gradient")
        let kernels = try Kernels.fitting(["weights": weights, "gradient": gradient, "result": result])
        try sum(kernels, rules.reversed, weights, gradient, into: result)
    }

    /// result [rules.ruleCount]: by the weights.
    package static func backwardWeights(
        _ rules: Rulebook, input: Matrix, gradient: Matrix, into result: Matrix
    ) throws(SCNError) {
        try check(rules, result, "result", input, "input", gradient, "gradient")
        let kernels = try Kernels.fitting(["input": input, "gradient": gradient, "result": result])
        let (inputRows, outputRows) = (rules.inputRows.pointer, rules.outputRows.pointer)
        Parallel.forEachChunk(rules.ruleCount, size: ChunkSizes.keys) { _, range in
            let first = range.lowerBound
            kernels.row_products(
                Int64(range.count), inputRows + first, outputRows + first, input.pointer, Int64(input.planes),
                gradient.pointer, Int64(gradient.planes), Int64(input.planes), result.pointer + first)
        }
        withExtendedLifetime((rules, input, gradient, result)) {}
    }

    private static func sum(
        _ kernels: scn_kernel_table, _ rules: Rulebook, _ weights: Matrix, _ input: Matrix, into result: Matrix
    ) throws(SCNError) {
        // The rules by output row: their inputs and weights.
        let starts = try Storage<Int64>(count: rules.outputCount + 1, zeroed: true)
        let (inputs, factors) = (
            try Storage<Int32>(count: rules.ruleCount), try Storage<Float>(count: rules.ruleCount)
        )
        let (start, source, factor) = (starts.pointer, inputs.pointer, factors.pointer)
        let (inputRow, outputRow, weight) = (rules.inputRows.pointer, rules.outputRows.pointer, weights.pointer)
        for rule in 0..<rules.ruleCount { start[Int(outputRow[rule])] &+= 1 }
        var total: Int64 = 0
        for row in 0...rules.outputCount { (start[row], total) = (total, total + start[row]) }
        for rule in 0..<rules.ruleCount {
            let row = Int(outputRow[rule])
            let place = Int(start[row])
            start[row] &+= 1
            source[place] = inputRow[rule]
            factor[place] = weight[rule]
        }
        // Each start has moved to the next one's place.
        for row in stride(from: rules.outputCount, to: 0, by: -1) { start[row] = start[row - 1] }
        start[0] = 0
        let planes = Int64(input.planes)
        Parallel.forEachChunk(rules.outputCount, size: ChunkSizes.rows) { _, rows in
            kernels.weighted_row_sums(
                Int64(rows.count), start + rows.lowerBound, source, factor, input.pointer, planes,
                result.pointer + rows.lowerBound * result.planes, planes, planes)
        }
        withExtendedLifetime((rules, starts, inputs, factors, weights, input, result)) {}
    }

    private static func check(
        _ rules: Rulebook, _ weights: Matrix, _ weightsName: String, _ input: Matrix, _ inputName: String,
        _ output: Matrix, _ outputName: String
    ) throws(SCNError) {
        try require(
            weights.count == rules.ruleCount, .shape,
            "\(weightsName): has \(weights.count) elements, expected \(rules.ruleCount), one for each rule")
        try input.requireShape(rules.inputCount, input.planes, inputName)
        try output.requireShape(rules.outputCount, input.planes, outputName)
    }
}
