internal import SCNCore
package import SCNFiles

/// One argument of a type of layer, stated once: architectures, checks and their messages, summaries, the reference
/// page and the bindings go by it.
package final class LayerArgument: Sendable {
    /// What an argument may be, with its bounds.
    package enum Kind: Sendable {
        /// A whole number of at least `minimum`.
        case count(minimum: Int)
        /// A whole number in a range.
        case number(ClosedRange<Int>)
        /// A number of planes, 1 ... 2^31 - 1.
        case planes
        case flag
        /// A size along each axis, each at least `minimum`; one number counts for all axes.
        case sizes(minimum: Int)
        /// A finite number above 1 along each axis; one number counts for all axes.
        case ratios
        case real(RealBound)
        case choice([String])
        /// A list of whole numbers, its length and each of them in a range.
        case list(ClosedRange<Int>, of: ClosedRange<Int>)
        case text
    }

    /// The numbers that a real argument may be.
    package enum RealBound: Sendable {
        case finite
        /// From 0, finite also as float32.
        case atLeastZero
        /// Above 0 also as a float32 with all its digits.
        case positive
        /// 0 ... 1.
        case fraction
    }

    /// How a summary shows an argument that is not its default.
    package enum Display: Sendable {
        case hidden
        case value
        /// The value behind a word: "filter 3".
        case labeled(String)
        /// The value behind an arrow, next to the argument before: "3 -> 16".
        case arrow
        /// A word where the flag is set.
        case word(String)
        /// "ReLU" for 0, "leakiness 0.3" for others.
        case leakiness
    }

    /// The key in architectures, and the name in scn.h.
    package let key: String
    /// What SparseConvNet, and so Python, calls it.
    package let sparseConvNetName: String
    /// Keys that older versions wrote.
    package let formerKeys: [String]
    package let kind: Kind
    /// What holds where the key is absent; nil where it must be there.
    package let fallback: JSON?
    /// Whether it may be null.
    package let isNullable: Bool
    /// Whether SparseConvNet lacks it; Python takes it by name alone.
    package let isAddition: Bool
    /// Whether only architectures have it, where it differs from its default: what a layer took over from others.
    package let isTakenOver: Bool
    let display: Display
    /// One line.
    package let documentation: String

    package init(
        _ key: String, _ kind: Kind, _ documentation: String, fallback: JSON? = nil, sparseConvNet: String? = nil,
        former: [String] = [], isNullable: Bool = false, isAddition: Bool = false, isTakenOver: Bool = false,
        display: Display = .hidden
    ) {
        self.key = key
        self.kind = kind
        self.documentation = documentation
        self.fallback = fallback
        sparseConvNetName = sparseConvNet ?? key
        formerKeys = former
        self.isNullable = isNullable || fallback == .null
        self.isAddition = isAddition
        self.isTakenOver = isTakenOver
        self.display = display
    }

    /// Whether a key of an architecture names this argument.
    func isNamed(_ key: JSONString) -> Bool {
        key.equals(self.key) || key.equals(sparseConvNetName) || formerKeys.contains(where: key.equals)
    }
}

// MARK: Checks

extension LayerArgument {
    /// The value in its one form, or an error that calls it `name`: sizes and ratios have an entry for each axis.
    func checked(_ value: JSON, dimension: Int?, _ name: String) throws(SCNError) -> JSON {
        if isNullable && value == .null { return .null }
        switch (kind, value) {
        case (.count(let minimum), .integer(let count)):
            try require(count >= minimum, .invalidArgument, "\(name): is \(count), expected at least \(minimum)")
            return value
        case (.number(let range), .integer(let number)):
            try require(
                range.contains(number), .invalidArgument,
                "\(name): is \(number), expected \(range.lowerBound) ... \(range.upperBound)")
            return value
        case (.planes, .integer(let planes)):
            try require(planes >= 1, .invalidArgument, "\(name): is \(planes), expected at least 1")
            try require(planes <= Int(Int32.max), .overflow, "\(name): is \(planes), expected at most \(Int32.max)")
            return value
        case (.flag, .bool): return value
        case (.sizes(let minimum), .integer(let size)):
            return .sizes(try axes([size], minimum, dimension, name))
        case (.sizes(let minimum), .array(let entries)):
            return .sizes(try axes(entries.compactMap(\.integerValue), minimum, dimension, name, isEach: true))
        case (.ratios, .array(let entries)):
            return .array(try ratios(entries.compactMap(\.realValue), dimension, name, isEach: true).map(JSON.number))
        case (.ratios, .integer), (.ratios, .number):
            return .array(try ratios([value.realValue ?? 0], dimension, name).map(JSON.number))
        case (.real(let bound), .integer), (.real(let bound), .number):
            let number = value.realValue ?? 0
            try bound.check(number, name)
            return .number(number)
        case (.choice(let words), .string(let word)):
            try require(
                words.contains(word), .invalidArgument, "\(name): is \(quoted(word)), expected \(listed(words))")
            return value
        case (.list(let lengths, let range), .array(let entries)):
            try require(
                lengths.contains(entries.count), .invalidArgument,
                "\(name): has \(counted(entries.count, .entry)), "
                    + "expected \(lengths.lowerBound) ... \(lengths.upperBound)")
            for (index, number) in entries.compactMap(\.integerValue).enumerated() {
                try require(
                    range.contains(number), .invalidArgument,
                    "\(name)[\(index)]: is \(number), expected \(range.lowerBound) ... \(range.upperBound)")
            }
            return value
        case (.text, .string): return value
        default:
            throw SCNError(.format, "\(name): is \(value.shown), expected \(expectation)")
        }
    }

    private func axes(
        _ sizes: [Int], _ minimum: Int, _ dimension: Int?, _ name: String, isEach: Bool = false
    ) throws(SCNError) -> [Int] {
        let result = try perAxis(sizes, dimension, name, isEach)
        for (axis, size) in result.enumerated() {
            try require(
                size >= minimum, .invalidArgument, "\(name): is \(size) on axis \(axis), expected at least \(minimum)")
        }
        return result
    }

    private func ratios(
        _ ratios: [Double], _ dimension: Int?, _ name: String, isEach: Bool = false
    ) throws(SCNError) -> [Double] {
        let result = try perAxis(ratios, dimension, name, isEach)
        for (axis, ratio) in result.enumerated() {
            try require(
                ratio > 1 && ratio.isFinite, .invalidArgument,
                "\(name): is \(ratio) on axis \(axis), expected a finite number above 1")
        }
        return result
    }

    private func perAxis<Number>(
        _ entries: [Number], _ dimension: Int?, _ name: String, _ isEach: Bool
    ) throws(SCNError) -> [Number] {
        guard let dimension else { preconditionFailure("\(key) comes before the dimension") }
        try require(
            !isEach || entries.count == dimension, .shape,
            "\(name): has \(counted(entries.count, .entry)), expected \(dimension)")
        return isEach ? entries : Array(repeating: entries[0], count: dimension)
    }

    /// What a message expects.
    private var expectation: String {
        switch kind {
        case .count, .number, .planes: "an integer"
        case .flag: "true or false"
        case .sizes: "an integer or a list of integers"
        case .ratios: "a number or a list of numbers"
        case .real: "a number"
        case .choice(let words): listed(words)
        case .list: "a list of integers"
        case .text: "a string"
        }
    }

    /// Bytes of the longest text that is an argument.
    private static let textLimit = 1 << 22

    /// The value that a text gives, of the kind that this argument has, or an error that calls it `name`.
    func read(_ json: JSONValue, _ name: String) throws(SCNError) -> JSON {
        if isNullable && json.kind == .null { return .null }
        let value: JSON? =
            switch kind {
            case .count, .number, .planes: json.integerValue.map(JSON.integer)
            case .flag: json.boolValue.map(JSON.bool)
            case .real: json.numberValue.map(JSON.number)
            case .choice: json.shortString.map(JSON.string)
            case .list: json.list(\.integerValue).map { .array($0.map(JSON.integer)) }
            case .text: try json.string(limit: Self.textLimit).map(JSON.string)
            case .sizes:
                json.integerValue.map(JSON.integer)
                    ?? json.list(\.integerValue).map { .array($0.map(JSON.integer)) }
            case .ratios:
                json.numberValue.map(JSON.number) ?? json.list(\.numberValue).map { .array($0.map(JSON.number)) }
            }
        guard let value else { throw SCNError(.format, "\(name): is \(json.shown), expected \(expectation)") }
        return value
    }
}

extension LayerArgument.RealBound {
    func check(_ value: Double, _ name: String) throws(SCNError) {
        switch self {
        case .finite:
            try require(Float(value).isFinite, .invalidArgument, "\(name): is \(value), expected a finite number")
        case .atLeastZero: try requireAtLeastZero(value, name)
        case .positive: try requirePositive(value, name)
        case .fraction:
            try require(value >= 0 && value <= 1, .invalidArgument, "\(name): is \(value), expected 0 ... 1")
        }
    }
}

/// "a", "a or b", "a, b or c", each in quotes.
private func listed(_ words: [String]) -> String {
    let shown = words.map { "'\($0)'" }
    return shown.count < 2 ? shown.joined() : shown.dropLast().joined(separator: ", ") + " or \(shown.last!)"
}

// MARK: Descriptions

extension LayerArgument {
    /// What this argument says of itself to bindings.
    var description: JSON {
        var members: [(key: String, value: JSON)] = [("name", .string(key)), ("kind", .string(kindName))]
        switch kind {
        case .count(let minimum): members.append(("minimum", .integer(minimum)))
        case .sizes(let minimum): if minimum > .min { members.append(("minimum", .integer(minimum))) }
        case .number(let range):
            members += [("minimum", .integer(range.lowerBound)), ("maximum", .integer(range.upperBound))]
        case .planes: members += [("minimum", .integer(1)), ("maximum", .integer(Int(Int32.max)))]
        case .choice(let words): members.append(("choices", .array(words.map(JSON.string))))
        case .real(let bound): members.append(("bound", .string(bound.name)))
        case .list(let lengths, let range):
            members += [
                ("shortest", .integer(lengths.lowerBound)), ("longest", .integer(lengths.upperBound)),
                ("minimum", .integer(range.lowerBound)), ("maximum", .integer(range.upperBound)),
            ]
        case .text: break
        case .ratios: members.append(("bound", .string("above 1")))
        case .flag: break
        }
        if let fallback { members.append(("default", fallback)) }
        if isNullable { members.append(("is_nullable", .bool(true))) }
        if sparseConvNetName != key { members.append(("sparseconvnet_name", .string(sparseConvNetName))) }
        if !formerKeys.isEmpty { members.append(("former_names", .array(formerKeys.map(JSON.string)))) }
        if isAddition { members.append(("is_addition", .bool(true))) }
        if isTakenOver { members.append(("is_taken_over", .bool(true))) }
        members.append(("documentation", .string(documentation)))
        return .object(members)
    }

    private var kindName: String {
        switch kind {
        case .count, .number, .planes: "integer"
        case .flag: "flag"
        case .sizes: "sizes"
        case .ratios: "ratios"
        case .real: "real"
        case .choice: "choice"
        case .list: "list"
        case .text: "text"
        }
    }

    /// What a summary shows of a value; nil where it shows nothing.
    func shown(_ value: JSON, dimension: Int?) -> String? {
        if let fallback, (try? checked(fallback, dimension: dimension, key)) == value { return nil }
        switch display {
        case .hidden: return nil
        case .value: return value.compact
        case .labeled(let label): return "\(label) \(value.compact)"
        case .arrow: return "-> \(value.compact)"
        case .word(let word): return value == .bool(true) ? word : nil
        case .leakiness: return value == .number(0) ? "ReLU" : "leakiness \(value.compact)"
        }
    }
}

extension LayerArgument.RealBound {
    fileprivate var name: String {
        switch self {
        case .finite: "finite"
        case .atLeastZero: "at least 0"
        case .positive: "positive"
        case .fraction: "0 ... 1"
        }
    }
}

extension JSON {
    var integerValue: Int? { if case .integer(let value) = self { value } else { nil } }

    /// A number of either kind.
    var realValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    static func sizes(_ axes: [Int]) -> JSON { .array(axes.map(JSON.integer)) }

    /// What a message calls this value.
    fileprivate var shown: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let text): quoted(text)
        case .array: "a list"
        case .object: "an object"
        }
    }

    /// For people to read: a list whose entries agree is one entry, others are joined as in "3x1x5".
    fileprivate var compact: String {
        switch self {
        case .array(let entries):
            let shown = entries.map(\.compact)
            return Set(shown).count == 1 ? shown[0] : shown.joined(separator: "x")
        case .string(let text): return text
        case .null: return "none"
        default: return shown
        }
    }
}
