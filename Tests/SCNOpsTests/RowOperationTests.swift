import SCNCore
import SCNOps
import SCNTestSupport
import Testing

/// Layer normalization and the parametric ReLU against their definitions, on every instruction set.
@Suite(.exclusive) struct RowOperationTests {
    static let shapes = [(0, 3), (1, 1), (1, 37), (50, 16), (700, 17)]

    static func layerNorm(
        _ input: [Float], _ gradient: [Float], weight: [Float]?, bias: [Float]?, planes: Int, epsilon: Double = 1e-3
    ) throws -> [[Float]] {
        let operation = try LayerNormalizationOperation(epsilon: epsilon)
        let values = try Matrix(rows: input.count / planes, planes: planes, input)
        let (weights, biases) = (try weight.map(vector), try bias.map(vector))
        let (output, byInput) = (try unwritten(values.rows, planes), try unwritten(values.rows, planes))
        let (byWeight, byBias) = (try unwritten(1, planes), try unwritten(1, planes))
        try operation.forward(values, weight: weights, bias: biases, into: output)
        try operation.backward(
            input: values, gradient: Matrix(rows: values.rows, planes: planes, gradient), weight: weights,
            weightResult: byWeight, biasResult: byBias, into: byInput)
        return [output.elements, byInput.elements, byWeight.elements, byBias.elements]
    }

    static func normalized(_ input: [Double], _ weight: [Double], _ bias: [Double], planes: Int) -> [Double] {
        input.indices.map { place in
            let row = input[place / planes * planes..<(place / planes + 1) * planes]
            let mean = row.reduce(0, +) / Double(planes)
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(planes)
            return (input[place] - mean) / (variance + 1e-3).squareRoot() * weight[place % planes]
                + bias[place % planes]
        }
    }

    @Test func layerNormalization() throws {
        var random = Random(seed: 91)
        for (rows, planes) in Self.shapes {
            let input = random.floats(rows * planes).map { $0 + 2 }
            let (gradient, weight, bias) = (random.floats(rows * planes), random.floats(planes), random.floats(planes))
            try withEachInstructionSet { name in
                let results = try Self.layerNorm(input, gradient, weight: weight, bias: bias, planes: planes)
                let expected = Self.normalized(input.doubles, weight.doubles, bias.doubles, planes: planes)
                #expect(worstError(results[0], expected) < 1e-5, name)
                let byInput = gradientError(results[1], at: input.doubles, step: 1e-6, limit: 40) {
                    dot(Self.normalized($0, weight.doubles, bias.doubles, planes: planes), gradient.doubles)
                }
                let byWeight = gradientError(results[2], at: weight.doubles, step: 1e-6, limit: 40) {
                    dot(Self.normalized(input.doubles, $0, bias.doubles, planes: planes), gradient.doubles)
                }
                let byBias = gradientError(results[3], at: bias.doubles, step: 1e-6, limit: 40) {
                    dot(Self.normalized(input.doubles, weight.doubles, $0, planes: planes), gradient.doubles)
                }
                #expect(byInput < 1e-4 && byWeight < 1e-4 && byBias < 1e-4, name)
                let plain = try Self.layerNorm(input, gradient, weight: nil, bias: nil, planes: planes)
                let (ones, zeros) = ([Double](repeating: 1, count: planes), [Double](repeating: 0, count: planes))
                #expect(worstError(plain[0], Self.normalized(input.doubles, ones, zeros, planes: planes)) < 1e-5, name)
            }
        }
    }

    /// Rows far from zero lose nothing, and what is not finite stays in its row.
    @Test func rowsByThemselves() throws {
        var random = Random(seed: 92)
        let small = random.floats(4 * 19)
        let far = try Self.layerNorm(
            small.map { 4096 + ($0 * 64).rounded() / 64 }, small, weight: nil, bias: nil, planes: 19, epsilon: 1e-8)
        let near = try Self.layerNorm(
            small.map { ($0 * 64).rounded() / 64 }, small, weight: nil, bias: nil, planes: 19, epsilon: 1e-8)
        #expect(worstError(far[0], near[0].doubles) < 1e-5)
        var hit = small
        hit[20] = .nan
        let (clean, results) = (
            try Self.layerNorm(small, small, weight: nil, bias: nil, planes: 19),
            try Self.layerNorm(hit, small, weight: nil, bias: nil, planes: 19)
        )
        for part in 0..<2 {
            for place in small.indices {
                #expect(place / 19 == 1 ? results[part][place].isNaN : results[part][place] == clean[part][place])
            }
        }
    }

    static func prelu(_ input: [Float], _ gradient: [Float], leaks: [Float], planes: Int) throws -> [[Float]] {
        let values = try Matrix(rows: input.count / planes, planes: planes, input)
        let (output, byInput) = (try unwritten(values.rows, planes), try unwritten(values.rows, planes))
        let byLeaks = try unwritten(1, leaks.count)
        try ParametricReLU.forward(values, leaks: vector(leaks), into: output)
        try ParametricReLU.backward(
            input: values, gradient: Matrix(rows: values.rows, planes: planes, gradient), leaks: vector(leaks),
            leaksResult: byLeaks, into: byInput)
        return [output.elements, byInput.elements, byLeaks.elements]
    }

    @Test func parametricReLU() throws {
        var random = Random(seed: 93)
        for (rows, planes) in Self.shapes {
            let input = random.floats(rows * planes)
            let (gradient, leaks) = (random.floats(rows * planes), random.floats(planes))
            try withEachInstructionSet { name in
                let results = try Self.prelu(input, gradient, leaks: leaks, planes: planes)
                let isOpen = input.map { $0 > 0 }
                #expect(
                    results[0] == input.indices.map { isOpen[$0] ? input[$0] : input[$0] * leaks[$0 % planes] }, name)
                #expect(
                    results[1] == input.indices.map { isOpen[$0] ? gradient[$0] : gradient[$0] * leaks[$0 % planes] },
                    name)
                let byLeaks = (0..<planes).map { p in
                    stride(from: p, to: input.count, by: planes).reduce(0.0) {
                        $0 + (isOpen[$1] ? 0 : Double(input[$1]) * Double(gradient[$1]))
                    }
                }
                #expect(worstError(results[2], byLeaks) < 1e-4, name)
                let shared = try Self.prelu(input, gradient, leaks: [-0.5], planes: planes)
                let spread = try Self.prelu(
                    input, gradient, leaks: [Float](repeating: -0.5, count: planes), planes: planes)
                #expect(shared[0] == spread[0] && shared[1] == spread[1], name)
                #expect(worstError(shared[2], [byLeaks.reduce(0, +)]) < 1e-4, name)
            }
        }
    }

    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 94)
        let (input, gradient, vector) = (random.floats(340_000), random.floats(340_000), random.floats(17))
        #expect(
            try bitsAgreeOnAllThreadCounts {
                try Self.layerNorm(input, gradient, weight: vector, bias: vector, planes: 17)
                    + Self.prelu(input, gradient, leaks: vector, planes: 17)
            })
    }

    @Test func refusesOtherShapes() throws {
        let (three, two) = (try Matrix(zeros: 4, planes: 3), try Matrix(zeros: 4, planes: 2))
        let norm = try LayerNormalizationOperation(epsilon: 1e-5)
        #expect(thrownError { try norm.forward(three, weight: nil, bias: nil, into: two) }?.kind == .shape)
        #expect(thrownError { try norm.forward(three, weight: vector([1]), bias: nil, into: three) }?.kind == .shape)
        #expect(
            thrownError {
                try norm.backward(
                    input: three, gradient: two, weight: nil, weightResult: nil, biasResult: nil, into: three)
            }?.kind == .shape)
        #expect(thrownError { try ParametricReLU.forward(three, leaks: vector([1, 2]), into: three) }?.kind == .shape)
        #expect(thrownError { _ = try LayerNormalizationOperation(epsilon: -1) }?.kind == .invalidArgument)
    }
}
