package import SCNCore

/// Fits a product to what it makes of some input (Salimans and Kingma, "Weight normalization", 2016).
package enum PlaneFitting {
    /// Shifts the bias [planes] and, where given, scales weight and bias so that each plane of what the product made,
    /// `output`, has mean 0 and deviation 1. Planes without deviation are not scaled. `outPlane` tells of each element
    /// of the weight which plane it adds to.
    package static func fit(
        _ output: Matrix, bias: Matrix, weight: Matrix?, outPlane: (Int) -> Int
    ) throws(SCNError) {
        let planes = output.planes
        try requireVectors(planes, ["bias": bias])
        try Kernels.requireFitting(["weight": weight])
        let moments = try BatchNormalizationOperation.moments(output)
        let deviations = try Storage<Double>(count: planes)
        let shift = bias.pointer
        for p in 0..<planes {
            let deviation = (moments[2 * p + 1] / Double(max(1, output.rows - 1))).squareRoot()
            deviations[p] = weight != nil && deviation > 0 && deviation.isFinite ? deviation : 1
            shift[p] = Float((Double(shift[p]) - moments[2 * p]) / deviations[p])
        }
        guard let weight else { return }
        let factors = weight.pointer
        for index in 0..<weight.count { factors[index] = Float(Double(factors[index]) / deviations[outPlane(index)]) }
    }
}
