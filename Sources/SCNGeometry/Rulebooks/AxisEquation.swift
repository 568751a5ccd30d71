/// On an axis, `input * inputStride = output * outputStride + offset + shift`; the strides have no common divisor.
struct AxisEquation {
    let inputStride: Int
    let outputStride: Int
    let shift: Int128

    func tap(_ offset: Int, isPossible: Bool, below size: Int) -> RelatedTaps.Tap {
        let none = RelatedTaps.Tap(isPossible: false, inputResidue: 0, outputResidue: 0, difference: 0)
        if !isPossible { return none }
        let (a, b) = (Int128(inputStride), Int128(outputStride))
        let constant = shift + Int128(offset)
        // Places have 63 bits: these never meet, and the products below would not fit.
        if constant.magnitude >= 1 << 126 { return none }
        let inputResidue = inputResidue(offset)
        let outputResidue = residue(
            residue(0 - constant, a) * Int128(inverse(of: outputStride, modulo: inputStride)), a)
        // Exact: both residues are those for which it is.
        let difference = (b * outputResidue + constant - a * inputResidue) / (a * b)
        if difference.magnitude >= UInt128(size) { return none }
        return RelatedTaps.Tap(
            isPossible: true, inputResidue: Int(inputResidue), outputResidue: Int(outputResidue),
            difference: Int(difference))
    }

    /// The same for places that are multiplied by their own strides, which meet whatever their residues are.
    func scaledTap(_ offset: Int, isPossible: Bool, below size: Int) -> RelatedTaps.Tap {
        let difference = shift + Int128(offset)
        let isPossible = isPossible && difference.magnitude < UInt128(size)
        return RelatedTaps.Tap(
            isPossible: isPossible, inputResidue: 0, outputResidue: 0,
            difference: isPossible ? Int(difference) : 0)
    }

    /// The only residue of the input modulo the output's stride.
    func inputResidue(_ offset: Int) -> Int128 {
        let modulus = Int128(outputStride)
        return residue(
            residue(shift + Int128(offset), modulus) * Int128(inverse(of: inputStride, modulo: outputStride)), modulus)
    }

    private func residue(_ value: Int128, _ modulus: Int128) -> Int128 {
        value - floorQuotient(value, modulus) * modulus
    }
}

func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a
}

/// The number below the modulus that gives 1 with `value`, or 0 modulo 1 (extended Euclid). They have no common
/// divisor.
private func inverse(of value: Int, modulo modulus: Int) -> Int {
    var (a, b) = (modulus, value % modulus)
    var (previous, coefficient) = (Int128(0), Int128(1))
    if modulus == 1 { return 0 }
    while b != 0 {
        let quotient = a / b
        (a, b) = (b, a - quotient * b)
        (previous, coefficient) = (coefficient, previous - Int128(quotient) * coefficient)
    }
    return Int(previous < 0 ? previous + Int128(modulus) : previous)
}
