public import SCNCore
internal import SCNFiles

/// A module that holds other modules, in order.
open class Container: Module {
    /// Modules nest at most this deep, so that walking them cannot exhaust the stack.
    public static let maximumDepth = 256
    /// Modules that a network holds at most, each counted as often as it occurs.
    public static let maximumOccurrences = 100_000

    /// More than a module of few parameters takes, with its names in lists of state; parameters not counted.
    static let bytesOfModule = 4000
    /// Every so many modules, builders of networks are stopped where there is no memory for as many more.
    private static let modulesPerCheck = 1024

    private var modules: [Module] = []
    private var parents: [WeakContainer] = []
    fileprivate var extent = ModuleExtent()

    private struct WeakContainer { weak var container: Container? }

    /// A container of these modules; throws where they would nest too deep.
    public init(_ modules: [Module] = []) throws(SCNError) {
        super.init()
        arguments = Self.containerType.map(Arguments.init(noneOf:))
        for module in modules { try add(module) }
    }

    /// What the library says of its own types; nil for a host's.
    class var containerType: LayerType? { nil }

    public override var children: [Module] { modules }

    /// Appends a module.
    public func add(_ module: Module) throws(SCNError) {
        var known: [ObjectIdentifier: ModuleExtent] = [:]
        let grown = extent.including(module.extent(&known))
        known[ObjectIdentifier(self)] = grown
        let ancestors = ancestors()
        try require(
            module !== self && (ancestors.isEmpty || !module.contains(self)), .state,
            "child: the module is or contains the container that it is added to")
        for container in [self] + ancestors {
            let extent = container.extent(&known)
            try require(
                extent.depth <= Self.maximumDepth, .state,
                "child: modules would nest \(extent.depth) deep, expected at most \(Self.maximumDepth)")
            try require(
                extent.occurrences <= Self.maximumOccurrences, .state,
                "child: the network would hold more than \(Self.maximumOccurrences) modules")
        }
        if extent.occurrences / Self.modulesPerCheck < grown.occurrences / Self.modulesPerCheck {
            try expectMemory(Self.modulesPerCheck, times: Self.bytesOfModule, "a network of many modules")
        }
        for container in [self] + ancestors { container.extent = container.extent(&known) }
        modules.append(module)
        if let inner = module as? Container, !inner.parents.contains(where: { $0.container === self }) {
            inner.parents.append(WeakContainer(container: self))
        }
        Container.structureVersion.withLock { $0 += 1 }
    }

    /// Changes whenever any container gets a child.
    package static let structureVersion = Locked(0)

    /// The containers that this one is inside of, at any depth, itself not included.
    private func ancestors() -> [Container] {
        parents.removeAll { $0.container == nil }
        var found: [Container] = []
        var seen: Set<ObjectIdentifier> = []
        var pending = parents.compactMap(\.container)
        while let container = pending.popLast() {
            guard seen.insert(ObjectIdentifier(container)).inserted else { continue }
            found.append(container)
            pending.append(contentsOf: container.parents.compactMap(\.container))
        }
        return found
    }

    // Deep trees are taken apart one by one: releasing them level by level could overflow the stack of a small thread.
    deinit {
        var pending = modules
        modules = []
        while var module = pending.popLast() {
            guard isKnownUniquelyReferenced(&module), let container = module as? Container else { continue }
            pending.append(contentsOf: container.modules)
            container.modules = []
        }
    }
}

extension Module {
    /// How many modules the tree has, shared ones counted as often as they occur.
    var occurrences: Int {
        var known: [ObjectIdentifier: ModuleExtent] = [:]
        return extent(&known).occurrences
    }

    fileprivate func contains(_ other: Module) -> Bool {
        var seen: Set<ObjectIdentifier> = []
        var pending = [self]
        while let module = pending.popLast() {
            if module === other { return true }
            if seen.insert(ObjectIdentifier(module)).inserted { pending.append(contentsOf: module.parts) }
        }
        return false
    }

    /// The extent of the tree below; `known` holds what a change in progress makes of some modules.
    fileprivate func extent(_ known: inout [ObjectIdentifier: ModuleExtent]) -> ModuleExtent {
        if let extent = known[ObjectIdentifier(self)] { return extent }
        var extent = ModuleExtent()
        if known.isEmpty, let container = self as? Container {
            extent = container.extent
        } else {
            for part in parts { extent = extent.including(part.extent(&known)) }
        }
        known[ObjectIdentifier(self)] = extent
        return extent
    }
}

/// How deep a tree of modules nests, and how many it holds, shared ones counted as often as they occur.
struct ModuleExtent {
    var depth = 1
    var occurrences = 1

    func including(_ child: ModuleExtent) -> ModuleExtent {
        ModuleExtent(
            depth: max(depth, child.depth + 1),
            occurrences: min(occurrences + child.occurrences, Container.maximumOccurrences + 1))
    }
}

/// Applies its modules one after the other.
public class Sequential: Container {
    static let layerType = LayerType(container: "Sequential", "Applies its modules one after the other.") {
        try Sequential($0)
    }

    override class var containerType: LayerType? { layerType }

    package override var takesBFloat16: Bool { true }

    public override func forward(_ input: Value) throws -> Value {
        var value = input
        for child in children { value = try child.called(value) }
        return value
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try children.reversed().reduce(outputSize) { try $1.inputSpatialSize($0) }
    }

    /// The modules of a block, one a line.
    public convenience init(@ModuleBuilder _ modules: () throws -> [Module]) throws {
        try self.init(try modules())
    }
}

/// Collects the modules of a `Sequential { ... }` block.
@resultBuilder
public enum ModuleBuilder {
    /// One module of the block.
    public static func buildExpression(_ module: Module) -> [Module] { [module] }
    /// The modules of a block, in order.
    public static func buildBlock(_ parts: [Module]...) -> [Module] { Array(parts.joined()) }
    /// The modules of an `if` without an `else`.
    public static func buildOptional(_ part: [Module]?) -> [Module] { part ?? [] }
    /// The modules of an `if`.
    public static func buildEither(first: [Module]) -> [Module] { first }
    /// The modules of an `else`.
    public static func buildEither(second: [Module]) -> [Module] { second }
    /// The modules of a `for` loop.
    public static func buildArray(_ parts: [[Module]]) -> [Module] { Array(parts.joined()) }
}

/// Applies each of its modules to the one input; the result is a table.
public final class ConcatTable: Container {
    static let layerType = LayerType(
        container: "ConcatTable", "Applies each of its modules to the one input; the result is a table."
    ) { try ConcatTable($0) }

    override class var containerType: LayerType? { layerType }

    package override var takesBFloat16: Bool { true }

    public override func forward(_ input: Value) throws -> Value {
        var results: [Value] = []
        for child in children { results.append(try child.called(input)) }
        return try Self.table(results)
    }

    /// The table of the branches' results.
    static func table(_ results: [Value]) throws -> Value {
        for (index, result) in results.enumerated() {
            if case .table = result {
                throw SCNError(.shape, "input: branch \(index) of ConcatTable makes a table; tables do not nest")
            }
        }
        return .table(results)
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        guard let first = children.first else { return outputSize }
        let size = try first.inputSpatialSize(outputSize)
        for (index, branch) in children.enumerated().dropFirst() {
            let other = try branch.inputSpatialSize(outputSize)
            try require(
                other == size, .shape,
                "output_size: branch \(index) of ConcatTable needs input size \(other), branch 0 needs \(size)")
        }
        return size
    }
}
