package import SCNCore
package import SCNFiles
internal import SCNGeometry

/// All that the library says of a type of module, stated once.
package final class LayerType: Sendable {
    /// A parameter or buffer that layers of a type have.
    package struct State: Sendable {
        package let name: String
        /// Sizes in terms of the arguments: "[planes]".
        package let shape: String
        /// What it is filled with at first.
        package let beginning: String
        package let isParameter: Bool
        /// The flag that must be set for it to be there; nil: it always is.
        package let condition: String?

        package static func parameter(
            _ name: String, _ shape: String, _ beginning: String, where condition: String? = nil
        ) -> State {
            State(name: name, shape: shape, beginning: beginning, isParameter: true, condition: condition)
        }

        package static func buffer(_ name: String, _ shape: String, _ beginning: String) -> State {
            State(name: name, shape: shape, beginning: beginning, isParameter: false, condition: nil)
        }
    }

    package typealias Check = @Sendable (Arguments) throws(SCNError) -> Void

    /// The name, as SparseConvNet has it.
    package let name: String
    /// One line.
    package let documentation: String
    /// In SparseConvNet's order.
    package let arguments: [LayerArgument]
    /// What holds between arguments.
    let checks: [Check]
    package let state: [State]
    /// Whether modules are inside, which architectures list.
    package let holdsModules: Bool
    /// Whether it stands for a `Sequential` of layers.
    package let isNetwork: Bool
    private let make: @Sendable (Arguments, [Module]) throws -> Module

    /// A type of layer.
    init(
        _ name: String, _ documentation: String, _ arguments: [LayerArgument] = [], checks: [Check] = [],
        state: [State] = [], make: @escaping @Sendable (Arguments) throws -> Module
    ) {
        self.name = name
        self.documentation = documentation
        self.arguments = arguments
        self.checks = checks
        self.state = state
        holdsModules = false
        isNetwork = false
        self.make = { arguments, _ in try make(arguments) }
    }

    /// A type of container.
    convenience init(
        container name: String, _ documentation: String, make: @escaping @Sendable ([Module]) throws -> Module
    ) {
        self.init(container: name, documentation, []) { _, modules in try make(modules) }
    }

    /// A type of container that has arguments.
    init(
        container name: String, _ documentation: String, _ arguments: [LayerArgument],
        make: @escaping @Sendable (Arguments, [Module]) throws -> Module
    ) {
        self.name = name
        self.documentation = documentation
        self.arguments = arguments
        checks = []
        state = []
        holdsModules = true
        isNetwork = false
        self.make = make
    }

    /// A network that is made of layers, which its architecture then names in its place.
    init(
        network name: String, _ documentation: String, _ arguments: [LayerArgument],
        make: @escaping @Sendable (Arguments) throws -> Module
    ) {
        self.name = name
        self.documentation = documentation
        self.arguments = arguments
        checks = []
        state = []
        holdsModules = false
        isNetwork = true
        self.make = { arguments, _ in try make(arguments) }
    }

    /// The type of that name.
    package static subscript(_ name: String) -> LayerType? { layersByName[name] ?? networksByName[name] }

    // Apart, so that what needs no networks does not make them.
    private static let layersByName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
    private static let networksByName = Dictionary(uniqueKeysWithValues: networks.map { ($0.name, $0) })

    /// Where an argument stands.
    func index(_ key: String) -> Int {
        guard let index = arguments.firstIndex(where: { $0.key == key }) else {
            preconditionFailure("a \(name) has no argument \(key)")
        }
        return index
    }

    /// The default of an argument.
    package func fallback(_ key: String) -> JSON { arguments[index(key)].fallback ?? .null }

    /// A new layer.
    package func make(_ arguments: Arguments, _ modules: [Module] = []) throws -> Module {
        try make(arguments, modules)
    }

    /// All types as JSON, for bindings and documentation.
    package static func description() throws(SCNError) -> String {
        try JSON.array((all + networks).map(\.description)).text()
    }

    private var description: JSON {
        var members: [(key: String, value: JSON)] = [
            ("type", .string(name)), ("documentation", .string(documentation)),
        ]
        if holdsModules { members.append(("holds_modules", .bool(true))) }
        if isNetwork { members.append(("is_network", .bool(true))) }
        members.append(("arguments", .array(arguments.map(\.description))))
        members.append(("state", .array(state.map(\.description))))
        return .object(members)
    }
}

extension LayerType.State {
    fileprivate var description: JSON {
        var members: [(key: String, value: JSON)] = [
            ("name", .string(name)), ("shape", .string(shape)), ("beginning", .string(beginning)),
            ("is_parameter", .bool(isParameter)),
        ]
        if let condition { members.append(("condition", .string(condition))) }
        return .object(members)
    }
}

/// Checks that types share.
extension LayerType {
    /// `groups` must divide the planes that `keys` name.
    static func divides(_ groups: String, _ keys: String...) -> Check {
        { arguments throws(SCNError) in
            let count = arguments.integer(groups)
            for key in keys {
                let planes = arguments.integer(key)
                try require(
                    planes % count == 0, .invalidArgument,
                    "\(arguments.name(groups)): is \(count), expected a divisor of \(arguments.name(key)), \(planes)")
            }
        }
    }
    /// One of two arguments must be given, the other null.
    static func exactlyOne(_ key: String, _ other: String) -> Check {
        { arguments throws(SCNError) in
            let (isGiven, isOther) = (arguments[key] != .null, arguments[other] != .null)
            try require(
                isGiven != isOther, .invalidArgument,
                "\(arguments.name(key)): is \(isGiven ? "given" : "missing") as \(arguments.name(other)) is, "
                    + "expected one of the two")
        }
    }
    /// A field needs its size for a beginning, and all its coordinates 64 bits.
    static func isField(_ size: String, _ lower: String) -> Check {
        { arguments throws(SCNError) in
            let first = arguments.optionalSizes(lower)
            if let places = arguments.optionalSizes(size) {
                _ = try Field(lower: first, size: places)
            } else {
                try require(
                    first == nil, .invalidArgument,
                    "\(arguments.name(lower)): is given, expected none where there is no spatial size")
            }
        }
    }
}
