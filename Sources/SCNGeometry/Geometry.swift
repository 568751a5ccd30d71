package import SCNCore

/// Names a site set of one `Geometry`.
package struct SiteSetID: Hashable, Sendable {
    package let index: Int
}

/// All site sets and rulebooks that come from one input, each made once: what SparseConvNet calls metadata.
///
/// Rulebooks are found by site set and filter, not by spatial size, so that two routes to one size do not mix. Equal
/// site sets are one, so that layers after different routes to the same sites share their rulebooks. Safe to use from
/// several threads; who comes second waits and gets the first one's object.
package final class Geometry: Sendable {
    package let input = SiteSetID(index: 0)
    /// Nil where the input did not come through an input layer.
    package let inputMap: InputMap?

    private struct Request: Hashable {
        var sites: SiteSetID
        var filter: FilterGeometry
    }

    private struct OtherRequest: Hashable {
        var sites: SiteSetID
        var kind: StepKind
    }

    private struct Step {
        var input: SiteSetID
        var output: SiteSetID
        var rulebook: Rulebook
        var reversed: Rulebook
    }

    private struct State {
        /// Whose call added something last, and has not ended; nil once others may have seen it.
        var author: UnsafeRawPointer?
        var siteSets: [SiteSet]
        var submanifold: [Request: Rulebook] = [:]
        var strided: [Request: Step] = [:]
        var others: [OtherRequest: Step] = [:]
        /// By output sites; a later step hides an earlier one.
        var back: [Request: Step] = [:]

        mutating func intern(_ sites: SiteSet) -> SiteSetID {
            let known = siteSets.firstIndex { $0.hasSameSites(as: sites) }
            if known == nil { siteSets.append(sites) }
            return SiteSetID(index: known ?? siteSets.count - 1)
        }
    }

    private let state: Locked<State>

    package init(_ input: SiteSet, inputMap: InputMap?) {
        self.inputMap = inputMap
        state = Locked(State(siteSets: [input]))
    }

    package func sites(_ id: SiteSetID) -> SiteSet { state.withLock { $0.siteSets[id.index] } }

    /// The site set of that number; nil where there is none.
    package func siteSetID(_ index: Int) -> SiteSetID? {
        withState { $0.siteSets.indices.contains(index) } ? SiteSetID(index: index) : nil
    }

    /// Takes a site set in, or finds the equal one that is here already.
    package func add(_ siteSet: SiteSet) -> SiteSetID {
        withState { state in
            willAdd(to: &state)
            return state.intern(siteSet)
        }
    }

    /// The site sets of this spatial size, in the order in which they came.
    package func siteSets(spatialSize: [Int]) -> [SiteSetID] {
        withState { state in
            state.siteSets.indices.filter { state.siteSets[$0].spatialSize == spatialSize }.map { SiteSetID(index: $0) }
        }
    }

    package func submanifold(_ id: SiteSetID, _ filter: FilterGeometry) throws(SCNError) -> Rulebook {
        try withState { state throws(SCNError) in
            let request = Request(sites: id, filter: filter)
            if let known = state.submanifold[request] { return known }
            let rulebook = try Rulebook.submanifold(state.siteSets[id.index], filter)
            willAdd(to: &state)
            state.submanifold[request] = rulebook
            return rulebook
        }
    }

    /// The rules from `id` to the sites that the filter makes of it.
    package func strided(
        _ id: SiteSetID, _ filter: FilterGeometry
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        try withState { state throws(SCNError) in
            let request = Request(sites: id, filter: filter)
            if let known = state.strided[request] { return (known.output, known.rulebook) }
            let (sites, rulebook) = try Rulebook.strided(state.siteSets[id.index], filter)
            willAdd(to: &state)
            let output = state.intern(sites)
            let step = Step(input: id, output: output, rulebook: rulebook, reversed: rulebook.reversed)
            state.strided[request] = step
            state.back[Request(sites: output, filter: filter)] = step
            return (output, rulebook)
        }
    }

    /// The rules of another kind of step from `id`, which `build` makes the first time; a reversal of `filter` finds them.
    func step(
        _ id: SiteSetID, _ kind: StepKind, reversedBy filter: FilterGeometry? = nil,
        _ build: (SiteSet) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook)
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        try withState { state throws(SCNError) in
            let request = OtherRequest(sites: id, kind: kind)
            if let known = state.others[request] { return (known.output, known.rulebook) }
            let (sites, rulebook) = try build(state.siteSets[id.index])
            willAdd(to: &state)
            let output = state.intern(sites)
            let step = Step(input: id, output: output, rulebook: rulebook, reversed: rulebook.reversed)
            state.others[request] = step
            if let filter { state.back[Request(sites: output, filter: filter)] = step }
            return (output, rulebook)
        }
    }

    /// The rules from `id` back to the sites of which `filter` made it, those of the latest step where several did.
    /// Throws a state error where none did.
    package func reverse(
        _ id: SiteSetID, _ filter: FilterGeometry
    ) throws(SCNError) -> (input: SiteSetID, rulebook: Rulebook) {
        try withState { state throws(SCNError) in
            guard let step = state.back[Request(sites: id, filter: filter)] else {
                throw SCNError(
                    .state,
                    "Deconvolution: no earlier Convolution or pooling with \(filter.description) led to these sites")
            }
            return (step.input, step.reversed)
        }
    }

    /// Runs `body` on the state. What a call on another thread has added stays from now on, since this one may build on it.
    private func withState<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        try state.withLock { state in
            if state.author != Transaction.identity { state.author = nil }
            return Result { () throws(E) in try body(&state) }
        }.get()
    }

    /// Has what is added next removed again where the call fails.
    private func willAdd(to state: inout State) {
        guard let call = Transaction.identity else { return }
        let before = state
        state.author = call
        Transaction.onEnd { [self] isKept in
            self.state.withLock { state in
                guard state.author == call else { return }
                if isKept { state.author = nil } else { state = before }
            }
        }
    }
}
