package import SCNCore

extension JSON {
    /// This value as text without spaces, members in their order, numbers in the fewest digits that read back the same.
    ///
    /// - Throws: `.invalidArgument` for numbers that are not finite, duplicate keys, and more than `depthLimit` arrays
    ///   and objects inside each other: what ``parse(_:depthLimit:)-(String,_)`` would refuse.
    package func text(depthLimit: Int = JSON.depthLimit) throws(SCNError) -> String {
        var output: [UInt8] = []
        try write(to: &output, depth: 0, depthLimit: depthLimit)
        return String(decoding: output, as: UTF8.self)
    }

    private func write(to output: inout [UInt8], depth: Int, depthLimit: Int) throws(SCNError) {
        switch self {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): output.append(contentsOf: value.description.utf8)
        case .number(let value):
            try require(value.isFinite, .invalidArgument, "JSON cannot hold the number \(value)")
            output.append(contentsOf: value.description.utf8)
        case .string(let value): JSON.write(value, to: &output)
        case .array(let elements):
            try JSON.checkDepth(depth + 1, depthLimit)
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                try element.write(to: &output, depth: depth + 1, depthLimit: depthLimit)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            try JSON.checkDepth(depth + 1, depthLimit)
            var keys: Set<String> = []
            output.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                try require(
                    keys.insert(member.key).inserted, .invalidArgument,
                    "a JSON object with two members of key \(quoted(member.key))")
                if index > 0 { output.append(UInt8(ascii: ",")) }
                JSON.write(member.key, to: &output)
                output.append(UInt8(ascii: ":"))
                try member.value.write(to: &output, depth: depth + 1, depthLimit: depthLimit)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    private static func checkDepth(_ depth: Int, _ limit: Int) throws(SCNError) {
        try require(depth <= limit, .invalidArgument, "JSON arrays and objects that nest deeper than \(limit)")
    }

    private static func write(_ string: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        var string = string
        string.withUTF8 { bytes in
            var rest = bytes[...]
            while let place = rest.firstIndex(where: needsEscape) {
                output.append(contentsOf: UnsafeBufferPointer(rebasing: rest[..<place]))
                appendEscape(rest[place], to: &output)
                rest = rest[(place + 1)...]
            }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: rest))
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private static func appendEscape(_ byte: UInt8, to output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\n"): output.append(contentsOf: "\\n".utf8)
        case UInt8(ascii: "\r"): output.append(contentsOf: "\\r".utf8)
        case UInt8(ascii: "\t"): output.append(contentsOf: "\\t".utf8)
        case 0..<0x20:
            let digits = String(byte, radix: 16)
            output.append(contentsOf: (byte < 0x10 ? "\\u000" : "\\u00").utf8)
            output.append(contentsOf: digits.utf8)
        default: output.append(contentsOf: [UInt8(ascii: "\\"), byte])
        }
    }
}
