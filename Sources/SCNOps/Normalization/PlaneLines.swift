package import SCNCore

/// y = factor * x + bias of each plane, in double: what follows a product, on its way into the product's weight and
/// bias.
package struct PlaneLines {
    private let factors: Storage<Double>
    private let biases: Storage<Double>

    /// The factor 1 and the bias [planes]; nil for zeros.
    package init(planes: Int, bias: Matrix?) throws(SCNError) {
        try requireVectors(planes, ["bias": bias])
        (factors, biases) = (try Storage(count: planes), try Storage(count: planes))
        let start = bias?.pointer
        for p in 0..<planes { (factors[p], biases[p]) = (1, Double(start?[p] ?? 0)) }
        withExtendedLifetime(bias) {}
    }

    /// All planes times a factor.
    package func scale(by factor: Double) {
        for p in 0..<factors.count { (factors[p], biases[p]) = (factors[p] * factor, biases[p] * factor) }
    }

    /// All planes through the evaluation of a batch norm, whose plane `first` is the first of these.
    package func normalize(
        _ running: BatchNormalizationOperation.Running, weight: Matrix?, bias: Matrix?, epsilon: Double, from first: Int
    ) throws(SCNError) {
        let planes = running.mean.planes
        try requireVectors(
            planes,
            [
                "running_mean": running.mean, "running_variance": running.variance, "weight": weight, "bias": bias,
            ])
        try require(
            first >= 0 && first + factors.count <= planes, .shape,
            "running_mean: has \(counted(planes, .plane)), expected \(first + factors.count)")
        let (means, variances) = (running.mean.pointer + first, running.variance.pointer + first)
        let (scales, shifts) = (weight.map { $0.pointer + first }, bias.map { $0.pointer + first })
        for p in 0..<factors.count {
            let inverse = 1 / (Double(variances[p]) + epsilon).squareRoot()
            let factor = inverse * Double(scales?[p] ?? 1)
            factors[p] *= factor
            biases[p] = (biases[p] - Double(means[p])) * factor + Double(shifts?[p] ?? 0)
        }
        withExtendedLifetime((running, weight, bias)) {}
    }

    /// The product's weight and bias that do what it did, and these lines after it; `outPlane` tells of each element of
    /// the weight which plane it adds to.
    package func fold(
        _ weight: Matrix, into weightResult: Matrix, biasResult: Matrix?, outPlane: (Int) -> Int
    ) throws(SCNError) {
        try Kernels.requireFitting(["weight": weight, "weight_result": weightResult])
        try weightResult.requireSameShape(as: weight, "weight_result")
        try requireVectors(factors.count, ["bias_result": biasResult])
        let (source, target, bias) = (weight.pointer, weightResult.pointer, biasResult?.pointer)
        for index in 0..<weight.count { target[index] = Float(Double(source[index]) * factors[outPlane(index)]) }
        if let bias { for p in 0..<biases.count { bias[p] = Float(biases[p]) } }
        withExtendedLifetime((weight, weightResult, biasResult)) {}
    }
}
