internal import Glibc
package import SCNCore

/// The mean logistic loss: the cross-entropy of sigmoid(logits) at targets between 0 and 1.
package enum BinaryCrossEntropyOperation {
    /// loss = mean of -target * log sigmoid(logit) - (1 - target) * log(1 - sigmoid(logit)); 0 where there is no
    /// element.
    ///
    /// A target of 0 or 1 takes nothing from the side that it does not name, so an infinite logit on the right side
    /// costs 0.
    ///
    /// - Parameters:
    ///   - logits: [n, planes].
    ///   - targets: [n, planes], each in 0 ... 1.
    ///   - gradient: [n, planes], overwritten with the gradient by the logits.
    package static func forward(
        _ logits: Matrix, targets: Matrix, gradient: Matrix?
    ) throws(SCNError) -> Float {
        try Kernels.requireFitting(["logits": logits, "targets": targets, "gradient": gradient])
        try targets.requireSameShape(as: logits, "targets")
        let values = targets.pointer
        try gradient?.requireSameShape(as: logits, "gradient")
        let count = logits.count
        for index in 0..<count {
            try require(
                values[index] >= 0 && values[index] <= 1, .invalidArgument,
                "targets: element \(index) is \(values[index]), expected 0 ... 1")
        }
        let share = 1 / Double(max(1, count))
        let partial = try Storage<Double>(count: Parallel.chunkCount(count, size: ChunkSizes.elements))
        let (base, sums, slopes) = (logits.pointer, partial.pointer, gradient?.pointer)
        Parallel.forEachChunk(count, size: ChunkSizes.elements) { chunk, range in
            var sum = 0.0
            for index in range {
                let (logit, target) = (Double(base[index]), Double(values[index]))
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
        withExtendedLifetime((logits, targets, gradient)) {}
        return Float(share * partial.reduce(0, +))
    }
}
