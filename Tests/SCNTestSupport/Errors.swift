/// The largest |a - b| / (1 + |b|); infinite where the counts differ, or one value is not finite and the other not
/// equal.
package func worstError(_ a: [Float], _ b: [Double]) -> Double { worstError(a.map(Double.init), b) }

package func worstError(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    var worst = 0.0
    for (x, y) in zip(a, b) where x != y {
        let error = abs(x - y) / (1 + abs(y))
        if !(error <= worst) { worst = error.isNaN ? .infinity : error }
    }
    return worst
}

/// How far a gradient is from central differences of a function in double precision.
///
/// Compares every element where there are at most `limit`, else `limit` of them spread evenly; and the derivative along
/// one direction through all elements, relative to the sum of absolute terms.
package func gradientError(
    _ gradient: [Float], at point: [Double], step: Double, limit: Int = 200, of function: ([Double]) -> Double
) -> Double {
    guard gradient.count == point.count, gradient.allSatisfy(\.isFinite) else { return .infinity }
    guard !point.isEmpty else { return 0 }
    func slope(_ move: (inout [Double], Double) -> Void) -> Double {
        var (above, below) = (point, point)
        move(&above, step)
        move(&below, -step)
        return (function(above) - function(below)) / (2 * step)
    }
    // An odd stride through the elements reaches every plane.
    let stride = point.count <= limit ? 1 : (point.count / limit) | 1
    let indices = Swift.stride(from: 0, to: point.count, by: stride)
    let slopes = indices.map { index in slope { $0[index] += $1 } }
    let worst = worstError(indices.map { gradient[$0] }, slopes)
    let direction = point.indices.map { Double(($0 * 7 + $0 / 3) % 5) / 2 - 1 }
    let along = slope { point, step in for index in point.indices { point[index] += step * direction[index] } }
    let terms = zip(gradient, direction).map { Double($0) * $1 }
    let error = abs(terms.reduce(0, +) - along) / (1 + terms.reduce(0) { $0 + abs($1) })
    return max(worst, error.isNaN ? .infinity : error)
}

/// The sum of products: what makes a scalar of a result.
package func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
