import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@testable import SCNNN

@Suite(.exclusive) struct InferenceTests {
    /// Gives every batch norm statistics and parameters of its own, some factors negative, and every bias a value.
    static func unsettle(_ module: Module, _ random: inout Random) throws {
        for entry in module.ownState where entry.name != "weight" || module is BatchNormalization {
            let isVariance = entry.name == "running_var"
            try entry.tensor.update(from: random.floats(entry.tensor.count).map { isVariance ? 1.25 + $0 : $0 })
        }
        for child in module.children { try unsettle(child, &random) }
    }

    /// The optimized network, after checks of its results against the evaluation of `net`, which must stay as it is.
    @discardableResult static func check(
        _ net: Module, _ input: Value, _ comment: Comment? = nil, at location: SourceLocation = #_sourceLocation
    ) throws -> InferenceNetwork {
        var random = Random(seed: 5)
        try unsettle(net, &random)
        let state = net.state.map(\.tensor.elements.bits)
        let generator = Generator.state
        let fast = try net.optimizedForInference()
        #expect(Generator.state == generator, sourceLocation: location)
        #expect(net.isTraining && net.state.map(\.tensor.elements.bits) == state, sourceLocation: location)
        #expect(net.parameters.allSatisfy { $0.requiresGradient }, sourceLocation: location)
        net.setTraining(false)
        defer { net.setTraining(true) }
        let (expected, value) = try Tape.withoutRecording { (try net.forward(input), try fast.forward(input)) }
        let (want, got) = (try #require(expected.tensor), try #require(value.tensor))
        #expect(got.shape == want.shape, comment, sourceLocation: location)
        let scale = want.elements.map(abs).max() ?? 0
        let error = zip(want.elements, got.elements).map { abs($0 - $1) }.max() ?? 0
        #expect(error <= 2e-5 * max(scale, 1e-3), comment, sourceLocation: location)
        #expect(want.count == 0 || want.elements.contains { $0 != 0 }, comment, sourceLocation: location)
        return fast
    }

    static func types(_ module: Module) -> [String] {
        module.parts.isEmpty ? [module.typeName] : module.parts.flatMap(types)
    }

    static func cloud(_ planes: Int, seed: UInt64 = 1, count: Int = 60) throws -> Value {
        var random = Random(seed: seed)
        return .sparse(try Cloud(count, size: [15, 15], planes: planes, &random).tensor)
    }

    static func convolution(_ inPlanes: Int, _ outPlanes: Int, bias: Bool = false, groups: Int = 1) throws -> Module {
        try SubmanifoldConvolution(
            dimension: 2, in: inPlanes, out: outPlanes, filterSize: 3, bias: bias, groups: groups)
    }

    static func norm(_ planes: Int, _ leakiness: Double = 0, affine: Bool = true) throws -> Module {
        try BatchNormalization(planes: planes, affine: affine, leakiness: leakiness)
    }

    /// Every kind of product before batch norm of every kind, with biases and groups.
    @Test func batchNormVanishesBehindProducts() throws {
        for (bias, groups) in [(false, 1), (true, 2)] {
            let products: [([Module], String)] = [
                ([try Self.convolution(4, 6, bias: bias, groups: groups)], "SubmanifoldConvolution"),
                (
                    [
                        try Convolution(
                            dimension: 2, in: 4, out: 6, filterSize: 3, stride: 2, bias: bias, groups: groups)
                    ], "Convolution"
                ),
                (
                    [
                        try Convolution(dimension: 2, in: 4, out: 4, filterSize: 2, stride: 1),
                        try Deconvolution(
                            dimension: 2, in: 4, out: 6, filterSize: 2, stride: 1, bias: bias, groups: groups),
                    ], "Deconvolution"
                ),
                ([try NetworkInNetwork(in: 4, out: 6, bias: bias)], "NetworkInNetwork"),
                ([try Linear(in: 4, out: 6, bias: bias)], "Linear"),
            ]
            for (product, name) in products {
                for norm in [
                    try Self.norm(6, 1), try Self.norm(6, 0), try Self.norm(6, 0.25),
                    try Self.norm(6, 1.5, affine: false),
                ] {
                    let fast = try Self.check(Sequential(product + [norm]), Self.cloud(4), "\(name)")
                    #expect(Self.types(fast).last == name && Self.types(fast).count == product.count)
                }
            }
        }
    }

    @Test func sequencesAreSeenThrough() throws {
        let net = try Sequential([
            Self.convolution(3, 5),
            Sequential([Identity(), Sequential(), Sequential([Self.norm(5, 1), ActivationLayer(.leakyReLU(0.2))])]),
            Dropout(p: 0.25), Identity(), Sequential([ActivationLayer(.leakyReLU(0.5)), Self.convolution(5, 4)]),
            Dropout(p: 0.5), ActivationLayer(.relu), Self.norm(4), Self.convolution(4, 4), ActivationLayer(.relu),
        ])
        let fast = try Self.check(net, Self.cloud(3))
        #expect(
            Self.types(fast) == [
                "SubmanifoldConvolution", "SubmanifoldConvolution", "BatchNormalization", "SubmanifoldConvolution",
            ])
        #expect(fast.description.contains("leakiness 0.1"))
        #expect(Self.types(try fast.optimizedForInference()) == Self.types(fast))
        try Self.check(Sequential([Identity()]), Self.cloud(3))
        #expect(try Identity().optimizedForInference().parts.isEmpty)
    }

    /// Normalization and activation go into every kind of product, with a spectral norm or without; files keep them.
    @Test(arguments: [false, true]) func everyProductTakesThemOver(spectral: Bool) throws {
        let products: [[ConvolutionLayer]] = [
            [
                try SubmanifoldConvolution(dimension: 2, in: 4, out: 6, filterSize: 3, bias: true, groups: 2),
                try PermutohedralSubmanifoldConvolution(dimension: 2, in: 6, out: 4, bias: true, groups: 2),
            ],
            [
                try Convolution(dimension: 2, in: 4, out: 6, filterSize: 3, stride: 2),
                try Deconvolution(dimension: 2, in: 6, out: 4, filterSize: 3, stride: 2),
            ],
            [try RandomizedStrideConvolution(dimension: 2, in: 4, out: 4, filterSize: 3, stride: 2)],
            [try FullConvolution(dimension: 2, in: 4, out: 4, filterSize: 2, stride: 2)],
        ]
        let dense: [Module] = [
            try NetworkInNetwork(in: 4, out: 4), try OutputLayer(dimension: 2), try Linear(in: 4, out: 4),
        ]
        for modules in products + [dense] as [[Module]] {
            let net = try CheckpointedSequential(
                modules.flatMap { module -> [Module] in
                    guard let product = module as? any ProductLayer else { return [module] }
                    if spectral { try product.addSpectralNorm() }
                    return [
                        product, try Self.norm(product.outPlanes, 1), try ActivationLayer(.leakyReLU(0.25)),
                        try BatchwiseDropout(p: 0.25),
                    ]
                })
            let input = try Self.cloud(4)
            // A pass in training, after which the weights are the normalized ones.
            _ = try net(input)
            let fast = try Self.check(net, input, "\(net)")
            #expect(fast.parts.map(\.typeName) == modules.map(\.typeName))
            #expect(!fast.state.contains { $0.name.contains("weight_") })
            let file = TemporaryFile()
            try Checkpoint.save(fast, to: file.path)
            let opened = try Checkpoint.open(file.path)
            let results = try Tape.withoutRecording { try [opened, fast].map { try $0(input).tensor?.elements.bits } }
            #expect(results[0] == results[1] && results[0] != nil)
            #expect(try Architecture.text(of: opened) == Architecture.text(of: fast))
        }
    }

    /// What does not go through: other activations, pooling, a leak that turns signs, planes that differ.
    @Test func theRestStaysWhereItIs() throws {
        let net = try Sequential([
            Self.norm(3), Self.convolution(3, 4), ActivationLayer(.tanh), Self.norm(4, 1), ActivationLayer(.relu),
            Dropout(p: 0.5), Self.convolution(4, 4), ActivationLayer(.leakyReLU(-0.5)), Self.convolution(4, 4),
            MaxPooling(dimension: 2, poolSize: 3, poolStride: 2), Self.norm(4),
        ])
        let fast = try Self.check(net, Self.cloud(3))
        #expect(
            Self.types(fast) == [
                "BatchNormalization", "SubmanifoldConvolution", "Tanh", "BatchNormalization", "Dropout",
                "SubmanifoldConvolution", "LeakyReLU", "SubmanifoldConvolution", "MaxPooling", "BatchNormalization",
            ])
        let wrong = try Sequential([Self.convolution(3, 4), Self.norm(5)])
        wrong.setTraining(false)
        let fastWrong = try wrong.optimizedForInference()
        #expect(thrownError { _ = try Tape.withoutRecording { try fastWrong.forward(Self.cloud(3)) } }?.kind == .shape)
    }

    /// A result that several branches use keeps its own batch norms; joins pass theirs on to their branches.
    @Test func branches() throws {
        let shared = try Sequential([
            Self.convolution(3, 4),
            ConcatTable([Identity(), Sequential([Self.norm(4), Self.convolution(4, 4), Self.norm(4, 0.1)])]),
            AddTable(), Self.norm(4),
        ])
        #expect(
            Self.types(try Self.check(shared, Self.cloud(3))) == [
                "SubmanifoldConvolution", "Identity", "BatchNormalization", "SubmanifoldConvolution", "AddTable",
                "BatchNormalization",
            ])
        for middle in [[try Self.norm(9, 0.3)], [try Self.norm(9, 1), try ActivationLayer(.relu)]] {
            let joined = try Sequential(
                [
                    ConcatTable([
                        Self.convolution(3, 4), Identity(), Sequential([Self.norm(3), Self.convolution(3, 2)]),
                    ]),
                    JoinTable(),
                ] + middle + [Self.convolution(9, 2)])
            #expect(
                Self.types(try Self.check(joined, Self.cloud(3))) == [
                    "SubmanifoldConvolution", "BatchNormalization", "BatchNormalization", "SubmanifoldConvolution",
                    "JoinTable", "SubmanifoldConvolution",
                ])
        }
        // Nothing gained, or widths unknown: the batch norm stays behind the join.
        for branches in [[Identity(), Identity()], [Identity(), Identity(), try Self.convolution(3, 3)]] {
            let net = try Sequential([ConcatTable(branches), JoinTable(), Self.norm(3 * branches.count)])
            #expect(Self.types(try Self.check(net, Self.cloud(3))).last == "BatchNormalization")
        }
    }

    /// One module in several places, split in several ways.
    @Test func sharedModules() throws {
        let (convolution, norm) = (try Self.convolution(4, 4), try Self.norm(8))
        let net = try Sequential([
            convolution, Self.norm(4), convolution, ActivationLayer(.relu), convolution,
            ConcatTable([Self.convolution(4, 6), Sequential([MaxPooling(dimension: 2, poolSize: 1, poolStride: 1)])]),
            JoinTable(), Self.norm(10), Self.convolution(10, 4),
            ConcatTable([Identity(), convolution]), JoinTable(), norm,
            ConcatTable([Self.convolution(8, 2), Self.convolution(8, 6)]), JoinTable(), norm,
        ])
        let fast = try Self.check(net, Self.cloud(4))
        let twice = try Sequential([convolution, convolution]).optimizedForInference()
        #expect(twice.parts[0] === twice.parts[1])
        #expect(fast.parts[0] !== fast.parts[1])
    }

    static func networks() throws -> [(net: Sequential, planes: Int, normsLeft: Int)] {
        [
            (
                try Networks.sparseVGG(dimension: 2, in: 3, layers: Networks.VGGLayer.parse("C8 C8 MP C12 C3/2:16")), 3,
                0
            ),
            (
                try Networks.sparseVGG(dimension: 2, in: 3, layers: Networks.VGGLayer.parse("C8,4 C8,5,4 MP C12,6")), 3,
                0
            ),
            (
                try Sequential([
                    Self.convolution(3, 6),
                    Networks.uNet(dimension: 2, repetitions: 1, planes: [6, 8, 10], downsampleSize: 3),
                ]), 3, 4
            ),
            (
                try Sequential([
                    Self.convolution(3, 6),
                    Networks.uNet(
                        dimension: 2, repetitions: 2, planes: [6, 8, 10], residual: true, downsampleSize: 3,
                        leakiness: 0.2),
                ]), 3, 14
            ),
        ]
    }

    @Test func wholeNetworks() throws {
        for (net, planes, normsLeft) in try Self.networks() {
            try withEachInstructionSet { name in
                for input in [try Self.cloud(planes), try Self.empty(planes)] {
                    let fast = try Self.check(net, input, name)
                    #expect(Self.types(fast).count { $0 == "BatchNormalization" } == normsLeft)
                    #expect(try fast.inputSpatialSize([15, 15]) == net.inputSpatialSize([15, 15]))
                }
            }
            #expect(
                try bitsAgreeOnAllThreadCounts {
                    let fast = try net.optimizedForInference()
                    return try (0..<2).map { _ in
                        try #require(
                            try Tape.withoutRecording { try fast.forward(Self.cloud(planes, count: 400)) }.tensor
                        )
                        .elements
                    }
                })
        }
    }

    /// Features of 8 bits: the worst of many elements is off by a few of their roundings.
    @Test func networksOfBFloat16() throws {
        let deep = try Sequential([
            Self.convolution(3, 32),
            Networks.uNet(dimension: 2, repetitions: 1, planes: [32, 48, 64], residual: true, downsampleSize: 2),
            Self.norm(32), OutputLayer(dimension: 2), Linear(in: 32, out: 5),
        ])
        var random = Random(seed: 5)
        var networks = try Self.networks().map { (net: $0.net, input: try Self.cloud($0.planes, count: 200)) }
        let points = try Points(
            (0..<200).map { [$0 % 15, $0 / 15, 0] }, features: try Tensor(random.floats(600), shape: [200, 3]))
        networks.append((try Sequential([InputLayer(dimension: 2, spatialSize: 16), deep]), .points(points)))
        networks.append((try Sequential([Self.convolution(3, 32), Self.convolution(32, 20)]), try Self.cloud(3)))
        networks.append((try Sequential([Self.convolution(3, 32), Self.norm(32)]), try Self.empty(3)))
        networks.append(
            (
                try Sequential([
                    Self.convolution(3, 32), MaxPooling(dimension: 2, poolSize: 3, poolStride: 2),
                    SubmanifoldConvolution(dimension: 2, in: 32, out: 16, filterSize: 3, normalized: true),
                    ActivationLayer(.tanh), NetworkInNetwork(in: 16, out: 32), SparseToDense(dimension: 2, planes: 32),
                ]), try Self.cloud(3)
            ))
        for (net, input) in networks {
            try Self.unsettle(net, &random)
            let exact = try Tape.withoutRecording { try net.optimizedForInference().forward(input) }
            let want = try #require(exact.tensor)
            try withEachBFloat16 { name in
                let fast = try net.optimizedForInference(precision: .bfloat16)
                #expect(fast.precision == .bfloat16)
                let results = try [1, 2].map { threads in
                    Parallel.threadCount = threads
                    return try #require(try Tape.withoutRecording { try fast.forward(input) }.tensor)
                }
                let got = results[0]
                #expect(got.shape == want.shape && got.values.type == .float32, name)
                #expect(got.elements.bits == results[1].elements.bits, name)
                let scale = want.elements.map(abs).max() ?? 0
                let error = zip(want.elements, got.elements).map { abs($0 - $1) }.max() ?? 0
                #expect(error <= 0.03 * max(scale, 1e-3), name)
                #expect(error > 0 || want.count == 0, "nothing was rounded, \(name)")
            }
        }
    }

    @Test func filesNameThePrecision() throws {
        let (net, planes, _) = try Self.networks()[3]
        let (file, input) = (TemporaryFile(), try Self.cloud(planes))
        let fast = try net.optimizedForInference(precision: .bfloat16)
        try Checkpoint.save(fast, to: file.path)
        let opened = try #require(try Checkpoint.open(file.path) as? InferenceNetwork)
        #expect(opened.precision == .bfloat16 && opened.description == fast.description)
        #expect(opened.description.contains("bfloat16"))
        try Tape.withoutRecording {
            let expected = try #require(try fast.forward(input).tensor).elements
            #expect(try opened.forward(input).tensor?.elements.bits == expected.bits)
        }
        #expect(try net.optimizedForInference().precision == .float32)
        #expect(try !Architecture.text(of: net.optimizedForInference()).contains("precision"))
        #expect(throws: SCNError.self) {
            try Architecture.build(#"{"type": "InferenceNetwork", "precision": "float16", "modules": []}"#)
        }
    }

    static func empty(_ planes: Int) throws -> Value {
        try InputLayer(dimension: 2, spatialSize: 15)(Points([], features: Tensor(zeros: [0, planes])))
    }

    /// With OpenBLAS and without it, sparse and dense.
    @Test func denseProducts() throws {
        defer { LinearOperation.usesOpenBLAS = nil }
        let net = try Sequential([
            NetworkInNetwork(in: 3, out: 20), Self.norm(20, 0.1), Linear(in: 20, out: 7), ActivationLayer(.relu),
        ])
        for usesOpenBLAS in [true, false] {
            LinearOperation.usesOpenBLAS = usesOpenBLAS
            #expect(Self.types(try Self.check(net, Self.cloud(3, count: 300))) == ["NetworkInNetwork", "Linear"])
        }
        var random = Random(seed: 3)
        let rows = try Tensor(random.floats(20), shape: [4, 5])
        try Self.check(Sequential([Linear(in: 5, out: 6), Self.norm(6, 0.5)]), .dense(rows))
    }

    @Test func filesGiveTheSameBits() throws {
        for (net, planes, _) in try Self.networks() {
            let (file, input) = (TemporaryFile(), try Self.cloud(planes))
            let fast = try Self.check(net, input)
            try Checkpoint.save(fast, to: file.path)
            let opened = try Checkpoint.open(file.path)
            #expect(opened is InferenceNetwork && !opened.isTraining)
            #expect(opened.description == fast.description)
            #expect(opened.state.map(\.name) == fast.state.map(\.name))
            try Tape.withoutRecording {
                let expected = try #require(try fast.forward(input).tensor).elements
                #expect(try opened.forward(input).tensor?.elements.bits == expected.bits)
                // Restoring replaces weights that are packed already.
                var random = Random(seed: 8)
                try Self.unsettle(net, &random)
                let other = try net.optimizedForInference()
                #expect(try other.forward(input).tensor?.elements.bits != expected.bits)
                try Checkpoint.restore(other, from: file.path)
                #expect(try other.forward(input).tensor?.elements.bits == expected.bits)
            }
        }
    }

    /// Weights that the library or a host changes after the first call count in the next.
    @Test func keptWeightsFollowTheWeight() throws {
        let input = try Self.cloud(3)
        let fast = try Sequential([Self.convolution(3, 4), NetworkInNetwork(in: 4, out: 4)]).optimizedForInference()
        func run() throws -> [Float] { try Tape.withoutRecording { try fast.forward(input).tensor?.elements ?? [] } }
        let first = try run()
        for entry in fast.state {
            let weights = entry.tensor.elements
            try entry.tensor.update(from: weights.map { 2 * $0 })
            #expect(try run() == first.map { 2 * $0 })
            entry.tensor.values.storage.noteAddressGivenOut()
            entry.tensor.values.pointer.update(from: weights, count: weights.count)
            #expect(try run() == first)
        }
    }

    @Test func itOnlyEvaluates() throws {
        let net = try Sequential([Self.convolution(3, 4), Self.norm(4), Dropout()])
        let (fast, input) = (try net.optimizedForInference(), try Self.cloud(3))
        #expect(!fast.isTraining)
        fast.setTraining(true)
        let around = try Sequential([fast, Self.convolution(4, 2)])
        around.setTraining(true)
        #expect(!fast.isTraining && around.isTraining)
        #expect(fast.parameters.count == 2 && fast.parameters.allSatisfy { !$0.requiresGradient })
        let error = thrownError { _ = try fast.forward(input) }
        #expect(error?.kind == .state && error?.message.contains("requires a gradient") == true)
        #expect(thrownError { _ = try fast.forward(.table([input])) }?.kind == .state)
        let detached = try #require(input.sparseTensor)
        let features = try detached.with(features: detached.features.detached())
        try #require(try around(features).tensor).sum().backward()
        #expect(around.parameters.count(where: { $0.gradient != nil }) == 1)
        #expect(try fast(features).tensor?.requiresGradient == false)
    }

    @Test func hostsTypesAndNestingAreRefused() throws {
        final class Custom: Module {}
        let error = thrownError { _ = try Sequential([Identity(), Custom()]).optimizedForInference() }
        #expect(error?.kind == .unsupported)
        let nested = #"{"type":"InferenceNetwork","modules":[{"type":"InferenceNetwork","modules":[]}]}"#
        #expect(thrownError { _ = try Architecture.build(nested) }?.kind == .format)
        // What it keeps to itself counts.
        func deep(_ depth: Int) throws -> Module {
            try (0..<depth).reduce(Identity() as Module) { inner, _ in try ConcatTable([inner]) }
        }
        let fast = try deep(200).optimizedForInference()
        #expect(
            thrownError { _ = try (0..<60).reduce(fast as Module) { inner, _ in try Sequential([inner]) } }?.kind
                == .state)
    }

    /// Convolutions and products whose last step is an activation also train.
    @Test func fusedActivationsHaveGradients() throws {
        var random = Random(seed: 11)
        for (text, leak) in [
            (#"{"type":"SubmanifoldConvolution","dimension":2,"in":3,"out":4,"filter_size":3,"bias":true"#, 0.25),
            (#"{"type":"NetworkInNetwork","in":3,"out":4,"bias":true"#, 0),
        ] {
            let fused = try Architecture.build(text + #","leakiness":\#(leak)}"#)
            let plain = try Sequential([Architecture.build(text + "}"), ActivationLayer(.leakyReLU(Float(leak)))])
            for (target, source) in zip(plain.state, fused.state) {
                try source.tensor.update(from: random.floats(source.tensor.count))
                try target.tensor.update(from: source.tensor.elements)
            }
            let gradients = try [fused, plain].map { module in
                let cloud = try #require(try Self.cloud(3).sparseTensor)
                let result = try #require(try module(cloud).tensor)
                try result.backward(gradient: (0..<result.count).map { Float($0 % 7) - 2.5 })
                return [result.elements, cloud.features.gradient] + module.parameters.map(\.gradient)
            }
            #expect(gradients[0] == gradients[1])
            #expect(gradients[0].allSatisfy { $0?.isEmpty == false })
            for bad in ["-1", "1e300"] {
                #expect(thrownError { _ = try Architecture.build(text + #","leakiness":\#(bad)}"#) } != nil)
            }
        }
    }
}
