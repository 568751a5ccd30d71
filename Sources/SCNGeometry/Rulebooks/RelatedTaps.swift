internal import SCNCore

/// What each tap of each axis demands of the places of an input and an output site: their residues, and how far apart
/// the quotients are.
struct RelatedTaps {
    struct Tap: BitwiseCopyable {
        /// Whether any two places meet under it.
        var isPossible: Bool
        var inputResidue: Int
        var outputResidue: Int
        /// The input's quotient less the output's.
        var difference: Int
    }

    /// By axis: the output's stride and the input's, without their common divisor; ones on an axis that is scaled.
    let inputModulus: [Int]
    let outputModulus: [Int]
    /// By axis: what quotients are multiplied by. Places times their own strides are as far apart as the offsets say,
    /// whatever their residues are. So on the last axis neighboring taps stay neighbors, and are found in one pass; on
    /// the others, nothing is to be sorted, and each pass has more to look at.
    let inputScale: [Int]
    let outputScale: [Int]
    /// By axis: the scaled quotients of input and output are below this.
    private let sizes: [Int]
    let axes: [Storage<Tap>]

    init(_ input: SiteSet, _ output: SiteSet, _ relation: SiteRelation) throws(SCNError) {
        let findsNeighborsTogether = KeyMatching<UInt64>.vectorized == nil
        let passes = findsNeighborsTogether ? relation.passCount : relation.volume
        if passes <= Self.mostScaledPasses {
            let scaled = try RelatedTaps(input, output, relation, scaling: .all)
            // Not where keys would be wide for that.
            if try !scaled.layout(input, output).isWide {
                self = scaled
                return
            }
        }
        try self.init(input, output, relation, scaling: findsNeighborsTogether ? .neighbors : .none)
    }

    /// The axes that are scaled, where the strides on them are no ones.
    private enum Scaling { case none, neighbors, all }

    /// So many passes over all inputs take no longer than sorting them by their residues.
    private static let mostScaledPasses = 4

    private init(
        _ input: SiteSet, _ output: SiteSet, _ relation: SiteRelation, scaling: Scaling
    ) throws(SCNError) {
        var (inputModulus, outputModulus, sizes): ([Int], [Int], [Int]) = ([], [], [])
        var (inputScale, outputScale): ([Int], [Int]) = ([], [])
        var axes: [Storage<Tap>] = []
        for axis in 0..<relation.dimension {
            let divisor = greatestCommonDivisor(relation.inputStride[axis], relation.outputStride[axis])
            let a = relation.inputStride[axis] / divisor
            let b = relation.outputStride[axis] / divisor
            let scaled = Self.scaledSize(input.spatialSize[axis], a, output.spatialSize[axis], b)
            let hasNeighbors = axis == relation.dimension - 1 && divisor == 1 && relation.rowLength > 1
            let isWanted = scaling == .all || (scaling == .neighbors && hasNeighbors)
            let isScaled = isWanted && scaled != nil && (a > 1 || b > 1)
            let size =
                isScaled
                ? scaled ?? 1 : max((input.spatialSize[axis] - 1) / b, (output.spatialSize[axis] - 1) / a) + 1
            let taps = try Storage<Tap>(count: relation.tapCount(axis))
            let solution = AxisEquation(
                inputStride: a, outputStride: b,
                // Of places, which count from where the fields begin.
                shift: Int128(b) * Int128(output.field.lower[axis]) - Int128(a) * Int128(input.field.lower[axis]))
            for tap in 0..<taps.count {
                let (offset, rest) = relation.displacement(axis, tap: tap).quotientAndRemainder(dividingBy: divisor)
                taps[tap] =
                    isScaled
                    ? solution.scaledTap(offset, isPossible: rest == 0, below: size)
                    : solution.tap(offset, isPossible: rest == 0, below: size)
            }
            inputModulus.append(isScaled ? 1 : b)
            outputModulus.append(isScaled ? 1 : a)
            inputScale.append(isScaled ? a : 1)
            outputScale.append(isScaled ? b : 1)
            sizes.append(size)
            axes.append(taps)
        }
        (self.inputModulus, self.outputModulus, self.sizes, self.axes) = (inputModulus, outputModulus, sizes, axes)
        (self.inputScale, self.outputScale) = (inputScale, outputScale)
    }

    /// The scaled places of both are below this; nil where they would need many bits.
    private static func scaledSize(_ input: Int, _ a: Int, _ output: Int, _ b: Int) -> Int? {
        let size = max(Int128(input - 1) * Int128(a), Int128(output - 1) * Int128(b)) + 1
        return size >> 40 == 0 ? Int(size) : nil
    }

    /// A layout for the quotients of both, with room for all differences.
    func layout(_ input: SiteSet, _ output: SiteSet) throws(SCNError) -> KeyLayout {
        let reach = axes.map { taps in
            taps.reduce(0) { $1.isPossible ? max($0, Int($1.difference.magnitude)) : $0 }
        }
        let batchSize = max(input.batchSize, output.batchSize)
        // Where a site set's own keys are what is asked for, and the other's have room in its layout.
        for (sites, modulus, scale) in [(input, inputModulus, inputScale), (output, outputModulus, outputScale)]
        where (modulus + scale).allSatisfy({ $0 == 1 }) && sites.batchSize == batchSize {
            if sites.layout.covers(reach: reach, sizes) { return sites.layout }
        }
        return try KeyLayout(spatialSize: sizes, batchSize: batchSize, reach: reach)
    }
}
