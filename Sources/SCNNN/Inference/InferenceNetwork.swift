internal import SCNCore
internal import SCNFiles

/// A network that only evaluates, one module after the other: what ``Module/optimizedForInference()`` makes.
///
/// It stays in evaluation mode, records nothing, and keeps its weights packed. Its state is that of the modules inside,
/// which it keeps to itself; none of it requires a gradient.
public final class InferenceNetwork: Module {
    static let layerType = LayerType(
        container: "InferenceNetwork", "A network that only evaluates, one module after the other."
    ) { try InferenceNetwork($0) }

    private let network: Sequential

    package init(_ modules: [Module]) throws {
        for module in modules where Self.isInside(module) {
            throw SCNError(.format, "modules: an InferenceNetwork is inside of another")
        }
        network = try Sequential(modules)
        super.init(madeWith: Arguments(noneOf: Self.layerType))
        network.setTraining(false)
        for entry in network.state { try entry.tensor.setRequiresGradient(false) }
        Self.keepWeights(network)
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
        return try Tape.withoutRecording { try network.forward(input) }
    }

    private static func isInside(_ module: Module) -> Bool {
        module is InferenceNetwork || module.parts.contains(where: isInside)
    }

    private static func keepWeights(_ module: Module) {
        if let layer = module as? any ProductLayer { layer.packedWeightCache = PackedWeightCache() }
        for part in module.parts { keepWeights(part) }
    }
}

extension Value {
    fileprivate var requiresGradient: Bool {
        if case .table(let values) = self { return values.contains(where: \.requiresGradient) }
        return tensor?.requiresGradient == true
    }
}
