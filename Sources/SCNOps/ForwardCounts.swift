internal import CSCNSupport

/// What forward passes did: convolutions and dense products count multiply-adds and the elements of their results (the
/// hidden states); whatever walks over a rulebook counts its rules.
///
/// SparseConvNet's `forward_pass_multiplyAdd_count` and `forward_pass_hidden_states`. Backward passes count nothing,
/// nor do what they recompute and passes that fail.
public struct ForwardCounts: Hashable, Sendable {
    /// Products of convolutions and dense products.
    public var multiplyAdds: Int
    /// Elements of the results of these.
    public var hiddenStates: Int
    /// Rules that convolutions and poolings walked over.
    public var rules: Int

    /// Counts, zero unless given.
    public init(multiplyAdds: Int = 0, hiddenStates: Int = 0, rules: Int = 0) {
        self.multiplyAdds = multiplyAdds
        self.hiddenStates = hiddenStates
        self.rules = rules
    }

    /// What all threads have counted since the process began, or since this was last set. Calls that other threads have
    /// not finished are not included.
    public static var total: ForwardCounts {
        get { ForwardCounts(scn_forward_counts_of_process()) }
        set {
            scn_forward_counts_set_process(
                scn_forward_counts(
                    multiply_adds: Int64(newValue.multiplyAdds), hidden_states: Int64(newValue.hiddenStates),
                    rules: Int64(newValue.rules)))
        }
    }

    /// What the calling thread has counted since it began.
    package static var ofThisThread: ForwardCounts { ForwardCounts(scn_forward_counts_of_thread()) }

    /// Counts a pass that multiplied `products` pairs of rows, each with `weights` weights.
    package static func add(rules: Int = 0, products: Int = 0, weights: Int = 0, results: Int = 0) {
        scn_forward_counts_add(
            scn_forward_counts(
                multiply_adds: Int64(products &* weights), hidden_states: Int64(results), rules: Int64(rules)))
    }

    /// Runs `body`, inside of a call, without counting what it does.
    package static func uncounted<R>(_ body: () throws -> R) rethrows -> R {
        let before = scn_forward_counts_of_thread()
        defer { scn_forward_counts_set_thread(before) }
        return try body()
    }

    private init(_ counts: scn_forward_counts) {
        self.init(
            multiplyAdds: Int(counts.multiply_adds), hiddenStates: Int(counts.hidden_states), rules: Int(counts.rules))
    }

    package static func - (later: ForwardCounts, earlier: ForwardCounts) -> ForwardCounts {
        ForwardCounts(
            multiplyAdds: later.multiplyAdds &- earlier.multiplyAdds,
            hiddenStates: later.hiddenStates &- earlier.hiddenStates, rules: later.rules &- earlier.rules)
    }

    package static func + (a: ForwardCounts, b: ForwardCounts) -> ForwardCounts {
        ForwardCounts(
            multiplyAdds: a.multiplyAdds &+ b.multiplyAdds, hiddenStates: a.hiddenStates &+ b.hiddenStates,
            rules: a.rules &+ b.rules)
    }
}
