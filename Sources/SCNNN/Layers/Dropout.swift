internal import SCNCore
internal import SCNFiles
internal import SCNOps

/// Dropout that is not inverted: training multiplies by Bernoulli(1 - p), evaluation by 1 - p.
public class DropoutLayer: Module {
    /// The probability of 0 in training.
    public let p: Double

    class var layerType: LayerType { preconditionFailure("overridden by every subclass") }

    /// The type of such a layer.
    static func layerType(
        _ name: String, _ documentation: String, make: @escaping @Sendable (Arguments) throws -> Module
    ) -> LayerType {
        LayerType(
            name, documentation,
            [
                LayerArgument(
                    "p", .real(.fraction), "The probability of 0 in training.", fallback: .number(0.5),
                    display: .labeled("p"))
            ], make: make)
    }

    /// `p`: 0 ... 1.
    public convenience init(p: Double = 0.5) throws {
        try self.init(madeWith: Arguments(Self.layerType, ["p": .number(p)]))
    }

    required override init(madeWith arguments: Arguments) {
        p = arguments.real("p")
        super.init(madeWith: arguments)
    }

    public override func forward(_ input: Value) throws -> Value {
        try input.mapTensor(typeName) { tensor in
            isTraining ? try dropped(tensor) : try tensor * Float(1 - p)
        }
    }

    /// What is left of a tensor in training.
    func dropped(_ tensor: Tensor) throws -> Tensor { tensor }
}

/// ``DropoutLayer`` value by value.
public final class Dropout: DropoutLayer {
    override class var layerType: LayerType { type }
    private static let type = layerType(
        "Dropout", "In training each value times 0 with probability p, else times 1; in evaluation times 1 - p."
    ) { Dropout(madeWith: $0) }

    override func dropped(_ tensor: Tensor) throws -> Tensor {
        let mask = try Matrix(rows: tensor.values.rows, planes: tensor.values.planes)
        RandomFill.mask(mask, p: p)
        return try tensor * Tensor(shape: tensor.shape, values: mask)
    }
}

/// ``DropoutLayer`` of whole planes, the same for all rows of the batch.
public final class BatchwiseDropout: DropoutLayer {
    override class var layerType: LayerType { type }
    private static let type = layerType(
        "BatchwiseDropout", "Dropout of whole planes, the same for all rows of the batch."
    ) { BatchwiseDropout(madeWith: $0) }

    override func dropped(_ tensor: Tensor) throws -> Tensor {
        let mask = try Matrix(rows: 1, planes: tensor.values.planes)
        RandomFill.mask(mask, p: p)
        func masked(_ matrix: Matrix) throws -> Matrix {
            let result = try Matrix(rows: matrix.rows, planes: matrix.planes)
            try PlaneScaling.apply(matrix, factors: mask, into: result)
            return result
        }
        return Tape.result(shape: tensor.shape, values: try masked(tensor.values), inputs: [tensor]) {
            [.fresh(try masked($0))]
        }
    }
}
