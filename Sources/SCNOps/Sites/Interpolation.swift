package import SCNCore
package import SCNGeometry

/// The weights of a d-linear interpolation over a rulebook of `Rulebook.interpolation`: of corner k, the product over
/// the axes of how near the point is to it, 1 - |point - corner|.
package struct Interpolation {
    private let rules: Rulebook
    private let points: PointCoordinates
    private let dimension: Int
    /// Whether the weights of the sites that are there are divided by their sum, where that is not 0.
    private let isRescaled: Bool

    /// points: [rules.outputCount, dimension], those that the rules were made of.
    package init(
        _ rules: Rulebook, _ points: PointCoordinates, rows: Int, dimension: Int, isRescaled: Bool
    ) throws(SCNError) {
        try require(
            dimension >= 1 && dimension <= 10 && rules.volume == 1 << dimension, .shape,
            "rulebook: has \(rules.volume) filter offsets, expected \(1 << min(max(dimension, 0), 10)), those of an "
                + "interpolation")
        try require(
            rows == rules.outputCount, .shape,
            "points: have \(rows) rows, expected \(rules.outputCount), the rulebook's output rows")
        (self.rules, self.points, self.dimension, self.isRescaled) = (rules, points, dimension, isRescaled)
    }

    /// weights: [rules.ruleCount].
    package func weights(into weights: Matrix) throws(SCNError) {
        try Kernels.requireFitting(["weights": weights])
        try requireCount(weights, rules.ruleCount, "weights")
        let shares = try shares()
        let (share, weight) = (shares.pointer, weights.pointer)
        if isRescaled {
            let sums = try sums { share[$0] }
            forEachRule { rule, row in weight[rule] = Float(sums[row] > 0 ? share[rule] / sums[row] : share[rule]) }
        } else {
            forEachRule { rule, _ in weight[rule] = Float(share[rule]) }
        }
        withExtendedLifetime((shares, weights)) {}
    }

    /// result: by the points, [rules.outputCount, dimension], from gradient [rules.ruleCount], that by the weights. At
    /// a point on a site's coordinate, the derivative is that toward larger coordinates.
    package func backward(gradient: Matrix, into result: Matrix) throws(SCNError) {
        try Kernels.requireFitting(["gradient": gradient, "result": result])
        try requireCount(gradient, rules.ruleCount, "gradient")
        try requireCount(result, rules.outputCount * dimension, "result")
        let shares = try shares()
        let byShare = try Storage<Double>(count: rules.ruleCount)
        let (share, given, target) = (shares.pointer, gradient.pointer, byShare.pointer)
        if isRescaled {
            let sums = try sums { share[$0] }
            let products = try self.sums { Double(given[$0]) * share[$0] }
            forEachRule { rule, row in
                let sum = sums[row]
                target[rule] = sum > 0 ? (Double(given[rule]) - products[row] / sum) / sum : Double(given[rule])
            }
        } else {
            forEachRule { rule, _ in target[rule] = Double(given[rule]) }
        }
        let sums = try Storage<Double>(count: rules.outputCount * dimension, zeroed: true)
        let (sum, dimension) = (sums.pointer, dimension)
        forEachFraction { rule, row, corner, fractions in
            for axis in 0..<dimension {
                var slope = corner >> (dimension - 1 - axis) & 1 == 1 ? target[rule] : -target[rule]
                for other in 0..<dimension where other != axis {
                    slope *= Self.share(fractions[other], corner >> (dimension - 1 - other) & 1)
                }
                sum[row * dimension + axis] += slope
            }
        }
        for index in 0..<sums.count { result.pointer[index] = Float(sum[index]) }
        withExtendedLifetime((shares, byShare, sums, gradient, result)) {}
    }

    /// How near a point is to a corner on an axis.
    @inline(__always)
    private static func share(_ fraction: Double, _ corner: Int) -> Double { corner == 1 ? fraction : 1 - fraction }

    private func shares() throws(SCNError) -> Storage<Double> {
        let shares = try Storage<Double>(count: rules.ruleCount)
        let (share, dimension) = (shares.pointer, dimension)
        forEachFraction { rule, _, corner, fractions in
            var product = 1.0
            for axis in 0..<dimension {
                product *= Self.share(fractions[axis], corner >> (dimension - 1 - axis) & 1)
            }
            share[rule] = product
        }
        return shares
    }

    private func sums(_ value: (Int) -> Double) throws(SCNError) -> Storage<Double> {
        let sums = try Storage<Double>(count: rules.outputCount, zeroed: true)
        forEachRule { rule, row in sums.pointer[row] += value(rule) }
        return sums
    }

    @inline(__always)
    private func forEachRule(_ body: (_ rule: Int, _ row: Int) -> Void) {
        let row = rules.outputRows.pointer
        for rule in 0..<rules.ruleCount { body(rule, Int(row[rule])) }
        withExtendedLifetime(rules) {}
    }

    /// Calls `body` for each rule with its output row, its corner, and the point's place within its cell on each axis.
    @inline(__always)
    private func forEachFraction(_ body: (_ rule: Int, _ row: Int, _ corner: Int, UnsafePointer<Double>) -> Void) {
        switch points {
        case .float32(let points): forEachFraction(points, body)
        case .float64(let points): forEachFraction(points, body)
        }
    }

    @inline(__always)
    private func forEachFraction<Scalar: BinaryFloatingPoint>(
        _ points: UnsafePointer<Scalar>, _ body: (_ rule: Int, _ row: Int, _ corner: Int, UnsafePointer<Double>) -> Void
    ) {
        let (offset, outputRow, dimension) = (rules.offsets.pointer, rules.outputRows.pointer, dimension)
        withUnsafeTemporaryAllocation(of: Double.self, capacity: 10) { fractions in
            let fraction = fractions.baseAddress!
            for corner in 0..<rules.volume {
                for rule in Int(offset[corner])..<Int(offset[corner + 1]) {
                    let row = Int(outputRow[rule])
                    for axis in 0..<dimension {
                        let place = points[row &* dimension &+ axis]
                        fraction[axis] = Double(place) - Double(place.rounded(.down))
                    }
                    body(rule, row, corner, fraction)
                }
            }
        }
        withExtendedLifetime(rules) {}
    }

    private func requireCount(_ matrix: Matrix, _ count: Int, _ name: String) throws(SCNError) {
        try require(matrix.count == count, .shape, "\(name): has \(matrix.count) elements, expected \(count)")
    }
}
