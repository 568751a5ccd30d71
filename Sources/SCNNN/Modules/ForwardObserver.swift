internal import CSCNSupport
internal import SCNOps

/// Watches the calls of modules on one thread.
class ForwardObserver {
    /// Applies the module to the input and sees what comes of it.
    func observe(_ module: Module, _ input: Value) throws -> Value { try module.forward(input) }

    /// The calling thread's observer.
    static var current: ForwardObserver? {
        scn_forward_observer_get().map { Unmanaged<ForwardObserver>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Runs `body` with this as the calling thread's observer.
    func whileObserving<R>(_ body: () throws -> R) rethrows -> R { try Self.with(self, body) }

    /// Runs `body` with nothing that watches it.
    static func whileUnobserved<R>(_ body: () throws -> R) rethrows -> R { try with(nil, body) }

    private static func with<R>(_ observer: ForwardObserver?, _ body: () throws -> R) rethrows -> R {
        let before = scn_forward_observer_get()
        scn_forward_observer_set(observer.map { Unmanaged.passUnretained($0).toOpaque() })
        defer { scn_forward_observer_set(before) }
        return try withExtendedLifetime(observer, body)
    }
}
