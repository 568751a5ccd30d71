import CSCNKernels
import Testing

/// Sums over many rows: by rules and by sites.
@Suite struct SumTests {
    /// Tiles of every kind: one row, some, all of them; room for the rules of one row, or of all.
    @Test(arguments: Table.all, [1, 9, 40]) func sumsOverRulesMatchLoops(table: Table, volume: Int) {
        for planes in planeCounts {
            for (inputs, outputs) in [(1, 0), (1, 1), (30, 25), (90, 70)] {
                var numbers = Numbers(state: UInt64(planes + outputs + volume))
                let rules = Rules(volume: volume, inputs: inputs, outputs: outputs, percent: 60, numbers: &numbers)
                for offsetStride in [0, planes] {
                    let stride = volume * planes + 1
                    let values = numbers.floats(inputs * stride)
                    let input = Buffer(values)
                    var expected = [Double](repeating: 0, count: outputs * planes)
                    for k in 0..<volume {
                        for r in Int(rules.offsets[k])..<Int(rules.offsets[k + 1]) {
                            let (from, to) = (Int(rules.inputRows[r]), Int(rules.outputRows[r]))
                            for p in 0..<planes {
                                expected[to * planes + p] += Double(values[from * stride + k * offsetStride + p])
                            }
                        }
                    }
                    for (tile, capacity) in [(1, volume), (7, volume), (64, 3 * volume), (100, 100 * volume)] {
                        let output = Buffer(
                            [Float](repeating: .nan, count: outputs * planes), rows: outputs, planes: planes,
                            stride: planes + 2)
                        var (cursors, starts, places) = (
                            [Int64](repeating: -1, count: volume), [Int64](repeating: -1, count: tile + 1),
                            [Int64](repeating: -1, count: capacity)
                        )
                        let middle = outputs / 3
                        rules.withRules { rules in
                            for (first, end) in [(0, middle), (middle, outputs)] {
                                table.kernels.sum_rules(
                                    rules, 1, Int64(first), Int64(end), input.pointer, Int64(stride),
                                    Int64(offsetStride), Int64(planes), 0.125, output.pointer, Int64(planes + 2),
                                    Int64(tile), Int64(capacity), &cursors, &starts, &places)
                            }
                        }
                        let result = output.matrix(rows: outputs, planes: planes, stride: planes + 2)
                        #expect(result == expected.map { Float($0 * 0.125) })
                        #expect(output.guardsAreIntact)
                        #expect(output.gapsAreIntact(rows: outputs, planes: planes, stride: planes + 2))
                    }
                }
            }
        }
    }

    /// Where output rows repeat within an offset they are summed rule after rule.
    @Test(arguments: Table.all) func outputRowsMayRepeat(table: Table) {
        var numbers = Numbers(state: 0)
        var rules = Rules(volume: 0, inputs: 0, outputs: 0, percent: 0, numbers: &numbers)
        rules.inputRows = [0, 1, 2, 3, 4, 0]
        rules.outputRows = [1, 1, 0, 1, 0, 2]
        rules.offsets = [0, 4, 6]
        for planes in planeCounts {
            let values = (0..<5 * planes).map { Float($0) }
            let output = Buffer([Float](repeating: .nan, count: 4 * planes))
            var (cursors, starts, places) = (
                [Int64](repeating: -1, count: 2), [Int64](repeating: -1, count: 5), [Int64](repeating: -1, count: 6)
            )
            rules.withRules { rules in
                table.kernels.sum_rules(
                    rules, 0, 0, 4, values, Int64(planes), 0, Int64(planes), 1, output.pointer, Int64(planes), 4, 6,
                    &cursors, &starts, &places)
            }
            let sources = [[2, 4], [0, 1, 3], [0], []]
            let expected = (0..<4 * planes).map { index in
                sources[index / planes].reduce(Float(0)) { $0 + values[$1 * planes + index % planes] }
            }
            #expect(output.values == expected && output.guardsAreIntact)
        }
    }

    @Test(arguments: Table.all) func sitesCombineTheirRowsAndSpreadThem(table: Table) {
        let counts = [1, 3, 1, 1, 40, 2, 1, 1, 1, 7]
        let starts = counts.reduce(into: [Int64(0)]) { $0.append($0.last! + Int64($1)) }
        let total = counts.reduce(0, +)
        // Every third row is padding and belongs to no site.
        let siteOfRow = (0..<total + total / 2).map { $0 % 3 == 2 ? Int32(-1) : 0 }
        for planes in planeCounts {
            var numbers = Numbers(state: UInt64(planes))
            var owned = siteOfRow
            var rows = owned.indices.filter { owned[$0] >= 0 }.map(Int32.init)
            for index in rows.indices { rows.swapAt(index, Int(numbers.next()) % rows.count) }
            for site in counts.indices {
                for index in Int(starts[site])..<Int(starts[site + 1]) { owned[Int(rows[index])] = Int32(site) }
            }
            let values = numbers.floats(owned.count * planes)
            let sites = numbers.floats(counts.count * planes)
            for which in [SCN_SUM_OF_ROWS, SCN_MEAN_OF_ROWS, SCN_FIRST_ROW, SCN_LAST_ROW] {
                let output = Buffer([Float](repeating: .nan, count: counts.count * planes))
                let spread = Buffer([Float](repeating: .nan, count: owned.count * planes))
                table.kernels.combine_site_rows(
                    Int64(counts.count), starts, rows, which, Buffer(values).pointer, Int64(planes), output.pointer)
                for (first, end) in [(0, 5), (5, owned.count)] {
                    table.kernels.spread_site_rows(
                        Int64(first), Int64(end), owned, starts, rows, which, Buffer(sites).pointer, Int64(planes),
                        spread.pointer)
                }
                var combined = [Float]()
                var back = [Float](repeating: 0, count: owned.count * planes)
                for (site, count) in counts.enumerated() {
                    var own = rows[Int(starts[site])..<Int(starts[site + 1])].map(Int.init)
                    if which == SCN_FIRST_ROW { own = [own.first!] }
                    if which == SCN_LAST_ROW { own = [own.last!] }
                    for p in 0..<planes {
                        let sum = own.reduce(0.0) { $0 + Double(values[$1 * planes + p]) }
                        combined.append(Float(which == SCN_MEAN_OF_ROWS ? sum * (1 / Double(count)) : sum))
                        for row in own {
                            let whole = sites[site * planes + p]
                            back[row * planes + p] = which == SCN_MEAN_OF_ROWS ? whole / Float(count) : whole
                        }
                    }
                }
                #expect(output.values == combined && output.guardsAreIntact)
                #expect(spread.values == back && spread.guardsAreIntact)
            }
        }
    }
}
