internal import Glibc
public import SCNCore

/// A learning rate that changes from step to step, or from epoch to epoch: whatever the caller counts, from 0.
///
///     try optimizer.setLearningRate(schedule.rate(at: epoch))
public enum LearningRateSchedule: Hashable, Sendable {
    /// initial * exp(-decay * step).
    case exponential(initial: Double, decay: Double)
    /// initial * factor ^ (step / size), the quotient rounded down.
    case step(initial: Double, size: Int, factor: Double = 0.1)
    /// Cosine decay (Loshchilov and Hutter, "SGDR", 2017) after a linear warm-up (Goyal et al., "Accurate, large
    /// minibatch SGD", 2017): initial * (step + 1) / (warmUp + 1) in the first `warmUp` steps, then half a cosine from
    /// `initial` down to `final` at step `steps` and ever after.
    case cosine(initial: Double, steps: Int, warmUp: Int = 0, final: Double = 0)

    /// The rate of a step; an error where the step is negative, an argument of the schedule out of its range, or the
    /// rate not finite.
    public func rate(at step: Int) throws(SCNError) -> Double {
        try require(step >= 0, .invalidArgument, "step: is \(step), expected at least 0")
        let rate: Double
        switch self {
        case .exponential(let initial, let decay):
            try requireAtLeastZero(initial, "initial_rate")
            try require(decay.isFinite, .invalidArgument, "decay: is \(decay), expected a finite number")
            rate = initial * exp(-decay * Double(step))
        case .step(let initial, let size, let factor):
            try requireAtLeastZero(initial, "initial_rate")
            try requireAtLeastZero(factor, "factor")
            try require(size >= 1, .invalidArgument, "step_size: is \(size), expected at least 1")
            rate = initial * pow(factor, Double(step / size))
        case .cosine(let initial, let steps, let warmUp, let final):
            try requireAtLeastZero(initial, "initial_rate")
            try requireAtLeastZero(final, "final_rate")
            try require(steps >= 1, .invalidArgument, "steps: is \(steps), expected at least 1")
            try require(
                (0..<steps).contains(warmUp), .invalidArgument, "warm_up: is \(warmUp), expected 0 ... \(steps - 1)")
            if step < warmUp {
                rate = initial * (Double(step) + 1) / (Double(warmUp) + 1)
            } else {
                let way = min(1, Double(step - warmUp) / Double(steps - warmUp))
                rate = final + (initial - final) * (1 + cos(.pi * way)) / 2
            }
        }
        try requireAtLeastZero(rate, "rate")
        return rate
    }
}
