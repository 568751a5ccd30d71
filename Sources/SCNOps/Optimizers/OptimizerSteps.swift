internal import CSCNKernels
package import SCNCore

/// One step of an optimizer over the elements of one parameter.
package enum OptimizerSteps {
    package struct SGD {
        package var learningRate, momentum, dampening, weightDecay: Double
        package var nesterov: Bool

        package init(learningRate: Double, momentum: Double, dampening: Double, weightDecay: Double, nesterov: Bool) {
            self.learningRate = learningRate
            self.momentum = momentum
            self.dampening = dampening
            self.weightDecay = weightDecay
            self.nesterov = nesterov
        }
    }

    package static func sgd(
        _ parameter: Matrix, gradient: Matrix, velocity: Matrix?, options: SGD, isFirstStep: Bool
    ) throws(SCNError) {
        let operands: KeyValuePairs<String, Matrix?> = [
            "parameter": parameter, "gradient": gradient, "velocity": velocity,
        ]
        try Kernels.forElements(operands) { kernels, start, count in
            kernels.sgd_step(
                parameter.pointer + start, gradient.pointer + start, velocity.map { $0.pointer + start }, count,
                Float(options.learningRate), Float(options.momentum), Float(options.dampening),
                Float(options.weightDecay), options.nesterov ? 1 : 0, isFirstStep ? 1 : 0)
        }
    }

    package struct Adam {
        package var learningRate, beta1, beta2, epsilon, weightDecay: Double
        /// AdamW: the decay acts on the parameters, not on the gradients.
        package var decoupled: Bool

        package init(
            learningRate: Double, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double, decoupled: Bool
        ) {
            self.learningRate = learningRate
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.weightDecay = weightDecay
            self.decoupled = decoupled
        }
    }

    /// `corrections`: 1 - beta1^t and 1 - beta2^t of this step t.
    package static func adam(
        _ parameter: Matrix, gradient: Matrix, firstMoment: Matrix, secondMoment: Matrix, options: Adam,
        corrections: (Double, Double)
    ) throws(SCNError) {
        let operands: KeyValuePairs<String, Matrix?> = [
            "parameter": parameter, "gradient": gradient, "first_moment": firstMoment, "second_moment": secondMoment,
        ]
        try Kernels.forElements(operands) { kernels, start, count in
            kernels.adam_step(
                parameter.pointer + start, gradient.pointer + start, firstMoment.pointer + start,
                secondMoment.pointer + start, count, Float(options.learningRate), Float(options.beta1),
                Float(options.beta2), Float(options.epsilon), Float(options.weightDecay), options.decoupled ? 1 : 0,
                Float(corrections.0), Float(corrections.1))
        }
    }
}
