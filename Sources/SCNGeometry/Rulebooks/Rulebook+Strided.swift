package import SCNCore

extension Rulebook {
    /// The sites that a strided filter makes of `input`, active where any input site lies under the filter, and its
    /// rules.
    package static func strided(
        _ input: SiteSet, _ filter: FilterGeometry
    ) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook) {
        try require(
            filter.kind == .strided && filter.dimension == input.dimension, .shape,
            "filter: has dimension \(filter.dimension), expected \(input.dimension), that of the sites")
        let size = try filter.outputSize(of: input.spatialSize)
        let relations = size.indices.map { AxisRelation(filter, axis: $0, outputSize: size[$0]) }
        return try related(input, relations, isInjective: true)
    }
}
