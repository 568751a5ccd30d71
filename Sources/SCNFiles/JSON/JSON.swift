/// A JSON value (RFC 8259) whose objects keep the order of their members.
///
/// Strings, keys among them, compare as Swift's strings do: by canonical equivalence.
package enum JSON: Sendable {
    case null
    case bool(Bool)
    /// A number without a fraction and an exponent, exact.
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    /// Members in order, of different keys.
    case object([(key: String, value: JSON)])

    /// How deep arrays and objects nest unless a caller asks for another limit.
    package static let depthLimit = 64
}

extension JSON: Equatable {
    /// Whether both are the same value, objects with their members in the same order.
    package static func == (a: JSON, b: JSON) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a.elementsEqual(b) { $0.key == $1.key && $0.value == $1.value }
        default: false
        }
    }
}

/// `text` in quotes for a message: one line, cut where it is long.
package func quoted(_ text: String) -> String {
    let limit = 60
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(limit) {
        shown.append(scalar.value < 0x20 || scalar.value == 0x7F ? "?" : scalar)
    }
    let cut = text.unicodeScalars.dropFirst(limit).isEmpty ? "" : "..."
    return "'\(String(shown))\(cut)'"
}
