import SCNCore
import SCNTestSupport
import Testing

@testable import SCNNN

/// Normalizations and dropout through the tape.
@Suite(.exclusive) struct PointwiseLayerTests {
    @Test(arguments: [true, false]) func meanOnlyNormalization(isAffine: Bool) throws {
        var random = Random(seed: 14)
        let layer = try MeanOnlyBNLeakyReLU(planes: 3, affine: isAffine, leakiness: 0.25, momentum: 0.75)
        try LayerTests.randomize(layer, &random)
        #expect(layer.state.map(\.name) == (isAffine ? ["bias", "running_mean"] : ["running_mean"]))
        for isTraining in [false, true] {
            layer.setTraining(isTraining)
            layer.zeroGradients()
            try layer.runningMean.update(from: [0.1, -0.2, 0.3])
            let input = try leaf(random.floats(36), [12, 3])
            try LayerTests.check(layer, .dense(input), by: input, step: 1e-6) { input, parameters in
                let mean = isTraining ? RowOracle.moments(input, rows: 12, planes: 3).mean : [0.1, -0.2, 0.3]
                return RowOracle.normalized(
                    input, mean: mean, variance: [1, 1, 1], weight: nil, bias: parameters.first, epsilon: 0,
                    leakiness: 0.25)
            }
            #expect((layer.runningMean.elements == [0.1, -0.2, 0.3]) == !isTraining)
        }
        let before = layer.runningMean.elements
        #expect(try layer(Tensor(zeros: [0, 3])).tensor?.shape == [0, 3])
        #expect(layer.runningMean.elements == before)
        #expect(thrownError { _ = try layer(Tensor(zeros: [4, 2])) }?.kind == .shape)
    }

    @Test func groupNormalization() throws {
        var random = Random(seed: 15)
        let cloud = try Cloud(17, size: [6, 5], planes: 6, &random)
        let layer = try SparseGroupNorm(groups: 3, planes: 6, epsilon: 1e-3)
        try LayerTests.randomize(layer, &random)
        let samples = cloud.sites.map { $0.last! }
        try LayerTests.check(layer, .sparse(cloud.tensor), by: cloud.features, step: 1e-6) { input, parameters in
            input.indices.map { place in
                let (row, plane) = (place / 6, place % 6)
                let peers = input.indices.filter {
                    samples[$0 / 6] == samples[row] && $0 % 6 / 2 == plane / 2
                }
                let mean = peers.reduce(0) { $0 + input[$1] } / Double(peers.count)
                let variance = peers.reduce(0) { $0 + (input[$1] - mean) * (input[$1] - mean) } / Double(peers.count)
                let hat = (input[place] - mean) / (variance + 1e-3).squareRoot()
                return hat * parameters[0][plane] + parameters[1][plane]
            }
        }
        #expect(thrownError { _ = try layer(Tensor(zeros: [4, 6])) }?.kind == .shape)
        #expect(thrownError { _ = try SparseGroupNorm(groups: 4, planes: 6) }?.kind == .invalidArgument)
        let none = try #require(
            try InputLayer(dimension: 2, spatialSize: 4)(
                Points([], features: Tensor(zeros: [0, 6]))
            ).sparseTensor)
        #expect(try layer(none).tensor?.shape == [0, 6])
    }

    @Test(arguments: [true, false]) func instanceNormalization(isAffine: Bool) throws {
        var random = Random(seed: 16)
        let cloud = try Cloud(17, size: [6, 5], planes: 3, &random)
        let layer = try InstanceNorm(planes: 3, epsilon: 1e-3, affine: isAffine)
        try LayerTests.randomize(layer, &random)
        #expect(layer.state.map(\.name) == (isAffine ? ["weight", "bias"] : []))
        let samples = cloud.sites.map { $0.last! }
        try LayerTests.check(layer, .sparse(cloud.tensor), by: cloud.features, step: 1e-6) { input, parameters in
            input.indices.map { place in
                let peers = input.indices.filter { samples[$0 / 3] == samples[place / 3] && $0 % 3 == place % 3 }
                let hat = standardized(input[place], among: peers.map { input[$0] }, epsilon: 1e-3)
                return isAffine ? hat * parameters[0][place % 3] + parameters[1][place % 3] : hat
            }
        }
        #expect(thrownError { _ = try layer(Tensor(zeros: [4, 3])) }?.kind == .shape)
    }

    @Test(arguments: [true, false]) func layerNormalization(isAffine: Bool) throws {
        var random = Random(seed: 17)
        for planes in [2, 5, 16, 37] {
            let layer = try LayerNorm(planes: planes, epsilon: 1e-3, affine: isAffine)
            try LayerTests.randomize(layer, &random)
            let input = try leaf(random.floats(7 * planes).map { $0 + 3 }, [7, planes])
            try LayerTests.check(layer, .dense(input), by: input, step: 1e-6) { input, parameters in
                input.indices.map { place in
                    let row = input[place / planes * planes..<(place / planes + 1) * planes]
                    let hat = standardized(input[place], among: Array(row), epsilon: 1e-3)
                    return isAffine ? hat * parameters[0][place % planes] + parameters[1][place % planes] : hat
                }
            }
            #expect(try layer(Tensor(zeros: [0, planes])).tensor?.shape == [0, planes])
            #expect(thrownError { _ = try layer(Tensor(zeros: [4, planes + 1])) }?.kind == .shape)
        }
        #expect(thrownError { _ = try LayerNorm(planes: 4, epsilon: 0) }?.kind == .invalidArgument)
    }

    private func standardized(_ value: Double, among values: [Double], epsilon: Double) -> Double {
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        return (value - mean) / (variance + epsilon).squareRoot()
    }

    @Test(arguments: [1, 5]) func parametricReLU(leaks: Int) throws {
        var random = Random(seed: 18)
        let layer = try PReLU(planes: leaks, leak: -0.5)
        #expect(layer.weight.elements.allSatisfy { $0 == -0.5 })
        try LayerTests.randomize(layer, &random)
        let input = try leaf(random.floats(60).map { $0 + ($0 < 0 ? -0.01 : 0.01) }, [12, 5])
        try LayerTests.check(layer, .dense(input), by: input, step: 1e-5) { input, parameters in
            input.indices.map { input[$0] > 0 ? input[$0] : input[$0] * parameters[0][leaks == 1 ? 0 : $0 % 5] }
        }
        #expect(try layer(Tensor(zeros: [0, 5])).tensor?.shape == [0, 5])
        if leaks == 1 {
            #expect(try layer(Tensor(zeros: [2, 3, 4])).tensor?.shape == [2, 3, 4])
        } else {
            #expect(thrownError { _ = try layer(Tensor(zeros: [4, 3])) }?.kind == .shape)
        }
        #expect(thrownError { _ = try PReLU(leak: .nan) }?.kind == .invalidArgument)
    }

    @Test func batchNormELU() throws {
        let net = try Sequential.batchNormELU(planes: 3)
        #expect(net.state.map(\.name) == ["0.weight", "0.bias", "0.running_mean", "0.running_var"])
        #expect((net.children[0] as? BatchNormalization)?.momentum == 0.9)
        #expect(try net(Tensor([-1, 0, 5, 1, 0, 6], shape: [2, 3])).tensor?.elements.min() ?? -2 > -1)
    }

    @Test func batchwiseDropout() throws {
        Generator.seed(6)
        let layer = try BatchwiseDropout(p: 0.25)
        let input = try leaf([Float](repeating: 2, count: 8_000), [4, 2_000])
        let output = try #require(try layer(input).tensor)
        let rows = (0..<4).map { Array(output.elements[$0 * 2_000..<($0 + 1) * 2_000]) }
        #expect(Set(rows).count == 1 && Set(output.elements) == [0, 2])
        #expect(abs(rows[0].reduce(0, +) / 4_000 - 0.75) < 0.05)
        try output.sum().backward()
        #expect(input.gradient == output.elements.map { $0 / 2 })
        layer.setTraining(false)
        input.zeroGradient()
        let evaluated = try #require(try layer(input).tensor)
        #expect(evaluated.elements.allSatisfy { $0 == 1.5 })
        try evaluated.sum().backward()
        #expect(input.gradient?.allSatisfy { $0 == 0.75 } == true)
        #expect(thrownError { _ = try BatchwiseDropout(p: -0.1) }?.kind == .invalidArgument)
    }
}
