internal import SCNCore
internal import SCNFiles
internal import SCNOps

extension Module {
    /// A new module that gives the results of this one's evaluation, within rounding, in less time; this one stays as
    /// it is.
    ///
    /// Batch norm is folded into the weights and bias of the convolution or dense product that it follows, a following
    /// (leaky) ReLU becomes that layer's last step, dropout a factor of the weights. It throws an `unsupported` error
    /// where a module inside is not one of the library's own types.
    ///
    /// - Parameter precision: What features and weights are inside; nil for that of a network that has been optimized
    ///   already, otherwise `float32`. With `bfloat16`, results differ by what rounding them to 8 bits costs, and
    ///   weights keep float32 in files.
    public func optimizedForInference(precision: Precision? = nil) throws -> InferenceNetwork {
        guard Architecture.isComplete(self) else {
            throw SCNError(.unsupported, "module: holds a module that is not one of the library's own types")
        }
        var steps: [InferenceStep] = []
        try InferenceStep.append(self, to: &steps)
        var made = MadeModules()
        let known = (self as? InferenceNetwork)?.precision ?? .float32
        return try InferenceNetwork(made.modules(steps), precision: precision ?? known)
    }
}

/// A step of a network on its way to be optimized.
private indirect enum InferenceStep {
    case product(FoldedProduct)
    case normalization(FoldedNormalization)
    /// A ConcatTable, and its branches.
    case table(Module, [[InferenceStep]])
    case module(Module)
}

/// A product with all that it took over from the modules behind it.
private struct FoldedProduct {
    /// A change of all planes of the result.
    enum Change {
        /// Not negative: it goes through the activation.
        case factor(Double)
        case normalization(FoldedNormalization)
    }

    let layer: any ProductLayer
    private(set) var changes: [Change] = []
    var leakiness: Double
    var sources: [FoldedSource]

    init(_ layer: any ProductLayer) {
        self.layer = layer
        leakiness = layer.leakiness
        sources = [FoldedSource(layer)]
    }

    mutating func multiply(by factor: Double, _ source: FoldedSource) {
        changes.append(.factor(factor))
        sources.append(source)
    }

    mutating func normalize(_ normalization: FoldedNormalization) {
        changes.append(.normalization(normalization))
        leakiness = normalization.leakiness
        sources += normalization.sources
    }

    /// A normalization always leaves one, so that the architecture does not depend on values.
    var hasBias: Bool {
        layer.bias != nil || changes.contains { if case .normalization = $0 { true } else { false } }
    }

    /// What the weights of each output plane are multiplied by, and its bias.
    func lines() throws(SCNError) -> PlaneLines {
        let lines = try PlaneLines(planes: layer.outPlanes, bias: layer.bias?.values)
        for change in changes {
            switch change {
            case .factor(let factor): lines.scale(by: factor)
            case .normalization(let normalization):
                let norm = normalization.layer
                try lines.normalize(
                    norm.running, weight: norm.weight?.values, bias: norm.bias?.values, epsilon: norm.epsilon,
                    from: normalization.planes.lowerBound)
            }
        }
        return lines
    }
}

/// Some planes of a batch norm, and the activation behind it.
private struct FoldedNormalization {
    let layer: BatchNormalization
    let planes: Range<Int>
    var leakiness: Double
    var sources: [FoldedSource]

    init(_ layer: BatchNormalization) {
        self.layer = layer
        planes = 0..<layer.planes
        leakiness = layer.leakiness
        sources = [FoldedSource(layer)]
    }

    private init(_ whole: FoldedNormalization, _ planes: Range<Int>) {
        (layer, self.planes, leakiness) = (whole.layer, planes, whole.leakiness)
        sources = whole.sources + [planes.lowerBound, planes.upperBound].map { FoldedSource(whole.layer, number: $0) }
    }

    /// The normalizations of neighboring ranges of planes.
    func split(_ widths: [Int]) -> [FoldedNormalization] {
        var first = planes.lowerBound
        return widths.map { width in
            defer { first += width }
            return FoldedNormalization(self, first..<first + width)
        }
    }
}

/// What went into a step, to tell whether two steps come to the same.
private struct FoldedSource: Hashable {
    private let module: ObjectIdentifier
    private let number: Int

    init(_ module: Module, number: Int = 0) {
        self.module = ObjectIdentifier(module)
        self.number = number
    }
}

extension InferenceStep {
    static func append(_ module: Module, to steps: inout [InferenceStep]) throws {
        switch module {
        case is Identity: break
        case is Sequential, is InferenceNetwork:
            for part in module.parts { try append(part, to: &steps) }
        case let table as ConcatTable:
            steps.append(
                .table(
                    table,
                    try table.children.map { branch in
                        var steps: [InferenceStep] = []
                        try append(branch, to: &steps)
                        return steps
                    }))
        case let layer as any ProductLayer: steps.append(.product(FoldedProduct(layer)))
        case let layer as BatchNormalization: normalize(FoldedNormalization(layer), &steps)
        case let layer as ActivationLayer:
            guard let leakiness = layer.foldableLeakiness, activate(&steps, leakiness, FoldedSource(layer)) else {
                return steps.append(.module(module))
            }
        case let layer as DropoutLayer: multiply(&steps, by: 1 - layer.p, layer)
        default: steps.append(.module(module))
        }
    }

    private static func multiply(_ steps: inout [InferenceStep], by factor: Double, _ dropout: Module) {
        guard case .product(var product) = steps.last else { return steps.append(.module(dropout)) }
        product.multiply(by: factor, FoldedSource(dropout))
        steps[steps.count - 1] = .product(product)
    }

    /// Into the product before it; over a join, into those at the ends of its branches.
    private static func normalize(_ normalization: FoldedNormalization, _ steps: inout [InferenceStep]) {
        if takesNormalization(steps.last, normalization.planes.count), case .product(var product) = steps.last {
            product.normalize(normalization)
            steps[steps.count - 1] = .product(product)
        } else if case (let table, var branches)? = joinedTable(steps), let widths = widths(branches, normalization),
            zip(branches, widths).contains(where: { takesNormalization($0.last, $1) })
        {
            for (index, part) in normalization.split(widths).enumerated() { normalize(part, &branches[index]) }
            steps[steps.count - 2] = .table(table, branches)
        } else {
            steps.append(.normalization(normalization))
        }
    }

    private static func takesNormalization(_ step: InferenceStep?, _ planes: Int) -> Bool {
        guard case .product(let product) = step else { return false }
        return product.leakiness == 1 && product.layer.outPlanes == planes
    }

    /// The table that a join at the end puts together.
    private static func joinedTable(_ steps: [InferenceStep]) -> (Module, [[InferenceStep]])? {
        guard case .module(let join) = steps.last, join is JoinTable,
            case .table(let table, let branches)? = steps.dropLast().last
        else { return nil }
        return (table, branches)
    }

    /// The planes that each branch makes, where all but one branch tell.
    private static func widths(_ branches: [[InferenceStep]], _ normalization: FoldedNormalization) -> [Int]? {
        let known = branches.map { branch -> Int? in
            switch branch.last {
            case .product(let product): product.layer.outPlanes
            case .normalization(let normalization): normalization.planes.count
            default: nil
            }
        }
        let rest = known.reduce(normalization.planes.count) { $0 - ($1 ?? 0) }
        switch known.count(where: { $0 == nil }) {
        case 0: return rest == 0 ? known.compactMap { $0 } : nil
        case 1: return rest > 0 ? known.map { $0 ?? rest } : nil
        default: return nil
        }
    }

    /// Makes an activation the end of the last step, or of all branches that it joins; false where it must stay alone.
    private static func activate(_ steps: inout [InferenceStep], _ leakiness: Double, _ source: FoldedSource) -> Bool {
        switch steps.last {
        case .product(var product) where Float(product.leakiness * leakiness).isFinite:
            product.leakiness *= leakiness
            product.sources.append(source)
            steps[steps.count - 1] = .product(product)
            return true
        case .normalization(var normalization) where Float(normalization.leakiness * leakiness).isFinite:
            normalization.leakiness *= leakiness
            normalization.sources.append(source)
            steps[steps.count - 1] = .normalization(normalization)
            return true
        default:
            guard case (let table, var branches)? = joinedTable(steps), !branches.isEmpty else { return false }
            for index in branches.indices {
                guard activate(&branches[index], leakiness, source) else { return false }
            }
            steps[steps.count - 2] = .table(table, branches)
            return true
        }
    }
}

extension ActivationLayer {
    /// The leakiness of activations that keep the sign.
    fileprivate var foldableLeakiness: Double? {
        switch activation {
        case .relu: 0
        case .leakyReLU(let leak) where leak >= 0: Double(leak)
        case .leakyReLU: nil
        case .elu, .selu, .tanh, .sigmoid, .gelu, .silu, .hardSwish, .softplus: nil
        }
    }
}

/// Makes the modules of steps, each once where several places share it.
private struct MadeModules {
    private var made: [[FoldedSource]: Module] = [:]

    mutating func modules(_ steps: [InferenceStep]) throws -> [Module] {
        try steps.map { step in
            switch step {
            case .product(let product): try once(product.sources) { try Self.make(product) }
            case .normalization(let normalization): try once(normalization.sources) { try Self.make(normalization) }
            case .module(let module): try once([FoldedSource(module)]) { try Self.copy(module) }
            case .table(_, let branches):
                try ConcatTable(
                    branches.map { branch in
                        let modules = try self.modules(branch)
                        return modules.isEmpty ? Identity() : modules.count == 1 ? modules[0] : try Sequential(modules)
                    })
            }
        }
    }

    private mutating func once(_ sources: [FoldedSource], _ make: () throws -> Module) rethrows -> Module {
        if let module = made[sources] { return module }
        let module = try make()
        made[sources] = module
        return module
    }

    private static func copy(_ module: Module) throws -> Module {
        let copy = try unfilled { try Architecture.remade(module) }
        for (entry, source) in zip(copy.state, module.state) {
            entry.tensor.values.update(from: source.tensor.values)
        }
        return copy
    }

    /// A module whose state has memory, but no values: nothing is drawn that would be overwritten.
    private static func unfilled<M: Module>(_ build: () throws -> M) throws -> M {
        let (module, state) = try DeferredState.of(build)
        try state.allocate()
        return module
    }

    private static func make(_ product: FoldedProduct) throws -> Module {
        guard
            let layer = try unfilled({
                try Architecture.remade(
                    product.layer, changing: ["bias": .bool(product.hasBias)], without: ["spectral_norm"])
            }) as? any ProductLayer
        else { preconditionFailure("a product is remade as one") }
        try layer.setLeakiness(product.leakiness)
        try product.lines().fold(
            product.layer.weight.values, into: layer.weight.values, biasResult: layer.bias?.values,
            outPlane: layer.outPlane(ofWeight:))
        return layer
    }

    private static func make(_ normalization: FoldedNormalization) throws -> Module {
        let (source, planes) = (normalization.layer, normalization.planes)
        let layer = try unfilled {
            try BatchNormalization(
                planes: planes.count, epsilon: source.epsilon, momentum: source.momentum, affine: source.weight != nil,
                leakiness: normalization.leakiness)
        }
        for (entry, whole) in zip(layer.ownState, source.ownState) {
            entry.tensor.values.update(from: whole.tensor.values, startingAt: planes.lowerBound)
        }
        return layer
    }
}
