internal import SCNCore
internal import SCNFiles

/// A network that only evaluates, one module after the other: what ``Module/optimizedForInference(precision:)`` makes.
///
/// It stays in evaluation mode, records nothing, and keeps its weights packed. Its results are float32, whatever its
/// precision. Its state is that of the modules inside,
/// which it keeps to itself; none of it requires a gradient.
public final class InferenceNetwork: Module {
    static let layerType = LayerType(
        container: "InferenceNetwork", "A network that only evaluates, one module after the other.",
        [
            LayerArgument(
                "precision", .choice(Precision.allCases.map(\.rawValue)),
                "What features and weights are inside.", fallback: .string(Precision.float32.rawValue),
                isTakenOver: true, display: .value)
        ]
    ) { try InferenceNetwork($1, $0) }

    private let network: Sequential
    /// What features and weights are inside.
    public let precision: Precision

    package convenience init(_ modules: [Module], precision: Precision = .float32) throws {
        try self.init(modules, Arguments(Self.layerType, ["precision": .string(precision.rawValue)]))
    }

    private init(_ modules: [Module], _ arguments: Arguments) throws {
        guard let precision = Precision(rawValue: arguments.text("precision")) else {
            preconditionFailure("a choice is one of its words")
        }
        self.precision = precision
        for module in modules where Self.isInside(module) {
            throw SCNError(.format, "modules: an InferenceNetwork is inside of another")
        }
        network = try Sequential(modules)
        super.init(madeWith: arguments)
        network.setTraining(false)
        for entry in network.state { try entry.tensor.setRequiresGradient(false) }
        Self.prepare(network, precision)
        if precision == .bfloat16 { Self.last(network)?.endsInFloat32() }
        setTraining(false)
    }

    public override var ownState: [StateEntry] { network.state }
    package override var parts: [Module] { network.children }
    package override var isForEvaluationOnly: Bool { true }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try network.inputSpatialSize(outputSize)
    }

    public override func forward(_ input: Value) throws -> Value {
        if Tape.isRecording && input.requiresGradient {
            throw SCNError(
                .state, "input: requires a gradient, which no \(typeName) passes on; detach it or switch recording off")
        }
        return try Tape.withoutRecording { try network.forward(input).inFloat32() }
    }

    private static func isInside(_ module: Module) -> Bool {
        module is InferenceNetwork || module.parts.contains(where: isInside)
    }

    private static func prepare(_ module: Module, _ precision: Precision) {
        if let layer = module as? any ProductLayer {
            layer.packedWeightCache = PackedWeightCache()
            layer.types = ProductTypes(precision, for: layer)
        }
        for part in module.parts { prepare(part, precision) }
    }

    /// The product behind which there is no other; nil where that depends on a table.
    private static func last(_ module: Module) -> (any ProductLayer)? {
        if let layer = module as? any ProductLayer { return layer }
        for part in module.parts.reversed() {
            if part is ConcatTable { return nil }
            if let layer = last(part) { return layer }
        }
        return nil
    }
}

extension ProductLayer {
    /// What decides is not rounded: the results of the last product, nor, where it is a matrix, its operands.
    fileprivate func endsInFloat32() {
        types.result = .float32
        if self is DenseLayer { types.factors = .float32 }
    }
}

extension Value {
    fileprivate var requiresGradient: Bool {
        if case .table(let values) = self { return values.contains(where: \.requiresGradient) }
        return tensor?.requiresGradient == true
    }
}
