internal import SCNCore
internal import SCNFiles
internal import SCNOps

/// Divides a layer's weight by its largest singular value (Miyato et al., "Spectral normalization for generative
/// adversarial networks", 2018), the last axis taken as the columns of a matrix.
final class SpectralNorm {
    let iterations: Int
    let epsilon: Double
    let norm: Double
    /// The parameter.
    let original: Tensor
    /// The singular vector that the next power iteration starts from, [size of the last axis].
    let vector: Tensor

    init(_ original: Tensor, iterations: Int, epsilon: Double, norm: Double) throws(SCNError) {
        try require(
            iterations >= 1 && iterations <= 1_000_000, .invalidArgument,
            "n_power_iterations: is \(iterations), expected 1 ... 1000000")
        try requirePositive(epsilon, "epsilon")
        try requirePositive(norm, "norm")
        self.iterations = iterations
        self.epsilon = epsilon
        self.norm = norm
        self.original = original
        let planes = original.values.planes
        vector = try .normalParameter([planes], variance: 1)
        vector.requiresGradient = false
        if DeferredState.current != nil { return }
        let length = try Elements.sumOfSquares(vector.values).squareRoot()
        try Elements.scale(vector.values, by: Float(1 / max(length, epsilon)), into: vector.values)
    }

    /// original * norm / its largest singular value, recorded; the values are kept in `buffer` for evaluation.
    func normalized(into buffer: Tensor) throws -> Tensor {
        let (weight, epsilon, norm) = (original.values, epsilon, norm)
        let planes = weight.planes
        let estimate = try SpectralNormalizationOperation.estimate(
            weight, right: vector.values.reshaped(rows: planes, planes: 1), iterations: iterations, epsilon: epsilon)
        let result = try Matrix(rows: weight.rows, planes: planes)
        try Elements.scale(weight, by: Float(norm / max(estimate.value, epsilon)), into: result)
        for changed in [vector, buffer] { try Transaction.willChange(changed.values) }
        vector.values.update(from: estimate.right)
        buffer.values.update(from: result)
        // The optimizer changes the original in place: its values of now belong to the record.
        let factor = max(estimate.value, epsilon) / norm
        return Tape.result(shape: original.shape, values: result, inputs: [original]) { gradient in
            let before = try Matrix(rows: result.rows, planes: planes)
            try Elements.scale(result, by: Float(factor), into: before)
            let byOriginal = try Matrix(rows: result.rows, planes: planes)
            try SpectralNormalizationOperation.backward(
                before, gradient: gradient.reshaped(rows: result.rows, planes: planes), estimate: estimate, norm: norm,
                epsilon: epsilon, into: byOriginal)
            return [.fresh(byOriginal)]
        }
    }

    var arguments: JSON {
        .object([
            ("n_power_iterations", .integer(iterations)), ("epsilon", .number(epsilon)), ("norm", .number(norm)),
        ])
    }
}

extension Module {
    /// Makes this layer (a convolution or a product) divide its weight by its largest singular value, times `norm`.
    ///
    /// State then is `weight_orig` (the parameter: the tensor that was `weight`), `weight` and `weight_u` (buffers).
    /// Each forward pass in training goes on with the power iteration; evaluation uses the last training pass's weight,
    /// and its gradients do not reach `weight_orig`.
    public func addSpectralNorm(powerIterations: Int = 1, epsilon: Double = 1e-12, norm: Double = 1) throws {
        guard let layer = self as? any ProductLayer else {
            throw SCNError(
                .invalidArgument, "module: is a \(typeName), expected a convolution or a product with a weight")
        }
        try require(layer.spectralNorm == nil, .state, "module: the \(typeName) has a spectral norm already")
        let original = layer.weight
        let derived = try Tensor.buffer(copyOf: original)
        layer.spectralNorm = try Transaction.run {
            try SpectralNorm(original, iterations: powerIterations, epsilon: epsilon, norm: norm)
        }
        layer.weight = derived
        Container.structureVersion.withLock { $0 += 1 }
    }
}
