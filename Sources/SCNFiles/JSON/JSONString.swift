package import SCNCore

/// A string of a JSON text, as the bytes of UTF-8 that it means, read from where it stands.
package struct JSONString: Sequence {
    private let document: JSONDocument
    /// Of what follows the first quote.
    private let start: Int

    init(_ document: JSONDocument, start: Int) {
        self.document = document
        self.start = start
    }

    package struct Iterator: IteratorProtocol {
        /// Keeps the bytes that the scanner reads.
        private let document: JSONDocument
        private var scanner: JSONScanner
        /// What is left of an escape, the first byte lowest.
        private var pending: UInt32 = 0

        fileprivate init(_ document: JSONDocument, _ start: Int) {
            self.document = document
            scanner = JSONScanner(bytes: document.bytes, depthLimit: 0)
            scanner.position = start
        }

        package mutating func next() -> UInt8? {
            if pending != 0 {
                defer { pending >>= 8 }
                // Each byte of a longer sequence is above 0.
                return UInt8(truncatingIfNeeded: pending)
            }
            guard let byte = scanner.peek(), byte != UInt8(ascii: "\"") else { return nil }
            scanner.position += 1
            guard byte == UInt8(ascii: "\\"), let scalar = try? scanner.escapedScalar() else { return byte }
            var (bytes, shift) = (UInt32(0), UInt32(0))
            for unit in UTF8.encode(scalar)! {
                bytes |= UInt32(unit) << shift
                shift += 8
            }
            pending = bytes >> 8
            return UInt8(truncatingIfNeeded: bytes)
        }
    }

    package func makeIterator() -> Iterator { Iterator(document, start) }

    /// A copy of the bytes.
    package func bytes() throws(SCNError) -> Storage<UInt8> {
        var count = 0
        for _ in self { count += 1 }
        let result = try Storage<UInt8>(count: count)
        for (index, byte) in enumerated() { result.pointer[index] = byte }
        return result
    }

    package func equals(_ other: String) -> Bool { elementsEqual(other.utf8) }

    package func hasPrefix(_ prefix: String) -> Bool { starts(with: prefix.utf8) }

    /// The string; of a long one what the first `limit` bytes say.
    package func text(limit: Int) -> String {
        var bytes: [UInt8] = []
        for byte in self {
            if bytes.count == limit { break }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func isLonger(than limit: Int) -> Bool {
        var iterator = makeIterator()
        for _ in 0..<limit where iterator.next() == nil { return false }
        return iterator.next() != nil
    }

    /// The string in quotes for a message.
    package var quoted: String { SCNFiles.quoted(text(limit: 300)) }
}

/// Finds strings of a JSON text by what they say: a hash table in memory that can fail. Strings go by numbers.
struct JSONNames {
    /// A string's number and one; 0 where there is none.
    private let slots: Storage<UInt32>
    private let string: (Int) -> JSONString

    init(capacity: Int, string: @escaping (Int) -> JSONString) throws(SCNError) {
        var count = 8
        while count < 2 * capacity { count *= 2 }
        slots = try Storage(count: count, zeroed: true)
        self.string = string
    }

    /// Adds a string, or returns the number of the one that is there and says the same.
    func insert(_ number: Int) -> Int? {
        let name = string(number)
        let slot = slot(Self.hash(name)) { $0.elementsEqual(name) }
        if slots.pointer[slot] != 0 { return Int(slots.pointer[slot]) - 1 }
        slots.pointer[slot] = UInt32(number) + 1
        return nil
    }

    func find(_ name: String) -> Int? {
        let slot = slot(Self.hash(name.utf8)) { $0.equals(name) }
        return slots.pointer[slot] == 0 ? nil : Int(slots.pointer[slot]) - 1
    }

    private func slot(_ hash: Int, _ isSame: (JSONString) -> Bool) -> Int {
        var slot = hash & (slots.count - 1)
        while slots.pointer[slot] != 0, !isSame(string(Int(slots.pointer[slot]) - 1)) {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    /// Seeded anew in each process, so that no file can be made whose names all meet.
    private static func hash(_ bytes: some Sequence<UInt8>) -> Int {
        var hasher = Hasher()
        for byte in bytes { hasher.combine(byte) }
        return hasher.finalize()
    }
}
