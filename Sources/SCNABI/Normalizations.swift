public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

@_cdecl("scn_batch_norm_elu_create") @implementation
public func scn_batch_norm_elu_create(
    _ planes: Int64, _ epsilon: Double, _ momentum: Double, _ module: HandleOut
) -> scn_status {
    produceModule(module) { try Sequential.batchNormELU(planes: Int(planes), epsilon: epsilon, momentum: momentum) }
}

@_cdecl("scn_mean_only_norm_create") @implementation
public func scn_mean_only_norm_create(
    _ planes: Int64, _ affine: Int32, _ leakiness: Double, _ momentum: Double, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try MeanOnlyBNLeakyReLU(
            planes: Int(planes), affine: boolean(affine, "affine"), leakiness: leakiness, momentum: momentum)
    }
}

@_cdecl("scn_group_norm_create") @implementation
public func scn_group_norm_create(
    _ groups: Int64, _ planes: Int64, _ epsilon: Double, _ module: HandleOut
) -> scn_status {
    produceModule(module) { try SparseGroupNorm(groups: Int(groups), planes: Int(planes), epsilon: epsilon) }
}

@_cdecl("scn_batchwise_dropout_create") @implementation
public func scn_batchwise_dropout_create(_ p: Double, _ module: HandleOut) -> scn_status {
    produceModule(module) { try BatchwiseDropout(p: p) }
}

@_cdecl("scn_mean_only_norm_forward_training") @implementation
public func scn_mean_only_norm_forward_training(
    _ input: Host, _ bias: Vector, _ running_mean: VectorResult, _ momentum: Double, _ leakiness: Double,
    _ result: HostResult
) -> scn_status {
    status {
        try MeanOnlyNormalizationOperation(momentum: momentum, leakiness: leakiness).forwardTraining(
            try matrix(input, "input"), bias: bias, runningMean: running_mean, into: try matrix(result, "result"))
    }
}

@_cdecl("scn_mean_only_norm_forward_evaluation") @implementation
public func scn_mean_only_norm_forward_evaluation(
    _ input: Host, _ bias: Vector, _ running_mean: Vector, _ leakiness: Double, _ result: HostResult
) -> scn_status {
    status {
        try MeanOnlyNormalizationOperation(momentum: 0, leakiness: leakiness).forwardEvaluation(
            try matrix(input, "input"), bias: bias, runningMean: try required(running_mean, "running_mean"),
            into: try matrix(result, "result"))
    }
}

@_cdecl("scn_mean_only_norm_backward") @implementation
public func scn_mean_only_norm_backward(
    _ output: Host, _ gradient: Host, _ is_training: Int32, _ leakiness: Double, _ bias_result: VectorResult,
    _ result: HostResult
) -> scn_status {
    status {
        try MeanOnlyNormalizationOperation(momentum: 0, leakiness: leakiness).backward(
            output: try matrix(output, "output"), gradient: try matrix(gradient, "gradient"),
            isTraining: try boolean(is_training, "is_training"), biasResult: bias_result,
            into: try matrix(result, "result"))
    }
}

/// The statistics of a group normalisation, which the backward pass only reads.
private func statistics(_ mean: Vector, _ inverseDeviation: Vector) throws -> GroupNormalizationOperation.Statistics {
    .init(
        mean: UnsafeMutablePointer(mutating: try required(mean, "saved_mean")),
        inverseDeviation: UnsafeMutablePointer(mutating: try required(inverseDeviation, "saved_inverse_deviation")),
        areByBatchIndex: true)
}

@_cdecl("scn_group_norm_forward") @implementation
public func scn_group_norm_forward(
    _ geometry: OpaquePointer?, _ sites: Int32, _ input: Host, _ weight: Vector, _ bias: Vector, _ groups: Int64,
    _ epsilon: Double, _ saved_mean: VectorResult, _ saved_inverse_deviation: VectorResult, _ result: HostResult
) -> scn_status {
    status {
        let operation = try GroupNormalizationOperation(groups: Int(groups), epsilon: epsilon)
        let samples = try siteSet(geometry, sites).samples()
        try operation.forward(
            try matrix(input, "input"), samples: samples, weight: weight, bias: bias,
            statistics: try statistics(saved_mean, saved_inverse_deviation), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_group_norm_backward") @implementation
public func scn_group_norm_backward(
    _ geometry: OpaquePointer?, _ sites: Int32, _ input: Host, _ gradient: Host, _ weight: Vector, _ groups: Int64,
    _ saved_mean: Vector, _ saved_inverse_deviation: Vector, _ weight_result: VectorResult, _ bias_result: VectorResult,
    _ result: HostResult
) -> scn_status {
    status {
        // Epsilon is in the saved deviations already.
        let operation = try GroupNormalizationOperation(groups: Int(groups), epsilon: 1)
        let samples = try siteSet(geometry, sites).samples()
        try operation.backward(
            input: try matrix(input, "input"), gradient: try matrix(gradient, "gradient"), samples: samples,
            weight: weight, statistics: try statistics(saved_mean, saved_inverse_deviation),
            weightResult: weight_result, biasResult: bias_result, into: try matrix(result, "result"))
    }
}
