internal import SCNCore
internal import SCNFiles
internal import SCNOps

/// A layer that multiplies by a weight and may add a bias [outPlanes]: a convolution or a matrix product.
///
/// It may take its weight from a ``SpectralNorm``, and take over what follows plane by plane.
protocol ProductLayer: Module {
    var outPlanes: Int { get }
    /// The planes of the input that an output plane depends on.
    var summedPlanes: Int { get }
    /// What the layer multiplies by; with a spectral norm a buffer, else a parameter.
    var weight: Tensor { get set }
    var bias: Tensor? { get }
    var spectralNorm: SpectralNorm? { get set }
    /// The last step: y > 0 ? y : leakiness * y, not negative; 1 is no activation.
    var leakiness: Double { get set }
    /// Other than float32 only in networks optimized for inference.
    var types: ProductTypes { get set }
    /// Nil where the weights are packed for each call.
    var packedWeightCache: PackedWeightCache? { get set }

    /// The output plane that an element of the weight adds to.
    func outPlane(ofWeight index: Int) -> Int
}

extension ProductLayer {
    /// The weight of this forward pass.
    func currentWeight() throws -> Tensor {
        guard isTraining, let spectralNorm else { return weight }
        return try spectralNorm.normalized(into: weight)
    }

    var productState: [Module.StateEntry] {
        var entries = [Module.StateEntry(name: "weight", tensor: weight, isParameter: spectralNorm == nil)]
        if let bias { entries.append(Module.StateEntry(name: "bias", tensor: bias, isParameter: true)) }
        if let spectralNorm {
            entries.append(Module.StateEntry(name: "weight_orig", tensor: spectralNorm.original, isParameter: true))
            entries.append(Module.StateEntry(name: "weight_u", tensor: spectralNorm.vector, isParameter: false))
        }
        return entries
    }

    /// Maps the gradient behind the activation, whose result is `output`, to the one before it.
    func activationGradient(_ output: Matrix) -> (Matrix) throws -> Matrix {
        if leakiness == 1 { return { $0 } }
        let activation = Activation.leakyReLU(Float(leakiness))
        return { gradient in
            let result = try Matrix(rows: gradient.rows, planes: gradient.planes, type: gradient.type)
            // Not negative, so the output's sign is that of what the activation got.
            try activation.backward(input: output, output: output, gradient: gradient, into: result)
            return result
        }
    }

    /// Takes the activation that an architecture names.
    func setLeakiness(_ value: Double) throws(SCNError) {
        try requireAtLeastZero(value, "leakiness")
        leakiness = value
        arguments?["leakiness"] = .number(value)
    }
}
