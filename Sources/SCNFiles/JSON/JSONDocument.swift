package import SCNCore

/// A JSON text (RFC 8259) that was checked as a whole, with the places of its values; nothing of it is copied.
///
/// Beside the text it takes 8 bytes a value, from memory that can fail: a text of any size is read or refused.
package final class JSONDocument {
    private let text: Storage<UInt8>
    private let nodes: Storage<JSONNode>

    /// Texts are shorter, so that places are 32 bits.
    package static let byteLimit = Int(Int32.max)

    /// - Throws: `.format` with the position of the first byte that is wrong, as
    ///   ``JSONScanner`` says, and for duplicate keys; `.memory`.
    package init(_ text: Storage<UInt8>, depthLimit: Int = JSON.depthLimit) throws(SCNError) {
        guard text.count <= Self.byteLimit else {
            throw SCNError(.format, "a text of \(text.count) bytes, more than the \(Self.byteLimit) allowed")
        }
        self.text = text
        let bytes = UnsafeBufferPointer(text.buffer)
        var counter = JSONScanner(bytes: bytes, depthLimit: depthLimit)
        try counter.document()
        nodes = try Storage(count: counter.nodeCount)
        var scanner = JSONScanner(bytes: bytes, depthLimit: depthLimit, nodes: nodes.pointer)
        try scanner.document()
        for node in 0..<nodes.count where first(node) == UInt8(ascii: "{") { try refuseDuplicates(node) }
    }

    package convenience init(_ text: String, depthLimit: Int = JSON.depthLimit) throws(SCNError) {
        try self.init(Storage(text.utf8), depthLimit: depthLimit)
    }

    /// The one value that the text holds.
    package var root: JSONValue { JSONValue(document: self, node: 0) }

    /// How many objects the text has.
    package var objectCount: Int { (0..<nodes.count).count { first($0) == UInt8(ascii: "{") } }

    func first(_ node: Int) -> UInt8 { text.pointer[Int(nodes.pointer[node].start)] }
    func next(_ node: Int) -> Int { Int(nodes.pointer[node].next) }

    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(text.buffer) }

    func string(_ node: Int) -> JSONString { JSONString(self, start: Int(nodes.pointer[node].start) + 1) }

    /// The text from a number's first byte to its last.
    func number(_ node: Int) -> Slice<UnsafeBufferPointer<UInt8>> {
        let start = Int(nodes.pointer[node].start)
        return bytes[start..<(bytes[start...].firstIndex { !Self.isOfNumbers($0) } ?? text.count)]
    }

    private static func isOfNumbers(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private func refuseDuplicates(_ object: Int) throws(SCNError) {
        var count = 0
        for _ in keys(of: object) { count += 1 }
        if count > 8 {
            let known = try JSONNames(capacity: count, string: string)
            for key in keys(of: object) where known.insert(key) != nil { throw duplicate(key) }
        } else {
            for key in keys(of: object) {
                for earlier in keys(of: object) {
                    if earlier == key { break }
                    if string(earlier).elementsEqual(string(key)) { throw duplicate(key) }
                }
            }
        }
    }

    private func duplicate(_ key: Int) -> SCNError {
        SCNError(.format, "byte \(nodes.pointer[key].start): duplicate key \(string(key).quoted)")
    }

    /// The nodes of an object's keys, each before its value.
    func keys(of object: Int) -> some Sequence<Int> {
        sequence(state: object + 1) { [last = next(object)] (key: inout Int) -> Int? in
            if key >= last { return nil }
            defer { key = self.next(key + 1) }
            return key
        }
    }
}
