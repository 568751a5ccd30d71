package import SCNCore

/// Dropout that is not inverted, as SparseConvNet's: training multiplies by Bernoulli(1 - p), evaluation by 1 - p.
package enum DropoutOperation {
    /// Fills mask with ones, and zeros with probability p, from the shared generator.
    package static func fill(_ mask: Matrix, p: Double) {
        let (base, count) = (mask.pointer, mask.count)
        Generator.withRandom { random in
            for index in 0..<count { base[index] = random.uniform() < p ? 0 : 1 }
        }
        withExtendedLifetime(mask) {}
    }
}
