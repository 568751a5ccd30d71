public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

@_cdecl("scn_batch_norm_forward_training") @implementation
public func scn_batch_norm_forward_training(
    _ input: Host, _ weight: Vector, _ bias: Vector, _ running_mean: VectorResult, _ running_variance: VectorResult,
    _ options: UnsafePointer<scn_batch_norm_options>?, _ saved_mean: VectorResult,
    _ saved_inverse_deviation: VectorResult, _ result: HostResult
) -> scn_status {
    status {
        try require(
            (running_mean == nil) == (running_variance == nil), .invalidArgument,
            "running_mean, running_variance: one is NULL, expected both or neither")
        try operation(options).forwardTraining(
            try matrix(input, "input"), weight: weight, bias: bias, runningMean: running_mean,
            runningVariance: running_variance, savedMean: try required(saved_mean, "saved_mean"),
            savedInverseDeviation: try required(saved_inverse_deviation, "saved_inverse_deviation"),
            into: try matrix(result, "result"))
    }
}

private func operation(_ options: UnsafePointer<scn_batch_norm_options>?) throws -> BatchNormalizationOperation {
    let options = try SCNABI.options(options, batchNormDefaults)
    return try BatchNormalizationOperation(
        epsilon: options.epsilon, momentum: options.momentum, leakiness: options.leakiness)
}

@_cdecl("scn_batch_norm_forward_evaluation") @implementation
public func scn_batch_norm_forward_evaluation(
    _ input: Host, _ weight: Vector, _ bias: Vector, _ running_mean: Vector, _ running_variance: Vector,
    _ options: UnsafePointer<scn_batch_norm_options>?, _ result: HostResult
) -> scn_status {
    status {
        try operation(options).forwardEvaluation(
            try matrix(input, "input"), weight: weight, bias: bias,
            runningMean: try required(running_mean, "running_mean"),
            runningVariance: try required(running_variance, "running_variance"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_batch_norm_backward_training") @implementation
public func scn_batch_norm_backward_training(
    _ input: Host, _ output: Host, _ gradient: Host, _ weight: Vector, _ saved_mean: Vector,
    _ saved_inverse_deviation: Vector, _ options: UnsafePointer<scn_batch_norm_options>?,
    _ weight_result: VectorResult, _ bias_result: VectorResult, _ result: HostResult
) -> scn_status {
    status {
        try operation(options).backwardTraining(
            input: try matrix(input, "input"), output: try matrix(output, "output"),
            gradient: try matrix(gradient, "gradient"), weight: weight,
            savedMean: try required(saved_mean, "saved_mean"),
            savedInverseDeviation: try required(saved_inverse_deviation, "saved_inverse_deviation"),
            weightResult: weight_result, biasResult: bias_result, into: try matrix(result, "result"))
    }
}

@_cdecl("scn_batch_norm_backward_evaluation") @implementation
public func scn_batch_norm_backward_evaluation(
    _ input: Host, _ output: Host, _ gradient: Host, _ weight: Vector, _ running_mean: Vector,
    _ running_variance: Vector, _ options: UnsafePointer<scn_batch_norm_options>?, _ weight_result: VectorResult,
    _ bias_result: VectorResult, _ result: HostResult
) -> scn_status {
    status {
        try operation(options).backwardEvaluation(
            input: try matrix(input, "input"), output: try matrix(output, "output"),
            gradient: try matrix(gradient, "gradient"), weight: weight,
            runningMean: try required(running_mean, "running_mean"),
            runningVariance: try required(running_variance, "running_variance"), weightResult: weight_result,
            biasResult: bias_result, into: try matrix(result, "result"))
    }
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
