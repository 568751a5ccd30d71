package import SCNCore
internal import SCNOps

/// What the features and weights of a network optimized for inference are.
public enum InferencePrecision: String, CaseIterable, Sendable {
    /// IEEE 754 single precision, as in training.
    case float32
    /// Half of its bits: convolutions and 1 x 1 convolutions of 16 planes or more multiply bfloat16 and add in float32,
    /// and features are bfloat16 between layers.
    case bfloat16

    package var elementType: ElementType {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        }
    }
}

/// What a product multiplies, and what its result is.
struct ProductTypes: Equatable {
    var factors = ElementType.float32
    var result = ElementType.float32
}

extension Value {
    /// Whether features are bfloat16 somewhere.
    @inline(never)
    var holdsBFloat16: Bool {
        if case .table(let values) = self { return values.contains(where: \.holdsBFloat16) }
        return tensor?.values.type == .bfloat16
    }

    /// The same with features in float32, where they are bfloat16.
    func inFloat32() throws -> Value {
        switch self {
        case .sparse(let sparse) where sparse.features.values.type == .bfloat16:
            .sparse(try sparse.with(features: sparse.features.inFloat32()))
        case .dense(let tensor) where tensor.values.type == .bfloat16: .dense(try tensor.inFloat32())
        case .table(let values): .table(try values.map { try $0.inFloat32() })
        case .sparse, .dense, .points: self
        }
    }
}

extension Tensor {
    /// The same elements as float32; only networks that record nothing have others.
    func inFloat32() throws(SCNError) -> Tensor { Tensor(shape: shape, values: try values.converted(to: .float32)) }
}
