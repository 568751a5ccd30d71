internal import CSCNSupport

/// What a call has changed so far, which is put back where the call fails.
///
/// Everything that outlives a call and that a call may change before its end takes part: the elements of tensors, the
/// stream of random numbers, counts of forward passes, what geometries know. A call inside of another is a part of it:
/// where it fails, what it changed is put back, and where the outer one fails after it, too.
package enum Transaction {
    /// What one thread's outermost call has changed.
    fileprivate struct State {
        /// What the call draws from; nil before it draws.
        var stream: Generator.Loan?
        /// Each puts back what was changed, in the order of the changes.
        var changes: [() -> Void] = []
        /// Each settles what was added to something that others may have seen meanwhile.
        var additions: [(_ isKept: Bool) -> Void] = []

        mutating func commit() {
            stream?.settle()
            scn_forward_counts_publish()
            for settle in additions { settle(true) }
        }
    }

    /// How far a call had come.
    private struct Mark {
        let stream: Generator.Loan?
        let changes, additions: Int
        let counts: scn_forward_counts

        init(_ state: UnsafeMutablePointer<State>) {
            stream = state.pointee.stream
            changes = state.pointee.changes.count
            additions = state.pointee.additions.count
            counts = scn_forward_counts_of_thread()
        }

        /// Puts back everything that was changed since.
        func rollBack(_ state: UnsafeMutablePointer<State>) {
            rollBackValues(state)
            while state.pointee.additions.count > additions { state.pointee.additions.removeLast()(false) }
        }

        /// The same, but for what was added to geometries.
        func rollBackValues(_ state: UnsafeMutablePointer<State>) {
            while state.pointee.changes.count > changes { state.pointee.changes.removeLast()() }
            if stream == nil { state.pointee.stream?.cancel() }
            state.pointee.stream = stream
            scn_forward_counts_set_thread(counts)
        }
    }

    /// A call of a host's own, which begins in one function and ends in another.
    private final class Scope {
        let outer: Scope?
        let state: UnsafeMutablePointer<State>
        let mark: Mark
        let hasOwnStream: Bool
        let depth: Int

        init(in outer: Scope?, _ state: UnsafeMutablePointer<State>, drawingFrom stream: Random?) {
            self.outer = outer
            self.state = state
            mark = Mark(state)
            hasOwnStream = stream != nil
            depth = (outer?.depth ?? 0) + 1
            if let stream { state.pointee.stream = Generator.Loan(stream) }
        }

        func end(isKept: Bool) {
            if !isKept { return mark.rollBack(state) }
            if hasOwnStream { state.pointee.stream = mark.stream }
        }
    }

    private static let maximumDepth = 10_000

    private static var scope: Scope? {
        scn_scope_get().map { Unmanaged<Scope>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Begins a call of the host's own, of which all are a part until it ends; those draw from `stream`, where there is
    /// one.
    package static func begin(drawingFrom stream: Random?) throws(SCNError) {
        let outer = scope
        try require(
            (outer?.depth ?? 0) < maximumDepth, .state, "scope: \(maximumDepth) are open on this thread already")
        let state = current ?? .allocate(capacity: 1)
        if current == nil { state.initialize(to: State()) }
        let scope = Scope(in: outer, state, drawingFrom: stream)
        scn_transaction_set(state)
        scn_scope_set(Unmanaged.passRetained(scope).toOpaque())
    }

    /// Ends the call that began last; where `isKept` is false, what it changed is put back.
    package static func end(isKept: Bool) throws(SCNError) {
        guard let opaque = scn_scope_get() else {
            throw SCNError(.state, "scope: none is open on this thread; call scn_scope_begin first")
        }
        let scope = Unmanaged<Scope>.fromOpaque(opaque).takeRetainedValue()
        scn_scope_set(scope.outer.map { Unmanaged.passUnretained($0).toOpaque() })
        let state = scope.state
        scope.end(isKept: isKept)
        guard scope.outer == nil else { return }
        scn_transaction_set(nil)
        if isKept { state.pointee.commit() }
        state.deinitialize(count: 1)
        state.deallocate()
    }

    private static var current: UnsafeMutablePointer<State>? {
        scn_transaction_get()?.assumingMemoryBound(to: State.self)
    }

    /// An address that no other call has at the same time; nil outside of all calls.
    package static var identity: UnsafeRawPointer? { scn_transaction_get().map { UnsafeRawPointer($0) } }

    /// Runs `body` as one call: where it throws, what it changed is put back.
    package static func run<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        if let savepoint {
            do throws(E) { return try body() } catch {
                savepoint.rollBack()
                throw error
            }
        }
        var state = State()
        return try withUnsafeMutablePointer(to: &state) { (state) throws(E) -> R in
            scn_transaction_set(state)
            defer { scn_transaction_set(nil) }
            let mark = Mark(state)
            do throws(E) {
                let result = try body()
                state.pointee.commit()
                return result
            } catch {
                mark.rollBack(state)
                throw error
            }
        }
    }

    /// The same, drawing from `stream`; what the call draws from otherwise stays as it is.
    package static func run<R, E: Error>(drawingFrom stream: Random, _ body: () throws(E) -> R) throws(E) -> R {
        try run { () throws(E) -> R in
            let state = current!
            let outer = state.pointee.stream
            state.pointee.stream = Generator.Loan(stream)
            defer { state.pointee.stream = outer }
            return try body()
        }
    }

    /// How far the call that the thread is in has come.
    package struct Savepoint {
        fileprivate let state: UnsafeMutablePointer<State>
        private let mark: Mark

        fileprivate init(_ state: UnsafeMutablePointer<State>) {
            self.state = state
            mark = Mark(state)
        }

        /// Puts back everything that was changed since.
        package func rollBack() { mark.rollBack(state) }
    }

    /// A savepoint of the call that the thread is in; nil outside of all calls.
    package static var savepoint: Savepoint? { current.map { Savepoint($0) } }

    /// Runs `body`, which draws from `stream`, and puts back what it changed also where it succeeds. What it adds to
    /// geometries stays, since its result may refer to that.
    package static func runAndPutBack<R, E: Error>(
        drawingFrom stream: Random, _ body: () throws(E) -> R
    ) throws(E) -> R {
        try run { () throws(E) -> R in
            let state = current!
            let mark = Mark(state)
            state.pointee.stream = Generator.Loan(stream)
            defer { mark.rollBackValues(state) }
            return try body()
        }
    }

    /// Keeps the elements of a matrix that the call is about to change.
    package static func willChange(_ matrix: Matrix) throws(SCNError) {
        guard let state = current else { return }
        let before = try matrix.copy()
        state.pointee.changes.append {
            matrix.update(from: before)
            matrix.storage.noteChange()
        }
    }

    /// Takes what keeps or removes something that the call has added, once it is known which.
    package static func onEnd(_ settle: @escaping (_ isKept: Bool) -> Void) {
        current?.pointee.additions.append(settle)
    }

    /// Runs `body` on the call's stream of random numbers, which is borrowed at its first use.
    static func withStream<R>(_ body: (inout Random) throws -> R) rethrows -> R {
        let state = current!
        var loan = state.pointee.stream ?? Generator.borrow()
        // Kept at once, so that it is given back where `body` throws.
        state.pointee.stream = loan
        defer { state.pointee.stream = loan }
        return try body(&loan.random)
    }

    /// Has the call draw from another stream from here on, which the generator goes on with if the call succeeds.
    static func chooseStream(_ random: Random) {
        let state = current!
        var loan = state.pointee.stream ?? Generator.borrow()
        loan.choose(random)
        state.pointee.stream = loan
    }

    /// The call's stream as it is; nil where it has drawn nothing.
    static var stream: Random? { current?.pointee.stream?.random }
}
