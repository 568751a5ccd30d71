package import SCNCore

extension Matrix {
    /// Throws a shape error that names the argument unless the matrix is rows x planes.
    package func requireShape(_ rows: Int, _ planes: Int, _ name: String) throws(SCNError) {
        try require(
            self.rows == rows && self.planes == planes, .shape,
            "\(name): is \(self.rows) x \(self.planes), expected \(rows) x \(planes)")
    }

    package func requireSameShape(as other: Matrix, _ name: String) throws(SCNError) {
        try requireShape(other.rows, other.planes, name)
    }
}

/// Chunk sizes of reductions: they depend on shapes alone, so that results do not depend on the thread count, and there are
/// at most `limit` chunks, so that scratch is bounded.
func reductionChunk(_ count: Int, atLeast minimum: Int, limit: Int = 64) -> Int {
    max(minimum, (count + limit - 1) / limit)
}
