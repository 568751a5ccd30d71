import CSCNKernels
import Testing

@Suite struct ConvolutionTests {
    /// One convolution with everything around it, run by a table in rows cut as asked.
    struct Problem {
        let rules: Rules
        let inputs: Int, outputs: Int, inPlanes: Int, outPlanes: Int
        let input: [Float], weight: [Float], bias: [Float]?

        init(
            volume: Int, inputs: Int, outputs: Int, inPlanes: Int, outPlanes: Int, percent: UInt64 = 60, bias: Bool,
            seed: Int
        ) {
            var numbers = Numbers(state: UInt64(seed))
            rules = Rules(volume: volume, inputs: inputs, outputs: outputs, percent: percent, numbers: &numbers)
            (self.inputs, self.outputs, self.inPlanes, self.outPlanes) = (inputs, outputs, inPlanes, outPlanes)
            input = numbers.floats(inputs * inPlanes)
            weight = numbers.floats(volume * inPlanes * outPlanes)
            self.bias = bias ? numbers.floats(outPlanes) : nil
        }

        func run(
            _ table: Table, cuts: [Int], gap: Int = 3, transposedWeight: Bool = false, leakiness: Float = 1
        ) -> [Float] {
            let kernels = table.kernels
            let size = Int(kernels.convolution_packed_size(Int64(inPlanes), Int64(outPlanes)))
            let packed = Buffer(count: size * rules.volume)
            for k in 0..<rules.volume {
                var matrix = Array(weight[k * inPlanes * outPlanes..<(k + 1) * inPlanes * outPlanes])
                if transposedWeight {
                    let original = matrix
                    for i in 0..<inPlanes {
                        for o in 0..<outPlanes { matrix[o * inPlanes + i] = original[i * outPlanes + o] }
                    }
                }
                kernels.convolution_pack(
                    matrix, Int64(inPlanes), Int64(outPlanes), Int64(transposedWeight ? 1 : outPlanes),
                    Int64(transposedWeight ? inPlanes : 1), packed.pointer + k * size)
            }
            let x = Buffer(input, rows: inputs, planes: inPlanes, stride: inPlanes + gap)
            let stride = outPlanes + gap
            let y = Buffer(
                [Float](repeating: .nan, count: outputs * outPlanes), rows: outputs, planes: outPlanes, stride: stride)
            var cursors = [Int64](repeating: -1, count: rules.volume)
            let edges = [0] + cuts + [outputs]
            rules.withRules { rules in
                for (first, end) in zip(edges, edges.dropFirst()) {
                    func call(_ bias: UnsafePointer<Float>?) {
                        kernels.convolution_rows(
                            rules, Int64(first), Int64(end), x.pointer, Int64(inPlanes + gap), Int64(inPlanes),
                            packed.pointer, bias, leakiness, y.pointer, Int64(stride), Int64(outPlanes), &cursors)
                    }
                    if let bias { call(bias) } else { call(nil) }
                }
            }
            #expect(packed.guardsAreIntact && y.guardsAreIntact)
            #expect(y.gapsAreIntact(rows: outputs, planes: outPlanes, stride: stride))
            return y.matrix(rows: outputs, planes: outPlanes, stride: stride)
        }

        var expected: [Double] {
            var y = (0..<outputs * outPlanes).map { Double(bias?[$0 % outPlanes] ?? 0) }
            for k in 0..<rules.volume {
                for r in Int(rules.offsets[k])..<Int(rules.offsets[k + 1]) {
                    let x = Int(rules.inputRows[r]) * inPlanes
                    let base = Int(rules.outputRows[r]) * outPlanes
                    for i in 0..<inPlanes {
                        let w = (k * inPlanes + i) * outPlanes
                        let value = Double(input[x + i])
                        for o in 0..<outPlanes { y[base + o] += value * Double(weight[w + o]) }
                    }
                }
            }
            return y
        }
    }

    @Test(arguments: Table.all) func matchesLoopsForAllPlanes(table: Table) {
        for inPlanes in planeCounts {
            for outPlanes in planeCounts {
                let problem = Problem(
                    volume: 2, inputs: 30, outputs: 23, inPlanes: inPlanes, outPlanes: outPlanes,
                    bias: outPlanes % 2 == 0, seed: inPlanes * 1000 + outPlanes)
                let error = worstError(problem.run(table, cuts: []), problem.expected)
                #expect(error < 1e-5, "\(inPlanes) to \(outPlanes) planes")
            }
        }
    }

    @Test(arguments: Table.all) func matchesLoopsForAnyNumberOfRules(table: Table) {
        for rows in [0, 1, 2, 5, 6, 7, 13, 14, 15, 29, 100, 1500] {
            for planes in [4, 16, 20, 33, 48, 64] {
                let problem = Problem(
                    volume: 5, inputs: rows * 2, outputs: rows, inPlanes: planes, outPlanes: planes, bias: true,
                    seed: rows + planes)
                let error = worstError(problem.run(table, cuts: [], transposedWeight: true), problem.expected)
                #expect(error < 1e-5, "\(rows) rows of \(planes) planes")
            }
        }
    }

    /// The activation is that of the finished sums, bit by bit, in rows with rules and without.
    @Test(arguments: Table.all) func activationsComeLast(table: Table) {
        for (planes, percent) in [(1, 60), (16, 60), (37, 5), (64, 60)] as [(Int, UInt64)] {
            let problem = Problem(
                volume: 9, inputs: 400, outputs: 1100, inPlanes: 5, outPlanes: planes, percent: percent, bias: true,
                seed: planes)
            let sums = problem.run(table, cuts: [])
            for leakiness: Float in [0, 0.25, 3] {
                let activated = problem.run(table, cuts: [1, 700], leakiness: leakiness)
                #expect(activated == sums.map { $0 > 0 ? $0 : leakiness * $0 })
            }
        }
    }

    @Test(arguments: Table.all) func offsetsAreManyAndRulesFew(table: Table) {
        let problem = Problem(
            volume: 59049, inputs: 40, outputs: 20, inPlanes: 3, outPlanes: 5, percent: 2, bias: true, seed: 5)
        #expect(worstError(problem.run(table, cuts: [7]), problem.expected) < 1e-4)
    }

    @Test(arguments: Table.all) func bitsDoNotDependOnTheCut(table: Table) {
        for planes in [(3, 16), (16, 16), (16, 37), (32, 32), (33, 48), (64, 64), (80, 80), (17, 160)] {
            let problem = Problem(
                volume: 9, inputs: 400, outputs: 300, inPlanes: planes.0, outPlanes: planes.1, bias: true,
                seed: planes.0)
            let whole = problem.run(table, cuts: []).map(\.bitPattern)
            for cuts in [[1], [1, 2, 3, 7, 150, 299], [0, 100, 100, 200], Array(1..<300)] {
                #expect(problem.run(table, cuts: cuts, gap: 0).map(\.bitPattern) == whole)
            }
        }
    }

    @Test(arguments: Table.all) func weightGradientMatchesLoops(table: Table) {
        for inPlanes in planeCounts {
            for outPlanes in planeCounts { weightGradient(table, inPlanes, outPlanes, rows: 19) }
        }
        for rows in [0, 1, 2, 5, 100, 5000] {
            for planes in [3, 16, 37, 64] { weightGradient(table, planes, planes, rows: rows) }
        }
    }

    private func weightGradient(_ table: Table, _ inPlanes: Int, _ outPlanes: Int, rows: Int) {
        var numbers = Numbers(state: UInt64(inPlanes * 1000 + outPlanes))
        let rules = Rules(volume: 1, inputs: rows * 2, outputs: rows, percent: 80, numbers: &numbers)
        let input = numbers.floats(rows * 2 * inPlanes)
        let gradient = numbers.floats(rows * outPlanes)
        let start = numbers.floats(inPlanes * outPlanes)
        let count = rules.inputRows.count
        let x = Buffer(input, rows: rows * 2, planes: inPlanes, stride: inPlanes + 1)
        let g = Buffer(gradient, rows: rows, planes: outPlanes, stride: outPlanes + 5)
        let result = Buffer(start, rows: inPlanes, planes: outPlanes, stride: outPlanes + 2)
        rules.withRules { rules in
            table.kernels.convolution_weight_gradient(
                Int64(count), rules.pointee.input_rows, rules.pointee.output_rows, x.pointer, Int64(inPlanes + 1),
                Int64(inPlanes), g.pointer, Int64(outPlanes + 5), Int64(outPlanes), result.pointer,
                Int64(outPlanes + 2))
        }
        var expected = start.map(Double.init)
        for r in 0..<count {
            for i in 0..<inPlanes {
                let value = Double(input[Int(rules.inputRows[r]) * inPlanes + i])
                for o in 0..<outPlanes {
                    expected[i * outPlanes + o] += value * Double(gradient[Int(rules.outputRows[r]) * outPlanes + o])
                }
            }
        }
        let values = result.matrix(rows: inPlanes, planes: outPlanes, stride: outPlanes + 2)
        #expect(worstError(values, expected) < 1e-4, "\(inPlanes) x \(outPlanes) planes, \(rows) rows")
        #expect(result.gapsAreIntact(rows: inPlanes, planes: outPlanes, stride: outPlanes + 2))
        #expect(result.guardsAreIntact)
    }

    @Test(arguments: Table.all) func weightGradientOfAllOffsetsMatchesLoops(table: Table) {
        let (volume, gap) = (5, 3)
        for (inPlanes, outPlanes) in [(3, 16), (16, 5), (33, 37), (64, 64), (160, 48)] {
            for rows in [0, 1, 5, 700] {
                var numbers = Numbers(state: UInt64(inPlanes + rows))
                let rules = Rules(volume: volume, inputs: rows * 2, outputs: rows, percent: 50, numbers: &numbers)
                let input = numbers.floats(rows * 2 * inPlanes)
                let gradient = numbers.floats(rows * outPlanes)
                let offsetStride = inPlanes * (outPlanes + gap)
                let result = Buffer(
                    [Float](repeating: 1, count: volume * inPlanes * outPlanes), rows: volume * inPlanes,
                    planes: outPlanes, stride: outPlanes + gap)
                var cursors = [Int64](repeating: -1, count: volume)
                rules.withRules { rules in
                    for (first, end) in [(0, rows / 3), (rows / 3, rows)] {
                        table.kernels.convolution_weight_gradient_rows(
                            rules, Int64(first), Int64(end), input, Int64(inPlanes), Int64(inPlanes), gradient,
                            Int64(outPlanes), Int64(outPlanes), result.pointer, Int64(offsetStride),
                            Int64(outPlanes + gap), &cursors)
                    }
                }
                var expected = [Double](repeating: 1, count: volume * inPlanes * outPlanes)
                for k in 0..<volume {
                    for r in Int(rules.offsets[k])..<Int(rules.offsets[k + 1]) {
                        for i in 0..<inPlanes {
                            let value = Double(input[Int(rules.inputRows[r]) * inPlanes + i])
                            let (row, base) = ((k * inPlanes + i) * outPlanes, Int(rules.outputRows[r]) * outPlanes)
                            for o in 0..<outPlanes { expected[row + o] += value * Double(gradient[base + o]) }
                        }
                    }
                }
                let values = result.matrix(rows: volume * inPlanes, planes: outPlanes, stride: outPlanes + gap)
                #expect(worstError(values, expected) < 1e-4, "\(inPlanes) to \(outPlanes) planes, \(rows) rows")
                #expect(result.gapsAreIntact(rows: volume * inPlanes, planes: outPlanes, stride: outPlanes + gap))
                #expect(result.guardsAreIntact)
            }
        }
    }
}
