package import SCNCore

extension Geometry {
    /// A step from one site set to another that is not a plain stride.
    enum StepKind: Hashable {
        case full(FilterGeometry)
        case randomized(FilterGeometry)
        case fractional(FractionalWindows, isRegular: Bool)
    }

    /// The rules from `id` to every site that the filter reaches from it: output = input * stride - padding + tap *
    /// dilation, in a field of `filter.inputSize(of:)`.
    package func full(
        _ id: SiteSetID, _ filter: FilterGeometry
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        try step(id, .full(filter)) { sites throws(SCNError) in
            try requireDimension(filter.dimension, sites)
            let size = try filter.inputSize(of: sites.spatialSize)
            let relations = size.indices.map { AxisRelation(spreading: filter, axis: $0, outputSize: size[$0]) }
            return try Rulebook.related(sites, relations, isInjective: true)
        }
    }

    /// The rules of a strided filter whose windows are displaced at random: on each axis the steps are a shuffle of
    /// stride - 1, stride + 1 and stride, a third of the windows each.
    ///
    /// Drawn from the generator once for a site set and a filter, then shared, so that branches which meet again have the
    /// same sites.
    package func randomized(
        _ id: SiteSetID, _ filter: FilterGeometry
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        try step(id, .randomized(filter), reversedBy: filter) { sites throws(SCNError) in
            try requireDimension(filter.dimension, sites)
            let placement = try drawn { random throws(SCNError) in
                try WindowPlacement(randomized: filter, spatialSize: sites.spatialSize, &random)
            }
            return try Self.place(sites, placement)
        }
    }

    /// The rules of fractional pooling. Drawn from the generator once for a site set and these windows, then shared; where
    /// `isRegular`, without chance.
    package func fractional(
        _ id: SiteSetID, _ windows: FractionalWindows, isRegular: Bool
    ) throws(SCNError) -> (output: SiteSetID, rulebook: Rulebook) {
        try step(id, .fractional(windows, isRegular: isRegular)) { sites throws(SCNError) in
            try requireDimension(windows.dimension, sites)
            let placement = try drawn { random throws(SCNError) in
                var chance = isRegular ? nil : Optional(random)
                let placement = try windows.placement(sites.spatialSize, &chance)
                if let chance { random = chance }
                return placement
            }
            return try Self.place(sites, placement)
        }
    }

    private static func place(
        _ sites: SiteSet, _ placement: WindowPlacement
    ) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook) {
        let relations = placement.size.indices.map { AxisRelation(placement, axis: $0) }
        let result = try Rulebook.related(sites, relations, isInjective: placement.isInjective)
        withExtendedLifetime(placement) {}
        return result
    }

    /// What `body` draws; the generator moves on only where it succeeds.
    private func drawn<R>(_ body: (inout Random) throws(SCNError) -> R) throws(SCNError) -> R {
        try Generator.withRandom { random in
            Result { () throws(SCNError) in
                var copy = random
                let result = try body(&copy)
                random = copy
                return result
            }
        }.get()
    }

    private func requireDimension(_ dimension: Int, _ sites: SiteSet) throws(SCNError) {
        try require(
            dimension == sites.dimension, .shape,
            "windows of \(dimension) axes on sites of dimension \(sites.dimension)")
    }
}
