import SCNCore
import SCNTestSupport
import Testing

@testable import SCNNN

@Suite(.exclusive) struct OptimizerTests {
    /// Gradients that are the parameters times a matrix of random numbers, so that steps depend on each other.
    static func train(
        _ optimizer: Optimizer, _ tensor: Tensor, steps: Int, _ follow: (_ gradient: [Double], _ step: Int) -> [Double]
    ) throws {
        var random = Random(seed: 1)
        for step in 0..<steps {
            let factors = try Tensor(random.floats(tensor.count), shape: tensor.shape)
            optimizer.zeroGradients()
            try (tensor * tensor * factors + tensor).sum().backward()
            let expected = follow(try #require(tensor.gradient).doubles, step)
            try optimizer.step()
            #expect(worstError(tensor.elements, expected) < 1e-5)
        }
    }

    @Test(arguments: [(0.0, 0.0, 0.0, false), (0.9, 0, 0.01, false), (0.9, 0.5, 0, false), (0.8, 0, 0.1, true)])
    func sgd(momentum: Double, dampening: Double, decay: Double, nesterov: Bool) throws {
        let tensor = try leaf([0.5, -1, 0.25], [3])
        var oracle = OptimizerOracle(tensor.elements.doubles)
        let optimizer = try SGD(
            [tensor], learningRate: 0.1, momentum: momentum, dampening: dampening, weightDecay: decay,
            nesterov: nesterov)
        try Self.train(optimizer, tensor, steps: 6) { gradient, step in
            oracle.sgd(
                gradient, rate: optimizer.learningRate, momentum: momentum, dampening: dampening, decay: decay,
                nesterov: nesterov)
            return oracle.parameter
        }
        try optimizer.setLearningRate(0.01)
        try Self.train(optimizer, tensor, steps: 2) { gradient, step in
            oracle.sgd(gradient, rate: 0.01, momentum: momentum, dampening: dampening, decay: decay, nesterov: nesterov)
            return oracle.parameter
        }
    }

    @Test(arguments: [(0.0, false), (0.1, false), (0.1, true)]) func adam(decay: Double, decoupled: Bool) throws {
        let tensor = try leaf([0.5, -1, 0.25, 2], [2, 2])
        var oracle = OptimizerOracle(tensor.elements.doubles)
        let optimizer = try Adam([tensor], learningRate: 0.02, beta2: 0.99, weightDecay: decay, decoupled: decoupled)
        try Self.train(optimizer, tensor, steps: 12) { gradient, _ in
            oracle.adam(
                gradient, rate: 0.02, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decay: decay, decoupled: decoupled)
            return oracle.parameter
        }
    }

    /// A parameter that gets its first gradient late starts its own count of steps then.
    @Test func parametersWithoutGradientsAreLeftAlone() throws {
        for make in [
            { try SGD($0, learningRate: 0.5, momentum: 0.9, dampening: 0.5) }, { try Adam($0, learningRate: 0.5) },
        ]
            as [([Tensor]) throws -> Optimizer]
        {
            let (a, b) = (try leaf([1], [1]), try leaf([1], [1]))
            let optimizer = try make([a, b])
            try (a * 2).sum().backward()
            try optimizer.step()
            #expect(b.elements == [1])
            #expect(a.elements != [1])
            let first = a.elements
            try (b * 2).sum().backward()
            try optimizer.step()
            #expect(b.elements == first)
        }
    }

    @Test func clipsTheCommonNorm() throws {
        let (a, b, unused) = (try leaf([1, 1], [2]), try leaf([1], [1]), try leaf([1], [1]))
        try (a * Tensor([3, 0], shape: [2])).sum().backward()
        try (b * 4).sum().backward()
        #expect(try Gradients.clipNorm([a, b, unused], to: 10) == 5)
        #expect(a.gradient == [3, 0] && b.gradient == [4])
        #expect(try Gradients.clipNorm([a, b, unused], to: 1) == 5)
        #expect(worstError(try #require(a.gradient) + #require(b.gradient), [0.6, 0, 0.8]) < 1e-6)
        #expect(unused.gradient == nil)
        #expect(try Gradients.clipNorm([], to: 1) == 0)
        // What is listed twice counts once.
        let c = try leaf([1], [1])
        try (c * 3).sum().backward()
        #expect(try Gradients.clipNorm([c, c], to: 1) == 3)
        #expect(worstError(try #require(c.gradient), [1]) < 1e-6)
    }

    /// A checkpoint may hold any number of steps.
    @Test func stepsOfAdamDoNotOverflow() throws {
        let weight = try leaf([1], [1])
        let adam = try Adam([weight])
        adam.restore(0, steps: .max - 1, matrices: [try Matrix(zeros: 1, planes: 1), try Matrix(zeros: 1, planes: 1)])
        for _ in 0..<2 {
            weight.zeroGradient()
            try (weight * 2).sum().backward()
            try adam.step()
        }
        #expect(adam.saved(0).steps == .max)
    }

    @Test func normsThatAreNotFiniteChangeNothing() throws {
        let (a, b) = (try leaf([1], [1]), try leaf([1], [1]))
        try (a * 2).sum().backward()
        for bad in [Float.infinity, .nan] {
            b.zeroGradient()
            try (b * bad).sum().backward()
            #expect(thrownError { try Gradients.clipNorm([a, b], to: 1) }?.kind == .state)
            #expect(a.gradient == [2])
        }
        for maximum in [0, -1, Double.nan] {
            #expect(thrownError { try Gradients.clipNorm([a], to: maximum) }?.kind == .invalidArgument)
        }
        // Squares that overflow float32 do not overflow the norm.
        b.zeroGradient()
        try (b * 3e38).sum().backward()
        #expect(try Gradients.clipNorm([b], to: 1) > 2.9e38)
        #expect(worstError(try #require(b.gradient), [1]) < 1e-6)
    }

    /// In the order given; zeros without a gradient, nothing where none is required, once where listed twice.
    @Test func flatGradients() throws {
        let (a, b, frozen) = (try leaf([1, 2], [2]), try leaf([3, 4, 5], [3, 1]), try Tensor(zeros: [4]))
        try (a * 3).sum().backward()
        let parameters = [b, frozen, a, b]
        #expect(try Gradients.count(parameters) == 5)
        var flat: [Float] = [9, 9, 9, 9, 9]
        try flat.withUnsafeMutableBufferPointer { try Gradients.copy(parameters, into: $0) }
        #expect(flat == [0, 0, 0, 3, 3])
        try [1, 2, 3, 4, 5].withUnsafeBufferPointer { try Gradients.set(parameters, from: $0) }
        #expect(b.gradient == [1, 2, 3] && a.gradient == [4, 5] && frozen.gradient == nil)
        for wrong in [[], [1], [1, 2, 3, 4, 5, 6]] as [[Float]] {
            let error = thrownError { try wrong.withUnsafeBufferPointer { try Gradients.set(parameters, from: $0) } }
            #expect(error?.kind == .shape)
        }
        #expect(b.gradient == [1, 2, 3] && a.gradient == [4, 5])
        let result = try a * 2
        #expect(thrownError { _ = try Gradients.count([a, result]) }?.kind == .invalidArgument)
        #expect(try Gradients.count([]) == 0 && Gradients.count([frozen]) == 0)
        // A backward pass adds to what was set.
        try (a * 2).sum().backward()
        #expect(a.gradient == [6, 7])
    }

    @Test func refusesWhatMakesNoSense() throws {
        let a = try leaf([1], [1])
        let result = try a * 2
        for make in [
            { _ = try SGD([a, a]) }, { _ = try SGD([result]) }, { _ = try SGD([a], learningRate: -1) },
            { _ = try SGD([a], learningRate: .nan) }, { _ = try SGD([a], momentum: .infinity) },
            { _ = try SGD([a], weightDecay: -1) }, { _ = try SGD([a], dampening: .nan) },
            { _ = try SGD([a], nesterov: true) }, { _ = try SGD([a], momentum: 0.9, dampening: 0.1, nesterov: true) },
            { _ = try Adam([a], beta1: 1) }, { _ = try Adam([a], beta2: -0.1) }, { _ = try Adam([a], epsilon: .nan) },
            { _ = try Adam([a]).setLearningRate(.infinity) },
        ] as [() throws -> Void] {
            #expect(thrownError(make)?.kind == .invalidArgument)
        }
    }
}
