package import SCNCore

/// A value of a JSON text: what a reader of a stored architecture asks of an object is a member by key, of a kind, or
/// an error that names both.
package struct JSONValue {
    let document: JSONDocument
    let node: Int

    /// Strings that are asked for as such are short; longer ones are read by ``JSONString/bytes()``.
    package static let stringLimit = 1000
    /// Lists that are asked for as such are short, unless the reader knows of another limit.
    static let listLimit = 64

    package enum Kind { case null, bool, integer, number, string, array, object }

    package var kind: Kind {
        switch document.first(node) {
        case UInt8(ascii: "n"): .null
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "{"): .object
        default: document.number(node).allSatisfy(Self.isOfIntegers) ? .integer : .number
        }
    }

    private static func isOfIntegers(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "-") || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    /// The values of an array; none where this is no array.
    package var elements: some Sequence<JSONValue> {
        let end = kind == .array ? document.next(node) : node + 1
        return sequence(state: node + 1) { [document] (element: inout Int) -> JSONValue? in
            if element >= end { return nil }
            defer { element = document.next(element) }
            return JSONValue(document: document, node: element)
        }
    }

    /// The members of an object, in order; none where this is no object.
    package var members: some Sequence<(key: JSONString, value: JSONValue)> {
        let last = kind == .object ? document.next(node) : node + 1
        return sequence(state: node + 1) { [document] (key: inout Int) -> (key: JSONString, value: JSONValue)? in
            if key >= last { return nil }
            let (name, value) = (document.string(key), JSONValue(document: document, node: key + 1))
            key = document.next(key + 1)
            return (name, value)
        }
    }

    /// The member of that key, or nil where there is none or this is no object.
    package func find(_ key: String) -> JSONValue? { members.first { $0.key.equals(key) }?.value }

    /// The value as a string of any length, or nil where it is of another kind.
    package var stringValue: JSONString? { kind == .string ? document.string(node) : nil }

    /// The member of that key.
    package subscript(_ key: String) -> JSONValue {
        get throws(SCNError) {
            guard kind == .object else {
                throw SCNError(.format, "\(key): is missing in \(kindName), expected an object with this key")
            }
            guard let value = find(key) else { throw SCNError(.format, "\(key): is missing") }
            return value
        }
    }

    package func int(_ key: String, in range: ClosedRange<Int> = Int.min...Int.max) throws(SCNError) -> Int {
        try read(key, Self.name(range)) { $0.int(in: range) }
    }

    /// A number, integers included.
    package func double(_ key: String) throws(SCNError) -> Double {
        try read(key, "a number") { $0.double }
    }

    /// A string of at most 1000 bytes.
    package func string(_ key: String) throws(SCNError) -> String {
        let string = try read(key, "a string") { $0.stringValue }
        if string.isLonger(than: Self.stringLimit) {
            throw SCNError(.format, "\(key): is a string of more than \(Self.stringLimit) bytes, expected fewer")
        }
        return string.text(limit: Self.stringLimit)
    }

    /// An array of any length.
    package func array(_ key: String) throws(SCNError) -> some Sequence<JSONValue> {
        try read(key, "an array") { $0.kind == .array ? $0.elements : nil }
    }

    package func ints(
        _ key: String, in range: ClosedRange<Int> = Int.min...Int.max, limit: Int = JSONValue.listLimit
    ) throws(SCNError) -> [Int] {
        try elements(key, Self.name(range), limit) { $0.int(in: range) }
    }
}

extension JSONValue {
    private func int(in range: ClosedRange<Int>) -> Int? {
        guard kind == .integer, let value = JSONScanner.integer(document.number(node)) else { return nil }
        return range.contains(value) ? value : nil
    }

    private var double: Double? {
        switch kind {
        case .integer, .number: JSONScanner.number(document.number(node))
        default: nil
        }
    }

    private static func name(_ range: ClosedRange<Int>) -> String {
        range == Int.min...Int.max ? "an integer" : "an integer from \(range.lowerBound) to \(range.upperBound)"
    }

    private var kindName: String {
        switch kind {
        case .null: "null"
        case .bool: document.first(node) == UInt8(ascii: "t") ? "true" : "false"
        case .integer: "\(JSONScanner.integer(document.number(node)) ?? 0)"
        case .number: "\(JSONScanner.number(document.number(node)))"
        case .string: "the string \(document.string(node).quoted)"
        case .array: "an array"
        case .object: "an object"
        }
    }

    private func read<Value>(
        _ key: String, _ expected: String, _ extract: (JSONValue) -> Value?
    ) throws(SCNError) -> Value {
        let member = try self[key]
        guard let value = extract(member) else {
            throw SCNError(.format, "\(key): is \(member.kindName), expected \(expected)")
        }
        return value
    }

    private func elements<Value>(
        _ key: String, _ expected: String, _ limit: Int, _ extract: (JSONValue) -> Value?
    ) throws(SCNError) -> [Value] {
        var values: [Value] = []
        for (index, element) in try array(key).enumerated() {
            try require(
                index < limit, .format, "\(key): is an array of more than \(limit) elements, expected fewer")
            guard let value = extract(element) else {
                throw SCNError(
                    .format, "\(key)[\(index)]: is \(element.kindName), expected \(expected)"
                )
            }
            values.append(value)
        }
        return values
    }
}

/// Values of a kind, or nil where this is of another one.
extension JSONValue {
    package var integerValue: Int? { int(in: Int.min...Int.max) }
    package var numberValue: Double? { double }
    package var boolValue: Bool? { kind == .bool ? document.first(node) == UInt8(ascii: "t") : nil }

    /// A string of at most `limit` bytes, or nil where this is a longer one or no string.
    package func string(limit: Int) throws(SCNError) -> String? {
        guard let string = stringValue, !string.isLonger(than: limit) else { return nil }
        // The text and the bytes that it is made of.
        try expectMemory(string.reduce(0) { count, _ in count + 1 }, times: 4, "a string")
        return string.text(limit: limit)
    }

    /// A string of at most 1000 bytes.
    package var shortString: String? {
        guard let string = stringValue, !string.isLonger(than: Self.stringLimit) else { return nil }
        return string.text(limit: Self.stringLimit)
    }

    /// An array of at most 64 elements, each of a kind.
    package func list<Value>(_ extract: (JSONValue) -> Value?) -> [Value]? {
        guard kind == .array else { return nil }
        var values: [Value] = []
        for element in elements {
            guard values.count < Self.listLimit, let value = extract(element) else { return nil }
            values.append(value)
        }
        return values
    }

    /// What a message calls this value.
    package var shown: String { kindName }
}
