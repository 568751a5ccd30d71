package import SCNCore

extension Geometry {
    /// A step from one site set to another that is not a plain stride.
    enum StepKind: Hashable {
        case full(FilterGeometry)
        case randomized(FilterGeometry)
        case fractional(FractionalWindows, isRegular: Bool)
        case covering(SiteRelation)
    }

    /// The rules from `id` to every site that takes part in the relation with one of its sites.
    package func covering(
        _ id: SiteSetID, _ relation: SiteRelation
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        try step(id, .covering(relation)) { sites throws(SCNError) in try Rulebook.covering(sites, relation) }
    }

    /// The rules from `id` to every site that the filter reaches from it: output = input * stride - padding + tap *
    /// dilation, in the field `filter.inputField(of:)`.
    package func full(
        _ id: SiteSetID, _ filter: FilterGeometry
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        try step(id, .full(filter), keepsOutside: true) { sites throws(SCNError) in
            try requireDimension(filter.dimension, sites)
            let field = try filter.inputField(of: sites.field)
            // Of a field without bounds, the first place is the one that the first tap leads to.
            let padding = sites.field.isUnbounded ? 0 : nil
            let relations = field.size.indices.map {
                AxisRelation(spreading: filter, axis: $0, outputSize: field.size[$0], padding: padding)
            }
            return try Rulebook.related(sites, relations, field: field, isInjective: true)
        }
    }

    /// The rules of a strided filter, its windows displaced at random where asked for.
    package func strided(
        _ id: SiteSetID, _ filter: FilterGeometry, isRandomized: Bool
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        isRandomized ? try randomized(id, filter) : try strided(id, filter)
    }

    /// The rules of a strided filter whose windows are displaced at random: on each axis the steps are a shuffle of
    /// stride - 1, stride + 1 and stride, a third of the windows each.
    ///
    /// Drawn once for a site set and a filter, then shared, so that branches which meet again have the same sites. Each
    /// call takes one number from the generator.
    package func randomized(
        _ id: SiteSetID, _ filter: FilterGeometry
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        try drawing { random throws(SCNError) in
            try step(id, .randomized(filter), reversedBy: filter) { sites throws(SCNError) in
                try requireDimension(filter.dimension, sites)
                var random = random
                let field = try Self.bounded(sites)
                return try Self.place(
                    sites, WindowPlacement(randomized: filter, field: field, &random),
                    field: filter.outputField(of: field))
            }
        }
    }

    /// The rules of fractional pooling, whose result's field begins at 0. Drawn once for a site set and these windows,
    /// then shared, each call taking one number from the generator; where `isRegular`, without chance.
    package func fractional(
        _ id: SiteSetID, _ windows: FractionalWindows, isRegular: Bool
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        func placed(_ random: Random?) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
            try step(id, .fractional(windows, isRegular: isRegular)) { sites throws(SCNError) in
                try requireDimension(windows.dimension, sites)
                var random = random
                return try Self.place(sites, windows.placement(Self.bounded(sites).size, &random), field: nil)
            }
        }
        return isRegular ? try placed(nil) : try drawing(placed)
    }

    /// The field that windows are laid in at random.
    private static func bounded(_ sites: SiteSet) throws(SCNError) -> Field {
        try require(
            !sites.field.isUnbounded, .shape,
            "input: has an unbounded field, expected a spatial size, in which windows can be laid")
        return sites.field
    }

    private static func place(
        _ sites: SiteSet, _ placement: WindowPlacement, field: Field?
    ) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook) {
        let relations = placement.size.indices.map { AxisRelation(placement, axis: $0) }
        let result = try Rulebook.related(sites, relations, field: field, isInjective: placement.isInjective)
        withExtendedLifetime(placement) {}
        return result
    }

    /// What `body` makes of a stream of its own. The generator moves on by one number, whether or not `body` draws, so
    /// that what is drawn later does not depend on what the geometry knows already; where it throws, not at all.
    private func drawing<R>(_ body: (Random) throws(SCNError) -> R) throws(SCNError) -> R {
        try Transaction.run { () throws(SCNError) in try body(Random(seed: Generator.withRandom { $0.next() })) }
    }

    private func requireDimension(_ dimension: Int, _ sites: SiteSet) throws(SCNError) {
        try require(
            dimension == sites.dimension, .shape,
            "windows: has dimension \(dimension), expected \(sites.dimension), that of the sites")
    }
}
