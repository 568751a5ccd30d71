package import SCNCore

extension JSON {
    /// The one value that `text` holds.
    ///
    /// - Throws: `.format` with the position of the first byte that is wrong. Beside what RFC 8259 forbids: duplicate
    ///   keys, lone surrogates, integers beyond 64 bits, numbers beyond `Double`, more than `depthLimit` arrays and
    ///   objects inside each other, and more than four million values (which bounds the memory that a text can take).
    package static func parse(_ text: String, depthLimit: Int = JSON.depthLimit) throws(SCNError) -> JSON {
        var text = text
        let result = text.withUTF8 { bytes in
            Result { () throws(SCNError) in try parse(bytes, depthLimit: depthLimit) }
        }
        return try result.get()
    }

    /// The one value that the UTF-8 text in `bytes` holds; errors as of ``parse(_:depthLimit:)-(String,_)``.
    package static func parse(
        _ bytes: UnsafeBufferPointer<UInt8>, depthLimit: Int = JSON.depthLimit
    ) throws(SCNError) -> JSON {
        var parser = JSONParser(bytes: bytes, depthLimit: depthLimit)
        return try parser.document()
    }
}

/// A recursive descent over bytes, as deep as `depthLimit` and no deeper.
private struct JSONParser {
    static let valueLimit = 4_000_000

    let bytes: UnsafeBufferPointer<UInt8>
    let depthLimit: Int
    var position = 0
    var values = 0

    init(bytes: UnsafeBufferPointer<UInt8>, depthLimit: Int) {
        self.bytes = bytes
        self.depthLimit = depthLimit
    }

    mutating func document() throws(SCNError) -> JSON {
        let result = try value(depth: 0)
        skipSpace()
        if position < bytes.count { throw unexpected("the end") }
        return result
    }

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

    mutating func value(depth: Int) throws(SCNError) -> JSON {
        skipSpace()
        values += 1
        if values > Self.valueLimit { throw failure("more than \(Self.valueLimit) values") }
        guard let byte = peek() else { throw unexpected("a value") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: throw unexpected("a value")
        }
    }

    mutating func word(_ word: StaticString, _ value: JSON) throws(SCNError) -> JSON {
        for index in 0..<word.utf8CodeUnitCount { try expect(word.utf8Start[index], "'\(word)'") }
        return value
    }

    mutating func enter(_ depth: Int) throws(SCNError) {
        if depth > depthLimit { throw failure("arrays and objects nest deeper than \(depthLimit)") }
        position += 1
        skipSpace()
    }

    mutating func array(depth: Int) throws(SCNError) -> [JSON] {
        try enter(depth)
        var elements: [JSON] = []
        if take(UInt8(ascii: "]")) { return elements }
        repeat {
            elements.append(try value(depth: depth))
            skipSpace()
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"), "',' or ']'")
        return elements
    }

    mutating func object(depth: Int) throws(SCNError) -> [(key: String, value: JSON)] {
        try enter(depth)
        var members: [(key: String, value: JSON)] = []
        if take(UInt8(ascii: "}")) { return members }
        var keys: Set<String> = []
        repeat {
            skipSpace()
            let start = position
            if peek() != UInt8(ascii: "\"") { throw unexpected("a key in quotes") }
            let key = try string()
            if !keys.insert(key).inserted { throw failure("duplicate key \(quoted(key))", at: start) }
            skipSpace()
            try expect(UInt8(ascii: ":"), "':'")
            members.append((key, try value(depth: depth)))
            skipSpace()
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"), "',' or '}'")
        return members
    }
}

// MARK: - Strings

extension JSONParser {
    mutating func string() throws(SCNError) -> String {
        let start = position
        position += 1
        var decoded: [UInt8] = []
        var runStart = position
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                let run = UnsafeBufferPointer(rebasing: bytes[runStart..<position])
                position += 1
                decoded.append(contentsOf: run)
                guard let result = String(validating: decoded, as: UTF8.self) else {
                    throw failure("a string that is not valid UTF-8", at: start)
                }
                return result
            case UInt8(ascii: "\\"):
                decoded.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[runStart..<position]))
                position += 1
                decoded.append(contentsOf: UTF8.encode(try escapedScalar())!)
                runStart = position
            case 0..<0x20:
                throw failure("a control character inside a string")
            default:
                position += 1
            }
        }
        throw failure("a string that never ends", at: start)
    }

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

extension JSONParser {
    mutating func digits() throws(SCNError) {
        guard let byte = peek(), isDigit(byte) else { throw unexpected("a digit") }
        while let byte = peek(), isDigit(byte) { position += 1 }
    }

    func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    mutating func number() throws(SCNError) -> JSON {
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
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger {
            guard let value = Int(text) else { throw failure("an integer beyond 64 bits", at: start) }
            return .integer(value)
        }
        guard let value = Double(text), value.isFinite else {
            throw failure("a number beyond the range of float64", at: start)
        }
        return .number(value)
    }
}
