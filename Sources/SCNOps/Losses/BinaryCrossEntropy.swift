internal import Glibc
package import SCNCore

/// The mean logistic loss: the cross-entropy of sigmoid(logits) at targets between 0 and 1.
package enum BinaryCrossEntropyOperation {
    /// loss = mean of -target * log sigmoid(logit) - (1 - target) * log(1 - sigmoid(logit)); 0 where there is no element.
    ///
    /// A target of 0 or 1 takes nothing from the side that it does not name, so an infinite logit on the right side costs 0.
    ///
    /// - Parameters:
    ///   - logits: [n, planes].
    ///   - targets: [n, planes], row-major, each in 0 ... 1.
    ///   - gradient: [n, planes], overwritten with the gradient by the logits.
    package static func forward(
        _ logits: Matrix, targets: UnsafePointer<Float>, gradient: Matrix?
    ) throws(SCNError) -> Float {
        try gradient?.requireSameShape(as: logits, "gradient")
        let count = logits.count
        for index in 0..<count {
            try require(
                targets[index] >= 0 && targets[index] <= 1, .invalidArgument,
                "targets: element \(index) is \(targets[index]), expected 0 ... 1")
        }
        let share = 1 / Double(max(1, count))
        let partial = try Storage<Double>(count: Parallel.chunkCount(count, size: Kernels.elementChunk))
        let (base, sums, slopes) = (logits.pointer, partial.pointer, gradient?.pointer)
        Parallel.forEachChunk(count, size: Kernels.elementChunk) { chunk, range in
            var sum = 0.0
            for index in range {
                let (logit, target) = (Double(base[index]), Double(targets[index]))
                let decay = exp(-abs(logit))
                let rest = log1p(decay)
                if target > 0 { sum += target * (max(-logit, 0) + rest) }
                if target < 1 { sum += (1 - target) * (max(logit, 0) + rest) }
                if let slopes {
                    let probability = (logit > 0 ? 1 : decay) / (1 + decay)
                    slopes[index] = Float(share * (probability - target))
                }
            }
            sums[chunk] = sum
        }
        withExtendedLifetime((logits, gradient)) {}
        return Float(share * partial.buffer.reduce(0, +))
    }
}
