import CSCNKernels
import Testing

@Suite struct PoolingTests {
    @Test(arguments: Table.all) func poolingMatchesLoops(table: Table) {
        let kernels = table.kernels
        for planes in planeCounts {
            for outputs in [0, 1, 2, 5, 100] {
                var numbers = Numbers(state: UInt64(planes + outputs))
                let inputs = outputs * 2
                let count: Int
                let rules = Rules(volume: 1, inputs: inputs, outputs: outputs, percent: 70, numbers: &numbers)
                count = rules.inputRows.count
                let (inStride, outStride) = (planes + 2, planes + 3)
                // Few different values, so that some are tied.
                let x = (0..<inputs * planes).map { _ in Float(numbers.next() % 4) - 1.5 }
                let y = (0..<outputs * planes).map { _ in Float(numbers.next() % 4) - 1.5 }
                let g = numbers.floats(outputs * planes)
                let gx = numbers.floats(inputs * planes)
                let input = Buffer(x, rows: inputs, planes: planes, stride: inStride)
                let output = Buffer(y, rows: outputs, planes: planes, stride: outStride)
                let sums = Buffer(y, rows: outputs, planes: planes, stride: outStride)
                let gradient = Buffer(g, rows: outputs, planes: planes, stride: outStride)
                let inputGradient = Buffer(gx, rows: inputs, planes: planes, stride: inStride)
                rules.withRules { rules in
                    let (from, to, size) = (rules.pointee.input_rows, rules.pointee.output_rows, Int64(planes))
                    kernels.max_pooling_forward(
                        Int64(count), from, to, input.pointer, Int64(inStride), output.pointer, Int64(outStride), size)
                    kernels.add_rows(
                        Int64(count), from, to, input.pointer, Int64(inStride), sums.pointer, Int64(outStride), size,
                        0.25)
                    kernels.max_pooling_backward(
                        Int64(count), from, to, input.pointer, output.pointer, gradient.pointer,
                        inputGradient.pointer, Int64(inStride), Int64(outStride), size)
                }
                var largest = y.map(Double.init)
                var sum = largest
                var expected = gx.map(Double.init)
                for r in 0..<count {
                    for p in 0..<planes {
                        let i = Int(rules.inputRows[r]) * planes + p
                        let o = Int(rules.outputRows[r]) * planes + p
                        largest[o] = max(largest[o], Double(x[i]))
                        sum[o] += 0.25 * Double(x[i])
                        if Double(x[i]) == largest[o] { expected[i] += Double(g[o]) }
                    }
                }
                #expect(worstError(output.matrix(rows: outputs, planes: planes, stride: outStride), largest) == 0)
                #expect(worstError(sums.matrix(rows: outputs, planes: planes, stride: outStride), sum) < 1e-6)
                #expect(
                    worstError(inputGradient.matrix(rows: inputs, planes: planes, stride: inStride), expected) < 1e-6)
                for buffer in [output, sums] {
                    #expect(buffer.guardsAreIntact)
                    #expect(buffer.gapsAreIntact(rows: outputs, planes: planes, stride: outStride))
                }
                #expect(inputGradient.guardsAreIntact)
                #expect(inputGradient.gapsAreIntact(rows: inputs, planes: planes, stride: inStride))
            }
        }
    }

    /// Two rules that reach one output: both of the tied inputs receive its whole gradient.
    @Test(arguments: Table.all) func tiedMaximaAllReceiveTheGradient(table: Table) {
        let gradient = Buffer(count: 3 * 20)
        table.kernels.max_pooling_backward(
            3, [0, 1, 2], [0, 0, 0], [Float](repeating: 1, count: 40) + [Float](repeating: 0, count: 20),
            [Float](repeating: 1, count: 20), [Float](repeating: 2, count: 20), gradient.pointer, 20, 20, 20)
        #expect(gradient.values == [Float](repeating: 2, count: 40) + [Float](repeating: 0, count: 20))
    }
}
