import SCNCore
import SCNNN
import SCNTestSupport
import Testing

@Suite(.exclusive) struct GeneratorTests {
    static func draws() throws -> [[Float]] {
        let net = try Sequential {
            try SubmanifoldConvolution(dimension: 2, in: 3, out: 40, filterSize: 3)
            try NetworkInNetwork(in: 50, out: 60)
            try Linear(in: 16, out: 500)
        }
        let dropped = try Dropout()(Tensor([Float](repeating: 1, count: 100), shape: [100]))
        return net.parameters.map(\.elements) + [dropped.tensor?.elements ?? []]
    }

    @Test func oneSeedGivesOneNetwork() throws {
        Generator.seed(11)
        let first = try Self.draws()
        let second = try Self.draws()
        #expect(zip(first, second).allSatisfy { $0 != $1 })
        Generator.seed(11)
        #expect(try Self.draws() == first)
        Generator.seed(12)
        #expect(zip(try Self.draws(), first).allSatisfy { $0 != $1 })
    }

    @Test func stateContinuesTheStream() throws {
        Generator.seed(13)
        _ = try Self.draws()
        let state = Generator.state
        let next = try Self.draws()
        Generator.state = state
        #expect(try Self.draws() == next)
    }

    @Test func weightsHaveTheirVariance() throws {
        Generator.seed(14)
        func moments(_ tensor: Tensor) -> (mean: Double, variance: Double) {
            let moments = RowOracle.moments(tensor.elements.doubles, rows: tensor.count, planes: 1)
            return (moments.mean[0], moments.variance[0])
        }
        let layers: [(Tensor, Double)] = [
            (
                try SubmanifoldConvolution(dimension: 3, in: 16, out: 32, filterSize: 3, groups: 2).weight,
                2.0 * 2 / (16 * 27)
            ),
            (try Convolution(dimension: 2, in: 32, out: 64, filterSize: [3, 2], stride: 2).weight, 2.0 / (32 * 6)),
            (try NetworkInNetwork(in: 100, out: 100).weight, 2.0 / 100),
            // Uniform in -b ... b has variance b * b / 3, with b = 1 / sqrt(100).
            (try Linear(in: 100, out: 100).weight, 0.01 / 3),
        ]
        for (weight, variance) in layers {
            let found = moments(weight)
            #expect(abs(found.mean) < 5 * (variance / Double(weight.count)).squareRoot())
            #expect(abs(found.variance / variance - 1) < 0.1)
        }
        let bound = try Linear(in: 100, out: 100)
        #expect(bound.parameters.allSatisfy { $0.elements.allSatisfy { abs($0) <= 0.1 } })
        let convolution = try SubmanifoldConvolution(dimension: 1, in: 1, out: 3, filterSize: 3, bias: true)
        #expect(convolution.bias?.elements == [0, 0, 0])
    }
}
