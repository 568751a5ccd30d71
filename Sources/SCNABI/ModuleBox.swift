internal import Glibc
internal import SCNCore
internal import SCNNN

/// What a module handle stands for, with the texts that the host got pointers to.
final class ModuleBox {
    let module: Module
    private var entries: (version: Int, state: [Module.StateEntry])?
    private var architecture: UnsafeMutablePointer<CChar>?
    private var description: UnsafeMutablePointer<CChar>?
    private var summary: UnsafeMutablePointer<CChar>?

    init(_ module: Module) { self.module = module }

    deinit {
        free(architecture)
        free(description)
        free(summary)
    }

    /// The module's state; made anew only after a container got another child.
    var state: [Module.StateEntry] {
        let version = Container.structureVersion.withLock { $0 }
        if let entries, entries.version == version { return entries.state }
        let state = module.state
        entries = (version, state)
        return state
    }

    func setArchitecture(_ text: String) -> UnsafePointer<CChar>? {
        free(architecture)
        architecture = strdup(text)
        return UnsafePointer(architecture)
    }

    func setDescription(_ text: String) -> UnsafePointer<CChar>? {
        free(description)
        description = strdup(text)
        return UnsafePointer(description)
    }

    func setSummary(_ text: String) -> UnsafePointer<CChar>? {
        free(summary)
        summary = strdup(text)
        return UnsafePointer(summary)
    }
}

/// Texts that live as long as the process, each kept once: names of types and of state entries.
enum Constants {
    private struct Address: @unchecked Sendable { let pointer: UnsafePointer<CChar> }
    private static let known = Locked<[String: Address]>([:])

    static func text(_ text: String) throws(SCNError) -> UnsafePointer<CChar> {
        let found: Address? = known.withLock { known in
            if let address = known[text] { return address }
            guard let copy = strdup(text) else { return nil }
            let address = Address(pointer: UnsafePointer(copy))
            known[text] = address
            return address
        }
        guard let found else { throw SCNError(.memory, "out of memory: \(text.utf8.count) bytes asked for") }
        return found.pointer
    }
}
