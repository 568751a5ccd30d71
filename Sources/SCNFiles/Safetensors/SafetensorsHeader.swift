internal import Glibc
internal import SCNCore

/// What the JSON header of a safetensors file says, once it has been held against the size of the data.
///
/// It keeps the text and the places in it: a header of many tensors takes little more than the file has.
struct SafetensorsHeader {
    static let metadataKey = "__metadata__"

    private struct Entry: BitwiseCopyable {
        var begin: Int
        var end: Int
        /// Of the name; what is said of the tensor follows.
        var node: UInt32
    }

    private let document: JSONDocument
    private let entries: Storage<Entry>
    private let names: JSONNames
    private let metadataNode: Int?

    /// - Throws: `.format`, and a message that names the tensor; `.memory`.
    init(_ text: Storage<UInt8>, dataCount: Int) throws(SCNError) {
        guard text.first == UInt8(ascii: "{") else {
            throw SCNError(.format, "the header does not begin with '{'")
        }
        let document: JSONDocument
        do { document = try JSONDocument(text) } catch { throw SCNError(error.kind, "header, \(error.message)") }
        self.document = document
        var (metadataNode, count) = (Int?.none, 0)
        for key in document.keys(of: 0) {
            if document.string(key).equals(Self.metadataKey) { metadataNode = key + 1 } else { count += 1 }
        }
        self.metadataNode = metadataNode
        let entries = try Storage<Entry>(count: count)
        self.entries = entries
        names = try JSONNames(capacity: count) { document.string(Int(entries.pointer[$0].node)) }
        try checkMetadata()
        var index = 0
        for key in document.keys(of: 0) where key + 1 != metadataNode {
            do {
                let range = try Self.range(JSONValue(document: document, node: key + 1))
                entries.pointer[index] = Entry(begin: range.lowerBound, end: range.upperBound, node: UInt32(key))
            } catch { throw SCNError(.format, "tensor \(document.string(key).quoted): \(error.message)") }
            _ = names.insert(index)
            index += 1
        }
        try checkCoverage(dataCount: dataCount)
    }

    var metadata: JSONValue? { metadataNode.map { JSONValue(document: document, node: $0) } }

    /// The number of tensors.
    var count: Int { entries.count }

    func index(of name: String) -> Int? { names.find(name) }

    func name(_ index: Int) -> JSONString { document.string(Int(entries.pointer[index].node)) }

    func range(_ index: Int) -> Range<Int> { entries.pointer[index].begin..<entries.pointer[index].end }

    /// Type and shape, which were checked.
    func description(_ index: Int) throws(SCNError) -> (type: SafetensorsType, shape: [Int]) {
        try Self.description(JSONValue(document: document, node: Int(entries.pointer[index].node) + 1))
    }

    private func checkMetadata() throws(SCNError) {
        guard let metadata else { return }
        guard metadata.kind == .object else { throw SCNError(.format, "'__metadata__' is no object") }
        for (key, value) in metadata.members where value.kind != .string {
            throw SCNError(.format, "'__metadata__': the value of \(key.quoted) is no string")
        }
    }

    private static func description(_ json: JSONValue) throws(SCNError) -> (type: SafetensorsType, shape: [Int]) {
        (SafetensorsType(name: try json.string("dtype")), try json.ints("shape", in: 0...Int.max))
    }

    private static func range(_ json: JSONValue) throws(SCNError) -> Range<Int> {
        let (type, shape) = try description(json)
        let offsets = try json.ints("data_offsets", in: 0...Int.max)
        try require(offsets.count == 2, .format, "'data_offsets' has \(counted(offsets.count, .element)), not 2")
        let (begin, end) = (offsets[0], offsets[1])
        try require(begin <= end, .format, "'data_offsets' begin at \(begin) and end before, at \(end)")
        if let bits = type.bits {
            let total = try SafetensorsType.bits(bits, times: shape, "'shape'")
            try require(
                total % 8 == 0 && total / 8 == end - begin, .format,
                "'data_offsets' span \(end - begin) bytes, but type and shape need \(total / 8)")
        }
        return begin..<end
    }

    private func checkCoverage(dataCount: Int) throws(SCNError) {
        let ordered = try Storage<Entry>(UnsafeBufferPointer(entries.buffer))
        // Not Swift's sort, which takes memory that cannot fail.
        qsort(ordered.pointer, count, MemoryLayout<Entry>.stride) { a, b in
            let (a, b) = (a!.load(as: Entry.self), b!.load(as: Entry.self))
            return (a.begin, a.end, a.node) < (b.begin, b.end, b.node) ? -1 : 1
        }
        var position = 0
        for entry in ordered {
            func name() -> String { document.string(Int(entry.node)).quoted }
            let (begin, end) = (entry.begin, entry.end)
            try require(end <= dataCount, .format, "tensor \(name()) ends at \(end) of \(dataCount) bytes")
            try require(begin >= position, .format, "tensor \(name()) begins at \(begin), inside another one")
            try require(
                begin == position, .format, "bytes \(position) to \(begin) of the data belong to no tensor")
            position = end
        }
        try require(
            position == dataCount, .format, "bytes \(position) to \(dataCount) of the data belong to no tensor")
    }
}
