package import SCNCore

/// What a reader of a stored architecture asks of an object: a member by key, of a kind, or an error that names both.
extension JSON {
    /// The member of that key, or nil where there is none or this is no object.
    package func find(_ key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// The member of that key.
    package subscript(_ key: String) -> JSON {
        get throws(SCNError) {
            guard case .object = self else {
                throw SCNError(.format, "an object with the key \(quoted(key)) expected, \(kindName) found")
            }
            guard let value = find(key) else { throw SCNError(.format, "the key \(quoted(key)) is missing") }
            return value
        }
    }

    package func bool(_ key: String) throws(SCNError) -> Bool {
        try read(key, "true or false") { if case .bool(let value) = $0 { value } else { nil } }
    }

    package func int(_ key: String, in range: ClosedRange<Int> = Int.min...Int.max) throws(SCNError) -> Int {
        try read(key, JSON.name(range)) { $0.int(in: range) }
    }

    /// A number, integers included.
    package func double(_ key: String) throws(SCNError) -> Double {
        try read(key, "a number") { $0.double }
    }

    package func string(_ key: String) throws(SCNError) -> String {
        try read(key, "a string") { if case .string(let value) = $0 { value } else { nil } }
    }

    package func array(_ key: String) throws(SCNError) -> [JSON] {
        try read(key, "an array") { if case .array(let value) = $0 { value } else { nil } }
    }

    package func ints(_ key: String, in range: ClosedRange<Int> = Int.min...Int.max) throws(SCNError) -> [Int] {
        try elements(key, JSON.name(range)) { $0.int(in: range) }
    }

    package func doubles(_ key: String) throws(SCNError) -> [Double] {
        try elements(key, "a number") { $0.double }
    }

    package func strings(_ key: String) throws(SCNError) -> [String] {
        try elements(key, "a string") { if case .string(let value) = $0 { value } else { nil } }
    }
}

extension JSON {
    private func int(in range: ClosedRange<Int>) -> Int? {
        if case .integer(let value) = self, range.contains(value) { value } else { nil }
    }

    private var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    private static func name(_ range: ClosedRange<Int>) -> String {
        range == Int.min...Int.max ? "an integer" : "an integer from \(range.lowerBound) to \(range.upperBound)"
    }

    private var kindName: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): "the string \(quoted(value))"
        case .array: "an array"
        case .object: "an object"
        }
    }

    private func read<Value>(_ key: String, _ expected: String, _ extract: (JSON) -> Value?) throws(SCNError) -> Value {
        let member = try self[key]
        guard let value = extract(member) else {
            throw SCNError(.format, "the key \(quoted(key)): \(expected) expected, \(member.kindName) found")
        }
        return value
    }

    private func elements<Value>(
        _ key: String, _ expected: String, _ extract: (JSON) -> Value?
    ) throws(SCNError) -> [Value] {
        var values: [Value] = []
        for (index, element) in try array(key).enumerated() {
            guard let value = extract(element) else {
                throw SCNError(
                    .format, "the key \(quoted(key)), element \(index): \(expected) expected, \(element.kindName) found"
                )
            }
            values.append(value)
        }
        return values
    }
}
