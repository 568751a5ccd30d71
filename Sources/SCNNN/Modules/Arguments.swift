package import SCNCore
package import SCNFiles

/// The arguments of one layer: complete, in the order of its type's table, checked.
package struct Arguments: Sendable {
    package let type: LayerType
    private var values: [JSON]
    /// What messages call the arguments; nil: by their keys.
    private var names: [String]?

    /// Completes what is given by defaults, which hold where a value is nil too, and checks it; no key is unknown.
    package init(_ type: LayerType, _ given: [String: JSON?] = [:]) throws(SCNError) {
        var values = [JSON?](repeating: nil, count: type.arguments.count)
        for (key, value) in given { values[type.index(key)] = value }
        try self.init(type, values, names: nil)
    }

    /// The arguments of a type that has none.
    init(noneOf type: LayerType) {
        precondition(type.arguments.isEmpty)
        self.type = type
        values = []
    }

    /// Reads the arguments of an object whose other members are `skipped`.
    init(_ type: LayerType, reading json: JSONValue, skipping skipped: [String]) throws(SCNError) {
        var values = [JSON?](repeating: nil, count: type.arguments.count)
        var names = type.arguments.map(\.key)
        for (key, value) in json.members where !skipped.contains(where: key.equals) {
            guard let index = type.arguments.firstIndex(where: { $0.isNamed(key) }) else {
                throw SCNError(.format, "\(key.quoted): is no argument of \(type.name)")
            }
            let name = key.text(limit: JSONValue.stringLimit)
            try require(values[index] == nil, .format, "\(name): is given twice")
            names[index] = name
            values[index] = try type.arguments[index].read(value, name)
        }
        try self.init(type, values, names: names)
    }

    private init(_ type: LayerType, _ given: [JSON?], names: [String]?) throws(SCNError) {
        self.type = type
        values = []
        values.reserveCapacity(given.count)
        self.names = names
        var dimension: Int?
        for (index, argument) in type.arguments.enumerated() {
            let name = names?[index] ?? argument.key
            guard let value = given[index] ?? argument.fallback else {
                throw SCNError(.format, "\(name): is missing, which a \(type.name) needs")
            }
            values.append(try argument.checked(value, dimension: dimension, name))
            if argument.key == "dimension" { dimension = values[index].integerValue }
        }
        for check in type.checks { try check(self) }
        self.names = nil
    }

    /// What a message calls an argument.
    func name(_ key: String) -> String { names?[type.index(key)] ?? key }

    package func integer(_ key: String) -> Int {
        guard case .integer(let value) = self[key] else { preconditionFailure("\(key) is no integer") }
        return value
    }

    package func optionalInteger(_ key: String) -> Int? { self[key].integerValue }

    package func text(_ key: String) -> String {
        guard let text = optionalText(key) else { preconditionFailure("\(key) is no text") }
        return text
    }

    package func flag(_ key: String) -> Bool { self[key] == .bool(true) }

    package func real(_ key: String) -> Double {
        guard case .number(let value) = self[key] else { preconditionFailure("\(key) is no number") }
        return value
    }

    package func sizes(_ key: String) -> [Int] {
        guard let sizes = optionalSizes(key) else { preconditionFailure("\(key) is no list") }
        return sizes
    }

    package func optionalSizes(_ key: String) -> [Int]? {
        guard case .array(let entries) = self[key] else { return nil }
        return entries.compactMap(\.integerValue)
    }

    package func optionalReals(_ key: String) -> [Double]? {
        guard case .array(let entries) = self[key] else { return nil }
        return entries.compactMap(\.realValue)
    }

    package func optionalText(_ key: String) -> String? {
        guard case .string(let text) = self[key] else { return nil }
        return text
    }

    /// An argument in its one form. A change must be checked before.
    package internal(set) subscript(_ key: String) -> JSON {
        get { values[type.index(key)] }
        set { values[type.index(key)] = newValue }
    }

    private var dimension: Int? {
        values.indices.first { type.arguments[$0].key == "dimension" }.flatMap { values[$0].integerValue }
    }

    /// What an architecture says of them.
    var members: [(key: String, value: JSON)] {
        zip(type.arguments, values).filter { !$0.isTakenOver || $1 != $0.fallback }.map { ($0.key, $1) }
    }

    /// What a summary says of them: those that are not defaults.
    var summary: String {
        var text = ""
        for (argument, value) in zip(type.arguments, values) {
            guard let shown = argument.shown(value, dimension: dimension) else { continue }
            if case .arrow = argument.display { text += " " } else if !text.isEmpty { text += ", " }
            text += shown
        }
        return text
    }
}
