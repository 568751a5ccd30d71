internal import CSCNSupport

/// Bytes whose allocation can fail without a trap, or a host's buffer on loan.
package class RawStorage {
    /// Whose memory it is.
    package enum Memory: Sendable {
        /// The library's.
        case own
        /// A host's, on loan.
        case onLoan
        /// Nobody's yet: nothing may read or write it.
        case absent
    }

    /// The address of the first byte.
    package final let address: UnsafeMutableRawPointer
    /// The number of bytes.
    package final let byteCount: Int
    /// Whose memory it is.
    package final let memory: Memory
    private final let release: (() -> Void)?
    /// Grows with the changes noted; negative once they cannot be.
    private final var changeCount = 0

    fileprivate init(
        _ memory: Memory, _ address: UnsafeMutableRawPointer, byteCount: Int, release: (() -> Void)? = nil
    ) {
        self.memory = memory
        self.address = address
        self.byteCount = byteCount
        self.release = release
        if memory == .onLoan { changeCount = -1 }
    }

    /// Memory of its own for `count` elements of `size` bytes, 64-byte aligned; zeroed or with undefined content.
    package convenience init(count: Int, of size: Int, zeroed: Bool = false) throws(SCNError) {
        let bytes = try Self.bytes(count, of: size)
        self.init(.own, try Self.allocate(bytes, zeroed: zeroed), byteCount: bytes)
    }

    deinit {
        switch memory {
        case .own: scn_memory_free(address)
        case .onLoan: release?()
        case .absent: break
        }
    }

    /// All bytes.
    package final var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: address, count: byteCount)
    }

    /// Tells apart the contents that a tensor's elements had, for what is derived from them and kept; nil where a host
    /// may change them unseen: it lent the buffer, or has its address.
    package final var version: Int? { changeCount < 0 ? nil : changeCount }

    /// To be called wherever the elements of a tensor are overwritten.
    package final func noteChange() { if changeCount >= 0 { changeCount += 1 } }

    /// To be called before a host gets the address.
    package final func noteAddressGivenOut() { if changeCount >= 0 { changeCount = -1 } }

    fileprivate static func bytes(_ count: Int, of size: Int) throws(SCNError) -> Int {
        let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
        guard count >= 0, !overflow else {
            throw SCNError(.overflow, "\(count) elements of \(size) bytes overflow 64 bits")
        }
        return bytes
    }

    fileprivate static func allocate(_ bytes: Int, zeroed: Bool) throws(SCNError) -> UnsafeMutableRawPointer {
        guard let memory = zeroed ? scn_memory_allocate_zeroed(bytes) : scn_memory_allocate(bytes) else {
            throw SCNError(.memory, "out of memory: \(bytes) bytes asked for")
        }
        return memory
    }
}

/// Memory for `count` trivial elements.
package final class Storage<Element: BitwiseCopyable>: RawStorage {
    /// The address of the first element.
    package let pointer: UnsafeMutablePointer<Element>
    /// The number of elements.
    package let count: Int

    /// Memory of its own, 64-byte aligned; zeroed or with undefined content.
    package init(count: Int, zeroed: Bool = false) throws(SCNError) {
        let bytes = try Self.bytes(count, of: MemoryLayout<Element>.stride)
        let memory = try Self.allocate(bytes, zeroed: zeroed)
        pointer = memory.bindMemory(to: Element.self, capacity: count)
        self.count = count
        super.init(.own, memory, byteCount: bytes)
    }

    /// A buffer of the host, which must outlive this object; `release` is called when it is no longer needed.
    package init(borrowing pointer: UnsafeMutablePointer<Element>, count: Int, release: @escaping () -> Void = {}) {
        self.pointer = pointer
        self.count = count
        super.init(
            .onLoan, UnsafeMutableRawPointer(pointer), byteCount: count * MemoryLayout<Element>.stride,
            release: release)
    }

    /// A place for `count` elements without memory: nothing may read or write it.
    package init(absent count: Int) {
        pointer = UnsafeMutablePointer(bitPattern: 64)!
        self.count = count
        super.init(
            .absent, UnsafeMutableRawPointer(pointer), byteCount: count * MemoryLayout<Element>.stride)
    }

    /// A copy of `elements`.
    package convenience init(_ elements: some Collection<Element>) throws(SCNError) {
        try self.init(count: elements.count)
        _ = UnsafeMutableBufferPointer(start: pointer, count: count).initialize(from: elements)
    }

    /// All elements, for as long as something else keeps this object: it may go at its last mention, before what reads
    /// them. As a collection it stays.
    @inlinable package var buffer: UnsafeMutableBufferPointer<Element> { .init(start: pointer, count: count) }

    /// An element; the index is checked in debug builds alone.
    @inlinable package subscript(index: Int) -> Element {
        get {
            assert(index >= 0 && index < count)
            return pointer[index]
        }
        set {
            assert(index >= 0 && index < count)
            pointer[index] = newValue
        }
    }
}

extension Storage: RandomAccessCollection {
    @inlinable package var startIndex: Int { 0 }
    @inlinable package var endIndex: Int { count }

    @inlinable package func withContiguousStorageIfAvailable<R>(
        _ body: (UnsafeBufferPointer<Element>) throws -> R
    ) rethrows -> R? {
        try withExtendedLifetime(self) { try body(UnsafeBufferPointer(buffer)) }
    }
}

/// Bytes that storages hold in the whole process.
package var liveMemoryBytes: Int { Int(scn_memory_live_bytes()) }

/// Throws a memory error unless `count` things of `size` bytes can be had now: to be asked before arrays and strings of
/// Swift's own, or many objects, are made in a number that a host or a file chooses. Where those find no memory, the
/// process ends.
package func expectMemory(
    _ count: Int, times size: Int = 1, _ what: @autoclosure () -> String
) throws(SCNError) {
    let bytes = try checkedProduct([count, size], what())
    if bytes < 1 << 16 { return }
    // What they leave between them, and what else the call needs.
    let (asked, overflow) = bytes.addingReportingOverflow(bytes / 4 + 1 << 20)
    try require(
        !overflow && scn_memory_can_be_had(asked) != 0, .memory, "out of memory: \(what()) may take \(bytes) bytes")
}
