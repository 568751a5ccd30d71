import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@testable import SCNNN

@Suite(.exclusive) struct SpectralNormTests {
    @Test func theWeightGetsTheNorm() throws {
        let layer = try Linear(in: 2, out: 2, bias: false)
        let original = layer.weight
        try original.update(from: [3, 0, 0, 1])
        try layer.addSpectralNorm(powerIterations: 30, norm: 2)
        #expect(layer.state.map(\.name) == ["weight", "weight_orig", "weight_u"])
        #expect(layer.state.map(\.isParameter) == [false, true, false])
        #expect(layer.parameters.first === original)
        let input = try leaf([1, 0, 0, 1], [2, 2])
        let output = try #require(try layer(input).tensor)
        #expect(worstError(output.elements, [2, 0, 0, 2.0 / 3]) < 1e-5)
        // d(w2 * 2 / 3): the largest singular value does not depend on the other weights.
        try output.backward(gradient: [0, 0, 0, 1])
        #expect(worstError(try #require(original.gradient), [-2.0 / 9, 0, 0, 2.0 / 3]) < 1e-4)
        #expect(worstError(layer.weight.elements, [2, 0, 0, 2.0 / 3]) < 1e-5)
        layer.setTraining(false)
        original.zeroGradient()
        let evaluated = try #require(try layer(input).tensor)
        #expect(evaluated.elements == output.elements)
        try evaluated.sum().backward()
        #expect(original.gradient == nil)
    }

    @Test func convolutionsHaveOneToo() throws {
        var random = Random(seed: 41)
        let cloud = try Cloud(17, size: [5, 6], planes: 4, &random)
        let layer = try SubmanifoldConvolution(dimension: 2, in: 4, out: 6, filterSize: 3, bias: true, groups: 2)
        try layer.addSpectralNorm(powerIterations: 200)
        let plain = try SubmanifoldConvolution(dimension: 2, in: 4, out: 6, filterSize: 3, bias: true, groups: 2)
        let output = try #require(try layer(cloud.tensor).tensor)
        try plain.weight.update(from: layer.weight.elements)
        #expect(try plain(cloud.tensor).tensor?.elements == output.elements)
        try output.sum().backward()
        // The gradient along the weight itself vanishes: scaling it changes nothing.
        let original = try #require(layer.spectralNorm?.original)
        let gradient = try #require(original.gradient)
        #expect(abs(dot(gradient.doubles, original.elements.doubles)) < 1e-3)
        #expect(gradient.contains { abs($0) > 1e-3 })
    }

    @Test func isPartOfTheArchitectureAndOfCheckpoints() throws {
        let layer = try NetworkInNetwork(in: 3, out: 2, bias: true)
        try layer.addSpectralNorm(powerIterations: 3, epsilon: 1e-6, norm: 0.5)
        let net = try Sequential([layer, ActivationLayer(.relu)])
        let built = try Architecture.build(Architecture.text(of: net))
        #expect(built.state.map(\.name) == net.state.map(\.name))
        #expect(try Architecture.text(of: built) == Architecture.text(of: net))
        let file = TemporaryFile()
        try Checkpoint.save(net, to: file.path)
        let opened = try Checkpoint.open(file.path)
        #expect(opened.state.map(\.tensor.elements) == net.state.map(\.tensor.elements))
    }

    @Test func refusals() throws {
        let layer = try Linear(in: 2, out: 2)
        for (iterations, epsilon, norm) in [(0, 1, 1), (1, 0, 1), (1, .nan, 1), (1, 1, 0), (1, 1, .infinity)] {
            let error = thrownError {
                try layer.addSpectralNorm(powerIterations: iterations, epsilon: epsilon, norm: norm)
            }
            #expect(error?.kind == .invalidArgument)
        }
        #expect(layer.state.map(\.name) == ["weight", "bias"])
        try layer.addSpectralNorm()
        #expect(thrownError { try layer.addSpectralNorm() }?.kind == .state)
        #expect(thrownError { try Identity().addSpectralNorm() }?.kind == .invalidArgument)
    }
}
