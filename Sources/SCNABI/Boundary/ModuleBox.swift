internal import CSCNSupport
internal import Glibc
internal import SCNCore
internal import SCNNN

/// What a module handle stands for, with the texts that the host got pointers to.
final class ModuleBox {
    let module: Module
    private var entries: (version: Int, state: [Module.StateEntry])?
    private let texts = Locked(Texts())

    private struct Texts {
        var architecture: UnsafeMutablePointer<CChar>?
        var description: UnsafeMutablePointer<CChar>?
        var summary: UnsafeMutablePointer<CChar>?
    }

    init(_ module: Module) { self.module = module }

    deinit {
        texts.withLock {
            free($0.architecture)
            free($0.description)
            free($0.summary)
        }
    }

    /// The module's state; made anew only after a container got another child.
    var state: [Module.StateEntry] {
        let version = Container.structureVersion.withLock { $0 }
        if let entries, entries.version == version { return entries.state }
        let state = module.state
        entries = (version, state)
        return state
    }

    func setArchitecture(_ text: String) throws(SCNError) -> UnsafePointer<CChar> { try set(\.architecture, text) }
    func setDescription(_ text: String) throws(SCNError) -> UnsafePointer<CChar> { try set(\.description, text) }
    func setSummary(_ text: String) throws(SCNError) -> UnsafePointer<CChar> { try set(\.summary, text) }

    /// The text before goes only where this is another one: threads that read an unchanged module get one pointer.
    private func set(
        _ place: WritableKeyPath<Texts, UnsafeMutablePointer<CChar>?>, _ text: String
    ) throws(SCNError) -> UnsafePointer<CChar> {
        let copy: UnsafePointer<CChar>? = texts.withLock { texts in
            if let before = texts[keyPath: place], strcmp(before, text) == 0 { return UnsafePointer(before) }
            guard let copy = scn_text_copy(text) else { return nil }
            free(texts[keyPath: place])
            texts[keyPath: place] = copy
            return UnsafePointer(copy)
        }
        guard let copy else { throw outOfMemory(for: text) }
        return copy
    }
}

/// Texts that live as long as the process, each kept once: names of types and of state entries.
enum Constants {
    private struct Address: @unchecked Sendable { let pointer: UnsafePointer<CChar> }
    private static let known = Locked<[String: Address]>([:])

    static func text(_ text: String) throws(SCNError) -> UnsafePointer<CChar> {
        let found: Address? = known.withLock { known in
            if let address = known[text] { return address }
            guard let copy = scn_text_copy(text) else { return nil }
            let address = Address(pointer: UnsafePointer(copy))
            known[text] = address
            return address
        }
        guard let found else { throw outOfMemory(for: text) }
        return found.pointer
    }
}

private func outOfMemory(for text: String) -> SCNError {
    SCNError(.memory, "out of memory: \(text.utf8.count) bytes asked for")
}
