internal import SCNCore
public import SCNGeometry
internal import SCNOps

extension Tensor {
    /// Normalized convolution (Knutsson and Westin, "Normalized and differential convolution", 1993): the convolution
    /// of these rows, divided by the occupancy that the filter sees, then the bias. The occupancy of an output row is
    /// the sum over its rules of the input rows' weights, [input rows] or [input rows, 1], or how many rules it has
    /// where that is nil; where it is 0 the convolution counts as zero.
    public func convolved(
        _ rulebook: Rulebook, weight: Tensor, bias: Tensor?, normalizedBy siteWeights: Tensor?
    ) throws -> Tensor {
        if let siteWeights {
            try require(
                siteWeights.count == rulebook.inputCount
                    && (siteWeights.shape.count == 1 || siteWeights.shape.last == 1),
                .shape, "site_weights: has shape \(siteWeights.shape), expected [\(rulebook.inputCount)]")
        }
        let sums = try convolved(rulebook, weight: weight, bias: nil)
        let planes = sums.shape[1]
        try require(
            bias == nil || bias?.shape == [planes], .shape,
            "bias: has shape \(bias?.shape ?? []), expected [\(planes)]")
        let occupancy: Tensor =
            if let siteWeights {
                try siteWeights.reshaped([rulebook.inputCount, 1]).pooled(rulebook, .sum)
            } else {
                Tensor(matrix: try RowQuotients.occupancy(rulebook))
            }
        return try sums.divided(byRows: occupancy, bias: bias)
    }

    /// Each of these rows [n, planes] divided by its number of [n, 1], zeros where that is 0, plus the bias [planes];
    /// then y > 0 ? y : leakiness * y.
    func divided(
        byRows divisors: Tensor, bias: Tensor?,
        behindActivation: (Matrix) -> (Matrix) throws -> Matrix = { _ in { $0 } },
        leakiness: Float = 1
    ) throws -> Tensor {
        let (rows, numbers) = (values, divisors.values)
        let result = try Matrix(rows: rows.rows, planes: rows.planes)
        try RowQuotients.forward(rows, by: numbers, bias: bias?.values, into: result)
        if leakiness != 1 { try Activation.leakyReLU(leakiness).forward(result, into: result) }
        let inputs = [self, divisors] + (bias.map { [$0] } ?? [])
        let wanted = inputs.map(\.requiresGradient)
        let beforeActivation = behindActivation(result)
        return Tape.result(matrix: result, inputs: inputs) { gradient in
            let gradient = try beforeActivation(gradient)
            var gradients: [Gradient?] = Array(repeating: nil, count: wanted.count)
            if wanted[0] {
                let byRows = try Matrix(rows: gradient.rows, planes: gradient.planes)
                try RowQuotients.forward(gradient, by: numbers, into: byRows)
                gradients[0] = .fresh(byRows)
            }
            if wanted[1] {
                let byDivisors = try Matrix(rows: gradient.rows, planes: 1)
                try RowQuotients.backwardDivisors(rows, by: numbers, gradient: gradient, into: byDivisors)
                gradients[1] = .fresh(byDivisors)
            }
            if wanted.count > 2, wanted[2] {
                let byBias = try Matrix(rows: 1, planes: gradient.planes)
                try ColumnSums.compute(gradient, into: byBias)
                gradients[2] = .fresh(byBias)
            }
            return gradients
        }
    }
}
