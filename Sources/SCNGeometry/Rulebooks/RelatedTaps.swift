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

    /// By axis: the output's stride and the input's, without their common divisor.
    let inputModulus: [Int]
    let outputModulus: [Int]
    /// By axis: the quotients of input and output are below this.
    private let sizes: [Int]
    let axes: [Storage<Tap>]

    init(_ input: SiteSet, _ output: SiteSet, _ relation: SiteRelation) throws(SCNError) {
        var (inputModulus, outputModulus, sizes): ([Int], [Int], [Int]) = ([], [], [])
        var axes: [Storage<Tap>] = []
        for axis in 0..<relation.dimension {
            let divisor = greatestCommonDivisor(relation.inputStride[axis], relation.outputStride[axis])
            let a = relation.inputStride[axis] / divisor
            let b = relation.outputStride[axis] / divisor
            let size = max((input.spatialSize[axis] - 1) / b, (output.spatialSize[axis] - 1) / a) + 1
            let taps = try Storage<Tap>(count: relation.tapCount(axis))
            let solution = AxisEquation(
                inputStride: a, outputStride: b,
                // Of places, which count from where the fields begin.
                shift: Int128(b) * Int128(output.field.lower[axis]) - Int128(a) * Int128(input.field.lower[axis]))
            for tap in 0..<taps.count {
                let (offset, rest) = relation.displacement(axis, tap: tap).quotientAndRemainder(dividingBy: divisor)
                taps[tap] = solution.tap(offset, isPossible: rest == 0, below: size)
            }
            inputModulus.append(b)
            outputModulus.append(a)
            sizes.append(size)
            axes.append(taps)
        }
        (self.inputModulus, self.outputModulus, self.sizes, self.axes) = (inputModulus, outputModulus, sizes, axes)
    }

    /// A layout for the quotients of both, with room for all differences.
    func layout(_ input: SiteSet, _ output: SiteSet) throws(SCNError) -> KeyLayout {
        let reach = axes.map { taps in
            taps.buffer.reduce(0) { $1.isPossible ? max($0, Int($1.difference.magnitude)) : $0 }
        }
        let isPlain = inputModulus.allSatisfy { $0 == 1 } && outputModulus.allSatisfy { $0 == 1 }
        if isPlain && input.layout == output.layout && input.layout.covers(reach: reach) { return input.layout }
        return try KeyLayout(
            spatialSize: sizes, batchSize: max(input.batchSize, output.batchSize), reach: reach)
    }
}
