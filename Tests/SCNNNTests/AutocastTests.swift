import SCNCore
import SCNGeometry
import SCNNN
import SCNOps
import SCNTestSupport
import Testing

/// Training with bfloat16 between the layers.
@Suite(.exclusive) struct AutocastTests {
    /// A block that adds what it computes to its input.
    static func block(_ planes: Int) throws -> [Module] {
        let branch = try Sequential([
            SubmanifoldConvolution(dimension: 2, in: planes, out: planes, filterSize: 3),
            BatchNormalization(planes: planes, leakiness: 0.1),
            SubmanifoldConvolution(dimension: 2, in: planes, out: planes, filterSize: 3, groups: 2),
            BatchNormalization(planes: planes),
        ])
        return [try ConcatTable([Identity(), branch]), AddTable(), try ActivationLayer(.relu)]
    }

    /// Downward and up again, joined, and layers that know no bfloat16.
    static func network(isCheckpointed: Bool = false) throws -> Sequential {
        let below = try Sequential([
            BatchNormalization(planes: 20, leakiness: 0),
            Convolution(dimension: 2, in: 20, out: 32, filterSize: 2, stride: 2, bias: true),
            MeanOnlyBNLeakyReLU(planes: 32),
            Deconvolution(dimension: 2, in: 32, out: 20, filterSize: 2, stride: 2),
        ])
        let first = try SubmanifoldConvolution(dimension: 2, in: 3, out: 20, filterSize: 3, bias: true)
        let inner = try block(20) + [ConcatTable([Identity(), below]), JoinTable()]
        let middle = try isCheckpointed ? CheckpointedSequential(inner) : Sequential(inner)
        return try Sequential([
            first, middle, NetworkInNetwork(in: 40, out: 24, bias: true), ActivationLayer(.silu),
            MaxPooling(dimension: 2, poolSize: 2, poolStride: 2),
            SubmanifoldConvolution(dimension: 2, in: 24, out: 20, filterSize: 3),
            UnPooling(dimension: 2, poolSize: 2, poolStride: 2), OutputLayer(dimension: 2),
            Linear(in: 20, out: 5),
        ])
    }

    /// The loss and the gradients of all parameters and of the input.
    static func step(_ network: Module, _ cloud: Cloud, _ precision: Precision) throws -> [[Float]] {
        network.zeroGradients()
        cloud.features.zeroGradient()
        let result = try Autocast.with(precision) { try network(cloud.tensor) }.dense
        #expect(result.values.type == .float32)
        let labels = (0..<result.shape[0]).map { $0 % 5 }
        let loss = try Loss.crossEntropy(result, labels: labels)
        try loss.backward()
        let tensors = network.parameters + [cloud.features]
        #expect(tensors.allSatisfy { $0.gradientValues?.type == .float32 })
        return try [[loss.item()]] + tensors.map { try #require($0.gradient) }
    }

    static func difference(_ a: [Float], _ b: [Float]) -> Double {
        let error = zip(a, b).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        return (error / max(b.reduce(0.0) { $0 + Double($1 * $1) }, 1e-12)).squareRoot()
    }

    static func cloud(_ count: Int = 150) throws -> Cloud {
        var random = Random(seed: 5)
        return try Cloud(count, size: [16, 16], planes: 3, &random)
    }

    @Test func gradientsAreThoseOfFloat32ButForRounding() throws {
        let cloud = try Self.cloud()
        Generator.state = Random(seed: 7)
        let network = try Self.network()
        let exact = try Self.step(network, cloud, .float32)
        try withEachBFloat16 { name in
            let all = try [1, 3].map { threads in
                Parallel.threadCount = threads
                return try Self.step(network, cloud, .bfloat16)
            }
            for (got, want) in zip(all[0], exact) {
                // A gradient that is zero but for rounding, such as by a bias before a batch norm, has no direction.
                if want.contains(where: { abs($0) > 1e-4 }) { #expect(Self.difference(got, want) < 0.1, name) }
            }
            #expect(all[0].map(\.bits) == all[1].map(\.bits), name)
            #expect(all[0].map(\.bits) != exact.map(\.bits), "nothing was rounded, \(name)")
        }
    }

    @Test func checkpointsGiveTheSameBits() throws {
        let cloud = try Self.cloud()
        let steps = try [false, true].map { isCheckpointed in
            Generator.state = Random(seed: 7)
            return try Self.step(Self.network(isCheckpointed: isCheckpointed), cloud, .bfloat16).map(\.bits)
        }
        #expect(steps[0] == steps[1])
    }

    @Test func statisticsAndWeightsStayFloat32() throws {
        Generator.state = Random(seed: 3)
        let network = try Self.network()
        _ = try Self.step(network, Self.cloud(), .bfloat16)
        #expect(network.state.allSatisfy { $0.tensor.values.type == .float32 })
        let means = network.state.filter { $0.name.hasSuffix("running_mean") }
        #expect(means.allSatisfy { $0.tensor.elements.contains { $0 != 0 } })
    }

    /// A module of the host's between layers of the library sees float32 alone.
    final class Doubled: Module {
        let inner: Module
        var seen: [ElementType] = []
        init(_ inner: Module) {
            self.inner = inner
            super.init()
        }
        override var children: [Module] { [inner] }
        override func forward(_ input: Value) throws -> Value {
            let result = try inner(input)
            seen += [input, result].compactMap { $0.tensor?.values.type }
            return try result + result
        }
    }

    @Test func hostsSeeFloat32() throws {
        let layer = try SubmanifoldConvolution(dimension: 2, in: 16, out: 16, filterSize: 3)
        let host = Doubled(try Sequential([layer, BatchNormalization(planes: 16)]))
        let network = try Sequential([
            SubmanifoldConvolution(dimension: 2, in: 3, out: 16, filterSize: 3), host,
            BatchNormalization(planes: 16),
        ])
        let cloud = try Self.cloud()
        let result = try Autocast.with(.bfloat16) { try network(cloud.tensor) }.sparse
        #expect(host.seen == [.float32, .float32] && result.features.values.type == .float32)
        try result.features.sum().backward()
        #expect(layer.weight.gradient != nil)
    }

    /// What a call of `forward` gives is read as any other tensor.
    @Test func tensorsOfForwardAreRead() throws {
        let layer = try SubmanifoldConvolution(dimension: 2, in: 16, out: 16, filterSize: 3)
        var random = Random(seed: 9)
        let input = try Cloud(30, size: [9, 9], planes: 16, &random).tensor
        let tensor = try Autocast.with(.bfloat16) { try layer.forward(.sparse(input)) }.sparse.features
        #expect(tensor.values.type == .bfloat16)
        let elements = tensor.elements
        let widened = try tensor.values.converted(to: .float32).elements
        #expect(elements == widened)
        #expect(tensor.withUnsafeBufferPointer { Array($0) } == elements)
        tensor.withUnsafeMutableBufferPointer { $0[1] = 1.00390625 }
        #expect(tensor.elements[1] == 1 && tensor.elements[0] == elements[0])
        let odd: [Float] = [.nan, .infinity, -0.0, 1.01171875, .greatestFiniteMagnitude]
        let others = odd + elements.dropFirst(odd.count)
        try tensor.update(from: others)
        let expected = try Matrix(rows: 1, planes: others.count, others).converted(to: .bfloat16)
        #expect(Array(tensor.elements.bits.dropFirst()) == Array(expected.elements.bits.dropFirst()))
        #expect(tensor.elements[0].isNaN)
    }

    @Test func optimizedNetworksKeepTheirPrecision() throws {
        let network = try Self.network()
        network.setTraining(false)
        let cloud = try Self.cloud()
        let fast = try network.optimizedForInference()
        Tape.isRecording = false
        defer { Tape.isRecording = true }
        let expected = try fast(cloud.tensor).dense.elements
        let again = try Autocast.with(.bfloat16) { try fast(cloud.tensor) }.dense.elements
        #expect(again == expected)
        // Batch norms that are not folded round once more.
        let rounded = try Autocast.with(.bfloat16) { try network(cloud.tensor) }.dense.elements
        #expect(rounded != expected && Self.difference(rounded, expected) < 0.05)
    }

    @Test func precisionIsPutBack() throws {
        #expect(Autocast.precision == .float32)
        struct Failure: Error {}
        #expect(throws: Failure.self) { try Autocast.with(.bfloat16) { throw Failure() } }
        #expect(Autocast.precision == .float32)
        Autocast.with(.bfloat16) {
            #expect(Autocast.precision == .bfloat16)
            Autocast.with(.float32) { #expect(Autocast.precision == .float32) }
            #expect(Autocast.precision == .bfloat16)
        }
    }

    @Test func emptyTensorsFlow() throws {
        let network = try Self.network()
        let input = try InputLayer(dimension: 2, spatialSize: 16)(Points([], features: Tensor(zeros: [0, 3])))
        let result = try Autocast.with(.bfloat16) { try network(input) }.dense
        #expect(result.shape == [0, 5])
        try result.sum().backward()
    }
}
