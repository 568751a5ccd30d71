package import SCNCore
internal import SCNOps

/// Losses: rank-0 tensors with gradients.
public enum Loss {
    /// The mean cross-entropy of softmax(logits) at the labels.
    ///
    /// - Parameters:
    ///   - logits: [n, classes].
    ///   - labels: [n], each in 0 ..< classes or `ignoreIndex`, whose rows do not count.
    ///   - classWeights: [classes], finite and not negative, for a weighted mean.
    ///   - ignoreIndex: The label of rows that do not count.
    /// - Returns: A tensor of rank 0; 0 if no row counts.
    public static func crossEntropy(
        _ logits: Tensor, labels: [Int], classWeights: [Float]? = nil, ignoreIndex: Int = -100
    ) throws -> Tensor {
        try crossEntropy(logits, labels: labels[...], classWeights: classWeights, ignoreIndex: ignoreIndex)
    }

    /// The mean cross-entropy at labels of any integer type, in a buffer or another collection; see
    /// ``crossEntropy(_:labels:classWeights:ignoreIndex:)``.
    public static func crossEntropy<Label: FixedWidthInteger>(
        _ logits: Tensor, labels: some Collection<Label>, classWeights: [Float]? = nil,
        ignoreIndex: Int = -100
    ) throws -> Tensor {
        if let classWeights, logits.shape.count == 2 {
            try require(
                classWeights.count == logits.shape[1], .shape,
                "class_weights: has \(counted(classWeights.count, .entry)), expected \(logits.shape[1])")
        }
        let labels = try Storage<Int64>(converting: labels, "labels")
        let weights = try classWeights.map { try Matrix(rows: 1, planes: $0.count, $0) }
        return try withExtendedLifetime(labels) {
            try crossEntropy(logits, UnsafeBufferPointer(labels.buffer), weights, Int64(ignoreIndex))
        }
    }

    package static func crossEntropy(
        _ logits: Tensor, _ labels: UnsafeBufferPointer<Int64>, _ classWeights: Matrix?, _ ignoreIndex: Int64
    ) throws -> Tensor {
        try require(
            logits.shape.count == 2 && logits.shape[1] >= 1, .shape,
            "logits: has shape \(logits.shape), expected [n, classes]")
        try require(
            labels.count == logits.shape[0], .shape,
            "labels: has \(counted(labels.count, .entry)), expected \(logits.shape[0]), a label for each row")
        let values = logits.values
        let byLogits = try Matrix(rows: values.rows, planes: values.planes)
        let empty: [Int64] = [0]
        let loss = try empty.withUnsafeBufferPointer { empty in
            try CrossEntropyOperation.forward(
                values, labels: labels.baseAddress ?? empty.baseAddress!, classWeights: classWeights,
                ignoreIndex: ignoreIndex, gradient: byLogits)
        }
        return try mean(loss, of: logits, gradient: byLogits)
    }

    /// The mean logistic loss at the targets: the cross-entropy of sigmoid(logits).
    ///
    /// - Parameters:
    ///   - logits: Any shape.
    ///   - targets: One in 0 ... 1 for each logit, in the same order.
    /// - Returns: A tensor of rank 0; 0 if there are no logits.
    public static func binaryCrossEntropy(_ logits: Tensor, targets: [Float]) throws -> Tensor {
        try targets.withUnsafeBufferPointer { try binaryCrossEntropy(logits, targets: $0) }
    }

    /// The mean logistic loss at targets in a buffer.
    public static func binaryCrossEntropy(_ logits: Tensor, targets: UnsafeBufferPointer<Float>) throws -> Tensor {
        try binaryCrossEntropy(logits, Matrix(rows: 1, planes: targets.count, targets))
    }

    package static func binaryCrossEntropy(_ logits: Tensor, _ targets: Matrix) throws -> Tensor {
        let values = logits.values
        try require(
            targets.count == values.count, .shape,
            "targets: has \(counted(targets.count, .entry)), expected \(values.count), a target for each logit")
        let byLogits = try Matrix(rows: values.rows, planes: values.planes)
        let loss = try BinaryCrossEntropyOperation.forward(
            values, targets: targets.reshaped(rows: values.rows, planes: values.planes), gradient: byLogits)
        return try mean(loss, of: logits, gradient: byLogits)
    }

    /// A loss of known gradient as a recorded result.
    private static func mean(_ loss: Float, of logits: Tensor, gradient byLogits: Matrix) throws -> Tensor {
        Tape.result(shape: [], values: try Matrix(rows: 1, planes: 1, [loss]), inputs: [logits]) { gradient in
            let result = try Matrix(rows: byLogits.rows, planes: byLogits.planes)
            try Elements.scale(byLogits, by: gradient.onlyElement, into: result)
            return [.fresh(result)]
        }
    }
}
