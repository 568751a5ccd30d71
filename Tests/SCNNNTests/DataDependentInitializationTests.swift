import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@testable import SCNNN

@Suite(.exclusive) struct DataDependentInitializationTests {
    static func moments(_ value: Value) throws -> (mean: [Double], deviation: [Double]) {
        let tensor = try #require(value.tensor)
        let (rows, planes) = (tensor.values.rows, tensor.values.planes)
        let found = RowOracle.moments(tensor.elements.doubles, rows: rows, planes: planes)
        return (found.mean, found.variance.map { ($0 * Double(rows) / Double(rows - 1)).squareRoot() })
    }

    static func network() throws -> (net: Sequential, layers: [Module]) {
        let layers: [Module] = [
            try SubmanifoldConvolution(dimension: 2, in: 4, out: 6, filterSize: 3, bias: true, groups: 2),
            try NetworkInNetwork(in: 6, out: 3, bias: true), try Linear(in: 3, out: 5),
            try NetworkInNetwork(in: 6, out: 2, bias: true),
        ]
        let net = try Sequential([
            layers[0], ActivationLayer(.tanh),
            ConcatTable([Sequential([layers[1], CheckpointedSequential([layers[2]])]), layers[3]]), JoinTable(),
            NetworkInNetwork(in: 7, out: 2),
        ])
        return (net, layers)
    }

    @Test func everyPlaneGetsMeanZeroAndDeviationOne() throws {
        var random = Random(seed: 42)
        let cloud = try Cloud(60, size: [9, 9], planes: 4, &random)
        let (net, layers) = try Self.network()
        let output = try net.reweight(.sparse(cloud.tensor))
        #expect(output.tensor?.requiresGradient == false)
        #expect(try output.tensor?.elements == net(cloud.tensor).tensor?.elements)
        let first = try layers[0](cloud.tensor)
        let hidden = try ActivationLayer(.tanh)(try #require(first.sparseTensor))
        let second = try layers[1].forward(hidden)
        for value in [first, second, try layers[2].forward(second), try layers[3].forward(hidden)] {
            let (mean, deviation) = try Self.moments(value)
            #expect(mean.allSatisfy { abs($0) < 1e-5 } && deviation.allSatisfy { abs($0 - 1) < 1e-5 })
        }
    }

    @Test func rebiasKeepsTheWeights() throws {
        var random = Random(seed: 43)
        let cloud = try Cloud(60, size: [9, 9], planes: 4, &random)
        let (net, layers) = try Self.network()
        let weights = net.state.filter { $0.name.hasSuffix("weight") }.map(\.tensor.elements)
        try net.rebias(.sparse(cloud.tensor))
        #expect(net.state.filter { $0.name.hasSuffix("weight") }.map(\.tensor.elements) == weights)
        let (mean, _) = try Self.moments(layers[0](cloud.tensor))
        #expect(mean.allSatisfy { abs($0) < 1e-5 })
    }

    @Test func nothingChangesWhereItFails() throws {
        var random = Random(seed: 44)
        let cloud = try Cloud(20, size: [9, 9], planes: 4, &random)
        let net = try Sequential([
            NetworkInNetwork(in: 4, out: 3, bias: true), BatchNormalization(planes: 3),
            NetworkInNetwork(in: 5, out: 3, bias: true),
        ])
        let before = net.state.map(\.tensor.elements)
        #expect(thrownError { try net.reweight(.sparse(cloud.tensor)) }?.kind == .shape)
        #expect(net.state.map(\.tensor.elements) == before)
    }

    @Test func fewRowsAndNoDeviationStayFinite() throws {
        for rows in [0, 1, 3] {
            let layer = try Linear(in: 2, out: 3)
            let weight = layer.weight.elements
            try Sequential([layer]).reweight(.dense(Tensor([Float](repeating: 2, count: 2 * rows), shape: [rows, 2])))
            #expect(layer.weight.elements == weight)
            #expect(layer.bias?.elements.allSatisfy(\.isFinite) == true)
        }
    }
}
