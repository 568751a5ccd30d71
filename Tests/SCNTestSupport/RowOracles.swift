import Glibc

/// Operations on rows x planes in double precision; imports no product code.
package enum RowOracle {
    /// result [rows, out] = input [rows, in] * weight + bias; weight [in, out] or, transposed, [out, in].
    package static func linear(
        _ input: [Double], rows: Int, inPlanes: Int, outPlanes: Int, weight: [Double], isTransposed: Bool,
        bias: [Double]?
    ) -> [Double] {
        var result: [Double] = []
        for row in 0..<rows {
            for o in 0..<outPlanes {
                var sum = bias?[o] ?? 0
                for i in 0..<inPlanes {
                    sum += input[row * inPlanes + i] * weight[isTransposed ? o * inPlanes + i : i * outPlanes + o]
                }
                result.append(sum)
            }
        }
        return result
    }

    /// Mean and mean squared deviation of each plane.
    package static func moments(_ input: [Double], rows: Int, planes: Int) -> (mean: [Double], variance: [Double]) {
        var (means, variances) = ([Double](), [Double]())
        for p in 0..<planes {
            let column = (0..<rows).map { input[$0 * planes + p] }
            let mean = column.reduce(0, +) / Double(rows)
            means.append(mean)
            variances.append(column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows))
        }
        return (means, variances)
    }

    /// (x - mean) / sqrt(variance + epsilon) * weight + bias, then y > 0 ? y : leakiness * y.
    package static func normalized(
        _ input: [Double], mean: [Double], variance: [Double], weight: [Double]?, bias: [Double]?, epsilon: Double,
        leakiness: Double
    ) -> [Double] {
        input.indices.map { index in
            let p = index % mean.count
            let hat = (input[index] - mean[p]) / (variance[p] + epsilon).squareRoot()
            let y = hat * (weight?[p] ?? 1) + (bias?[p] ?? 0)
            return y > 0 ? y : leakiness * y
        }
    }

    /// The weighted mean of -log softmax at the labels; 0 where no row counts.
    package static func crossEntropy(
        _ logits: [Double], labels: [Int], classes: Int, weights: [Double]?, ignored: Int
    ) -> Double {
        var (sum, total) = (0.0, 0.0)
        for (row, label) in labels.enumerated() where label != ignored {
            let values = logits[row * classes..<(row + 1) * classes]
            let maximum = values.max()!
            let logSum = maximum + log(values.reduce(0) { $0 + exp($1 - maximum) })
            let weight = weights?[label] ?? 1
            sum += weight * (logSum - logits[row * classes + label])
            total += weight
        }
        return total > 0 ? sum / total : 0
    }

    /// The mean of -log of the probability that sigmoid(logit) gives to a target of 0 or 1, or to both sides of one
    /// between.
    package static func binaryCrossEntropy(_ logits: [Double], targets: [Double]) -> Double {
        let losses = zip(logits, targets).map { logit, target in
            target * log(1 + exp(-logit)) + (1 - target) * log(1 + exp(logit))
        }
        return losses.isEmpty ? 0 : losses.reduce(0, +) / Double(losses.count)
    }

    package static func exponential(_ x: Double) -> Double { exp(x) }

    package static let activations: [(name: String, function: @Sendable (Double) -> Double)] = [
        ("ReLU", { max($0, 0) }),
        ("LeakyReLU", { $0 > 0 ? $0 : 0.25 * $0 }),
        ("ELU", { $0 > 0 ? $0 : exp($0) - 1 }),
        ("SELU", { 1.0507009873554805 * ($0 > 0 ? $0 : 1.6732632423543772 * (exp($0) - 1)) }),
        ("Tanh", { tanh($0) }),
        ("Sigmoid", { 1 / (1 + exp(-$0)) }),
        ("GELU", { $0 * erfc(-$0 / 2.0.squareRoot()) / 2 }),
        ("SiLU", { $0 / (1 + exp(-$0)) }),
        ("Hardswish", { $0 * min(max($0 + 3, 0), 6) / 6 }),
        ("Softplus", { max($0, 0) + log1p(exp(-abs($0))) }),
    ]
}

/// What an input layer does with the rows that share a site, by dictionaries.
package enum InputOracle {
    /// The rows that count at each site, in the order of the sorted sites.
    package static func winners(_ sites: [[Int]], mode: Int) -> [[Int]] {
        let rows = Dictionary(grouping: sites.indices) { sites[$0] }
        return SiteOracle.sorted(sites).map { site in
            switch mode {
            case 1: [rows[site]!.max()!]
            case 2: [rows[site]!.min()!]
            default: rows[site]!.sorted()
            }
        }
    }

    /// [sites, planes] from features [rows, planes].
    package static func combined(_ winners: [[Int]], _ features: [Double], planes: Int, mode: Int) -> [Double] {
        winners.flatMap { rows in
            (0..<planes).map { p in
                let sum = rows.reduce(0) { $0 + features[$1 * planes + p] }
                return mode == 4 ? sum / Double(rows.count) : sum
            }
        }
    }

    /// [rows, planes] from features [sites, planes]: zeros where a row does not count.
    package static func spread(_ winners: [[Int]], _ features: [Double], planes: Int, rows: Int) -> [Double] {
        var result = [Double](repeating: 0, count: rows * planes)
        for (site, rows) in winners.enumerated() {
            for row in rows { for p in 0..<planes { result[row * planes + p] = features[site * planes + p] } }
        }
        return result
    }
}

/// Optimizers in double precision, one parameter at a time.
package struct OptimizerOracle {
    package var parameter: [Double]
    private var velocity: [Double]?
    private var first: [Double]
    private var second: [Double]
    private var steps = 0

    package init(_ parameter: [Double]) {
        self.parameter = parameter
        first = parameter.map { _ in 0 }
        second = first
    }

    package mutating func sgd(
        _ gradient: [Double], rate: Double, momentum: Double, dampening: Double, decay: Double, nesterov: Bool
    ) {
        var direction = zip(gradient, parameter).map { $0 + decay * $1 }
        if momentum != 0 {
            let decayed = direction
            let moved = velocity.map { zip($0, decayed).map { momentum * $0 + (1 - dampening) * $1 } } ?? decayed
            velocity = moved
            direction = nesterov ? zip(decayed, moved).map { $0 + momentum * $1 } : moved
        }
        parameter = zip(parameter, direction).map { $0 - rate * $1 }
    }

    package mutating func adam(
        _ gradient: [Double], rate: Double, beta1: Double, beta2: Double, epsilon: Double, decay: Double,
        decoupled: Bool
    ) {
        steps += 1
        for index in parameter.indices {
            var slope = gradient[index]
            let decayed = decay * parameter[index]
            if decoupled { parameter[index] -= rate * decayed } else { slope += decayed }
            first[index] = beta1 * first[index] + (1 - beta1) * slope
            second[index] = beta2 * second[index] + (1 - beta2) * slope * slope
            let mean = first[index] / (1 - pow(beta1, Double(steps)))
            let square = second[index] / (1 - pow(beta2, Double(steps)))
            parameter[index] -= rate * mean / (square.squareRoot() + epsilon)
        }
    }
}
