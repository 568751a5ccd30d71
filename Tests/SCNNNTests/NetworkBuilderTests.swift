import SCNCore
import SCNTestSupport
import Testing

@testable import SCNNN

/// Residual, fully convolutional and dense networks against the same networks put together by hand.
@Suite(.exclusive) struct NetworkBuilderTests {
    static func norm(_ planes: Int, leakiness: Double = 0) throws -> Module {
        try BatchNormalization(planes: planes, leakiness: leakiness)
    }

    static func same(_ inPlanes: Int, _ outPlanes: Int) throws -> Module {
        try SubmanifoldConvolution(dimension: 2, in: inPlanes, out: outPlanes, filterSize: 3)
    }

    static func down(_ inPlanes: Int, _ outPlanes: Int, size: Size = 3) throws -> Module {
        try Convolution(dimension: 2, in: inPlanes, out: outPlanes, filterSize: size, stride: 2)
    }

    @Test func residualNetworksAreWhatTheySay() throws {
        let net = try Networks.sparseResNet(
            dimension: 2, in: 3,
            stages: [.init(planes: 5), .init(planes: 5, repetitions: 2), .init(planes: 7, repetitions: 1, stride: 2)])
        let expected = try Sequential([
            Self.norm(3),
            ConcatTable([
                Sequential([Self.same(3, 5), Self.norm(5), Self.same(5, 5)]), NetworkInNetwork(in: 3, out: 5),
            ]),
            AddTable(),
            Self.norm(5),
            ConcatTable([Sequential([Self.same(5, 5), Self.norm(5), Self.same(5, 5)]), Identity()]),
            AddTable(),
            ConcatTable([Sequential([Self.norm(5), Self.same(5, 5), Self.norm(5), Self.same(5, 5)]), Identity()]),
            AddTable(),
            Self.norm(5),
            ConcatTable([Sequential([Self.down(5, 7), Self.norm(7), Self.same(7, 7)]), Self.down(5, 7)]),
            AddTable(),
            Self.norm(7),
        ])
        #expect(net.description == expected.description)
        #expect(try Networks.sparseResNet(dimension: 3, in: 4, stages: []).children.count == 1)
    }

    @Test func fullyConvolutionalNetworksAreWhatTheySay() throws {
        let net = try Networks.fullyConvolutional(
            dimension: 2, repetitions: 1, planes: [3, 5], downsampleSize: 3, leakiness: 0.5, inPlanes: 2)
        func norm(_ planes: Int) throws -> Module { try Self.norm(planes, leakiness: 0.5) }
        let expected = try Sequential([
            Sequential([norm(2), Self.same(2, 3)]),
            ConcatTable([
                Identity(),
                Sequential([
                    norm(3), Self.down(3, 5), Sequential([Sequential([norm(5), Self.same(5, 5)])]),
                    UnPooling(dimension: 2, poolSize: 3, poolStride: 2),
                ]),
            ]),
            JoinTable(),
        ])
        #expect(net.description == expected.description)
    }

    @Test func integratedLinearNetworksAreWhatTheySay() throws {
        let net = try Networks.fullyConvolutionalIntegratedLinear(
            dimension: 2, repetitions: 2, planes: [3, 5], classes: 4)
        let expected = try Sequential([
            Self.norm(3), Self.same(3, 3), Self.norm(3), Self.same(3, 3),
            ConcatTable([
                Sequential([Self.norm(3), NetworkInNetwork(in: 3, out: 4)]),
                Sequential([
                    Self.norm(3), Self.down(3, 5, size: 2),
                    Sequential([
                        Self.norm(5), Self.same(5, 5), Self.norm(5), Self.same(5, 5), Self.norm(5),
                        NetworkInNetwork(in: 5, out: 4, bias: true),
                    ]),
                    UnPooling(dimension: 2, poolSize: 2, poolStride: 2),
                ]),
            ]),
            AddTable(),
        ])
        #expect(net.description == expected.description)
        let residual = try Networks.fullyConvolutionalIntegratedLinear(
            dimension: 2, repetitions: 1, planes: [6], residual: true)
        let block = try Sequential([Self.norm(6), Self.same(6, 6), Self.norm(6), Self.same(6, 6)])
        let parts: [Module] = try [
            ConcatTable([Identity(), block]), AddTable(), Self.norm(6), NetworkInNetwork(in: 6, out: 6, bias: true),
        ]
        #expect(residual.description == (try Sequential(parts)).description)
    }

    @Test func denseNetworksAreWhatTheySay() throws {
        let net = try Networks.sparseDenseNet(
            dimension: 2, in: 3, layers: [.block(layers: 2, growthRate: 2), .transition(planes: 4), .maxPooling()])
        func grown(_ planes: Int) throws -> Module {
            try ConcatTable([
                Identity(),
                Sequential([
                    Self.norm(planes), NetworkInNetwork(in: planes, out: 8), Self.norm(8), Self.same(8, 2),
                ]),
            ])
        }
        let expected = try Sequential([
            grown(3), JoinTable(), grown(5), JoinTable(),
            Self.norm(7), NetworkInNetwork(in: 7, out: 4), AveragePooling(dimension: 2, poolSize: 2, poolStride: 2),
            MaxPooling(dimension: 2, poolSize: 2, poolStride: 2), Self.norm(4),
        ])
        #expect(net.description == expected.description)
    }

    /// Every builder with 3/2 windows and odd planes, forward and backward, in 2-D and 4-D; and with no site at all.
    @Test(arguments: [2, 4]) func networksRun(dimension: Int) throws {
        var random = Random(seed: 5)
        let nets: [(Sequential, planes: Int, out: Int)] = try [
            (Networks.sparseResNet(dimension: dimension, in: 3, stages: [.init(planes: 5, stride: 2)]), 5, 3),
            (Networks.uNet(dimension: dimension, repetitions: 1, planes: [3, 5], downsampleSize: 3), 3, 7),
            (
                Networks.fullyConvolutional(dimension: dimension, repetitions: 1, planes: [3, 5], downsampleSize: 3), 8,
                7
            ),
            (
                Networks.fullyConvolutionalIntegratedLinear(
                    dimension: dimension, repetitions: 1, planes: [3, 5], classes: 7, downsampleSize: 3), 7, 7
            ),
            (
                Networks.sparseDenseNet(
                    dimension: dimension, in: 3, layers: [.block(layers: 2, growthRate: 3), .transition(size: 3)]), 9, 3
            ),
        ]
        let size = Array(repeating: 7, count: dimension)
        let cloud = try Cloud(60, size: size, planes: 3, &random)
        let nothing = try InputLayer(dimension: dimension, spatialSize: Size(size))(
            Points([], features: Tensor(zeros: [0, 3]), batchSize: 2))
        for (net, planes, out) in nets {
            let output = try #require(try net(cloud.tensor).sparseTensor)
            #expect(output.planes == planes && output.spatialSize == Array(repeating: out, count: dimension))
            #expect(try net.inputSpatialSize(output.spatialSize) == size)
            try output.features.sum().backward()
            #expect(net.parameters.allSatisfy { $0.gradient?.allSatisfy(\.isFinite) == true })
            let empty = try #require(try net(nothing).sparseTensor)
            #expect(empty.siteCount == 0 && empty.planes == planes)
            #expect(try Architecture.build(Architecture.text(of: net)).description == net.description)
        }
    }

    @Test func wordsBecomeStagesAndLayers() throws {
        #expect(
            try Networks.ResidualStage.parse(" b16 b16x2\n b8x3/2") == [
                .init(planes: 16), .init(planes: 16, repetitions: 2), .init(planes: 8, repetitions: 3, stride: 2),
            ])
        #expect(
            try Networks.DenseNetLayer.parse("B4x12 T T:24 T3/2 T3/2:24 MP2/2 AP3/1") == [
                .block(layers: 4, growthRate: 12), .transition(), .transition(planes: 24),
                .transition(size: 3, stride: 2), .transition(planes: 24, size: 3, stride: 2), .maxPooling(),
                .averagePooling(size: 3, stride: 1),
            ])
    }

    @Test(arguments: ["b", "b0", "x2", "b8x", "b8x0", "b8x2x2", "b8/", "b8/0", "b8x2/2/2", "B8", "c8", "b-8", "b8x2/"])
    func otherStagesAreErrors(text: String) {
        #expect(thrownError { _ = try Networks.ResidualStage.parse(text) }?.kind == .format)
    }

    @Test(arguments: [
        "B", "B4", "B4x", "B0x4", "B4x4x4", "T:", "T:0", "T3", "T3/", "T3/2:", "MP", "AP", "AP2", "Q", "t",
    ])
    func otherDenseLayersAreErrors(text: String) {
        #expect(thrownError { _ = try Networks.DenseNetLayer.parse(text) }?.kind == .format)
    }

    @Test func impossibleNetworksAreErrors() {
        func kind(_ build: () throws -> Module) -> SCNError.Kind? { thrownError { _ = try build() }?.kind }
        for stage in [(0, 1, 1), (1 << 40, 1, 1), (4, 0, 1), (4, 1001, 1), (4, 1, 0)] {
            let stages = [Networks.ResidualStage(planes: stage.0, repetitions: stage.1, stride: stage.2)]
            #expect(kind { try Networks.sparseResNet(dimension: 2, in: 3, stages: stages) } == .invalidArgument)
        }
        #expect(kind { try Networks.sparseResNet(dimension: 2, in: 0, stages: []) } == .invalidArgument)
        for planes in [[], [0], [4, 1 << 40], Array(repeating: 4, count: 65)] {
            #expect(
                kind { try Networks.fullyConvolutional(dimension: 2, repetitions: 1, planes: planes) }
                    == .invalidArgument)
        }
        for classes in [0, -2, .max] {
            #expect(
                kind {
                    try Networks.fullyConvolutionalIntegratedLinear(
                        dimension: 2, repetitions: 1, planes: [4], classes: classes)
                } == .invalidArgument)
        }
        for layer in [
            .block(layers: 0, growthRate: 4), .block(layers: 4, growthRate: .max), .transition(planes: 0),
            .maxPooling(size: 0),
        ] as [Networks.DenseNetLayer] {
            #expect(kind { try Networks.sparseDenseNet(dimension: 2, in: 3, layers: [layer]) } == .invalidArgument)
        }
    }
}
