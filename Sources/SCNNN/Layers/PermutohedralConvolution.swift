internal import SCNCore
internal import SCNFiles
internal import SCNGeometry

/// A submanifold convolution on the lattice A_d: each site reads itself and its d * (d + 1) nearest neighbors, after
/// Kiefel, Jampani and Gehler, "Permutohedral Lattice CNNs" (2015). The weight is [d * d + d + 1, groups, in / groups,
/// out / groups], initialized N(0, 2 / (in * volume)).
///
/// Sites are lattice coordinates: points in space times the inverse of ``Permutohedral/basis(dimension:)``.
public final class PermutohedralSubmanifoldConvolution: ConvolutionLayer {
    static let layerType = LayerType(
        "PermutohedralSubmanifoldConvolution",
        "A convolution whose sites stay, on the lattice A_d: each site reads itself and its d * (d + 1) neighbors.",
        [.dimension, .inPlanes, .outPlanes, .bias(false), .groups, .normalized, .activation], checks: checks,
        state: [
            .parameter(
                "weight", "[volume, groups, in_planes / groups, out_planes / groups]",
                "N(0, 2 / (in_planes * volume))"),
            .parameter("bias", "[out_planes]", "zeros", where: "bias"),
        ]
    ) { try PermutohedralSubmanifoldConvolution($0) }

    /// `groups` divides the planes in and out.
    public convenience init(
        dimension: Int, in inPlanes: Int, out outPlanes: Int, bias: Bool = false, groups: Int = 1
    ) throws {
        try self.init(
            Arguments(
                Self.layerType,
                [
                    "dimension": .integer(dimension), "in_planes": .integer(inPlanes),
                    "out_planes": .integer(outPlanes),
                    "bias": .bool(bias), "groups": .integer(groups),
                ]))
    }

    init(_ arguments: Arguments) throws {
        let filter = try FilterGeometry.permutohedral(dimension: arguments.integer("dimension"))
        try super.init(
            arguments, filter, variance: 2 / (Double(arguments.integer("in_planes")) * Double(filter.volume)))
    }

    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        (input.siteSetID, try input.geometry.submanifold(input.siteSetID, filter))
    }
}

/// The lattice A_d.
public enum Permutohedral {
    /// The filter offsets of ``PermutohedralSubmanifoldConvolution``, [d * d + d + 1][d]: input = output + offset.
    public static func offsets(dimension: Int) throws -> [[Int]] {
        _ = try FilterGeometry.permutohedral(dimension: dimension)
        return FilterGeometry.permutohedralOffsets(dimension: dimension)
    }

    /// A basis [d][d] whose rows have length 1 and meet at 60 degrees, and its inverse: points in space (rows) times
    /// the inverse are lattice coordinates. Both are lower triangular.
    public static func basis(dimension: Int) throws -> (basis: [[Double]], inverse: [[Double]]) {
        _ = try FilterGeometry.permutohedral(dimension: dimension)
        let zero = [Double](repeating: 0, count: dimension)
        var (basis, inverse) = (
            [[Double]](repeating: zero, count: dimension), [[Double]](repeating: zero, count: dimension)
        )
        for i in 0..<dimension {
            var square = 0.0
            for j in 0..<i {
                let known = (0..<j).reduce(0) { $0 + basis[i][$1] * basis[j][$1] }
                basis[i][j] = (0.5 - known) / basis[j][j]
                square += basis[i][j] * basis[i][j]
            }
            basis[i][i] = (1 - square).squareRoot()
            inverse[i][i] = 1 / basis[i][i]
            for j in 0..<i {
                inverse[i][j] = -(j..<i).reduce(0) { $0 + basis[i][$1] * inverse[$1][j] } / basis[i][i]
            }
        }
        return (basis, inverse)
    }
}
