internal import CSCNSupport
internal import Glibc

/// A value behind a mutex. fork() waits until no thread is inside one, so that a child finds all of them free and
/// whole.
package final class Locked<Value>: @unchecked Sendable {
    // First: a value of no size would have its address, and ThreadSanitizer would see two threads there.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var value: Value

    /// A value with a mutex of its own, which is free.
    package init(_ value: Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` on the value while no other thread does; not to be nested.
    package func withLock<R>(_ body: (inout Value) throws -> R) rethrows -> R {
        scn_fork_gate_enter()
        pthread_mutex_lock(mutex)
        defer {
            pthread_mutex_unlock(mutex)
            scn_fork_gate_leave()
        }
        return try body(&value)
    }
}
