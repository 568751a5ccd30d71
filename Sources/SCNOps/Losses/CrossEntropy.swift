internal import CSCNKernels
internal import Glibc
package import SCNCore

/// The mean cross-entropy of softmax(logits) at integer labels, with optional class weights and an ignored label.
///
/// A NaN makes the loss and its row's gradient NaN, also under a class of weight 0, but not in a row that is ignored.
package enum CrossEntropyOperation {
    /// loss = sum of w[label] * -log softmax(logits)[label] / sum of w[label]; 0 where no row counts.
    ///
    /// - Parameters:
    ///   - logits: [n, classes].
    ///   - labels: [n], each in 0 ..< classes or `ignoreIndex`.
    ///   - classWeights: [classes], finite and not negative; nil for ones.
    ///   - gradient: [n, classes], overwritten with the gradient by the logits.
    package static func forward(
        _ logits: Matrix, labels: UnsafePointer<Int64>, classWeights: Matrix?, ignoreIndex: Int64, gradient: Matrix?
    ) throws(SCNError) -> Float {
        let (rows, classes) = (logits.rows, logits.planes)
        let kernels = try Kernels.fitting(["logits": logits, "gradient": gradient])
        try gradient?.requireSameShape(as: logits, "gradient")
        try requireVectors(classes, ["class_weights": classWeights])
        let classWeights = classWeights?.pointer
        if let classWeights {
            for c in 0..<classes {
                try require(
                    classWeights[c].isFinite && classWeights[c] >= 0, .invalidArgument,
                    "class_weights: is \(classWeights[c]) for class \(c), expected a finite number >= 0")
            }
        }
        var totalWeight = 0.0
        for row in 0..<rows where labels[row] != ignoreIndex {
            try require(
                labels[row] >= 0 && labels[row] < Int64(classes), .invalidArgument,
                "labels: row \(row) has \(labels[row]), expected 0 ... \(classes - 1) or \(ignoreIndex)")
            totalWeight += Double(classWeights?[Int(labels[row])] ?? 1)
        }
        let inverseWeight = totalWeight > 0 ? 1 / totalWeight : 0

        let chunkRows = max(1, ChunkSizes.elements / max(1, classes))
        let partial = try Storage<Double>(count: Parallel.chunkCount(rows, size: chunkRows))
        let (base, sums) = (logits.pointer, partial.pointer)
        Parallel.forEachChunk(rows, size: chunkRows) { chunk, range in
            var sum = 0.0
            for row in range {
                let values = base + row * classes
                let target = gradient.map { $0.pointer + row * classes }
                guard labels[row] != ignoreIndex else {
                    target?.update(repeating: 0, count: classes)
                    continue
                }
                let label = Int(labels[row])
                let weight = Double(classWeights?[label] ?? 1) * inverseWeight
                // Before anything is written: the gradient may take the place of the logits.
                var labeled = values[label]
                var largest: Float = 0
                let total = kernels.exponentials_of_row(values, Int64(classes), &largest, target)
                labeled -= largest
                let loss = log(total) - Double(labeled)
                // An infinite loss of weight 0 has the gradient 0, so it is none; what is NaN remains.
                if weight > 0 || loss.isNaN { sum += weight * loss }
                if let target {
                    let ofLabel = Float(weight * (Double(target[label]) / total - 1))
                    kernels.scale(target, Float(weight / total), Int64(classes), target)
                    target[label] = ofLabel
                }
            }
            sums[chunk] = sum
        }
        withExtendedLifetime((logits, gradient)) {}
        return Float(partial.reduce(0, +))
    }
}
