internal import SCNCore

/// Where a value or a key is: its first byte, and the number of the node behind all that it holds.
struct JSONNode: BitwiseCopyable {
    var start: UInt32
    var next: UInt32
}

/// A recursive descent over bytes, as deep as `depthLimit` and no deeper, that keeps nothing but the places of values.
struct JSONScanner {
    static let valueLimit = 4_000_000
    /// More digits than any number needs; so that the text of one is short.
    static let numberLimit = 1000

    let bytes: UnsafeBufferPointer<UInt8>
    let depthLimit: Int
    /// Where nodes go, in the order of the text, a key before its value; nil only counts them.
    var nodes: UnsafeMutablePointer<JSONNode>?
    var nodeCount = 0
    var position = 0
    var values = 0

    init(bytes: UnsafeBufferPointer<UInt8>, depthLimit: Int, nodes: UnsafeMutablePointer<JSONNode>? = nil) {
        self.bytes = bytes
        self.depthLimit = depthLimit
        self.nodes = nodes
    }

    /// - Throws: `.format` with the position of the first byte that is wrong. Beside what RFC 8259 forbids: lone
    ///   surrogates, integers beyond 64 bits, numbers beyond `Double` or of more than 1000 characters, more than
    ///   `depthLimit` arrays and objects inside each other, and more than four million values.
    mutating func document() throws(SCNError) {
        try value(depth: 0)
        skipSpace()
        if position < bytes.count { throw unexpected("the end") }
    }

    /// Notes that a key or a value begins here; what ends it is ``end(_:)``.
    mutating func begin() -> Int {
        nodes?[nodeCount].start = UInt32(truncatingIfNeeded: position)
        nodeCount += 1
        return nodeCount - 1
    }

    mutating func end(_ node: Int) { nodes?[node].next = UInt32(truncatingIfNeeded: nodeCount) }

    func failure(_ message: String, at place: Int? = nil) -> SCNError {
        SCNError(.format, "byte \(place ?? position): \(message)")
    }

    func unexpected(_ expected: String) -> SCNError {
        guard let byte = peek() else { return failure("\(expected) expected, the text ends") }
        let shown = (0x21...0x7E).contains(byte) ? "'\(Character(UnicodeScalar(byte)))'" : "byte value \(byte)"
        return failure("\(expected) expected, \(shown) found")
    }

    func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    mutating func expect(_ byte: UInt8, _ expected: String) throws(SCNError) {
        if !take(byte) { throw unexpected(expected) }
    }

    mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    mutating func value(depth: Int) throws(SCNError) {
        skipSpace()
        values += 1
        if values > Self.valueLimit { throw failure("more than \(Self.valueLimit) values") }
        guard let byte = peek() else { throw unexpected("a value") }
        let node = begin()
        switch byte {
        case UInt8(ascii: "{"): try object(depth: depth + 1)
        case UInt8(ascii: "["): try array(depth: depth + 1)
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: throw unexpected("a value")
        }
        end(node)
    }

    mutating func word(_ word: StaticString) throws(SCNError) {
        for index in 0..<word.utf8CodeUnitCount { try expect(word.utf8Start[index], "'\(word)'") }
    }

    mutating func enter(_ depth: Int) throws(SCNError) {
        if depth > depthLimit { throw failure("arrays and objects nest deeper than \(depthLimit)") }
        position += 1
        skipSpace()
    }

    mutating func array(depth: Int) throws(SCNError) {
        try enter(depth)
        if take(UInt8(ascii: "]")) { return }
        repeat {
            try value(depth: depth)
            skipSpace()
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"), "',' or ']'")
    }

    mutating func object(depth: Int) throws(SCNError) {
        try enter(depth)
        if take(UInt8(ascii: "}")) { return }
        repeat {
            skipSpace()
            if peek() != UInt8(ascii: "\"") { throw unexpected("a key in quotes") }
            let key = begin()
            try string()
            end(key)
            skipSpace()
            try expect(UInt8(ascii: ":"), "':'")
            try value(depth: depth)
            skipSpace()
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"), "',' or '}'")
    }
}

// MARK: - Strings

extension JSONScanner {
    mutating func string() throws(SCNError) {
        let start = position
        var isASCII = true
        position += 1
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                // Escapes are ASCII: what holds for the text holds for what it means.
                let run = UnsafeBufferPointer(rebasing: bytes[(start + 1)..<position])
                if !isASCII && (try? UTF8Span(validating: run.span)) == nil {
                    throw failure("a string that is not valid UTF-8", at: start)
                }
                position += 1
                return
            case UInt8(ascii: "\\"):
                position += 1
                _ = try escapedScalar()
            case 0..<0x20: throw failure("a control character inside a string")
            default:
                if byte >= 0x80 { isASCII = false }
                position += 1
            }
        }
        throw failure("a string that never ends", at: start)
    }

    /// The scalar of the escape whose backslash was just passed.
    mutating func escapedScalar() throws(SCNError) -> UnicodeScalar {
        guard let byte = peek() else { throw unexpected("an escape") }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            position += 1
            return UnicodeScalar(byte)
        case UInt8(ascii: "b"): return simple("\u{8}")
        case UInt8(ascii: "f"): return simple("\u{C}")
        case UInt8(ascii: "n"): return simple("\n")
        case UInt8(ascii: "r"): return simple("\r")
        case UInt8(ascii: "t"): return simple("\t")
        case UInt8(ascii: "u"):
            let start = position - 1
            let first = try codeUnit()
            if let scalar = UnicodeScalar(first) { return scalar }
            guard first < 0xDC00, take(UInt8(ascii: "\\")), peek() == UInt8(ascii: "u") else {
                throw failure("a lone surrogate", at: start)
            }
            let second = try codeUnit()
            guard (0xDC00...0xDFFF).contains(second),
                let scalar = UnicodeScalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
            else { throw failure("a lone surrogate", at: start) }
            return scalar
        default: throw unexpected("an escape")
        }
    }

    mutating func simple(_ scalar: UnicodeScalar) -> UnicodeScalar {
        position += 1
        return scalar
    }

    /// The four hexadecimal digits after the `u` at `position`.
    mutating func codeUnit() throws(SCNError) -> UInt16 {
        position += 1
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(UnicodeScalar(byte)).hexDigitValue else {
                throw unexpected("a hexadecimal digit")
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }
}

// MARK: - Numbers

extension JSONScanner {
    mutating func digits() throws(SCNError) {
        guard let byte = peek(), isDigit(byte) else { throw unexpected("a digit") }
        while let byte = peek(), isDigit(byte) { position += 1 }
    }

    func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    mutating func number() throws(SCNError) {
        let start = position
        var isInteger = true
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) {
            isInteger = false
            try digits()
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isInteger = false
            if !take(UInt8(ascii: "-")) { _ = take(UInt8(ascii: "+")) }
            try digits()
        }
        if isInteger {
            if Self.integer(bytes[start..<position]) == nil { throw failure("an integer beyond 64 bits", at: start) }
            return
        }
        if position - start > Self.numberLimit {
            throw failure("a number of more than \(Self.numberLimit) characters", at: start)
        }
        if !Self.number(bytes[start..<position]).isFinite {
            throw failure("a number beyond the range of float64", at: start)
        }
    }

    /// The value of digits that may have a sign; nil where 64 bits do not hold it.
    static func integer(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
        let isNegative = text.first == UInt8(ascii: "-")
        var value = 0
        for byte in text.dropFirst(isNegative ? 1 : 0) {
            let digit = Int(byte - UInt8(ascii: "0"))
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowToo) =
                isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            if overflow || overflowToo { return nil }
            value = sum
        }
        return value
    }

    /// The value of a number's text; infinite where it is beyond the range.
    static func number(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Double {
        Double(String(decoding: text, as: UTF8.self)) ?? .infinity
    }
}
