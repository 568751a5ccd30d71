package import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Modules as JSON and back: {"type": "ReLU"}, {"type": "Sequential", "modules": [...]}; other keys are the arguments.
package enum Architecture {
    /// Brackets that one nested module takes.
    private static let depthLimit = 2 * Container.maximumDepth + 8

    /// The architecture of a module, or an error where a part of it is a host's own type.
    package static func text(of module: Module) throws -> String {
        try module.expectMemoryForTexts()
        return try json(of: module).text(depthLimit: depthLimit)
    }

    package static func isComplete(_ module: Module) -> Bool {
        module.arguments != nil && module.parts.allSatisfy(isComplete)
    }

    private static func json(of module: Module) throws -> JSON {
        guard let arguments = module.arguments else {
            throw SCNError(.unsupported, "architecture: \(module.typeName) is not one of the library's own types")
        }
        var entries: [(key: String, value: JSON)] = [("type", .string(arguments.type.name))] + arguments.members
        if let norm = (module as? any ProductLayer)?.spectralNorm {
            entries.append(("spectral_norm", norm.arguments))
        }
        if arguments.type.holdsModules {
            entries.append(("modules", .array(try module.parts.map(json))))
        }
        return .object(entries)
    }

    /// A new module, its parameters initialized from the generator.
    package static func build(_ text: String) throws -> Module { try build(Storage(text.utf8)) }

    /// The same from text in UTF-8. `isFromFile`: whether a network's name is refused, which files do not use and which
    /// would let a short file stand for much.
    package static func build(_ text: Storage<UInt8>, isFromFile: Bool = false) throws -> Module {
        let document = try JSONDocument(text, depthLimit: depthLimit)
        // A spectral norm is an object too.
        let count = document.objectCount
        try require(
            count <= 2 * Container.maximumOccurrences, .format,
            "\(count) objects, more than a network of \(Container.maximumOccurrences) modules has")
        try expectMemory(count, times: Container.bytesOfModule, "a network of up to \(count) modules")
        var left = Container.maximumOccurrences
        return try build(document.root, &left, isFromFile)
    }

    /// `left`: how many more modules the whole network may have; the short name of a network stands for many.
    private static func build(_ json: JSONValue, _ left: inout Int, _ isFromFile: Bool) throws -> Module {
        let name = try json.string("type")
        guard let type = LayerType[name], !(type.isNetwork && isFromFile) else {
            throw SCNError(.format, "type: is \(quoted(name)), expected a module of this library")
        }
        let arguments = try Arguments(type, reading: json, skipping: ["type", "modules", "spectral_norm"])
        let inner = type.holdsModules ? try json.array("modules").map { try build($0, &left, isFromFile) } : []
        let module = try type.make(arguments, inner)
        left -= type.isNetwork ? module.occurrences : 1
        try require(
            left >= 0, .format, "modules: are more than \(Container.maximumOccurrences), expected no more in a network")
        if let norm = json.find("spectral_norm") {
            try module.addSpectralNorm(
                powerIterations: norm.find("n_power_iterations") == nil ? 1 : norm.int("n_power_iterations"),
                epsilon: norm.find("epsilon") == nil ? 1e-12 : norm.double("epsilon"),
                norm: norm.find("norm") == nil ? 1 : norm.double("norm"))
        }
        return module
    }

    /// A new module like `module`, some arguments changed and some left out, its state initialized anew.
    static func remade(
        _ module: Module, changing changes: [String: JSON] = [:], without dropped: Set<String> = []
    ) throws -> Module {
        guard case .object(let entries) = try json(of: module) else { preconditionFailure("a module is an object") }
        let kept = entries.filter { !dropped.contains($0.key) }
        return try build(JSON.object(kept.map { ($0.key, changes[$0.key] ?? $0.value) }).text(depthLimit: depthLimit))
    }

    /// The same architecture with every argument, in its one form; nothing is allocated or drawn.
    package static func completed(_ text: Storage<UInt8>) throws -> String {
        try self.text(of: DeferredState.of { try build(text) }.module)
    }
}
