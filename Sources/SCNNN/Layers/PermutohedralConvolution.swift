internal import SCNCore
package import SCNFiles
internal import SCNGeometry

/// A submanifold convolution on the lattice A_d: each site reads itself and its d * (d + 1) nearest neighbours, after
/// Kiefel, Jampani and Gehler, "Permutohedral Lattice CNNs" (2015). The weight is [d * d + d + 1, groups, in / groups,
/// out / groups], initialised N(0, 2 / (in * volume)).
///
/// Sites are lattice coordinates: points in space times the inverse of ``Permutohedral/basis(dimension:)``.
public final class PermutohedralSubmanifoldConvolution: ConvolutionLayer {
    /// `groups` divides the planes in and out.
    public init(dimension: Int, in inPlanes: Int, out outPlanes: Int, bias: Bool = false, groups: Int = 1) throws {
        let filter = try FilterGeometry.permutohedral(dimension: dimension)
        try super.init(
            dimension, inPlanes, outPlanes, filter, bias: bias, groups: groups,
            variance: 2 / (Double(inPlanes) * Double(filter.volume)))
    }

    public override var summary: String {
        var parts = ["\(inPlanes) -> \(outPlanes)", "\(filter.volume) neighbours"]
        if groups > 1 { parts.append("groups \(groups)") }
        if bias != nil { parts.append("bias") }
        return (parts + activationSummary).joined(separator: ", ")
    }

    package override var arguments: [(key: String, value: JSON)]? {
        [
            ("dimension", .integer(dimension)), ("in", .integer(inPlanes)), ("out", .integer(outPlanes)),
            ("bias", .bool(bias != nil)), ("groups", .integer(groups)),
        ] + activationArguments
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

    /// A basis [d][d] whose rows have length 1 and meet at 60 degrees, and its inverse: points in space (rows) times the
    /// inverse are lattice coordinates. Both are lower triangular.
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
