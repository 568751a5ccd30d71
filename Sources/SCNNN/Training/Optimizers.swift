public import SCNCore
internal import SCNOps

/// Updates parameters from their gradients.
public class Optimizer {
    /// What is updated: leaves, no two the same.
    public let parameters: [Tensor]
    /// Of the following steps; finite and not negative.
    public private(set) var learningRate: Double

    init(_ parameters: [Tensor], learningRate: Double) throws(SCNError) {
        try require(!parameters.isEmpty, .invalidArgument, "parameters: none given, expected at least one")
        try require(
            Set(parameters.map(ObjectIdentifier.init)).count == parameters.count, .invalidArgument,
            "parameters: one is given twice")
        for (index, parameter) in parameters.enumerated() {
            try require(
                parameter.isLeaf, .invalidArgument, "parameters: number \(index) is the result of an operation")
        }
        try requireAtLeastZero(learningRate, "learning_rate")
        self.parameters = parameters
        self.learningRate = learningRate
    }

    /// Sets the learning rate of the following steps, finite and not negative.
    public func setLearningRate(_ rate: Double) throws(SCNError) {
        try requireAtLeastZero(rate, "learning_rate")
        learningRate = rate
    }

    /// Forgets the gradients of the parameters.
    public func zeroGradients() {
        for parameter in parameters { parameter.zeroGradient() }
    }

    /// Updates every parameter that has a gradient.
    public func step() throws { preconditionFailure("overridden by every subclass") }

    /// Zeros in the shape of parameter `index`.
    func zeros(like index: Int) throws(SCNError) -> Matrix {
        try Matrix(zeros: parameters[index].values.rows, planes: parameters[index].values.planes)
    }

    /// The type's name in checkpoints.
    var typeName: String { preconditionFailure("overridden by every subclass") }
    /// What a checkpoint keeps of parameter `index`: matrices of its shape under their names, and a count of steps.
    func saved(_ index: Int) -> (steps: Int, matrices: [(name: String, matrix: Matrix)]) {
        preconditionFailure("overridden by every subclass")
    }
    /// The names of the matrices that a parameter with that many steps has.
    func savedNames(steps: Int) -> [String] { preconditionFailure("overridden by every subclass") }
    /// Takes over what `saved` gave; matrices in the order of `savedNames`.
    func restore(_ index: Int, steps: Int, matrices: [Matrix]) { preconditionFailure("overridden by every subclass") }
}

/// Stochastic gradient descent with momentum (Nesterov's or plain) and weight decay.
public final class SGD: Optimizer {
    private var options: OptimizerSteps.SGD
    private var velocities: [Matrix?]

    /// `learningRate`, `momentum` and `weightDecay`: at least 0; `nesterov` needs momentum and no dampening.
    public init(
        _ parameters: [Tensor], learningRate: Double = 0.01, momentum: Double = 0, dampening: Double = 0,
        weightDecay: Double = 0, nesterov: Bool = false
    ) throws(SCNError) {
        try requireAtLeastZero(momentum, "momentum")
        try requireAtLeastZero(weightDecay, "weight_decay")
        try require(
            Float(dampening).isFinite, .invalidArgument, "dampening: is \(dampening), expected a finite float32")
        try require(
            !nesterov || (momentum > 0 && dampening == 0), .invalidArgument,
            "nesterov: is true with momentum \(momentum) and dampening \(dampening), expected momentum > 0 and dampening 0"
        )
        options = OptimizerSteps.SGD(
            learningRate: learningRate, momentum: momentum, dampening: dampening, weightDecay: weightDecay,
            nesterov: nesterov)
        velocities = Array(repeating: nil, count: parameters.count)
        try super.init(parameters, learningRate: learningRate)
    }

    public override func step() throws {
        options.learningRate = learningRate
        if options.momentum > 0 {
            let missing = parameters.indices.filter { parameters[$0].gradientValues != nil && velocities[$0] == nil }
            let fresh = try missing.map(zeros)
            let isNew = Set(missing)
            for (index, velocity) in zip(missing, fresh) { velocities[index] = velocity }
            try update { isNew.contains($0) }
        } else {
            try update { _ in true }
        }
    }

    private func update(isFirstStep: (Int) -> Bool) throws {
        for (index, parameter) in parameters.enumerated() {
            guard let gradient = parameter.gradientValues else { continue }
            try OptimizerSteps.sgd(
                parameter.values, gradient: gradient, velocity: velocities[index], options: options,
                isFirstStep: isFirstStep(index))
            parameter.values.storage.noteChange()
        }
    }

    override var typeName: String { "SGD" }
    override func saved(_ index: Int) -> (steps: Int, matrices: [(name: String, matrix: Matrix)]) {
        guard let velocity = velocities[index] else { return (0, []) }
        return (1, [("velocity", velocity)])
    }
    override func savedNames(steps: Int) -> [String] { steps == 0 ? [] : ["velocity"] }
    override func restore(_ index: Int, steps: Int, matrices: [Matrix]) { velocities[index] = matrices.first }
}

/// Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015), or AdamW (Loshchilov and Hutter,
/// "Decoupled weight decay regularization", 2019) where the decay is decoupled.
public final class Adam: Optimizer {
    private var options: OptimizerSteps.Adam
    private var moments: [(first: Matrix, second: Matrix, steps: Int)?]

    /// `beta1`, `beta2`: 0 ... 1, below 1; `decoupled`: whether the decay acts on the parameters (AdamW).
    public init(
        _ parameters: [Tensor], learningRate: Double = 0.001, beta1: Double = 0.9, beta2: Double = 0.999,
        epsilon: Double = 1e-8, weightDecay: Double = 0, decoupled: Bool = false
    ) throws(SCNError) {
        for (beta, name) in [(beta1, "beta1"), (beta2, "beta2")] {
            try require(
                beta >= 0 && Float(beta) < 1, .invalidArgument,
                "\(name): is \(beta), expected 0 ... 1, below 1 in float32")
        }
        try requireAtLeastZero(epsilon, "epsilon")
        if epsilon > 0 { try requirePositive(epsilon, "epsilon") }
        try requireAtLeastZero(weightDecay, "weight_decay")
        options = OptimizerSteps.Adam(
            learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay,
            decoupled: decoupled)
        moments = Array(repeating: nil, count: parameters.count)
        try super.init(parameters, learningRate: learningRate)
    }

    public override func step() throws {
        options.learningRate = learningRate
        let missing = parameters.indices.filter { parameters[$0].gradientValues != nil && moments[$0] == nil }
        let fresh = try missing.map { (try zeros(like: $0), try zeros(like: $0)) }
        for (index, (first, second)) in zip(missing, fresh) { moments[index] = (first, second, 0) }
        for (index, parameter) in parameters.enumerated() {
            guard let gradient = parameter.gradientValues, let (first, second, steps) = moments[index] else { continue }
            let step = min(steps, Int.max - 1) + 1
            try OptimizerSteps.adam(
                parameter.values, gradient: gradient, firstMoment: first, secondMoment: second, options: options,
                corrections: (1 - power(options.beta1, step), 1 - power(options.beta2, step)))
            moments[index]?.steps = step
            parameter.values.storage.noteChange()
        }
    }

    private func power(_ base: Double, _ exponent: Int) -> Double {
        var (result, square, rest) = (1.0, base, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            square *= square
            rest >>= 1
        }
        return result
    }

    override var typeName: String { options.decoupled ? "AdamW" : "Adam" }
    override func saved(_ index: Int) -> (steps: Int, matrices: [(name: String, matrix: Matrix)]) {
        guard let moments = moments[index] else { return (0, []) }
        return (moments.steps, [("first_moment", moments.first), ("second_moment", moments.second)])
    }
    override func savedNames(steps: Int) -> [String] { steps == 0 ? [] : ["first_moment", "second_moment"] }
    override func restore(_ index: Int, steps: Int, matrices: [Matrix]) {
        moments[index] = matrices.count == 2 ? (matrices[0], matrices[1], steps) : nil
    }
}

/// What acts on the gradients of several parameters together.
public enum Gradients {
    /// Scales the gradients of all parameters together so that their Euclidean norm is at most `maximum`.
    ///
    /// - Returns: the norm before. An error, and nothing changed, where that is not finite.
    @discardableResult
    public static func clipNorm(_ parameters: [Tensor], to maximum: Double) throws -> Double {
        try require(maximum > 0, .invalidArgument, "max_norm: is \(maximum), expected a positive number")
        var seen: Set<ObjectIdentifier> = []
        let gradients = parameters.filter { seen.insert(ObjectIdentifier($0)).inserted }.compactMap(\.gradientValues)
        let norm = try gradients.reduce(0.0) { try $0 + Elements.sumOfSquares($1) }.squareRoot()
        try require(norm.isFinite, .state, "parameters: the norm of the gradients is \(norm), which cannot be clipped")
        if norm > maximum {
            for gradient in gradients { try Elements.scale(gradient, by: Float(maximum / norm), into: gradient) }
        }
        return norm
    }
}
