public import CSCN
internal import SCNNN

private func store(
    _ rate: UnsafeMutablePointer<Double>?, _ step: Int64, _ schedule: LearningRateSchedule
) -> scn_status {
    SCNABI.store(rate, "rate", zero: 0) { try schedule.rate(at: Int(step)) }
}

@_cdecl("scn_exponential_rate") @implementation
public func scn_exponential_rate(
    _ initial_rate: Double, _ decay: Double, _ step: Int64, _ rate: UnsafeMutablePointer<Double>?
) -> scn_status {
    store(rate, step, .exponential(initial: initial_rate, decay: decay))
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
