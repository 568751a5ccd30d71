internal import Glibc
package import SCNCore

/// A path as the system takes it: bytes, which need not be text.
package struct FilePath: CustomStringConvertible {
    /// With the NUL that ends it.
    private let bytes: [CChar]

    /// The longest path that Linux takes, the NUL not counted.
    private static let limit = Int(PATH_MAX) - 1

    /// - Throws: `.file` where the path is empty or too long for the system, `.invalidArgument` where a NUL is inside.
    package init(_ text: String) throws(SCNError) {
        let units = text.utf8
        try require(!units.contains(0), .invalidArgument, "a path with a NUL character: \(quoted(text))")
        try self.init(units.lazy.map { CChar(bitPattern: $0) })
    }

    /// The path that a host passes.
    package init(_ path: UnsafePointer<CChar>) throws(SCNError) {
        try self.init(UnsafeBufferPointer(start: path, count: strnlen(path, Self.limit + 1)))
    }

    private init(_ bytes: some Sequence<CChar>) throws(SCNError) {
        self.bytes = Array(bytes.prefix(Self.limit + 1)) + [0]
        let count = self.bytes.count - 1
        try require(count > 0, .file, "path: is empty, expected the path of a file")
        try require(count <= Self.limit, .file, "\(self): is longer than the \(Self.limit) bytes that the system takes")
    }

    package func withCString<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
        bytes.withUnsafeBufferPointer { body($0.baseAddress!) }
    }

    /// The path for a message: bytes that are no text, and those that a terminal would obey, as `\xe9`; the middle of a
    /// long path left out, so that what is said of it is seen.
    package var description: String {
        var shown: [String] = []
        var rest = bytes.dropLast().map { UInt8(bitPattern: $0) }[...]
        while !rest.isEmpty {
            var decoder = UTF8()
            var units = rest.makeIterator()
            if case .scalarValue(let scalar) = decoder.decode(&units), scalar.value >= 0x20, scalar.value != 0x7F {
                shown.append(String(scalar))
                rest = rest.dropFirst(UTF8.width(scalar))
            } else {
                let digits = String(rest.removeFirst(), radix: 16)
                shown.append("\\x" + (digits.count < 2 ? "0" : "") + digits)
            }
        }
        if shown.count > 400 { shown.replaceSubrange(120..<shown.count - 240, with: ["..."]) }
        return shown.joined()
    }

    /// The folder that the last part of the path is in.
    var folder: FilePath? {
        guard let slash = bytes.lastIndex(of: Self.slash) else { return try? FilePath(".") }
        return try? FilePath(bytes[..<max(slash, 1)])
    }

    /// A path from this folder on; one that begins with a slash is whole.
    func appending(_ other: some Collection<CChar>) throws(SCNError) -> FilePath {
        if other.first == Self.slash { return try FilePath(other) }
        return try FilePath(Array(bytes.dropLast()) + [Self.slash] + other)
    }

    /// What the symbolic link that the path names says, or nil where it is none.
    var linkTarget: [CChar]? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { link in
            let length = withCString { readlink($0, link.baseAddress!, link.count) }
            return length > 0 ? Array(link[..<length]) : nil
        }
    }

    private static let slash = CChar(bitPattern: UInt8(ascii: "/"))
}
