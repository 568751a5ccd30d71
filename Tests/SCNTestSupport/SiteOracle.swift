/// What site sets and rulebooks should be, from dictionaries of coordinates; imports no product code.
///
/// A site is its coordinates and then its batch index.
package enum SiteOracle {
    /// (input row, output row)
    package struct Rule: Hashable, Sendable {
        package var input: Int
        package var output: Int
        package init(input: Int, output: Int) {
            self.input = input
            self.output = output
        }
    }

    /// In (batch, coordinates) order, without duplicates.
    package static func sorted(_ sites: [[Int]]) -> [[Int]] {
        Set(sites).sorted { a, b in
            a.last! != b.last! ? a.last! < b.last! : a.lexicographicallyPrecedes(b)
        }
    }

    /// All filter offsets as taps, row-major, last axis fastest.
    package static func taps(_ size: [Int]) -> [[Int]] {
        size.reduce([[]]) { partial, count in partial.flatMap { head in (0..<count).map { head + [$0] } } }
    }

    /// The rules of each filter offset, in order of the output row.
    package static func submanifold(_ sites: [[Int]], size: [Int], dilation: [Int]) -> [[Rule]] {
        let rowOf = Dictionary(uniqueKeysWithValues: zip(sites, sites.indices))
        return taps(size).map { tap in
            sites.indices.compactMap { output in
                var site = sites[output]
                // Past the largest integer it wraps to a negative coordinate, where no site is.
                for axis in size.indices { site[axis] &+= (tap[axis] - size[axis] / 2) &* dilation[axis] }
                return rowOf[site].map { Rule(input: $0, output: output) }
            }
        }
    }

    /// The rules of each of these offsets, output + offset = input, in order of the output row.
    package static func neighbors(_ sites: [[Int]], offsets: [[Int]]) -> [[Rule]] {
        let rowOf = Dictionary(uniqueKeysWithValues: zip(sites, sites.indices))
        return offsets.map { offset in
            sites.indices.compactMap { output in
                let site = zip(sites[output], offset + [0]).map { $0 + $1 }
                return rowOf[site].map { Rule(input: $0, output: output) }
            }
        }
    }

    /// The neighbors on the lattice A_d in SparseConvNet's order: for d other than 2 the site itself, then -e_i and
    /// e_j - e_i for falling i, then e_i - e_j and e_i for rising i.
    package static func latticeOffsets(_ d: Int) -> [[Int]] {
        if d == 2 { return [[0, -1], [1, -1], [-1, 0], [0, 0], [1, 0], [-1, 1], [0, 1]] }
        func unit(_ plus: Int?, _ minus: Int?) -> [Int] { (0..<d).map { ($0 == plus ? 1 : 0) - ($0 == minus ? 1 : 0) } }
        var result = [unit(nil, nil)]
        for i in stride(from: d - 1, through: 0, by: -1) {
            result.append(unit(nil, i))
            for j in 0..<i { result.append(unit(j, i)) }
        }
        for i in 0..<d {
            for j in stride(from: i - 1, through: 0, by: -1) { result.append(unit(i, j)) }
            result.append(unit(i, nil))
        }
        return result
    }

    /// The output sites and the rules of each filter offset, in order of the output row.
    package static func strided(
        _ sites: [[Int]], outputSize: [Int], size: [Int], stride: [Int], padding: [Int], dilation: [Int]
    ) -> (sites: [[Int]], rules: [[Rule]]) {
        let taps = taps(size)
        var matches: [(k: Int, input: Int, site: [Int])] = []
        for (row, site) in sites.enumerated() {
            for (k, tap) in taps.enumerated() {
                var output = site
                var isInside = true
                for axis in size.indices {
                    let start = site[axis] + padding[axis] - tap[axis] * dilation[axis]
                    isInside = isInside && start >= 0 && start % stride[axis] == 0
                    output[axis] = start / stride[axis]
                    isInside = isInside && output[axis] < outputSize[axis]
                }
                if isInside { matches.append((k, row, output)) }
            }
        }
        let outputs = sorted(matches.map(\.site))
        let rowOf = Dictionary(uniqueKeysWithValues: zip(outputs, outputs.indices))
        var rules = [[Rule]](repeating: [], count: taps.count)
        for match in matches { rules[match.k].append(Rule(input: match.input, output: rowOf[match.site]!)) }
        return (outputs, rules.map { $0.sorted { $0.output < $1.output } })
    }
}
