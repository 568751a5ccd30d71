internal import SCNCore
internal import SCNOps

/// Packed weights, kept from call to call while the weight stays as it is.
final class PackedWeightCache {
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
