internal import CSCNKernels
internal import SCNCore

/// How bits of keys become bits of other keys: fields that move to another layout, or the quotients and residues of
/// fields by powers of two.
struct KeyParts {
    private let origin: UInt64
    private let base: UInt64
    private var parts: [scn_key_part] = []

    /// `origin` is subtracted from each key first; the moved parts are added to `base`. Both modulo 2^64.
    init(origin: UInt64, base: UInt64) { (self.origin, self.base) = (origin, base) }

    /// Moves `bits` bits from bit `from` on to bit `to`.
    mutating func move(from: Int, bits: Int, to: Int) {
        if bits <= 0 { return }
        parts.append(scn_key_part(from: UInt64(from), mask: ~(UInt64.max << UInt64(bits)), to: UInt64(to)))
    }

    /// The parts of each key.
    func moved(_ keys: Storage<UInt64>) throws(SCNError) -> Storage<UInt64> {
        let result = try Storage<UInt64>(count: keys.count)
        let (source, target, kernels) = (keys.pointer, result.pointer, Kernels.forKeys)
        parts.withUnsafeBufferPointer { parts in
            nonisolated(unsafe) let part = parts.baseAddress!
            Parallel.forEachChunk(keys.count, size: ChunkSizes.keys) { _, rows in
                kernels.move_key_parts(
                    Int64(rows.count), source + rows.lowerBound, origin, base, part, Int64(parts.count),
                    target + rows.lowerBound)
            }
        }
        withExtendedLifetime(keys) {}
        return result
    }
}
