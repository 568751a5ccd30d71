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
        let input = try matrix(input, "input", mayBeRounded: true)
        let planes = input.planes
        let running = running_mean == nil ? nil : try running(running_mean, running_variance, planes)
        try operation(options).forwardTraining(
            input, weight: try optionalVector(weight, planes, "weight"), bias: try optionalVector(bias, planes, "bias"),
            running: running, saved: try saved(saved_mean, saved_inverse_deviation, planes),
            into: try matrix(result, "result", mayBeRounded: true))
    }
}

private func running(_ mean: Vector, _ variance: Vector, _ planes: Int) throws -> BatchNormalizationOperation.Running {
    .init(
        mean: try vector(mean, planes, "running_mean"), variance: try vector(variance, planes, "running_variance"))
}

private func saved(
    _ mean: Vector, _ inverseDeviation: Vector, _ planes: Int
) throws -> BatchNormalizationOperation.Saved {
    .init(
        mean: try vector(mean, planes, "saved_mean"),
        inverseDeviation: try vector(inverseDeviation, planes, "saved_inverse_deviation"))
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
        let input = try matrix(input, "input", mayBeRounded: true)
        let planes = input.planes
        try operation(options).forwardEvaluation(
            input, weight: try optionalVector(weight, planes, "weight"), bias: try optionalVector(bias, planes, "bias"),
            running: try running(running_mean, running_variance, planes),
            into: try matrix(result, "result", mayBeRounded: true))
    }
}

@_cdecl("scn_batch_norm_backward_training") @implementation
public func scn_batch_norm_backward_training(
    _ input: Host, _ output: Host, _ gradient: Host, _ weight: Vector, _ saved_mean: Vector,
    _ saved_inverse_deviation: Vector, _ options: UnsafePointer<scn_batch_norm_options>?,
    _ weight_result: VectorResult, _ bias_result: VectorResult, _ result: HostResult
) -> scn_status {
    status {
        let input = try matrix(input, "input", mayBeRounded: true)
        let planes = input.planes
        try operation(options).backwardTraining(
            input: input, output: try matrix(output, "output", mayBeRounded: true),
            gradient: try matrix(gradient, "gradient", mayBeRounded: true),
            weight: try optionalVector(weight, planes, "weight"),
            saved: try saved(saved_mean, saved_inverse_deviation, planes),
            weightResult: try optionalVector(weight_result, planes, "weight_result"),
            biasResult: try optionalVector(bias_result, planes, "bias_result"),
            into: try matrix(result, "result", mayBeRounded: true))
    }
}

@_cdecl("scn_batch_norm_backward_evaluation") @implementation
public func scn_batch_norm_backward_evaluation(
    _ input: Host, _ output: Host, _ gradient: Host, _ weight: Vector, _ running_mean: Vector,
    _ running_variance: Vector, _ options: UnsafePointer<scn_batch_norm_options>?, _ weight_result: VectorResult,
    _ bias_result: VectorResult, _ result: HostResult
) -> scn_status {
    status {
        let input = try matrix(input, "input", mayBeRounded: true)
        let planes = input.planes
        try operation(options).backwardEvaluation(
            input: input, output: try matrix(output, "output", mayBeRounded: true),
            gradient: try matrix(gradient, "gradient", mayBeRounded: true),
            weight: try optionalVector(weight, planes, "weight"),
            running: try running(running_mean, running_variance, planes),
            weightResult: try optionalVector(weight_result, planes, "weight_result"),
            biasResult: try optionalVector(bias_result, planes, "bias_result"),
            into: try matrix(result, "result", mayBeRounded: true))
    }
}

@_cdecl("scn_mean_only_norm_forward_training") @implementation
public func scn_mean_only_norm_forward_training(
    _ input: Host, _ bias: Vector, _ running_mean: VectorResult, _ momentum: Double, _ leakiness: Double,
    _ result: HostResult
) -> scn_status {
    status {
        let input = try matrix(input, "input")
        try MeanOnlyNormalizationOperation(momentum: momentum, leakiness: leakiness).forwardTraining(
            input, bias: try optionalVector(bias, input.planes, "bias"),
            runningMean: try optionalVector(running_mean, input.planes, "running_mean"),
            into: try matrix(result, "result"))
    }
}

@_cdecl("scn_mean_only_norm_forward_evaluation") @implementation
public func scn_mean_only_norm_forward_evaluation(
    _ input: Host, _ bias: Vector, _ running_mean: Vector, _ leakiness: Double, _ result: HostResult
) -> scn_status {
    status {
        let input = try matrix(input, "input")
        try MeanOnlyNormalizationOperation(momentum: 0, leakiness: leakiness).forwardEvaluation(
            input, bias: try optionalVector(bias, input.planes, "bias"),
            runningMean: try vector(running_mean, input.planes, "running_mean"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_mean_only_norm_backward") @implementation
public func scn_mean_only_norm_backward(
    _ output: Host, _ gradient: Host, _ is_training: Int32, _ leakiness: Double, _ bias_result: VectorResult,
    _ result: HostResult
) -> scn_status {
    status {
        let output = try matrix(output, "output")
        try MeanOnlyNormalizationOperation(momentum: 0, leakiness: leakiness).backward(
            output: output, gradient: try matrix(gradient, "gradient"),
            isTraining: try boolean(is_training, "is_training"),
            biasResult: try optionalVector(bias_result, output.planes, "bias_result"),
            into: try matrix(result, "result"))
    }
}

/// The statistics of a group normalization, [samples with sites, groups].
private func statistics(
    _ samples: SampleRows, _ groups: Int, _ mean: Vector, _ inverseDeviation: Vector
) throws -> GroupNormalizationOperation.Statistics {
    .init(
        mean: try matrix(mean, samples.count, groups, "saved_mean"),
        inverseDeviation: try matrix(inverseDeviation, samples.count, groups, "saved_inverse_deviation"))
}

@_cdecl("scn_group_norm_forward") @implementation
public func scn_group_norm_forward(
    _ geometry: OpaquePointer?, _ sites: Int32, _ input: Host, _ weight: Vector, _ bias: Vector, _ groups: Int64,
    _ epsilon: Double, _ saved_mean: VectorResult, _ saved_inverse_deviation: VectorResult, _ result: HostResult
) -> scn_status {
    status {
        let operation = try GroupNormalizationOperation(groups: Int(groups), epsilon: epsilon)
        let (samples, input) = (try siteSet(geometry, sites).samples(), try matrix(input, "input"))
        try operation.forward(
            input, samples: samples, weight: try optionalVector(weight, input.planes, "weight"),
            bias: try optionalVector(bias, input.planes, "bias"),
            statistics: try statistics(samples, operation.groups, saved_mean, saved_inverse_deviation),
            into: try matrix(result, "result"))
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
        let (samples, input) = (try siteSet(geometry, sites).samples(), try matrix(input, "input"))
        try operation.backward(
            input: input, gradient: try matrix(gradient, "gradient"), samples: samples,
            weight: try optionalVector(weight, input.planes, "weight"),
            statistics: try statistics(samples, operation.groups, saved_mean, saved_inverse_deviation),
            weightResult: try optionalVector(weight_result, input.planes, "weight_result"),
            biasResult: try optionalVector(bias_result, input.planes, "bias_result"),
            into: try matrix(result, "result"))
    }
}
