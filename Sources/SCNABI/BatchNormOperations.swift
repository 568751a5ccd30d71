public import CSCN
internal import SCNCore
internal import SCNOps

private func operation(_ options: UnsafePointer<scn_batch_norm_options>?) throws -> BatchNormalizationOperation {
    let options = try SCNABI.options(options, batchNormDefaults)
    return try BatchNormalizationOperation(
        epsilon: options.epsilon, momentum: options.momentum, leakiness: options.leakiness)
}

public typealias Vector = UnsafePointer<Float>?
public typealias VectorResult = UnsafeMutablePointer<Float>?

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
