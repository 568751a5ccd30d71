/// Filters in which every offset has its mirror image, of which a rulebook then needs one half only.
extension FilterGeometry {
    struct Symmetry {
        /// Offsets of which none is the mirror image of another; together with their images and the center, all of
        /// them.
        var half: Range<Int>
        /// The offset that reads the site itself.
        var center: Int
        /// Offsets k and `mirrorSum - k` are images of each other.
        var mirrorSum: Int
    }

    /// Nil where the filter reads one side further than the other.
    var symmetry: Symmetry? {
        switch kind {
        case .submanifold:
            size.allSatisfy { $0 % 2 == 1 }
                ? Symmetry(half: 0..<volume / 2, center: volume / 2, mirrorSum: volume - 1) : nil
        case .permutohedral:
            dimension == 2
                ? Symmetry(half: 0..<volume / 2, center: volume / 2, mirrorSum: volume - 1)
                : Symmetry(half: 1..<volume / 2 + 1, center: 0, mirrorSum: volume)
        case .strided: nil
        }
    }

    /// Filter offsets k, k + 1, ... up to the next multiple of this are neighbors on the last axis.
    var rowLength: Int { kind == .permutohedral || dilation[dimension - 1] != 1 ? 1 : size[dimension - 1] }
}

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
