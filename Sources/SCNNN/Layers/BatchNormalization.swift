internal import SCNCore
internal import SCNFiles
internal import SCNOps

/// Batch normalization over the rows of a sparse tensor, or of a dense one [n, planes], with a fused (leaky) ReLU.
///
/// State: `weight`, `bias` (where affine), `running_mean`, `running_var`, each [planes]. Biased variance normalizes,
/// unbiased variance enters `running_var`. An empty tensor passes through and leaves the statistics as they are.
public final class BatchNormalization: Module {
    /// The planes of input and result.
    public let planes: Int
    /// What is added to the variance.
    public let epsilon: Double
    /// The fraction of the running statistics that is kept; ``Module/setMomentum(_:)`` sets it.
    public var momentum: Double { operation.momentum }
    /// After normalizing: y > 0 ? y : leakiness * y; 1 is no activation, 0 is ReLU.
    public let leakiness: Double
    /// What each plane is multiplied by after normalizing, [planes]; nil where not affine.
    public let weight: Tensor?
    /// What is added to each plane after that, [planes]; nil where not affine.
    public let bias: Tensor?
    /// The mean that evaluation uses, [planes].
    public let runningMean: Tensor
    /// The variance that evaluation uses, [planes].
    public let runningVariance: Tensor
    private var operation: BatchNormalizationOperation

    static let layerType = LayerType(
        "BatchNormalization",
        "Normalizes each plane over all rows of a sparse tensor or a matrix, and may apply a (leaky) ReLU.",
        [
            .planes(), .epsilon(1e-4), .momentum,
            .affine, .leakiness,
        ],
        state: [
            .affineWeight, .affineBias, .buffer("running_mean", "[planes]", "zeros"),
            .buffer("running_var", "[planes]", "ones"),
        ]
    ) { try BatchNormalization($0) }

    /// `epsilon`: a normal number of float32, above 0; `momentum`: 0 ... 1; `affine`: whether to have weight and bias;
    /// `leakiness`: at least 0.
    public convenience init(
        planes: Int, epsilon: Double = 1e-4, momentum: Double = 0.99, affine: Bool = true, leakiness: Double = 1
    ) throws {
        try self.init(
            Arguments(
                Self.layerType,
                [
                    "planes": .integer(planes), "epsilon": .number(epsilon), "momentum": .number(momentum),
                    "affine": .bool(affine), "leakiness": .number(leakiness),
                ]))
    }

    init(_ arguments: Arguments) throws {
        planes = arguments.integer("planes")
        epsilon = arguments.real("epsilon")
        leakiness = arguments.real("leakiness")
        operation = try BatchNormalizationOperation(
            epsilon: epsilon, momentum: arguments.real("momentum"), leakiness: leakiness)
        let isAffine = arguments.flag("affine")
        weight = isAffine ? try .parameter([planes], filledWith: 1) : nil
        bias = isAffine ? try .parameter([planes], filledWith: 0) : nil
        runningMean = try .buffer([planes], filledWith: 0)
        runningVariance = try .buffer([planes], filledWith: 1)
        super.init(madeWith: arguments)
    }

    public override var ownState: [StateEntry] {
        StateEntry.parameters(weight: weight, bias: bias) + [
            StateEntry(name: "running_mean", tensor: runningMean, isParameter: false),
            StateEntry(name: "running_var", tensor: runningVariance, isParameter: false),
        ]
    }

    override func takeMomentum(_ momentum: Double) {
        operation.momentum = momentum
        arguments?["momentum"] = .number(momentum)
    }

    package override var takesBFloat16: Bool { true }

    public override func forward(_ input: Value) throws -> Value {
        try input.mapTensor(typeName) { tensor in
            try tensor.requireRows(of: planes, for: typeName)
            return try isTraining ? train(tensor) : evaluate(tensor)
        }
    }

    private func train(_ tensor: Tensor) throws -> Tensor {
        let values = tensor.values
        let result = try Matrix(rows: values.rows, planes: planes, type: values.type)
        let saved = BatchNormalizationOperation.Saved(
            mean: try Matrix(rows: 1, planes: planes), inverseDeviation: try Matrix(rows: 1, planes: planes),
            remainder: try Matrix(rows: 1, planes: planes),
            line: .init(scale: try Matrix(rows: 1, planes: planes), shift: try Matrix(rows: 1, planes: planes)))
        for statistic in [runningMean, runningVariance] { try Transaction.willChange(statistic.values) }
        try operation.forwardTraining(
            values, weight: weight?.values, bias: bias?.values, running: running, saved: saved, into: result)
        return record(tensor, result) { [operation] gradient, weight, byWeight, byBias, byInput in
            try operation.backwardTraining(
                input: values, output: nil, gradient: gradient, weight: weight, saved: saved,
                weightResult: byWeight, biasResult: byBias, into: byInput)
        }
    }

    private func evaluate(_ tensor: Tensor) throws -> Tensor {
        let values = tensor.values
        let result = try Matrix(rows: values.rows, planes: planes, type: values.type)
        // Of now: training goes on with those that the layer has.
        let statistics = BatchNormalizationOperation.Running(
            mean: try runningMean.values.copy(), variance: try runningVariance.values.copy())
        try operation.forwardEvaluation(
            values, weight: weight?.values, bias: bias?.values, running: statistics, into: result)
        return record(tensor, result) { [operation] gradient, weight, byWeight, byBias, byInput in
            try operation.backwardEvaluation(
                input: values, output: result, gradient: gradient, weight: weight, running: statistics,
                weightResult: byWeight, biasResult: byBias, into: byInput)
        }
    }

    var running: BatchNormalizationOperation.Running {
        .init(mean: runningMean.values, variance: runningVariance.values)
    }

    private func record(
        _ tensor: Tensor, _ result: Matrix,
        _ backward: @escaping (Matrix, Matrix?, Matrix?, Matrix?, Matrix) throws -> Void
    ) -> Tensor {
        let (weight, planes, rows, type) = (weight?.values, planes, result.rows, result.type)
        let parameters = [self.weight, self.bias].compactMap { $0 }
        let wanted = parameters.map(\.requiresGradient)
        return Tape.result(matrix: result, inputs: [tensor] + parameters) { gradient in
            let byInput = try Matrix(rows: rows, planes: planes, type: type)
            let byParameters = try wanted.map { $0 ? try Matrix(rows: 1, planes: planes) : nil }
            try backward(gradient, weight, byParameters.first ?? nil, byParameters.last ?? nil, byInput)
            return [.fresh(byInput)] + byParameters.map { $0.map { .fresh($0) } }
        }
    }
}
