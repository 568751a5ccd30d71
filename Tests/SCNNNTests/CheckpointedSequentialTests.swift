import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

@testable import SCNNN

@Suite(.exclusive) struct CheckpointedSequentialTests {
    /// Random layers, running statistics, a spectral norm, a module that occurs twice, and containers inside.
    static func layers(_ checkpointsInside: Bool) throws -> [Module] {
        let norm = try BatchNormalization(planes: 4, leakiness: 0.1)
        let spectral = try NetworkInNetwork(in: 4, out: 4, bias: true)
        try spectral.addSpectralNorm()
        let inner: [Module] = [
            try SubmanifoldConvolution(dimension: 2, in: 4, out: 4, filterSize: 3, bias: true), norm,
            try Dropout(p: 0.3), spectral, norm, spectral,
        ]
        let block = checkpointsInside ? try CheckpointedSequential(inner) : try Sequential(inner)
        return [
            try ConcatTable([Identity(), block]), AddTable(), try BatchwiseDropout(p: 0.4),
            try MeanOnlyBNLeakyReLU(planes: 4), try SparseGroupNorm(groups: 2, planes: 4),
        ]
    }

    struct Outcome: Equatable {
        var output, byInput: [UInt32]
        var gradients, buffers: [[UInt32]]
        var next: UInt64
    }

    static func outcome(_ net: Module, steps: Int = 2, size: [Int] = [7, 8]) throws -> Outcome {
        var random = Random(seed: 11)
        let cloud = try Cloud(25, size: size, planes: 4, &random)
        Generator.seed(12)
        var output: [Float] = []
        for _ in 0..<steps {
            let tensor = try #require(try net(cloud.tensor).tensor)
            output = tensor.elements
            try tensor.backward(gradient: random.floats(tensor.count))
        }
        return Outcome(
            output: output.bits, byInput: try #require(cloud.features.gradient).bits,
            gradients: try net.parameters.map { try #require($0.gradient).bits },
            buffers: net.state.filter { !$0.isParameter }.map(\.tensor.elements.bits),
            next: Generator.withRandom { $0.next() })
    }

    static func network(
        _ make: ([Module]) throws -> Module, checkpointsInside: Bool = false
    ) throws -> Module {
        Generator.seed(13)
        return try make(layers(checkpointsInside))
    }

    @Test func givesTheBitsOfASequential() throws {
        let plain = try Self.outcome(Self.network { try Sequential($0) })
        #expect(try Self.outcome(Self.network { try CheckpointedSequential($0) }) == plain)
        #expect(try Self.outcome(Self.network({ try Sequential($0) }, checkpointsInside: true)) == plain)
        #expect(try Self.outcome(Self.network({ try CheckpointedSequential($0) }, checkpointsInside: true)) == plain)
    }

    @Test func givesTheBitsOfASequentialInEvaluation() throws {
        func evaluated(_ make: ([Module]) throws -> Module) throws -> [[UInt32]] {
            let net = try Self.network(make)
            _ = try Self.outcome(net)
            net.setTraining(false)
            var random = Random(seed: 14)
            let cloud = try Cloud(25, size: [7, 8], planes: 4, &random)
            let tensor = try #require(try net(cloud.tensor).tensor)
            // What comes between the two passes does not change the second.
            net.setTraining(true)
            try tensor.backward(gradient: random.floats(tensor.count))
            #expect(!net.children.contains { !$0.isTraining })
            return [tensor.elements.bits, try #require(cloud.features.gradient).bits]
        }
        let plain = try evaluated { try Sequential($0) }
        #expect(try evaluated { try CheckpointedSequential($0) } == plain)
    }

    /// Another forward pass in between moves the running statistics and the generator; the gradient stays.
    @Test func whatHappensBetweenThePassesStays() throws {
        func run(_ make: ([Module]) throws -> Module, disturbed: Bool) throws -> ([UInt32], [[UInt32]]) {
            var random = Random(seed: 15)
            let net = try Self.network(make)
            let (cloud, other) = (
                try Cloud(25, size: [7, 8], planes: 4, &random), try Cloud(30, size: [7, 8], planes: 4, &random)
            )
            let tensor = try #require(try net(cloud.tensor).tensor)
            if disturbed { try Tape.withoutRecording { _ = try net(other.tensor) } }
            let (buffers, state) = (net.state.filter { !$0.isParameter }.map(\.tensor.elements.bits), Generator.state)
            try tensor.backward(gradient: random.floats(tensor.count))
            #expect(net.state.filter { !$0.isParameter }.map(\.tensor.elements.bits) == buffers)
            #expect(Generator.state == state)
            return (try #require(cloud.features.gradient).bits, net.parameters.map { $0.gradient!.bits })
        }
        let plain = try run({ try Sequential($0) }, disturbed: false)
        for disturbed in [false, true] {
            let checkpointed = try run({ try CheckpointedSequential($0) }, disturbed: disturbed)
            #expect(checkpointed == plain)
        }
    }

    /// The second run finds the displaced windows in the geometry; the dropouts behind them must draw what they drew.
    @Test func displacedWindowsAndDropoutsComeAgain() throws {
        func outcomes(_ make: ([Module]) throws -> Module) throws -> [Outcome] {
            let layers: [[Module]] = try [true, false].map { inputIsInside in
                Generator.seed(18)
                let random: [Module] = [
                    try RandomizedStrideConvolution(dimension: 2, in: 4, out: 4, filterSize: 3, stride: 2, bias: true),
                    try Dropout(p: 0.3), try FractionalMaxPooling(dimension: 2, .ratio([1.5])),
                    try BatchwiseDropout(p: 0.4), try NetworkInNetwork(in: 4, out: 4),
                    try RandomizedStrideMaxPooling(dimension: 2, poolSize: 2, poolStride: 2), try Dropout(p: 0.2),
                ]
                let before = try Dropout(p: 0.1)
                return inputIsInside ? [try make([before] + random)] : [before, try make(random), try Dropout(p: 0.1)]
            }
            return try layers.map { try Self.outcome(Sequential($0), size: [13, 15]) }
        }
        #expect(try outcomes { try CheckpointedSequential($0) } == outcomes { try Sequential($0) })
    }

    /// With the points inside, the second run makes a geometry of its own, and draws its windows anew.
    @Test func displacedWindowsBehindAnInputLayerComeAgain() throws {
        func gradients(_ make: ([Module]) throws -> Module) throws -> [[UInt32]] {
            Generator.seed(19)
            let net = try make([
                InputLayer(dimension: 2, spatialSize: [13, 15]),
                RandomizedStrideConvolution(dimension: 2, in: 3, out: 4, filterSize: 3, stride: 2), Dropout(p: 0.3),
                FractionalMaxPooling(dimension: 2, .ratio([1.5]), isPseudorandom: false), Dropout(p: 0.3),
            ])
            var random = Random(seed: 20)
            let sites = random.sites(40, size: [13, 15])
            let features = try leaf(random.floats(3 * sites.count), [sites.count, 3])
            let output = try #require(try net(Points(sites, features: features)).tensor)
            try output.backward(gradient: random.floats(output.count))
            return try ([features] + net.parameters).map { try #require($0.gradient).bits } + [output.elements.bits]
        }
        #expect(try gradients { try CheckpointedSequential($0) } == gradients { try Sequential($0) })
    }

    /// The second run is nobody's forward pass.
    @Test func theSecondRunIsNeitherCountedNorWatched() throws {
        var random = Random(seed: 21)
        let cloud = try Cloud(25, size: [7, 8], planes: 4, &random)
        final class Watcher: ForwardObserver {
            var calls = 0
            override func observe(_ module: Module, _ input: Value) throws -> Value {
                calls += 1
                return try super.observe(module, input)
            }
        }
        func passes(_ make: ([Module]) throws -> Module) throws -> (counts: ForwardCounts, calls: Int, rows: [String]) {
            let net = try Self.network(make, checkpointsInside: true)
            let (watcher, before) = (Watcher(), ForwardCounts.total)
            try watcher.whileObserving {
                let output = try #require(try net(cloud.tensor).tensor)
                try output.sum().backward()
            }
            let counts = ForwardCounts.total - before
            let summary = try Summary(of: net, input: .sparse(cloud.tensor))
            #expect(ForwardCounts.total - before == counts)
            return (counts, watcher.calls, summary.rows.map { "\($0.path) \($0.layer) \($0.counts)" })
        }
        let (plain, checkpointed) = (try passes { try Sequential($0) }, try passes { try CheckpointedSequential($0) })
        #expect(plain.counts.multiplyAdds > 0 && plain.counts == checkpointed.counts)
        #expect(plain.calls > 10 && plain.calls == checkpointed.calls)
        #expect(plain.rows == checkpointed.rows)
    }

    @Test func tablesAndPointsPass() throws {
        func gradients(_ make: ([Module]) throws -> Module) throws -> [[UInt32]] {
            Generator.seed(16)
            let net = try make([
                InputLayer(dimension: 2, spatialSize: 5, mode: .sum),
                ConcatTable([
                    NetworkInNetwork(in: 2, out: 3, bias: true), Identity(),
                    MaxPooling(dimension: 2, poolSize: 2, poolStride: 1),
                ]),
            ])
            let features = try leaf([1, -2, 3, 4, 5, -6], [3, 2])
            guard case .table(let parts) = try net(Points([[1, 2], [4, 4], [1, 2]], features: features)) else {
                Issue.record("no table")
                return []
            }
            // Two of the three results go on; one pass goes through both.
            try (parts[0].tensor!.sum() + parts[2].tensor!.sum() * 2).backward()
            let all = [parts[1].tensor!.elements, features.gradient!] + net.parameters.map { $0.gradient! }
            #expect(all[1].contains { $0 != 0 })
            return all.map(\.bits)
        }
        #expect(try gradients { try CheckpointedSequential($0) } == gradients { try Sequential($0) })
    }

    @Test func recordsNothingWhereNothingIsWanted() throws {
        let layer = try Linear(in: 2, out: 2)
        let net = try CheckpointedSequential([layer])
        let input = try Tensor([1, 2], shape: [1, 2])
        #expect(try Tape.withoutRecording { try net(input).tensor?.requiresGradient } == false)
        for parameter in layer.parameters { try parameter.setRequiresGradient(false) }
        #expect(try net(input).tensor?.requiresGradient == false)
        try layer.weight.setRequiresGradient(true)
        let output = try #require(try net(input).tensor)
        try output.sum().backward()
        #expect(layer.weight.gradient == [1, 2, 1, 2] && layer.bias?.gradient == nil)
        #expect(thrownError { try output.sum().backward() }?.kind == .state)
        #expect(try CheckpointedSequential()(input).tensor?.elements == [1, 2])
    }

    @Test func failuresOfTheSecondRunAreReported() throws {
        let net = try CheckpointedSequential([Linear(in: 2, out: 2)])
        let output = try #require(try net(Tensor([1, 2], shape: [1, 2])).tensor)
        try net.add(Linear(in: 2, out: 3))
        #expect(thrownError { try output.sum().backward() }?.kind == .state)
        #expect(net.parameters.allSatisfy { $0.gradient == nil })
    }

    // Memory

    /// Notes the memory in use whenever a pass comes by, forward or backward.
    final class Probe: Module {
        nonisolated(unsafe) static var peak = 0

        static func note() { peak = max(peak, liveMemoryBytes) }

        override func forward(_ input: Value) throws -> Value {
            Self.note()
            return try input.mapTensors { tensor in
                Tape.result(shape: tensor.shape, values: tensor.values, inputs: [tensor]) { gradient in
                    Self.note()
                    return [.shared(gradient)]
                }
            }
        }
    }

    /// The network with probes, and with checkpoints instead of all inner sequences.
    static func copied(_ module: Module, checkpointed: Bool, isOutermost: Bool = true) throws -> Module {
        let children = try module.children.map { try copied($0, checkpointed: checkpointed, isOutermost: false) }
        if module is ConcatTable { return try ConcatTable(children) }
        guard module is Sequential else { return module }
        let probed = children.flatMap { [Probe(), $0] } + [Probe()]
        return checkpointed && !isOutermost ? try CheckpointedSequential(probed) : try Sequential(probed)
    }

    @Test(arguments: [false, true]) func activationsOfAUNetAreHalvedAtLeast(residual: Bool) throws {
        var random = Random(seed: 17)
        // A surface, as the sites of scanned scenes are.
        let sites = (0..<64 * 128).map { [$0 / 128, $0 % 128, 16 + ($0 / 128 + $0 % 128) / 16, 0] }
        let points = try Points(sites, features: Tensor(random.floats(sites.count * 8), shape: [sites.count, 8]))
        let input = try InputLayer(dimension: 3, spatialSize: [64, 128, 32])(points)
        var (held, peaks) = ([Int](), [Int]())
        for checkpointed in [false, true] {
            let net = try Self.copied(
                Networks.uNet(dimension: 3, repetitions: 2, planes: [8, 16, 24], residual: residual),
                checkpointed: checkpointed)
            // The first step makes the rulebooks and the gradients.
            for _ in 0..<2 {
                let before = liveMemoryBytes
                Probe.peak = 0
                let output = try #require(try net.forward(input).tensor)
                let after = liveMemoryBytes - before
                try output.sum().backward()
                (held, peaks) = (held + [after], peaks + [Probe.peak - before])
            }
        }
        print(
            "U-Net\(residual ? " with residual blocks" : ""): activations held after the forward pass "
                + "\(held[1] / 1000) kB, with checkpoints \(held[3] / 1000) kB; peak of the step "
                + "\(peaks[1] / 1000) kB, with checkpoints \(peaks[3] / 1000) kB")
        #expect(2 * held[3] <= held[1])
        #expect(2 * peaks[3] <= peaks[1])
    }
}
