public import CSCN
internal import Glibc
internal import SCNCore
internal import SCNFiles
internal import SCNNN

@_cdecl("scn_sgd_create") @implementation
public func scn_sgd_create(
    _ parameters: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ options: UnsafePointer<scn_sgd_options>?,
    _ optimizer: HandleOut
) -> scn_status {
    produce(optimizer, "optimizer", .optimizer) {
        let options = try SCNABI.options(
            options,
            scn_sgd_options(
                struct_size: MemoryLayout<scn_sgd_options>.size, learning_rate: 0.01, momentum: 0, dampening: 0,
                weight_decay: 0, nesterov: 0))
        return try SGD(
            try SCNABI.parameters(parameters, count), learningRate: options.learning_rate, momentum: options.momentum,
            dampening: options.dampening, weightDecay: options.weight_decay,
            nesterov: try boolean(options.nesterov, "nesterov"))
    }
}

private func parameters(_ parameters: UnsafePointer<OpaquePointer?>?, _ count: Int64) throws -> [Tensor] {
    try handles(parameters, count, "parameters") { try denseTensor($0, $1) }
}

func optimizer(_ handle: OpaquePointer?) throws(SCNError) -> Optimizer {
    try Handles.object(handle, .optimizer, "optimizer")
}

@_cdecl("scn_adam_create") @implementation
public func scn_adam_create(
    _ parameters: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ options: UnsafePointer<scn_adam_options>?,
    _ optimizer: HandleOut
) -> scn_status {
    produce(optimizer, "optimizer", .optimizer) {
        let options = try SCNABI.options(
            options,
            scn_adam_options(
                struct_size: MemoryLayout<scn_adam_options>.size, learning_rate: 0.001, beta1: 0.9, beta2: 0.999,
                epsilon: 1e-8, weight_decay: 0, decoupled: 0))
        return try Adam(
            try SCNABI.parameters(parameters, count), learningRate: options.learning_rate, beta1: options.beta1,
            beta2: options.beta2, epsilon: options.epsilon, weightDecay: options.weight_decay,
            decoupled: try boolean(options.decoupled, "decoupled"))
    }
}

@_cdecl("scn_optimizer_step") @implementation
public func scn_optimizer_step(_ optimizer: OpaquePointer?) -> scn_status {
    status { try SCNABI.optimizer(optimizer).step() }
}

@_cdecl("scn_optimizer_zero_gradients") @implementation
public func scn_optimizer_zero_gradients(_ optimizer: OpaquePointer?) -> scn_status {
    status { try SCNABI.optimizer(optimizer).zeroGradients() }
}

@_cdecl("scn_optimizer_get_learning_rate") @implementation
public func scn_optimizer_get_learning_rate(
    _ optimizer: OpaquePointer?, _ rate: UnsafeMutablePointer<Double>?
) -> scn_status {
    store(rate, "rate", zero: 0) { try SCNABI.optimizer(optimizer).learningRate }
}

@_cdecl("scn_optimizer_set_learning_rate") @implementation
public func scn_optimizer_set_learning_rate(_ optimizer: OpaquePointer?, _ rate: Double) -> scn_status {
    status { try SCNABI.optimizer(optimizer).setLearningRate(rate) }
}

@_cdecl("scn_optimizer_retain") @implementation
public func scn_optimizer_retain(_ optimizer: OpaquePointer?) -> scn_status {
    status { try Handles.retain(optimizer, .optimizer) }
}

@_cdecl("scn_optimizer_release") @implementation
public func scn_optimizer_release(_ optimizer: OpaquePointer?) -> scn_status {
    status { try Handles.release(optimizer, .optimizer) }
}

@_cdecl("scn_exponential_rate") @implementation
public func scn_exponential_rate(
    _ initial_rate: Double, _ decay: Double, _ step: Int64, _ rate: UnsafeMutablePointer<Double>?
) -> scn_status {
    store(rate, step, .exponential(initial: initial_rate, decay: decay))
}

private func store(
    _ rate: UnsafeMutablePointer<Double>?, _ step: Int64, _ schedule: LearningRateSchedule
) -> scn_status {
    SCNABI.store(rate, "rate", zero: 0) { try schedule.rate(at: Int(step)) }
}

@_cdecl("scn_step_rate") @implementation
public func scn_step_rate(
    _ initial_rate: Double, _ factor: Double, _ step_size: Int64, _ step: Int64, _ rate: UnsafeMutablePointer<Double>?
) -> scn_status {
    store(rate, step, .step(initial: initial_rate, size: Int(step_size), factor: factor))
}

@_cdecl("scn_cosine_rate") @implementation
public func scn_cosine_rate(
    _ initial_rate: Double, _ final_rate: Double, _ steps: Int64, _ warm_up: Int64, _ step: Int64,
    _ rate: UnsafeMutablePointer<Double>?
) -> scn_status {
    store(
        rate, step, .cosine(initial: initial_rate, steps: Int(steps), warmUp: Int(warm_up), final: final_rate))
}

@_cdecl("scn_clip_gradient_norm") @implementation
public func scn_clip_gradient_norm(
    _ parameters: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ max_norm: Double,
    _ norm: UnsafeMutablePointer<Double>?
) -> scn_status {
    norm?.pointee = 0
    return status {
        let before = try Gradients.clipNorm(try SCNABI.parameters(parameters, count), to: max_norm)
        norm?.pointee = before
    }
}

@_cdecl("scn_gradients_count") @implementation
public func scn_gradients_count(
    _ parameters: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ elements: UnsafeMutablePointer<Int64>?
) -> scn_status {
    store(elements, "elements", zero: 0) { Int64(try Gradients.count(try SCNABI.parameters(parameters, count))) }
}

@_cdecl("scn_gradients_get") @implementation
public func scn_gradients_get(
    _ parameters: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ gradients: UnsafeMutablePointer<Float>?,
    _ elements: Int64
) -> scn_status {
    status {
        let flat = try SCNABI.elements(UnsafePointer(gradients), elements, "gradients", countName: "elements")
        try Gradients.copy(try SCNABI.parameters(parameters, count), into: UnsafeMutableBufferPointer(mutating: flat))
    }
}

@_cdecl("scn_gradients_set") @implementation
public func scn_gradients_set(
    _ parameters: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ gradients: UnsafePointer<Float>?, _ elements: Int64
) -> scn_status {
    status {
        let flat = try SCNABI.elements(gradients, elements, "gradients", countName: "elements")
        try Gradients.set(try SCNABI.parameters(parameters, count), from: flat)
    }
}
