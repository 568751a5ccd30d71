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
        let mostSteps = input.count.multipliedReportingOverflow(by: stepsWorthTiling)
        if let tiled = try tiled(input, filter, mostSteps: mostSteps.overflow ? .max : mostSteps.partialValue) {
            return tiled
        }
        let field = try filter.outputField(of: input.field)
        let relations = field.size.indices.map { axis in
            AxisRelation(
                filter, axis: axis, outputSize: field.size[axis],
                padding: filter.placedPadding(axis, input: input.field, output: field))
        }
        return try related(input, relations, field: field, isInjective: true)
    }

    /// The same where each input lies in exactly one window: the sites are quotients, and the rules those between the
    /// two sets. Nil where windows are others, or matching would take more than so many steps: one for each output
    /// under each offset, and those of beginning.
    static func tiled(
        _ input: SiteSet, _ filter: FilterGeometry, mostSteps: Int
    ) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook)? {
        func areFew(_ outputs: Int) -> Bool {
            let (steps, overflow) = filter.volume.multipliedReportingOverflow(by: outputs + 128)
            return !overflow && steps <= mostSteps
        }
        guard areFew(min(1, input.count)) else { return nil }
        let field = try filter.outputField(of: input.field)
        guard let rests = filter.tiling(from: input.field, to: field) else { return nil }
        let output = try input.quotients(by: filter.stride, plus: rests, in: field)
        return areFew(output.count) ? (output, try between(input, output, SiteRelation(filter))) : nil
    }

    /// Steps for each input that take no longer than going axis by axis.
    private static var stepsWorthTiling: Int { KeyMatching<UInt64>.vectorized == nil ? 16 : 64 }
}
