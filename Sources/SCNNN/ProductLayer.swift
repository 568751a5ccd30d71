internal import SCNCore
internal import SCNFiles
internal import SCNOps

/// A layer that multiplies by weights and may add a bias [outPlanes]; it can take over what follows plane by plane.
protocol ProductLayer: Module {
    var outPlanes: Int { get }
    var weight: Tensor { get }
    var bias: Tensor? { get }
    /// The last step: y > 0 ? y : leakiness * y, not negative; 1 is no activation.
    var leakiness: Double { get set }
    /// Nil where the weights are packed for each call.
    var keptWeights: KeptWeights? { get set }

    /// The output plane that an element of the weight adds to.
    func outPlane(ofWeight index: Int) -> Int
}

extension ProductLayer {
    var activationSummary: [String] { describe(leakiness: leakiness) }

    var activationArguments: [(key: String, value: JSON)] {
        leakiness == 1 ? [] : [("leakiness", .number(leakiness))]
    }

    /// Maps the gradient behind the activation, whose result is `output`, to the one before it.
    func activationGradient(_ output: Matrix) -> (Matrix) throws -> Matrix {
        if leakiness == 1 { return { $0 } }
        let activation = Activation.leakyReLU(Float(leakiness))
        return { gradient in
            let result = try Matrix(rows: gradient.rows, planes: gradient.planes)
            // Not negative, so the output's sign is that of what the activation got.
            try activation.backward(input: output, output: output, gradient: gradient, into: result)
            return result
        }
    }

    /// Takes the activation that an architecture names.
    func setLeakiness(_ value: Double) throws(SCNError) {
        try require(
            value >= 0 && Float(value).isFinite, .invalidArgument, "leakiness: is \(value), expected a number >= 0")
        leakiness = value
    }
}

func describe(leakiness: Double) -> [String] {
    leakiness == 1 ? [] : leakiness == 0 ? ["ReLU"] : ["leakiness \(leakiness)"]
}

/// Packed weights, kept from call to call while the weight stays as it is.
final class KeptWeights {
    private let kept = Locked<(weights: PackedWeights, version: Int)?>(nil)

    /// Nil where `pack` makes none.
    func weights(of weight: Tensor, pack: () throws -> PackedWeights?) throws -> PackedWeights? {
        guard let version = weight.values.storage.version else {
            kept.withLock { $0 = nil }
            return try pack()
        }
        if let (weights, packedVersion) = kept.withLock({ $0 }), packedVersion == version, try weights.fitsKernels() {
            return weights
        }
        let weights = try pack()
        kept.withLock { $0 = weights.map { ($0, version) } }
        return weights
    }
}
