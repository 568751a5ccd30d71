package import SCNCore

/// The largest singular value of a weight, seen as a matrix with the last axis as columns (Miyato et al., "Spectral
/// normalization for generative adversarial networks", 2018).
package enum SpectralNormalizationOperation {
    /// An estimate of the largest singular value, with the vectors that belong to it.
    package struct Estimate {
        /// [rows, 1]
        package let left: Matrix
        /// [planes, 1]
        package let right: Matrix
        package let value: Double
    }

    /// Power iteration from `right` [planes, 1], which stays as it is. Vectors shorter than epsilon are divided by it.
    package static func estimate(_ weight: Matrix, right: Matrix, iterations: Int, epsilon: Double) throws(SCNError)
        -> Estimate
    {
        let left = try Matrix(rows: weight.rows, planes: 1)
        let next = try right.copy()
        var value = 0.0
        for _ in 0..<iterations {
            try LinearOperation.forward(
                weight, weight: next, weightIsTransposed: false, bias: nil, into: left)
            _ = try normalize(left, epsilon)
            try LinearOperation.backwardWeight(
                input: weight, gradient: left, weightIsTransposed: false, weightResult: next, biasResult: nil)
            value = try normalize(next, epsilon)
        }
        return Estimate(left: left, right: next, value: value)
    }

    /// The gradient by the weight W of `W * norm / value`, the vectors of the estimate taken as constants.
    package static func backward(
        _ weight: Matrix, gradient: Matrix, estimate: Estimate, norm: Double, epsilon: Double, into result: Matrix
    ) throws(SCNError) {
        let factor = norm / max(estimate.value, epsilon)
        guard estimate.value > epsilon else { return try Elements.scale(gradient, by: Float(factor), into: result) }
        try Elements.multiply(gradient, weight, into: result)
        let along = Double(try Elements.sum(result)) / estimate.value
        let scaled = try Matrix(rows: estimate.right.rows, planes: 1)
        try Elements.scale(estimate.right, by: Float(-factor * along), into: scaled)
        try LinearOperation.forward(
            estimate.left, weight: scaled.reshaped(rows: 1, planes: scaled.rows), weightIsTransposed: false, bias: nil,
            into: result)
        let direct = try Matrix(rows: weight.rows, planes: weight.planes)
        try Elements.scale(gradient, by: Float(factor), into: direct)
        try Elements.add(result, direct, into: result)
    }

    /// Divides a vector by its length, at least epsilon; returns its length before times its length after.
    private static func normalize(_ vector: Matrix, _ epsilon: Double) throws(SCNError) -> Double {
        let length = try Elements.sumOfSquares(vector).squareRoot()
        try Elements.scale(vector, by: Float(1 / max(length, epsilon)), into: vector)
        return length * length / max(length, epsilon)
    }
}
