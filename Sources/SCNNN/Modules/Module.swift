package import SCNCore
internal import SCNFiles

/// A layer, container or network: maps a value to a value, and holds parameters, buffers and perhaps other modules.
///
/// Subclasses override ``forward(_:)`` and, where they hold any, ``ownState`` and ``children``. Modules start in
/// training mode.
open class Module {
    /// A parameter (trained) or buffer (running statistics) under its name.
    public struct StateEntry {
        /// The path of child indices and the entry's own name, "2.0.weight".
        public let name: String
        /// The tensor itself.
        public let tensor: Tensor
        /// Whether it is trained; a running statistic is not.
        public let isParameter: Bool

        /// Those of weight and bias that are there, as parameters.
        static func parameters(weight: Tensor?, bias: Tensor?) -> [StateEntry] {
            [("weight", weight), ("bias", bias)].compactMap { name, tensor in
                tensor.map { StateEntry(name: name, tensor: $0, isParameter: true) }
            }
        }

        /// An entry of a module's own state.
        public init(name: String, tensor: Tensor, isParameter: Bool) {
            self.name = name
            self.tensor = tensor
            self.isParameter = isParameter
        }
    }

    /// Whether the module trains, or evaluates.
    public internal(set) var isTraining = true

    /// What the module was made with, for checkpoints and summaries; nil for a host's own types, which no checkpoint
    /// can make again.
    package internal(set) var arguments: Arguments?

    /// A module in training mode.
    public init() {}

    /// A layer of the library, in training mode.
    init(madeWith arguments: Arguments) { self.arguments = arguments }

    /// The type's name, as SparseConvNet has it.
    open var typeName: String { arguments?.type.name ?? String(describing: type(of: self)) }

    /// Maps input to output.
    open func forward(_ input: Value) throws -> Value {
        throw SCNError(.unsupported, "\(typeName) has no forward pass")
    }

    /// The inner modules, in the order that names their state.
    open var children: [Module] { [] }

    /// The modules that the forward pass runs: the children and, in types that keep theirs to themselves, those.
    package var parts: [Module] { children }

    /// Whether training mode does not reach this module.
    package var isForEvaluationOnly: Bool { false }

    /// Whether features may be bfloat16; else they become float32 before the forward pass.
    package var takesBFloat16: Bool { false }

    /// Parameters and buffers that this module itself holds.
    open var ownState: [StateEntry] { [] }

    /// The input spatial size that yields `outputSize`.
    open func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] { outputSize }

    /// What to write after the type's name for people to read: "3 -> 16, filter 3".
    open var summary: String { arguments?.summary ?? "" }

    /// Applies the module; how modules call each other, so that a ``Summary`` sees it. Where it throws, nothing is
    /// changed: neither statistics nor the generator. What a module inside of it throws says which that is, by the
    /// path of child indices.
    public func callAsFunction(_ input: Value) throws -> Value { try called(input, inFloat32: true) }

    /// The same; without `inFloat32`, how modules of the library call each other: features may stay bfloat16.
    package func called(_ input: Value, inFloat32: Bool = false) throws -> Value {
        // Not a call of `run` at each level: modules nest deep, and stacks are small.
        guard let savepoint = Transaction.savepoint else {
            do {
                return try Transaction.run { inFloat32 ? try applied(input).inFloat32() : try applied(input) }
            } catch { throw placed(error) }
        }
        do { return inFloat32 ? try applied(input).inFloat32() : try applied(input) } catch {
            savepoint.rollBack()
            throw placed(error)
        }
    }

    /// An error as it leaves this module; those of a host's own types stay as they are.
    @inline(never)
    func placed(_ error: any Error) -> any Error { (error as? SCNError)?.leaving(self, parts: parts) ?? error }

    private func applied(_ input: Value) throws -> Value {
        if !takesBFloat16 && input.holdsBFloat16 { return try applied(toFloat32Of: input) }
        guard let observer = ForwardObserver.current else { return try forward(input) }
        return try observer.observe(self, input)
    }
    @inline(never)
    private func applied(toFloat32Of input: Value) throws -> Value { try applied(input.inFloat32()) }

    /// Applies the module to a sparse tensor.
    public func callAsFunction(_ input: SparseTensor) throws -> Value { try self(.sparse(input)) }
    /// Applies the module to points.
    public func callAsFunction(_ input: Points) throws -> Value { try self(.points(input)) }
    /// Applies the module to a dense tensor.
    public func callAsFunction(_ input: Tensor) throws -> Value { try self(.dense(input)) }

    /// Switches this module and all inside it to training or evaluation.
    public func setTraining(_ training: Bool) {
        isTraining = training && !isForEvaluationOnly
        for child in children { child.setTraining(training) }
    }

    /// Sets the fraction of their running statistics that the batch normalizations in this module keep a step, 0 ... 1.
    public func setMomentum(_ momentum: Double) throws {
        _ = try LayerArgument.momentum.checked(.number(momentum), dimension: nil, "momentum")
        takeMomentum(momentum)
    }

    /// Takes a momentum that was checked, and hands it on to the children.
    func takeMomentum(_ momentum: Double) {
        for child in children { child.takeMomentum(momentum) }
    }

    /// All parameters and buffers, inner ones under the path of child indices: "2.0.weight".
    public var state: [StateEntry] {
        var entries = ownState
        for (index, child) in children.enumerated() {
            entries += child.state.map {
                StateEntry(name: "\(index).\($0.name)", tensor: $0.tensor, isParameter: $0.isParameter)
            }
        }
        return entries
    }

    /// The tensors that are trained, inner modules' included.
    public var parameters: [Tensor] { state.filter(\.isParameter).map(\.tensor) }
    /// The number of elements of all parameters.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }

    /// Forgets the gradients of all parameters.
    public func zeroGradients() {
        for parameter in parameters { parameter.zeroGradient() }
    }
}

extension Module {
    /// Throws a memory error where the tree is so large that a text about it may find no memory.
    package func expectMemoryForTexts() throws(SCNError) {
        var (count, pending) = (0, [self])
        while let module = pending.popLast() {
            count += 1
            pending.append(contentsOf: module.parts)
        }
        try expectMemory(count, times: 2000, "a text about \(count) modules")
    }
}

extension Module: CustomStringConvertible {
    /// The tree, a line a module, with the shapes of the parameters and their number.
    public var description: String {
        var text = ""
        _ = describe(indent: "", into: &text)
        return text
    }

    /// Appends the tree, its lines after the first one behind `indent`; returns the number of elements of all
    /// parameters.
    private func describe(indent: String, into text: inout String) -> Int {
        text += summary.isEmpty ? typeName : "\(typeName)(\(summary))"
        let own = ownState.filter(\.isParameter)
        var count = own.reduce(0) { $0 + $1.tensor.count }
        if !parts.isEmpty { text += " {\n" }
        for (index, part) in parts.enumerated() {
            text += "\(indent)  (\(index)): "
            let inner = part.describe(indent: indent + "  ", into: &text)
            // Parts that are no children have their parameters counted as this module's own.
            if !children.isEmpty { count += inner }
            text += "\n"
        }
        if !parts.isEmpty { text += "\(indent)}" }
        let shapes = own.map { "\($0.name) \($0.tensor.shape)" }
        let remarks = shapes + (count == 0 ? [] : ["\(grouped(count)) parameters"])
        if !remarks.isEmpty { text += ": " + remarks.joined(separator: ", ") }
        return count
    }
}
