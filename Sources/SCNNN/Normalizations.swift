internal import SCNCore
package import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Batch normalisation of the mean alone, y = x - mean + bias, with a fused (leaky) ReLU, over the rows of a sparse tensor
/// or of a dense one [n, planes].
///
/// State, each [planes]: `bias` (where affine), `running_mean`. The gradient goes through the mean. An empty tensor passes
/// through and leaves the running mean as it is.
public final class MeanOnlyBNLeakyReLU: Module {
    /// The planes of input and result.
    public let planes: Int
    /// The fraction of the running mean that is kept; ``Module/setMomentum(_:)`` sets it.
    public var momentum: Double { operation.momentum }
    /// y > 0 ? y : leakiness * y; 1 is no activation, 0 is ReLU.
    public let leakiness: Double
    /// What is added to each row, [planes]; nil without.
    public let bias: Tensor?
    /// The running average of the batches' means, [planes].
    public let runningMean: Tensor
    private var operation: MeanOnlyNormalizationOperation

    /// Bias and running mean are zeros at first. Throws where `planes` < 1, `leakiness` < 0 or `momentum` is not in 0 ... 1.
    public init(planes: Int, affine: Bool = true, leakiness: Double = 1, momentum: Double = 0.99) throws {
        try require(planes >= 1, .invalidArgument, "planes: is \(planes), expected at least 1")
        operation = try MeanOnlyNormalizationOperation(momentum: momentum, leakiness: leakiness)
        self.planes = planes
        self.leakiness = leakiness
        bias = affine ? try .parameter([planes], filledWith: 0) : nil
        runningMean = try .buffer([planes], filledWith: 0)
    }

    public override var ownState: [StateEntry] {
        (bias.map { [StateEntry(name: "bias", tensor: $0, isParameter: true)] } ?? [])
            + [StateEntry(name: "running_mean", tensor: runningMean, isParameter: false)]
    }

    public override var summary: String {
        "\(planes)" + (leakiness == 1 ? "" : leakiness == 0 ? ", ReLU" : ", leakiness \(leakiness)")
    }

    package override var arguments: [(key: String, value: JSON)]? {
        [
            ("planes", .integer(planes)), ("affine", .bool(bias != nil)), ("leakiness", .number(leakiness)),
            ("momentum", .number(momentum)),
        ]
    }

    override func takeMomentum(_ momentum: Double) { operation.momentum = momentum }

    public override func forward(_ input: Value) throws -> Value {
        try input.mapTensor(typeName) { tensor in
            try require(
                tensor.shape.count == 2 && tensor.shape[1] == planes, .shape,
                "input: \(typeName) got shape \(tensor.shape), expected [n, \(planes)]")
            let (values, isTraining) = (tensor.values, isTraining)
            let result = try Matrix(rows: values.rows, planes: planes)
            if isTraining {
                try Transaction.willChange(runningMean.values)
                try operation.forwardTraining(
                    values, bias: bias?.values.pointer, runningMean: runningMean.values.pointer, into: result)
            } else {
                try operation.forwardEvaluation(
                    values, bias: bias?.values.pointer, runningMean: runningMean.values.pointer, into: result)
            }
            let inputs = [tensor] + [bias].compactMap { $0 }
            let wanted = inputs.dropFirst().map(\.requiresGradient)
            return Tape.result(matrix: result, inputs: inputs) { [operation, planes] gradient in
                let byInput = try Matrix(rows: result.rows, planes: planes)
                let byBias = try wanted.map { $0 ? try Matrix(rows: 1, planes: planes) : nil }
                try operation.backward(
                    output: result, gradient: gradient, isTraining: isTraining, biasResult: byBias.first??.pointer,
                    into: byInput)
                return [.fresh(byInput)] + byBias.map { $0.map { .fresh($0) } }
            }
        }
    }
}

/// Group normalisation (Wu and He, 2018) of a sparse tensor: each sample's sites and each of `groups` groups of
/// neighbouring planes have a mean and a (biased) variance of their own, in training and in evaluation.
///
/// State, each [planes]: `weight` (ones), `bias` (zeros). What one sample becomes does not depend on the others.
public final class SparseGroupNorm: Module {
    /// Groups of neighbouring planes.
    public let groups: Int
    /// The planes of input and result.
    public let planes: Int
    /// What is added to the variance.
    public let epsilon: Double
    /// What each plane is multiplied by, [planes].
    public let weight: Tensor
    /// What is added to each plane then, [planes].
    public let bias: Tensor
    private let operation: GroupNormalizationOperation

    /// Throws where `groups` is no divisor of `planes` or `epsilon` no positive normal number of float32.
    public init(groups: Int, planes: Int, epsilon: Double = 1e-5) throws {
        try require(planes >= 1, .invalidArgument, "planes: is \(planes), expected at least 1")
        operation = try GroupNormalizationOperation(groups: groups, epsilon: epsilon)
        try require(
            planes % groups == 0, .invalidArgument, "groups: is \(groups), expected a divisor of the planes, \(planes)")
        self.groups = groups
        self.planes = planes
        self.epsilon = epsilon
        weight = try .parameter([planes], filledWith: 1)
        bias = try .parameter([planes], filledWith: 0)
    }

    public override var ownState: [StateEntry] {
        [
            StateEntry(name: "weight", tensor: weight, isParameter: true),
            StateEntry(name: "bias", tensor: bias, isParameter: true),
        ]
    }

    public override var summary: String { "\(groups) groups of \(planes) planes" }

    package override var arguments: [(key: String, value: JSON)]? {
        [("groups", .integer(groups)), ("planes", .integer(planes)), ("epsilon", .number(epsilon))]
    }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, planes: planes)
        let (values, samples, planes) = (sparse.features.values, try sparse.sites.samples(), planes)
        let count = try checkedProduct([samples.count, groups], "the statistics of a batch")
        let saved = try Matrix(rows: 3, planes: count)
        let result = try Matrix(rows: values.rows, planes: planes)
        func statistics(_ saved: Matrix) -> GroupNormalizationOperation.Statistics {
            .init(
                mean: saved.row(0), inverseDeviation: saved.row(1), remainder: saved.row(2),
                areByBatchIndex: false)
        }
        try operation.forward(
            values, samples: samples, weight: weight.values.pointer, bias: bias.values.pointer,
            statistics: statistics(saved), into: result)
        let scale = weight.values
        let wanted = [weight, bias].map(\.requiresGradient)
        let features = Tape.result(matrix: result, inputs: [sparse.features, weight, bias]) { [operation] gradient in
            let byInput = try Matrix(rows: values.rows, planes: planes)
            let byParameters = try wanted.map { $0 ? try Matrix(rows: 1, planes: planes) : nil }
            try operation.backward(
                input: values, gradient: gradient, samples: samples, weight: scale.pointer,
                statistics: statistics(saved), weightResult: byParameters[0]?.pointer,
                biasResult: byParameters[1]?.pointer, into: byInput)
            return [.fresh(byInput)] + byParameters.map { $0.map { .fresh($0) } }
        }
        return .sparse(try sparse.with(features: features))
    }
}

extension Sequential {
    /// SparseConvNet's `BatchNormELU`: a batch normalisation and an ELU.
    public static func batchNormELU(planes: Int, epsilon: Double = 1e-4, momentum: Double = 0.9) throws -> Sequential {
        try Sequential([
            BatchNormalization(planes: planes, epsilon: epsilon, momentum: momentum), ActivationLayer(.elu),
        ])
    }
}
