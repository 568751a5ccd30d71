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
        let field = try filter.outputField(of: input.field)
        if let rests = filter.tiling(from: input.field, to: field) {
            let output = try input.quotients(by: filter.stride, plus: rests, in: field)
            return (output, try between(input, output, SiteRelation(filter)))
        }
        let relations = field.size.indices.map { axis in
            AxisRelation(
                filter, axis: axis, outputSize: field.size[axis],
                padding: filter.placedPadding(axis, input: input.field, output: field))
        }
        return try related(input, relations, field: field, isInjective: true)
    }
}
