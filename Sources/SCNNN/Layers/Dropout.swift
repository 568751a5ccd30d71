internal import SCNCore
package import SCNFiles
internal import SCNOps

/// Dropout that is not inverted: training multiplies by Bernoulli(1 - p), evaluation by 1 - p.
public class DropoutLayer: Module {
    /// The probability of 0 in training.
    public let p: Double

    /// `p`: 0 ... 1.
    public init(p: Double = 0.5) throws {
        try require(p >= 0 && p <= 1, .invalidArgument, "p: is \(p), expected 0 ... 1")
        self.p = p
    }

    public override var summary: String { "p \(p)" }
    package override var arguments: [(key: String, value: JSON)]? { [("p", .number(p))] }

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
    override func dropped(_ tensor: Tensor) throws -> Tensor {
        let mask = try Matrix(rows: tensor.values.rows, planes: tensor.values.planes)
        DropoutOperation.fill(mask, p: p)
        return try tensor * Tensor(shape: tensor.shape, values: mask)
    }
}

/// ``DropoutLayer`` of whole planes, the same for all rows of the batch.
public final class BatchwiseDropout: DropoutLayer {
    override func dropped(_ tensor: Tensor) throws -> Tensor {
        let mask = try Matrix(rows: 1, planes: tensor.values.planes)
        DropoutOperation.fill(mask, p: p)
        func masked(_ matrix: Matrix) throws -> Matrix {
            let result = try Matrix(rows: matrix.rows, planes: matrix.planes)
            try PlaneScaling.apply(matrix, factors: mask.pointer, into: result)
            return result
        }
        return Tape.result(shape: tensor.shape, values: try masked(tensor.values), inputs: [tensor]) {
            [.fresh(try masked($0))]
        }
    }
}
