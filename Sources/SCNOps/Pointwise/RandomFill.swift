package import SCNCore

/// Matrices filled with numbers from the shared generator.
package enum RandomFill {
    /// From N(0, deviation^2).
    package static func normal(_ matrix: Matrix, deviation: Double) {
        fill(matrix) { Float($0.normal() * deviation) }
    }

    /// Uniformly from -bound ... bound.
    package static func uniform(_ matrix: Matrix, bound: Double) {
        fill(matrix) { Float((2 * $0.uniform() - 1) * bound) }
    }

    /// Ones, and zeros with probability p: dropout that is not inverted, as SparseConvNet's, which multiplies by this
    /// in training and by 1 - p in evaluation.
    package static func mask(_ matrix: Matrix, p: Double) {
        fill(matrix) { $0.uniform() < p ? 0 : 1 }
    }

    @inline(__always)
    private static func fill(_ matrix: Matrix, _ draw: (inout Random) -> Float) {
        let (base, count) = (matrix.pointer, matrix.count)
        Generator.withRandom { random in
            for index in 0..<count { base[index] = draw(&random) }
        }
        withExtendedLifetime(matrix) {}
    }
}
