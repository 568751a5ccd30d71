/// Rules between sites whose windows lie where a table says; imports no product code.
package enum PlacementOracle {
    /// The output sites and the rules of each filter offset, in order of the output row: window o of an axis reads
    /// `starts[o] + tap * dilation` for `taps(axis, o)` taps.
    package static func windows(
        _ sites: [[Int]], starts: [[Int]], size: [Int], dilation: [Int], samples: Int,
        taps: (_ axis: Int, _ output: Int) -> Int
    ) -> (sites: [[Int]], rules: [[SiteOracle.Rule]]) {
        let rowOf = Dictionary(uniqueKeysWithValues: zip(sites, sites.indices))
        let offsets = SiteOracle.taps(size)
        var outputs: [[Int]] = []
        var rules = [[SiteOracle.Rule]](repeating: [], count: offsets.count)
        for sample in 0..<samples {
            for output in SiteOracle.taps(starts.map(\.count)) {
                var found: [(k: Int, input: Int)] = []
                for (k, offset) in offsets.enumerated() {
                    let isInside = size.indices.allSatisfy { offset[$0] < taps($0, output[$0]) }
                    let site = size.indices.map { starts[$0][output[$0]] + offset[$0] * dilation[$0] } + [sample]
                    if isInside, let input = rowOf[site] { found.append((k, input)) }
                }
                if found.isEmpty { continue }
                for rule in found { rules[rule.k].append(.init(input: rule.input, output: outputs.count)) }
                outputs.append(output + [sample])
            }
        }
        return (outputs, rules)
    }

    /// The same for a filter that reaches from inputs to outputs: output = input * stride - padding + tap * dilation.
    package static func spread(
        _ sites: [[Int]], outputSize: [Int], size: [Int], stride: [Int], padding: [Int], dilation: [Int]
    ) -> (sites: [[Int]], rules: [[SiteOracle.Rule]]) {
        let offsets = SiteOracle.taps(size)
        var matches: [(k: Int, input: Int, site: [Int])] = []
        for (row, site) in sites.enumerated() {
            for (k, offset) in offsets.enumerated() {
                let reached = size.indices.map {
                    site[$0] * stride[$0] - padding[$0] + offset[$0] * dilation[$0]
                }
                if zip(reached, outputSize).allSatisfy({ $0 >= 0 && $0 < $1 }) {
                    matches.append((k, row, reached + [site.last!]))
                }
            }
        }
        let outputs = SiteOracle.sorted(matches.map(\.site))
        let rowOf = Dictionary(uniqueKeysWithValues: zip(outputs, outputs.indices))
        var rules = [[SiteOracle.Rule]](repeating: [], count: offsets.count)
        for match in matches { rules[match.k].append(.init(input: match.input, output: rowOf[match.site]!)) }
        return (outputs, rules.map { $0.sorted { $0.output < $1.output } })
    }
}
