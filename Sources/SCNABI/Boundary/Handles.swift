internal import SCNCore
internal import SCNNN

/// What a handle can stand for; the raw value is part of the handle.
enum HandleKind: UInt {
    case tensor = 1
    case module = 2
    case optimizer = 3
    case geometry = 4
    case rulebook = 5

    var name: String {
        switch self {
        case .tensor: "tensor"
        case .module: "module"
        case .optimizer: "optimizer"
        case .geometry: "geometry"
        case .rulebook: "rulebook"
        }
    }
}

/// All live handles. A handle is never dereferenced: it is a number that encodes kind, slot and generation, so that a
/// released handle, or one of another kind, is told apart from a live one.
enum Handles {
    private struct Slot {
        var object: AnyObject?
        var kind: HandleKind
        var generation: UInt
        var owners: Int
    }

    private struct Table {
        var slots: [Slot] = []
        var free: [Int] = []
        var live = 0
    }

    private static let table = Locked(Table())
    private static let slotBits: UInt = 32
    private static let generationBits: UInt = 28
    private static let lastGeneration: UInt = (1 << generationBits) - 1

    static var liveCount: Int { table.withLock { $0.live } }

    /// A new handle with one owner.
    static func make(_ object: AnyObject, _ kind: HandleKind) throws(SCNError) -> OpaquePointer {
        let bits: UInt? = table.withLock { table in
            let index: Int
            if let reused = table.free.popLast() {
                index = reused
                table.slots[index].generation += 1
            } else {
                guard table.slots.count < 1 << slotBits else { return nil }
                index = table.slots.count
                table.slots.append(Slot(object: nil, kind: kind, generation: 1, owners: 0))
            }
            table.slots[index].object = object
            table.slots[index].kind = kind
            table.slots[index].owners = 1
            table.live += 1
            return kind.rawValue << (slotBits + generationBits) | table.slots[index].generation << slotBits
                | UInt(index)
        }
        guard let bits, let handle = OpaquePointer(bitPattern: bits) else {
            throw SCNError(.memory, "no more handles: \(UInt(1) << slotBits) are in use")
        }
        return handle
    }

    /// The object of a live handle of this kind.
    static func object<T: AnyObject>(_ handle: OpaquePointer?, _ kind: HandleKind, _ name: String) throws(SCNError) -> T
    {
        try checked(handle, kind, name) { table, index in
            table.slots[index].object.map { unsafeDowncast($0, to: T.self) }
        }
    }

    static func retain(_ handle: OpaquePointer?, _ kind: HandleKind) throws(SCNError) {
        try checked(handle, kind, kind.name) { table, index in table.slots[index].owners += 1 }
    }

    /// Counts one owner less; the object goes with the last. NULL does nothing.
    static func release(_ handle: OpaquePointer?, _ kind: HandleKind) throws(SCNError) {
        if handle == nil { return }
        // The object is let go outside the lock: its end may call back into the host.
        let last: AnyObject? = try checked(handle, kind, kind.name) { table, index in
            table.slots[index].owners -= 1
            guard table.slots[index].owners == 0 else { return .some(nil) }
            let object = table.slots[index].object
            table.slots[index].object = nil
            table.live -= 1
            if table.slots[index].generation < lastGeneration { table.free.append(index) }
            return object
        }
        withExtendedLifetime(last) {}
    }

    private static func checked<R>(
        _ handle: OpaquePointer?, _ kind: HandleKind, _ name: String, _ body: (inout Table, Int) -> R?
    ) throws(SCNError) -> R {
        guard let handle else { throw SCNError(.handle, "\(name): is NULL, expected a \(kind.name) handle") }
        let bits = UInt(bitPattern: handle)
        let index = Int(bits & ((1 << slotBits) - 1))
        let generation = bits >> slotBits & lastGeneration
        let found = HandleKind(rawValue: bits >> (slotBits + generationBits))
        if let found, found != kind {
            throw SCNError(.handle, "\(name): is a \(found.name) handle, expected a \(kind.name) handle")
        }
        let result: R? = table.withLock { table in
            guard found != nil, index < table.slots.count, table.slots[index].generation == generation,
                table.slots[index].kind == kind, table.slots[index].object != nil
            else { return nil }
            return body(&table, index)
        }
        guard let result else {
            throw SCNError(
                .handle,
                "\(name): is a released or foreign handle (0x\(String(bits, radix: 16))), expected a live \(kind.name)")
        }
        return result
    }
}
