import SCNCore
import SCNGeometry
import SCNNN
import SCNOps
import SCNTestSupport
import Testing

/// Each layer through the tape against the oracles: values, and gradients by input and parameters.
@Suite(.exclusive) struct LayerTests {
    /// Checks forward and backward of a layer on `input` against `expected`, a function of the input and the
    /// parameters.
    static func check(
        _ layer: Module, _ value: Value, by input: Tensor, tolerance: Double = 5e-5, step: Double = 1,
        sourceLocation: SourceLocation = #_sourceLocation, _ expected: ([Double], [[Double]]) -> [Double]
    ) throws {
        var random = Random(seed: 7)
        let output = try #require(try layer(value).tensor)
        let (point, parameters) = (input.elements.doubles, layer.parameters.map(\.elements.doubles))
        #expect(worstError(output.elements, expected(point, parameters)) < tolerance, sourceLocation: sourceLocation)
        let gradient = random.floats(output.count)
        try output.backward(gradient: gradient)
        let byInput = gradientError(try #require(input.gradient), at: point, step: step) {
            dot(expected($0, parameters), gradient.doubles)
        }
        #expect(byInput < tolerance, sourceLocation: sourceLocation)
        for (index, parameter) in layer.parameters.enumerated() {
            let error = gradientError(try #require(parameter.gradient), at: parameters[index], step: step) {
                var moved = parameters
                moved[index] = $0
                return dot(expected(point, moved), gradient.doubles)
            }
            #expect(error < tolerance, sourceLocation: sourceLocation)
        }
    }

    static func randomize(_ module: Module, _ random: inout Random) throws {
        for parameter in module.parameters { try parameter.update(from: random.floats(parameter.count)) }
    }

    @Test(arguments: [1, 2]) func submanifoldConvolution(groups: Int) throws {
        var random = Random(seed: 1)
        let cloud = try Cloud(15, size: [5, 6], planes: 4, &random)
        let layer = try SubmanifoldConvolution(
            dimension: 2, in: 4, out: 6, filterSize: [3, 2], bias: true, groups: groups, dilation: [1, 2])
        try Self.randomize(layer, &random)
        let oracle = DenseFilter(submanifold: [3, 2], dilation: [1, 2])
        let reads = oracle.reads(at: cloud.sites, inputSize: [5, 6])
        let convolution = DenseConvolution(groups: groups, inPlanes: 4, outPlanes: 6)
        try Self.check(layer, .sparse(cloud.tensor), by: cloud.features) { input, parameters in
            let grid = DenseGrid.filled(cloud.sites, input, planes: 4, size: [5, 6], samples: 2)
            return convolution.forward(
                reads, rows: cloud.sites.count, grid: grid, weight: parameters[0], bias: parameters[1])
        }
    }

    @Test func convolutionAndDeconvolution() throws {
        var random = Random(seed: 2)
        let size = [9, 8]
        let cloud = try Cloud(17, size: size, planes: 2, &random)
        let down = try Convolution(
            dimension: 2, in: 2, out: 3, filterSize: 3, stride: [2, 1], bias: true, padding: [1, 0])
        try Self.randomize(down, &random)
        let oracle = DenseFilter(strided: [3, 3], stride: [2, 1], padding: [1, 0], dilation: [1, 1])
        let coarse = oracle.outputSites(cloud.sites, inputSize: size, samples: 2)
        let reads = oracle.reads(at: coarse, inputSize: size)
        try Self.check(down, .sparse(cloud.tensor), by: cloud.features) { input, parameters in
            let grid = DenseGrid.filled(cloud.sites, input, planes: 2, size: size, samples: 2)
            return DenseConvolution(groups: 1, inPlanes: 2, outPlanes: 3).forward(
                reads, rows: coarse.count, grid: grid, weight: parameters[0], bias: parameters[1])
        }
        let middle = try #require(try down(cloud.tensor).sparseTensor)
        #expect(try middle.coordinates() == coarse)
        #expect(middle.spatialSize == [5, 6])

        let up = try Deconvolution(
            dimension: 2, in: 3, out: 2, filterSize: 3, stride: [2, 1], bias: true, padding: [1, 0])
        try Self.randomize(up, &random)
        let features = try leaf(random.floats(coarse.count * 3), [coarse.count, 3])
        let input = Value.sparse(try middle.with(features: features))
        try Self.check(up, input, by: features) { input, parameters in
            let grid = DenseConvolution(groups: 1, inPlanes: 3, outPlanes: 2).transposed(
                reads, cells: 2 * 72, rows: input, weight: parameters[0], bias: parameters[1])
            return DenseGrid.sampled(grid, at: cloud.sites, planes: 2, size: size)
        }
        let back = try #require(try up(input).sparseTensor)
        #expect(try back.coordinates() == cloud.sites)
        #expect(back.spatialSize == size)

        let other = try Deconvolution(dimension: 2, in: 3, out: 2, filterSize: 3, stride: 2)
        #expect(thrownError { _ = try other(input) }?.kind == .state)
    }

    @Test func maxPooling() throws {
        var random = Random(seed: 3)
        let cloud = try Cloud(17, size: [7, 9], planes: 3, &random)
        let layer = try MaxPooling(dimension: 2, poolSize: 3, poolStride: 2, featuresToDrop: 1)
        let oracle = DenseFilter(strided: [3, 3], stride: [2, 2], padding: [0, 0], dilation: [1, 1])
        let coarse = oracle.outputSites(cloud.sites, inputSize: [7, 9], samples: 2)
        let reads = oracle.reads(at: coarse, inputSize: [7, 9])
        try Self.check(layer, .sparse(cloud.tensor), by: cloud.features, step: 1e-7) { input, _ in
            let grid = DenseGrid.filled(cloud.sites, input, planes: 3, size: [7, 9], samples: 2)
            return DenseMaxPooling.forward(reads, rows: coarse.count, grid: grid, planes: 3, dropped: 1)
        }
        let narrow = try MaxPooling(dimension: 2, poolSize: 3, poolStride: 2, featuresToDrop: 3)
        #expect(thrownError { _ = try narrow(cloud.tensor) }?.kind == .shape)
    }

    @Test(arguments: [0, 0.333, 1], [true, false]) func batchNormalization(leakiness: Double, isAffine: Bool) throws {
        var random = Random(seed: 4)
        let layer = try BatchNormalization(planes: 3, affine: isAffine, leakiness: leakiness)
        try Self.randomize(layer, &random)
        try layer.runningMean.update(from: [0.1, -0.2, 0.3])
        try layer.runningVariance.update(from: [0.5, 1, 2])
        for isTraining in [false, true] {
            layer.setTraining(isTraining)
            layer.zeroGradients()
            let input = try leaf(random.floats(36), [12, 3])
            try Self.check(layer, .dense(input), by: input, step: 1e-6) { input, parameters in
                let moments =
                    isTraining
                    ? RowOracle.moments(input, rows: 12, planes: 3)
                    : ([Float]([0.1, -0.2, 0.3]).doubles, [Float]([0.5, 1, 2]).doubles)
                return RowOracle.normalized(
                    input, mean: moments.0, variance: moments.1, weight: parameters.first, bias: parameters.last,
                    epsilon: 1e-4, leakiness: Double(Float(leakiness)))
            }
            #expect((layer.runningMean.elements == [0.1, -0.2, 0.3]) == !isTraining)
        }
        #expect(thrownError { _ = try layer(Tensor(zeros: [4, 2])) }?.kind == .shape)
    }

    /// Of every batch normalization inside, whatever built it; the architecture knows it then.
    @Test func momentumCanBeSet() throws {
        let net = try Networks.uNet(dimension: 1, repetitions: 1, planes: [2, 3])
        try net.add(ConcatTable([MeanOnlyBNLeakyReLU(planes: 2), BatchNormalization(planes: 2)]))
        try net.setMomentum(0.75)
        func momenta(_ module: Module) -> [Double] {
            let own = [(module as? BatchNormalization)?.momentum, (module as? MeanOnlyBNLeakyReLU)?.momentum]
            return own.compactMap { $0 } + module.children.flatMap(momenta)
        }
        #expect(momenta(net).count > 4 && Set(momenta(net)) == [0.75])
        #expect(try Set(momenta(Architecture.build(Architecture.text(of: net)))) == [0.75])
        for wrong in [-0.1, 1.1, .nan] { #expect(thrownError { try net.setMomentum(wrong) }?.kind == .invalidArgument) }
        #expect(Set(momenta(net)) == [0.75])
        let normalization = try BatchNormalization(planes: 1)
        try normalization.setMomentum(0.5)
        _ = try normalization(Tensor([1, 3], shape: [2, 1]))
        #expect(normalization.runningMean.elements == [1] && normalization.runningVariance.elements == [1.5])
    }

    /// What changes the statistics after the forward pass does not change its gradient.
    @Test func evaluationRemembersItsStatistics() throws {
        let layer = try BatchNormalization(planes: 1, epsilon: 1, affine: false)
        layer.setTraining(false)
        try layer.runningVariance.update(from: [3])
        let input = try leaf([5], [1, 1])
        let output = try #require(try layer(input).tensor)
        try layer.runningVariance.update(from: [99])
        try output.sum().backward()
        #expect(input.gradient == [0.5])
    }

    @Test(arguments: [true, false]) func linear(hasBias: Bool) throws {
        var random = Random(seed: 5)
        let layer = try Linear(in: 3, out: 5, bias: hasBias)
        let input = try leaf(random.floats(24), [2, 4, 3])
        try Self.check(layer, .dense(input), by: input) { input, parameters in
            RowOracle.linear(
                input, rows: 8, inPlanes: 3, outPlanes: 5, weight: parameters[0], isTransposed: true,
                bias: parameters.dropFirst().first)
        }
        #expect(try layer(input).tensor?.shape == [2, 4, 5])
        #expect(layer.weight.shape == [5, 3])
        #expect(thrownError { _ = try layer(Tensor(zeros: [3, 4])) }?.kind == .shape)
        #expect(thrownError { _ = try layer(Tensor(zeros: [])) }?.kind == .shape)
    }

    @Test(arguments: [true, false]) func networkInNetwork(hasBias: Bool) throws {
        var random = Random(seed: 6)
        let cloud = try Cloud(9, size: [5, 5], planes: 3, &random)
        let layer = try NetworkInNetwork(in: 3, out: 4, bias: hasBias)
        try Self.check(layer, .sparse(cloud.tensor), by: cloud.features) { input, parameters in
            RowOracle.linear(
                input, rows: 9, inPlanes: 3, outPlanes: 4, weight: parameters[0], isTransposed: false,
                bias: parameters.dropFirst().first)
        }
        #expect(layer.weight.shape == [3, 4])
        #expect(thrownError { _ = try layer(Tensor(zeros: [2, 3])) }?.kind == .shape)
    }

    @Test func activations() throws {
        var random = Random(seed: 7)
        let kinds: [Activation] = [
            .relu, .leakyReLU(0.25), .elu, .selu, .tanh, .sigmoid, .gelu, .silu, .hardSwish, .softplus,
        ]
        for (kind, oracle) in zip(kinds, RowOracle.activations) {
            let layer = try ActivationLayer(kind)
            #expect(layer.typeName == oracle.name)
            let input = try leaf(random.floats(30).map { $0 + ($0 < 0 ? -0.01 : 0.01) }, [2, 3, 5])
            try Self.check(layer, .dense(input), by: input, step: 1e-5) { input, _ in input.map(oracle.function) }
        }
    }

    @Test func dropout() throws {
        Generator.seed(5)
        let layer = try Dropout(p: 0.25)
        let input = try leaf([Float](repeating: 2, count: 4_000), [1_000, 4])
        let output = try #require(try layer(input).tensor)
        #expect(Set(output.elements) == [0, 2])
        #expect(abs(output.elements.reduce(0, +) / 8_000 - 0.75) < 0.035)
        try output.sum().backward()
        #expect(input.gradient == output.elements.map { $0 / 2 })
        layer.setTraining(false)
        input.zeroGradient()
        let evaluated = try #require(try layer(input).tensor)
        #expect(evaluated.elements.allSatisfy { $0 == 1.5 })
        try evaluated.sum().backward()
        #expect(input.gradient?.allSatisfy { $0 == 0.75 } == true)
    }

    @Test(arguments: InputMode.allCases) func inputAndOutputLayers(mode: InputMode) throws {
        var random = Random(seed: 8)
        let distinct = random.sites(9, size: [4, 5])
        let points =
            mode == .unique ? distinct : (distinct + distinct.prefix(6) + distinct.prefix(2)).shuffled(using: &random)
        let features = try leaf(random.floats(points.count * 3), [points.count, 3])
        let winners = InputOracle.winners(points, mode: mode.rawValue)
        let layer = try InputLayer(dimension: 2, spatialSize: [4, 5], mode: mode)
        let value = Value.points(try Points(points, features: features, batchSize: 4))
        try Self.check(layer, value, by: features) { input, _ in
            InputOracle.combined(winners, input, planes: 3, mode: mode.rawValue)
        }
        let sparse = try #require(try layer(value).sparseTensor)
        #expect(sparse.batchSize == 4 && sparse.spatialSize == [4, 5])
        #expect(try sparse.coordinates() == SiteOracle.sorted(points))
        let inner = try leaf(random.floats(9 * 3), [9, 3])
        let output = try OutputLayer(dimension: 2)
        try Self.check(output, .sparse(sparse.with(features: inner)), by: inner) { input, _ in
            InputOracle.spread(winners, input, planes: 3, rows: points.count)
        }
        let pooled = try MaxPooling(dimension: 2, poolSize: [2, 1], poolStride: [2, 1])(sparse)
        #expect(thrownError { _ = try output(pooled) }?.kind == .state)
    }

    @Test func sparseToDense() throws {
        var random = Random(seed: 9)
        let cloud = try Cloud(9, size: [3, 2, 4], planes: 3, &random)
        let layer = try SparseToDense(dimension: 3, planes: 3)
        try Self.check(layer, .sparse(cloud.tensor), by: cloud.features) { input, _ in
            let grid = DenseGrid.filled(cloud.sites, input, planes: 3, size: [3, 2, 4], samples: 2)
            return (0..<2 * 3 * 24).map { (index: Int) -> Double in
                let (sample, plane, cell) = (index / 72, index / 24 % 3, index % 24)
                return grid[(sample * 24 + cell) * 3 + plane]
            }
        }
        #expect(try layer(cloud.tensor).tensor?.shape == [2, 3, 3, 2, 4])
        let flat = try #require(try Flatten()(layer(cloud.tensor)).tensor)
        #expect(flat.shape == [2, 72])
    }

    @Test func joinAndAdd() throws {
        var random = Random(seed: 10)
        let cloud = try Cloud(9, size: [4, 4], planes: 2, &random)
        let other = try leaf(random.floats(9 * 3), [9, 3])
        let second = Value.sparse(try cloud.tensor.with(features: other))
        let third = other.elements.doubles
        try Self.check(JoinTable(), .table([.sparse(cloud.tensor), second]), by: cloud.features) { input, _ in
            (0..<9).flatMap { (row: Int) -> [Double] in
                Array(input[2 * row..<2 * row + 2]) + Array(third[3 * row..<3 * row + 3])
            }
        }
        #expect(other.gradient != nil)
        cloud.features.zeroGradient()
        let twice = Value.table([.sparse(cloud.tensor), .sparse(cloud.tensor)])
        try Self.check(AddTable(), twice, by: cloud.features) { input, _ in input.map { 2 * $0 } }
    }

    @Test(arguments: [nil, [1, 0.5, 2] as [Float]]) func crossEntropy(weights: [Float]?) throws {
        var random = Random(seed: 11)
        let logits = try leaf(random.floats(12), [4, 3])
        let labels = [2, -100, 0, 1]
        let loss = try Loss.crossEntropy(logits, labels: labels, classWeights: weights)
        func oracle(_ logits: [Double]) -> Double {
            RowOracle.crossEntropy(logits, labels: labels, classes: 3, weights: weights?.doubles, ignored: -100)
        }
        #expect(abs(Double(try loss.item()) - oracle(logits.elements.doubles)) < 1e-6)
        try (loss * 3).backward()
        let error = gradientError(try #require(logits.gradient), at: logits.elements.doubles, step: 1e-5) {
            3 * oracle($0)
        }
        #expect(error < 1e-6)
        #expect(thrownError { _ = try Loss.crossEntropy(logits, labels: [0]) }?.kind == .shape)
        #expect(thrownError { _ = try Loss.crossEntropy(logits, labels: labels, classWeights: [1]) }?.kind == .shape)
        #expect(thrownError { _ = try Loss.crossEntropy(Tensor(zeros: [4]), labels: labels) }?.kind == .shape)
    }

    @Test(arguments: [[6], [3, 2]]) func binaryCrossEntropy(shape: [Int]) throws {
        var random = Random(seed: 12)
        let logits = try leaf(random.floats(6), shape)
        let targets: [Float] = [0, 1, 0.25, 1, 0, 0]
        func oracle(_ logits: [Double]) -> Double {
            RowOracle.binaryCrossEntropy(logits, targets: targets.doubles)
        }
        let loss = try Loss.binaryCrossEntropy(logits, targets: targets)
        #expect(abs(Double(try loss.item()) - oracle(logits.elements.doubles)) < 1e-6)
        try (loss * 3).backward()
        let error = gradientError(try #require(logits.gradient), at: logits.elements.doubles, step: 1e-5) {
            3 * oracle($0)
        }
        #expect(error < 1e-6)
        #expect(try Loss.binaryCrossEntropy(Tensor(zeros: [0, 3]), targets: []).item() == 0)
        #expect(thrownError { _ = try Loss.binaryCrossEntropy(logits, targets: [0]) }?.kind == .shape)
        #expect(
            thrownError { _ = try Loss.binaryCrossEntropy(logits, targets: targets.map { -$0 }) }?.kind
                == .invalidArgument)
    }

    /// A network without a site runs and goes back.
    @Test func noSites() throws {
        let net = try Sequential {
            try InputLayer(dimension: 2, spatialSize: 15)
            try Networks.sparseVGG(
                dimension: 2, in: 3, layers: [.convolution(planes: 4, branches: [2]), .maxPooling()])
            try Convolution(dimension: 2, in: 6, out: 2, filterSize: 3, stride: 2)
            try SparseToDense(dimension: 2, planes: 2)
        }
        let features = try leaf([], [0, 3])
        let points = try Points([], features: features, batchSize: 2)
        let output = try #require(try net(points).tensor)
        #expect(output.shape == [2, 2, 3, 3] && output.elements.allSatisfy { $0 == 0 })
        try output.sum().backward()
        #expect(net.parameters.allSatisfy { $0.gradient?.allSatisfy { $0 == 0 } == true })
    }

    @Test func wrongInputsAreErrors() throws {
        var random = Random(seed: 12)
        let cloud = try Cloud(9, size: [4, 4], planes: 2, &random)
        let wider = try SubmanifoldConvolution(dimension: 2, in: 3, out: 3, filterSize: 3)
        let deeper = try SubmanifoldConvolution(dimension: 3, in: 2, out: 3, filterSize: 3)
        for layer in [wider, deeper] {
            #expect(thrownError { _ = try layer(cloud.tensor) }?.kind == .shape)
        }
        #expect(thrownError { _ = try wider(Tensor(zeros: [2, 3])) }?.kind == .shape)
        #expect(thrownError { _ = try ActivationLayer(.relu).forward(.table([])) }?.kind == .shape)
        #expect(thrownError { _ = try Flatten()(cloud.tensor) }?.kind == .shape)
        #expect(thrownError { _ = try Flatten()(Tensor(zeros: [])) }?.kind == .shape)
        #expect(thrownError { _ = try SubmanifoldConvolution(dimension: 11, in: 1, out: 1, filterSize: 3) } != nil)
        #expect(thrownError { _ = try SubmanifoldConvolution(dimension: 2, in: 1, out: 1, filterSize: [3]) } != nil)
        #expect(
            thrownError { _ = try SubmanifoldConvolution(dimension: 2, in: 2, out: 3, filterSize: 3, groups: 2) } != nil
        )
        #expect(thrownError { _ = try Convolution(dimension: 1, in: 1, out: 1, filterSize: 3, stride: 0) } != nil)
        #expect(thrownError { _ = try Linear(in: 0, out: 1) } != nil)
        #expect(thrownError { _ = try Linear(in: Int.max, out: Int.max) } != nil)
        #expect(thrownError { _ = try Dropout(p: 1.5) } != nil)
        #expect(thrownError { _ = try BatchNormalization(planes: 0) } != nil)
        #expect(thrownError { _ = try InputLayer(dimension: 2, spatialSize: [3, 0]) } != nil)
        #expect(thrownError { _ = try ActivationLayer(.leakyReLU(.nan)) } != nil)
    }
}
