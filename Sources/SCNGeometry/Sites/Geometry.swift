package import SCNCore

/// A site set of one `Geometry`: its number there, and the sites, which it keeps where a call that added them fails.
package struct SiteSetID: Hashable, @unchecked Sendable {
    package let index: Int
    /// No two of one geometry have the same, whatever was removed meanwhile.
    fileprivate let serial: Int
    fileprivate let sites: SiteSet

    package static func == (a: SiteSetID, b: SiteSetID) -> Bool { a.serial == b.serial }
    package func hash(into hasher: inout Hasher) { hasher.combine(serial) }
}

/// All site sets and rulebooks that come from one input, each made once: what SparseConvNet calls metadata.
///
/// Rulebooks are found by site set and filter, not by spatial size, so that two routes to one size do not mix. Equal
/// site sets are one, so that layers after different routes to the same sites share their rulebooks. Safe to use from
/// several threads, which get one object where they ask for the same.
package final class Geometry: Sendable {
    package let input: SiteSetID
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

    private struct Pair: Hashable {
        var input: SiteSetID
        var output: SiteSetID
        var relation: SiteRelation
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
        var siteSets: [SiteSetID]
        var lastSerial = 0
        var submanifold: [Request: Rulebook] = [:]
        var between: [Pair: Rulebook] = [:]
        var strided: [Request: Step] = [:]
        var others: [OtherRequest: Step] = [:]
        /// By output sites; a later step hides an earlier one.
        var back: [Request: Step] = [:]

        mutating func intern(_ sites: SiteSet) -> SiteSetID {
            let isBounded = !sites.field.isUnbounded
            if let known = siteSets.first(where: {
                $0.sites.field.isUnbounded != isBounded && $0.sites.field.nominal == sites.field.nominal
                    && $0.sites.hasSameSites(as: sites)
            }) {
                return known
            }
            lastSerial += 1
            siteSets.append(SiteSetID(index: siteSets.count, serial: lastSerial, sites: sites))
            return siteSets[siteSets.count - 1]
        }

        mutating func step(
            from input: SiteSetID, to sites: SiteSet, _ rulebook: Rulebook, reversedBy filter: FilterGeometry?
        ) -> Step {
            let output = intern(sites)
            let step = Step(input: input, output: output, rulebook: rulebook, reversed: rulebook.reversed)
            if let filter { back[Request(sites: output, filter: filter.exact)] = step }
            return step
        }
    }

    private let state: Locked<State>

    package init(_ input: SiteSet, inputMap: InputMap?) {
        self.inputMap = inputMap
        self.input = SiteSetID(index: 0, serial: 0, sites: input)
        state = Locked(State(siteSets: [self.input]))
    }

    package func sites(_ id: SiteSetID) -> SiteSet { id.sites }

    /// The site set of that number; nil where there is none.
    package func siteSetID(_ index: Int) -> SiteSetID? {
        withState { $0.siteSets.indices.contains(index) ? $0.siteSets[index] : nil }
    }

    /// Interns a site set: an equal one that is here already takes its place.
    package func add(_ siteSet: SiteSet) -> SiteSetID {
        withState { state in
            willAdd(to: &state)
            return state.intern(siteSet)
        }
    }

    /// The site sets of this spatial size, in the order in which they came.
    package func siteSets(spatialSize: [Int]) -> [SiteSetID] {
        withState { $0.siteSets.filter { $0.sites.field.shown.size == spatialSize } }
    }

    package func submanifold(_ id: SiteSetID, _ filter: FilterGeometry) throws(SCNError) -> Rulebook {
        let request = Request(sites: id, filter: filter)
        return try once {
            $0.submanifold[request]
        } make: { () throws(SCNError) in
            try Rulebook.submanifold(sites(id), filter)
        } keep: { state, rulebook in
            state.submanifold[request] = rulebook
            return rulebook
        }
    }

    /// The rules between two site sets of this geometry.
    package func between(
        _ input: SiteSetID, _ output: SiteSetID, _ relation: SiteRelation
    ) throws(SCNError) -> Rulebook {
        let pair = Pair(input: input, output: output, relation: relation)
        return try once {
            $0.between[pair]
        } make: { () throws(SCNError) in
            try Rulebook.between(sites(input), sites(output), relation)
        } keep: { state, rulebook in
            state.between[pair] = rulebook
            return rulebook
        }
    }

    /// The rules from `id` to the sites that the filter makes of it.
    package func strided(
        _ id: SiteSetID, _ filter: FilterGeometry
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        let request = Request(sites: id, filter: filter)
        let step = try once {
            $0.strided[request]
        } make: { () throws(SCNError) in
            try sites(id).insideAlone { sites throws(SCNError) in try Rulebook.strided(sites, filter) }
        } keep: { state, made in
            let step = state.step(from: id, to: made.output, made.rulebook, reversedBy: filter)
            state.strided[request] = step
            return step
        }
        return (step.output, step.rulebook)
    }

    /// The rules of another kind of step from `id`, which `build` makes the first time; a reversal of `filter` finds
    /// them. Sites outside of the field that a program named are left out, unless `keepsOutside`.
    func step(
        _ id: SiteSetID, _ kind: StepKind, reversedBy filter: FilterGeometry? = nil, keepsOutside: Bool = false,
        _ build: (SiteSet) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook)
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        let request = OtherRequest(sites: id, kind: kind)
        let step = try once {
            $0.others[request]
        } make: { () throws(SCNError) in
            keepsOutside ? try build(sites(id)) : try sites(id).insideAlone(build)
        } keep: { state, made in
            let step = state.step(from: id, to: made.output, made.rulebook, reversedBy: filter)
            state.others[request] = step
            return step
        }
        return (step.output, step.rulebook)
    }

    /// The rules from `id` back to the sites of which `filter` made it, those of the latest step where several did.
    /// Throws a state error where none did.
    package func reverse(
        _ id: SiteSetID, _ filter: FilterGeometry
    ) throws(SCNError) -> (input: SiteSetID, rulebook: Rulebook) {
        try withState { state throws(SCNError) in
            guard let step = state.back[Request(sites: id, filter: filter.exact)] else {
                throw SCNError(
                    .state,
                    "Deconvolution: no earlier Convolution or pooling with \(filter.description) led to these sites")
            }
            return (step.input, step.reversed)
        }
    }

    /// Runs `body` on the state. What a call on another thread has added stays from now on, since this one may build on
    /// it.
    private func withState<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        try state.withLock { state in
            if state.author != Transaction.identity { state.author = nil }
            return Result { () throws(E) in try body(&state) }
        }.get()
    }

    /// What is known already, or what `make` makes outside of the lock, so that fork() does not wait for it. Of several
    /// threads that make the same at once, the first to end gives it to all.
    private func once<Made, Known>(
        _ find: (State) -> Known?, make: () throws(SCNError) -> Made, keep: (inout State, Made) -> Known
    ) throws(SCNError) -> Known {
        if let known = withState({ find($0) }) { return known }
        let made = try make()
        return withState { state in
            if let known = find(state) { return known }
            willAdd(to: &state)
            return keep(&state, made)
        }
    }

    /// Has what is added next removed again where the call fails.
    private func willAdd(to state: inout State) {
        guard let call = Transaction.identity else { return }
        let before = state
        state.author = call
        Transaction.onEnd { [self] isKept in
            self.state.withLock { state in
                guard state.author == call else { return }
                let lastSerial = state.lastSerial
                if isKept { state.author = nil } else { state = before }
                state.lastSerial = lastSerial
            }
        }
    }
}
