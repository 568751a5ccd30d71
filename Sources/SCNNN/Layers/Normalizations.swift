internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Batch normalization of the mean alone, y = x - mean + bias, with a fused (leaky) ReLU, over the rows of a sparse
/// tensor or of a dense one [n, planes].
///
/// State, each [planes]: `bias` (where affine), `running_mean`. The gradient goes through the mean. An empty tensor
/// passes through and leaves the running mean as it is.
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

    static let layerType = LayerType(
        "MeanOnlyBNLeakyReLU",
        "Takes the mean of each plane over all rows away, adds a bias, and may apply a (leaky) ReLU.",
        [
            .planes(), LayerArgument("affine", .flag, "Whether to add a bias.", fallback: .bool(true)), .leakiness,
            .momentum,
        ],
        state: [
            .parameter("bias", "[planes]", "zeros", where: "affine"), .buffer("running_mean", "[planes]", "zeros"),
        ]
    ) { try MeanOnlyBNLeakyReLU($0) }

    /// Bias and running mean are zeros at first. Throws where `planes` < 1, `leakiness` < 0 or `momentum` is not in 0
    /// ... 1.
    public convenience init(
        planes: Int, affine: Bool = true, leakiness: Double = 1, momentum: Double = 0.99
    ) throws {
        try self.init(
            Arguments(
                Self.layerType,
                [
                    "planes": .integer(planes), "affine": .bool(affine), "leakiness": .number(leakiness),
                    "momentum": .number(momentum),
                ]))
    }

    init(_ arguments: Arguments) throws {
        planes = arguments.integer("planes")
        leakiness = arguments.real("leakiness")
        operation = try MeanOnlyNormalizationOperation(momentum: arguments.real("momentum"), leakiness: leakiness)
        bias = arguments.flag("affine") ? try .parameter([planes], filledWith: 0) : nil
        runningMean = try .buffer([planes], filledWith: 0)
        super.init(madeWith: arguments)
    }

    public override var ownState: [StateEntry] {
        (bias.map { [StateEntry(name: "bias", tensor: $0, isParameter: true)] } ?? [])
            + [StateEntry(name: "running_mean", tensor: runningMean, isParameter: false)]
    }

    override func takeMomentum(_ momentum: Double) {
        operation.momentum = momentum
        arguments?["momentum"] = .number(momentum)
    }

    public override func forward(_ input: Value) throws -> Value {
        try input.mapTensor(typeName) { tensor in
            try tensor.requireRows(of: planes, for: typeName)
            let (values, isTraining) = (tensor.values, isTraining)
            let result = try Matrix(rows: values.rows, planes: planes)
            if isTraining {
                try Transaction.willChange(runningMean.values)
                try operation.forwardTraining(
                    values, bias: bias?.values, runningMean: runningMean.values, into: result)
            } else {
                try operation.forwardEvaluation(
                    values, bias: bias?.values, runningMean: runningMean.values, into: result)
            }
            let inputs = [tensor] + [bias].compactMap { $0 }
            let wanted = inputs.dropFirst().map(\.requiresGradient)
            return Tape.result(matrix: result, inputs: inputs) { [operation, planes] gradient in
                let byInput = try Matrix(rows: result.rows, planes: planes)
                let byBias = try wanted.map { $0 ? try Matrix(rows: 1, planes: planes) : nil }
                try operation.backward(
                    output: result, gradient: gradient, isTraining: isTraining, biasResult: byBias.first ?? nil,
                    into: byInput)
                return [.fresh(byInput)] + byBias.map { $0.map { .fresh($0) } }
            }
        }
    }
}

/// Group normalization (Wu and He, 2018) of a sparse tensor: each sample's sites and each of `groups` groups of
/// neighboring planes have a mean and a (biased) variance of their own, in training and in evaluation.
///
/// State, each [planes]: `weight` (ones), `bias` (zeros). What one sample becomes does not depend on the others.
public final class SparseGroupNorm: Module {
    /// Groups of neighboring planes.
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

    static let layerType = LayerType(
        "SparseGroupNorm", "Normalizes each sample's sites and each of some groups of neighboring planes.",
        [
            LayerArgument(
                "groups", .count(minimum: 1), "Groups of neighboring planes; a divisor of the planes.",
                sparseConvNet: "num_groups", display: .labeled("groups")),
            LayerArgument(
                "planes", .planes, "The planes of input and result.", sparseConvNet: "num_channels",
                display: .labeled("planes")),
            .epsilon(1e-5),
        ], checks: [LayerType.divides("groups", "planes")],
        state: [.parameter("weight", "[planes]", "ones"), .parameter("bias", "[planes]", "zeros")]
    ) { try SparseGroupNorm($0) }

    /// Throws where `groups` is no divisor of `planes` or `epsilon` no positive normal number of float32.
    public convenience init(groups: Int, planes: Int, epsilon: Double = 1e-5) throws {
        try self.init(
            Arguments(
                Self.layerType,
                ["groups": .integer(groups), "planes": .integer(planes), "epsilon": .number(epsilon)]))
    }

    init(_ arguments: Arguments) throws {
        groups = arguments.integer("groups")
        planes = arguments.integer("planes")
        epsilon = arguments.real("epsilon")
        operation = try GroupNormalizationOperation(groups: groups, epsilon: epsilon)
        weight = try .parameter([planes], filledWith: 1)
        bias = try .parameter([planes], filledWith: 0)
        super.init(madeWith: arguments)
    }

    public override var ownState: [StateEntry] { StateEntry.parameters(weight: weight, bias: bias) }

    public override func forward(_ input: Value) throws -> Value {
        .sparse(try operation.normalized(input.sparse(for: typeName, planes: planes), weight: weight, bias: bias))
    }
}

extension GroupNormalizationOperation {
    /// The tensor with each sample normalized; weight, bias: [planes], nil for ones and zeros.
    func normalized(_ sparse: SparseTensor, weight: Tensor?, bias: Tensor?) throws -> SparseTensor {
        let planes = sparse.planes
        let (values, samples) = (sparse.features.values, try sparse.sites.samples())
        let saved = Statistics(
            mean: try Matrix(rows: samples.count, planes: groups),
            inverseDeviation: try Matrix(rows: samples.count, planes: groups),
            remainder: try Matrix(rows: samples.count, planes: groups))
        let result = try Matrix(rows: values.rows, planes: planes)
        try forward(
            values, samples: samples, weight: weight?.values, bias: bias?.values, statistics: saved, into: result)
        let scale = weight?.values
        let parameters = [weight, bias].compactMap { $0 }
        let wanted = parameters.map(\.requiresGradient)
        let features = Tape.result(matrix: result, inputs: [sparse.features] + parameters) { gradient in
            let byInput = try Matrix(rows: values.rows, planes: planes)
            let byParameters = try wanted.map { $0 ? try Matrix(rows: 1, planes: planes) : nil }
            try backward(
                input: values, gradient: gradient, samples: samples, weight: scale, statistics: saved,
                weightResult: byParameters.first ?? nil, biasResult: byParameters.last ?? nil, into: byInput)
            return [.fresh(byInput)] + byParameters.map { $0.map { .fresh($0) } }
        }
        return try sparse.with(features: features)
    }
}

extension Sequential {
    /// SparseConvNet's `BatchNormELU`: a batch normalization and an ELU.
    public static func batchNormELU(planes: Int, epsilon: Double = 1e-4, momentum: Double = 0.9) throws -> Sequential {
        try Sequential([
            BatchNormalization(planes: planes, epsilon: epsilon, momentum: momentum), ActivationLayer(.elu),
        ])
    }
}
