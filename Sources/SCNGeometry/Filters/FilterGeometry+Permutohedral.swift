/// The lattice A_d, on which every site has d * (d + 1) nearest neighbors.
extension FilterGeometry {
    /// [d * d + d + 1][d] in SparseConvNet's order. With e_i the unit vectors: 0; then for i = d - 1 down to 0: -e_i,
    /// and e_j - e_i for j = 0 ..< i; then for i = 0 ..< d: e_i - e_j for j = i - 1 down to 0, and e_i. For d = 2
    /// ascending by the last axis, then the first.
    package static func permutohedralOffsets(dimension: Int) -> [[Int]] { permutohedralOffsets[dimension - 1] }

    private static let permutohedralOffsets: [[[Int]]] = dimensions.map { dimension in
        let zero = [Int](repeating: 0, count: dimension)
        var below: [[Int]] = []
        for i in zero.indices.reversed() {
            for j in [nil] + (0..<i).map(Optional.some) {
                var offset = zero
                offset[i] = -1
                if let j { offset[j] = 1 }
                below.append(offset)
            }
        }
        let above = below.reversed().map { $0.map { -$0 } }
        if dimension != 2 { return [zero] + below + above }
        return ([zero] + below + above).sorted { ($0[1], $0[0]) < ($1[1], $1[0]) }
    }
}
