import SCNCore
import SCNFiles
import SCNNN
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct CheckpointTests {
    static func network(planes: Int = 4) throws -> Sequential {
        try Sequential {
            try Networks.sparseVGG(
                dimension: 2, in: 2, layers: [.convolution(planes: planes, branches: [2]), .maxPooling()])
            try Dropout(p: 0.25)
            try SparseToDense(dimension: 2, planes: planes + 2)
            Flatten()
            try Linear(in: (planes + 2) * 9, out: 3)
        }
    }

    static func cloud() throws -> Cloud {
        var random = Random(seed: 21)
        return try Cloud(30, size: [7, 7], planes: 2, &random)
    }

    /// Everything that a failed load must leave as it is.
    static func bits(_ module: Module) -> [[UInt32]] { module.state.map(\.tensor.elements.bits) }

    /// Training steps, each on another target; the losses.
    static func train(_ net: Module, _ optimizer: Optimizer, _ cloud: Cloud, steps: Range<Int>) throws -> [Float] {
        try steps.map { step in
            optimizer.zeroGradients()
            let logits = try #require(try net(cloud.tensor).tensor)
            let loss = try Loss.crossEntropy(logits, labels: [step % 3, (step + 1) % 3])
            try loss.backward()
            try optimizer.step()
            return try loss.item()
        }
    }

    @Test func savedNetworksOpenAndRun() throws {
        let (file, cloud) = (TemporaryFile(), try Self.cloud())
        let net = try Self.network()
        _ = try Self.train(net, SGD(net.parameters, learningRate: 0.1), cloud, steps: 0..<3)
        try Checkpoint.save(net, to: file.path)
        net.setTraining(false)
        let expected = try #require(try net(cloud.tensor).tensor).elements
        let generator = Generator.state
        let opened = try Checkpoint.open(file.path)
        #expect(Generator.state == generator)
        #expect(!opened.isTraining)
        #expect(opened.description == net.description)
        #expect(Self.bits(opened) == Self.bits(net))
        #expect(try opened(cloud.tensor).tensor?.elements.bits == expected.bits)
        let other = try Self.network()
        #expect(Self.bits(other) != Self.bits(net))
        try Checkpoint.restore(other, from: file.path)
        #expect(Self.bits(other) == Self.bits(net))
        #expect(other.isTraining)
        let again = TemporaryFile()
        try Checkpoint.save(opened, to: again.path)
        #expect(again.bytes == file.bytes)
    }

    /// Each type of layer, with and without a spectral norm, opens with its values and without a number drawn.
    @Test func everyTypeOpensWithoutADraw() throws {
        let file = TemporaryFile()
        let layers =
            try ArchitectureTests.everything() + [
                SubmanifoldConvolution(dimension: 2, in: 3, out: 4, filterSize: 3, bias: true), Linear(in: 5, out: 4),
                NetworkInNetwork(in: 3, out: 2),
            ]
        for layer in layers.suffix(3) { try layer.addSpectralNorm(powerIterations: 2, norm: 1.5) }
        let net = try Sequential(layers)
        var random = Random(seed: 5)
        for entry in net.state {
            try entry.tensor.update(from: (0..<entry.tensor.count).map { _ in Float(random.uniform()) })
        }
        try Checkpoint.save(net, to: file.path)
        let generator = Generator.state
        let opened = try Checkpoint.open(file.path)
        #expect(Generator.state == generator)
        #expect(Self.bits(opened) == Self.bits(net))
        #expect(opened.state.map(\.name) == net.state.map(\.name))
        #expect(opened.state.map(\.isParameter) == net.state.map(\.isParameter))
        #expect(opened.state.map(\.tensor.requiresGradient) == net.state.map(\.tensor.requiresGradient))
        let again = TemporaryFile()
        try Checkpoint.save(opened, to: again.path)
        #expect(again.bytes == file.bytes)
    }

    /// Networks that no machine has room for: what is wrong is the file, and nothing was asked of the memory.
    @Test(arguments: [
        #"{"type":"Linear","in":2000000,"out":2000000,"bias":false}"#,
        #"{"type":"Linear","in":2000000,"out":2000000,"bias":false,"spectral_norm":{}}"#,
        #"{"type":"InferenceNetwork","modules":[{"type":"NetworkInNetwork","in":2000000,"out":2000000}]}"#,
        #"{"type":"BatchNormalization","planes":2000000000,"affine":false}"#,
        #"{"type":"SubmanifoldConvolution","dimension":3,"in":100000,"out":100000,"filter_size":5}"#,
    ]) func whatTheFileDoesNotHaveIsNotAllocated(architecture: String) throws {
        let file = TemporaryFile()
        let path = try FilePath(file.path)
        let none = try Storage<Float>(count: 0)
        for names in [
            [], ["weight"], ["0.weight", "weight", "weight_orig", "weight_u", "running_mean", "running_var"],
        ] {
            try SafetensorsWriter.write(
                path: path, metadata: [("architecture", architecture)], tensors: names.map { .init($0, [0, 3], none) })
            let before = (liveMemoryBytes, Generator.state)
            let error = try #require(thrownError { _ = try Checkpoint.open(file.path) })
            #expect(error.kind == .format && error.message.hasPrefix("\(file.path): "), "\(error)")
            #expect(liveMemoryBytes == before.0 && Generator.state == before.1)
        }
    }

    @Test func messagesSayWhatDiffers() throws {
        let file = TemporaryFile()
        let path = try FilePath(file.path)
        let (half, values) = (try Storage([1, 2, 3, 4] as [UInt8]), try Storage([1, 2] as [Float]))
        let layer = try Linear(in: 1, out: 2, bias: false)
        func message(_ tensors: [SafetensorsWriter.Tensor]) throws -> String {
            try SafetensorsWriter.write(path: path, tensors: tensors)
            let before = Self.bits(layer)
            let error = try #require(thrownError { try Checkpoint.restore(layer, from: file.path) })
            #expect(error.kind == .format && Self.bits(layer) == before)
            return String(error.message.dropFirst(file.path.count))
        }
        let bytes = UnsafeRawBufferPointer(half.buffer)
        #expect(
            try message([.init(name: "weight", shape: [2, 1], type: SafetensorsType(name: "F16"), bytes: bytes)])
                == ": tensor \"weight\" has elements of type F16, expected F32")
        #expect(
            try message([.init("weight", [1, 2], values)]) == ": tensor \"weight\" has shape [1, 2], expected [2, 1]")
        #expect(try message([]) == ": has no tensor \"weight\": another architecture")
        #expect(
            try message([.init("weight", [2, 1], values), .init("bias", [2], values)])
                == ": tensor 'bias' is none of the module's: another architecture")
        withExtendedLifetime(half) {}
        #expect(
            thrownError { _ = try Checkpoint.open("") }
                == SCNError(.file, "path: is empty, expected the path of a file"))
    }

    @Test func namedTensorsComeBack() throws {
        let file = TemporaryFile()
        let (a, b) = (try Tensor([1, 2, 3, 4], shape: [2, 2]), try Tensor([5], shape: []))
        let saved = [("a", a), ("b.c", b), ("empty", try Tensor(zeros: [0, 3]))]
        try Checkpoint.save(saved, to: file.path)
        let (again, scalar) = (try Tensor(zeros: [2, 2]), try Tensor(zeros: []))
        let loaded = [("b.c", scalar), ("empty", try Tensor(zeros: [0, 3])), ("a", again)]
        try Checkpoint.restore(loaded, from: file.path)
        #expect(again.elements == a.elements && scalar.elements == [5])
        #expect(thrownError { _ = try Checkpoint.open(file.path) }?.kind == .format)
        let twice = [("a", try Tensor(zeros: [1])), ("a", try Tensor(zeros: [1]))]
        #expect(thrownError { try Checkpoint.save(twice, to: file.path) }?.kind == .invalidArgument)
        for name in ["", "optimizer.0.velocity"] {
            let named = [(name, try Tensor(zeros: [1]))]
            #expect(thrownError { try Checkpoint.save(named, to: file.path) }?.kind == .invalidArgument)
        }
    }

    @Test func anotherArchitectureIsRefusedAndChangesNothing() throws {
        let file = TemporaryFile()
        let net = try Self.network()
        let optimizer = try Adam(net.parameters)
        _ = try Self.train(net, optimizer, Self.cloud(), steps: 0..<2)
        try Checkpoint.save(net, optimizer: optimizer, to: file.path)
        let fewer = try Sequential(Array(net.children.dropLast()))
        let more = try Sequential(net.children + [Linear(in: 3, out: 3)])
        for other in [try Self.network(planes: 5), try Sequential(), fewer, more] as [Module] {
            let before = Self.bits(other)
            #expect(thrownError { try Checkpoint.restore(other, from: file.path) }?.kind == .format)
            #expect(Self.bits(other) == before)
        }
    }

    @Test func anotherOptimizerIsRefusedAndChangesNothing() throws {
        let (file, cloud) = (TemporaryFile(), try Self.cloud())
        let net = try Self.network()
        let optimizer = try Adam(net.parameters)
        _ = try Self.train(net, optimizer, cloud, steps: 0..<2)
        try Checkpoint.save(net, optimizer: optimizer, to: file.path)
        let other = try Self.network()
        let before = (Self.bits(other), Generator.state)
        for wrong in [
            try SGD(other.parameters), try Adam(other.parameters, decoupled: true),
            try Adam(Array(other.parameters.dropLast())), try Adam(other.parameters.reversed()),
        ] {
            #expect(thrownError { try Checkpoint.restore(other, optimizer: wrong, from: file.path) }?.kind == .format)
            #expect(Self.bits(other) == before.0 && Generator.state == before.1)
        }
        try Checkpoint.save(net, to: file.path)
        #expect(
            thrownError { try Checkpoint.restore(other, optimizer: Adam(other.parameters), from: file.path) }?.kind
                == .format)
        #expect(Self.bits(other) == before.0)
    }

    @Test func brokenFilesAreRefusedAndChangeNothing() throws {
        let file = TemporaryFile()
        let net = try Self.network()
        try Checkpoint.save(net, to: file.path)
        let bytes = file.bytes
        let other = try Self.network()
        let before = (Self.bits(other), Generator.state)
        for length in [0, 1, 7, 8, 9, 100, bytes.count / 2, bytes.count - 1] {
            file.bytes = Array(bytes.prefix(length))
            #expect(thrownError { try Checkpoint.restore(other, from: file.path) } != nil)
            #expect(thrownError { _ = try Checkpoint.open(file.path) } != nil)
        }
        #expect(Self.bits(other) == before.0 && Generator.state == before.1)
        #expect(thrownError { _ = try Checkpoint.open(file.path + ".none") }?.kind == .file)
        #expect(thrownError { try Checkpoint.save(net, to: file.path + "/no/such/folder") }?.kind == .file)
    }

    enum Kind: CaseIterable { case plainSGD, momentum, nesterov, adam, adamW }

    static func optimizer(_ kind: Kind, _ net: Module, rate: Double = 0.05) throws -> Optimizer {
        switch kind {
        case .plainSGD: try SGD(net.parameters, learningRate: rate)
        case .momentum: try SGD(net.parameters, learningRate: rate, momentum: 0.9, dampening: 0.1, weightDecay: 1e-3)
        case .nesterov: try SGD(net.parameters, learningRate: rate, momentum: 0.9, weightDecay: 1e-3, nesterov: true)
        case .adam: try Adam(net.parameters, learningRate: rate, weightDecay: 1e-3)
        case .adamW: try Adam(net.parameters, learningRate: rate, weightDecay: 0.1, decoupled: true)
        }
    }

    /// With dropout, so that the generator's state counts as well.
    @Test(arguments: Kind.allCases) func aResumedRunGivesTheSameBits(kind: Kind) throws {
        let (file, cloud) = (TemporaryFile(), try Self.cloud())
        Generator.seed(31)
        let net = try Self.network()
        let optimizer = try Self.optimizer(kind, net)
        _ = try Self.train(net, optimizer, cloud, steps: 0..<4)
        try optimizer.setLearningRate(0.03)
        try Checkpoint.save(net, optimizer: optimizer, to: file.path)
        let losses = try Self.train(net, optimizer, cloud, steps: 4..<9)

        Generator.seed(99)
        let resumed = try Self.network()
        let fresh = try Self.optimizer(kind, resumed, rate: 7)
        try Checkpoint.restore(resumed, optimizer: fresh, from: file.path)
        #expect(fresh.learningRate == 0.03)
        #expect(try Self.train(resumed, fresh, cloud, steps: 4..<9).bits == losses.bits)
        #expect(Self.bits(resumed) == Self.bits(net))

        // Over the saved state, not beside it: a run that went on can be set back.
        try Checkpoint.restore(net, optimizer: optimizer, from: file.path)
        #expect(try Self.train(net, optimizer, cloud, steps: 4..<9).bits == losses.bits)

        // Without the optimizer's state and the generator it is another run.
        try Checkpoint.restore(resumed, from: file.path)
        let without = try Self.optimizer(kind, resumed, rate: 0.03)
        #expect(try Self.train(resumed, without, cloud, steps: 4..<9).bits != losses.bits)
    }

    @Test func trainingGivesTheSameBitsOnAllThreadCounts() throws {
        let cloud = try Self.cloud()
        #expect(
            try bitsAgreeOnAllThreadCounts {
                Generator.seed(41)
                let net = try Self.network()
                let losses = try Self.train(net, Self.optimizer(.adam, net), cloud, steps: 0..<4)
                return [losses] + net.state.map(\.tensor.elements)
            })
    }
}

extension SafetensorsWriter.Tensor {
    fileprivate init(_ name: String, _ shape: [Int], _ values: Storage<Float>) {
        self.init(name, shape, SafetensorsType(.float32), values)
    }
}
