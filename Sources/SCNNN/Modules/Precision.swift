internal import CSCNSupport
package import SCNCore
internal import SCNOps

/// What features are between layers, and what products multiply.
public enum Precision: String, CaseIterable, Sendable {
    /// IEEE 754 single precision.
    case float32
    /// Half of its bits: convolutions and 1 x 1 convolutions of 16 input planes a group or more multiply bfloat16 and
    /// add in float32, and features are bfloat16 between layers.
    case bfloat16

    package var elementType: ElementType {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        }
    }
}

/// What the modules that the calling thread calls compute in (Micikevicius et al., "Mixed precision training", 2018).
///
/// With bfloat16, features and their gradients are bfloat16 between the layers of a module, and convolutions multiply
/// it; parameters, their gradients, statistics, sums, and what a call of a module takes and returns are float32, and so
/// are ``Linear`` layers, losses and optimizers. Needs no scaling of losses: bfloat16 has the range of float32. A
/// backward pass computes in what its forward pass did. Networks that ``Module/optimizedForInference(precision:)`` made
/// have a precision of their own.
public enum Autocast {
    /// The calling thread's precision, float32 at first.
    public static var precision: Precision {
        get { scn_autocast_get() != 0 ? .bfloat16 : .float32 }
        set { scn_autocast_set(newValue == .bfloat16 ? 1 : 0) }
    }

    /// Runs `body` with another precision.
    public static func with<R>(_ precision: Precision, _ body: () throws -> R) rethrows -> R {
        let before = self.precision
        self.precision = precision
        defer { self.precision = before }
        return try body()
    }
}

/// What a product multiplies, and what its result is.
struct ProductTypes: Equatable {
    var factors = ElementType.float32
    var result = ElementType.float32
}

extension ProductTypes {
    /// Those of a layer in a network of that precision.
    init(_ precision: Precision, for layer: any ProductLayer) {
        guard layer.takesBFloat16 else { return }
        // With fewer planes, such as a first layer's, products take no time, and rounding costs as much accuracy.
        factors = layer.summedPlanes >= 16 ? precision.elementType : .float32
        result = precision.elementType
    }
}

extension ProductLayer {
    /// Those of a forward pass now.
    var currentTypes: ProductTypes {
        // Of those that ends in scores, rounding costs accuracy and not rounding no time.
        if packedWeightCache != nil || self is Linear || Autocast.precision == .float32 { return types }
        return ProductTypes(Autocast.precision, for: self)
    }
}

extension Value {
    /// Whether features are bfloat16 somewhere.
    @inline(never)
    package var holdsBFloat16: Bool {
        if case .table(let values) = self { return values.contains(where: \.holdsBFloat16) }
        return tensor?.values.type == .bfloat16
    }

    /// The same with features in float32, where they are bfloat16.
    package func inFloat32() throws(SCNError) -> Value {
        if !holdsBFloat16 { return self }
        switch self {
        case .dense(let tensor): return .dense(try tensor.inFloat32())
        case .sparse(let sparse): return .sparse(try sparse.with(features: try sparse.features.inFloat32()))
        case .points(let points): return .points(try points.with(features: try points.features.inFloat32()))
        case .table(let values): return .table(try values.map { value throws(SCNError) in try value.inFloat32() })
        }
    }
}

extension Tensor {
    /// The same elements as float32.
    func inFloat32() throws(SCNError) -> Tensor {
        if values.type == .float32 { return self }
        return Tape.result(shape: shape, values: try values.converted(to: .float32), inputs: [self]) { [.shared($0)] }
    }
}
