internal import SCNCore
public import SCNGeometry
public import SCNOps

/// What flows along rulebooks, with gradients: rows of a rulebook's input become rows of its output.
extension Tensor {
    /// The convolution of these rows, weight [volume, groups, in / groups, out / groups], bias [out] or nil.
    public func convolved(_ rulebook: Rulebook, weight: Tensor, bias: Tensor?) throws -> Tensor {
        try require(
            weight.shape.count == 4 && weight.shape[0] == rulebook.volume, .shape,
            "weight: has shape \(weight.shape), expected [\(rulebook.volume), groups, in / groups, out / groups]")
        let groups = weight.shape[1]
        let shape = try ConvolutionShape(
            volume: rulebook.volume, groups: groups, inPlanes: groups * weight.shape[2],
            outPlanes: groups * weight.shape[3])
        try requireRows(rulebook, planes: shape.inPlanes)
        try require(
            bias == nil || bias?.shape == [shape.outPlanes], .shape,
            "bias: has shape \(bias?.shape ?? []), expected [\(shape.outPlanes)]")
        return try convolved(
            rulebook, weight: weight, packed: ConvolutionOperation.pack(weight.values, shape), bias: bias)
    }

    /// The same with weights that are packed already, and an activation behind; `behindActivation` makes of its result
    /// what turns the gradient behind it into that before it. `type`: of the result.
    func convolved(
        _ rulebook: Rulebook, weight: Tensor, packed: PackedWeights, bias: Tensor?, leakiness: Float = 1,
        as type: ElementType = .float32, behindActivation: (Matrix) -> (Matrix) throws -> Matrix = { _ in { $0 } }
    ) throws -> Tensor {
        let (values, groups) = (self.values, weight.shape[1])
        let result = try Matrix(rows: rulebook.outputCount, planes: groups * weight.shape[3], type: type)
        try ConvolutionOperation.forward(
            rulebook, input: values, weight: packed, bias: bias?.values, leakiness: leakiness, into: result)
        let inputs = [self, weight] + (bias.map { [$0] } ?? [])
        let wanted = inputs.map(\.requiresGradient)
        let weight = weight.values
        let beforeActivation = behindActivation(result)
        return Tape.result(matrix: result, inputs: inputs) { gradient in
            let gradient = try beforeActivation(gradient)
            var gradients: [Gradient?] = Array(repeating: nil, count: wanted.count)
            if wanted[0] {
                let byInput = try Matrix(rows: values.rows, planes: values.planes, type: values.type)
                try ConvolutionOperation.backwardInput(
                    rulebook, gradient: gradient, weight: weight, groups: groups, into: byInput)
                gradients[0] = .fresh(byInput)
            }
            if wanted.dropFirst().contains(true) {
                let byWeight = wanted[1] ? try Matrix(rows: weight.rows, planes: weight.planes) : nil
                let byBias = wanted.count > 2 && wanted[2] ? try Matrix(rows: 1, planes: gradient.planes) : nil
                try ConvolutionOperation.backwardWeight(
                    rulebook, input: values, gradient: gradient, groups: groups, weightResult: byWeight,
                    biasResult: byBias)
                gradients[1] = byWeight.map { .fresh($0) }
                if let byBias { gradients[2] = .fresh(byBias) }
            }
            return gradients
        }
    }

    /// What a pooling makes of these rows.
    public func pooled(_ rulebook: Rulebook, _ pooling: Pooling) throws -> Tensor {
        try requireRows(rulebook, planes: nil)
        let values = self.values
        let result = try Matrix(rows: rulebook.outputCount, planes: values.planes)
        try pooling.forward(rulebook, input: values, into: result)
        return Tape.result(matrix: result, inputs: [self]) { gradient in
            let byInput = try Matrix(rows: values.rows, planes: values.planes)
            try pooling.backward(rulebook, input: values, output: result, gradient: gradient, into: byInput)
            return [.fresh(byInput)]
        }
    }

    /// The sums over the rules of these rows, each times the rule's weight, [rules].
    public func summed(_ rulebook: Rulebook, weights: Tensor) throws -> Tensor {
        try requireRows(rulebook, planes: nil)
        let (values, factors) = (self.values, weights.values)
        let result = try Matrix(rows: rulebook.outputCount, planes: values.planes)
        try WeightedSums.forward(rulebook, weights: factors, input: values, into: result)
        let wanted = (requiresGradient, weights.requiresGradient)
        return Tape.result(matrix: result, inputs: [self, weights]) { gradient in
            let byInput = wanted.0 ? try Matrix(rows: values.rows, planes: values.planes) : nil
            if let byInput {
                try WeightedSums.backwardInput(rulebook, weights: factors, gradient: gradient, into: byInput)
            }
            let byWeights = wanted.1 ? try Matrix(rows: factors.rows, planes: factors.planes) : nil
            if let byWeights {
                try WeightedSums.backwardWeights(rulebook, input: values, gradient: gradient, into: byWeights)
            }
            return [byInput.map { .fresh($0) }, byWeights.map { .fresh($0) }]
        }
    }

    private func requireRows(_ rulebook: Rulebook, planes: Int?) throws(SCNError) {
        let fits = shape.count == 2 && shape[0] == rulebook.inputCount && (planes == nil || shape[1] == planes)
        let wanted = planes.map(String.init) ?? "planes"
        try require(fits, .shape, "features: has shape \(shape), expected [\(rulebook.inputCount), \(wanted)]")
    }
}

extension SparseTensor {
    /// The values at points between the sites, [n, planes], d-linear in the points.
    ///
    /// - Parameters:
    ///   - points: [n, dimension], in units of the sites; gradients flow into them.
    ///   - batch: The sample of each point; nil for the first.
    ///   - isRescaled: Whether a site that is not there does not count, so that what the others weigh is divided by
    ///     their sum; else it counts as zero.
    public func interpolated(at points: Tensor, batch: [Int]? = nil, isRescaled: Bool = false) throws -> Tensor {
        let (rulebook, weights) = try Sites(of: self).interpolation(at: points, batch: batch, isRescaled: isRescaled)
        return try features.summed(rulebook, weights: weights)
    }

    /// The same with the samples in memory of a host.
    package func interpolated(
        at points: Tensor, batch: UnsafePointer<Int64>?, isRescaled: Bool
    ) throws -> Tensor {
        let (rulebook, weights) = try sites.interpolation(at: points, batch: batch, isRescaled: isRescaled)
        return try features.summed(rulebook, weights: weights)
    }
}

extension SiteSet {
    /// The rules from these sites to points between them, [n, dimension], and what each of these weighs, [rules], which
    /// depends on the points.
    func interpolation(
        at points: Tensor, batch: UnsafePointer<Int64>?, isRescaled: Bool
    ) throws -> (rulebook: Rulebook, weights: Tensor) {
        let (positions, dimension) = (points.values, dimension)
        let rows = positions.rows
        try require(
            points.shape.count == 2 && points.shape[1] == dimension, .shape,
            "points: has shape \(points.shape), expected [n, \(dimension)]")
        let coordinates = PointCoordinates.float32(positions.pointer)
        let rulebook = try Rulebook.interpolation(self, coordinates, rows: rows, batch: batch)
        func interpolation() throws(SCNError) -> Interpolation {
            try Interpolation(
                rulebook, .float32(positions.pointer), rows: rows, dimension: dimension, isRescaled: isRescaled)
        }
        let weights = try Matrix(rows: rulebook.ruleCount, planes: 1)
        try interpolation().weights(into: weights)
        let factors = Tape.result(shape: [rulebook.ruleCount], values: weights, inputs: [points]) { gradient in
            let byPoints = try Matrix(rows: rows, planes: dimension)
            try interpolation().backward(gradient: gradient, into: byPoints)
            return [.fresh(byPoints)]
        }
        return (rulebook, factors)
    }
}
