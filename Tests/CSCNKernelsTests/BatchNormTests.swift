import CSCNKernels
import Testing

@Suite struct BatchNormTests {
    @Test(arguments: Table.all) func momentsMatchLoops(table: Table) {
        for planes in planeCounts {
            for rows in [0, 1, 2, 5, 100, 1000] {
                var numbers = Numbers(state: UInt64(planes + rows))
                let values = numbers.floats(rows * planes)
                let x = Buffer(values)
                let mean = DoubleBuffer(count: planes)
                let squares = DoubleBuffer(count: planes)
                let sum = DoubleBuffer(count: planes)
                table.kernels.column_moments(x.pointer, Int64(rows), Int64(planes), mean.pointer, squares.pointer)
                table.kernels.column_sums(x.pointer, Int64(planes), Int64(rows), Int64(planes), sum.pointer)
                var sums = [Double](repeating: 0, count: planes)
                var about = sums
                for (i, value) in values.enumerated() { sums[i % planes] += Double(value) }
                let means = sums.map { rows == 0 ? 0 : $0 / Double(rows) }
                for (i, value) in values.enumerated() {
                    let deviation = Double(value) - means[i % planes]
                    about[i % planes] += deviation * deviation
                }
                #expect(worstError(mean.values, means) < 1e-14)
                #expect(worstError(squares.values, about) < 1e-6)
                #expect(worstError(sum.values, sums) < 1e-14)
                for buffer in [mean, squares, sum] { #expect(buffer.guardsAreIntact) }
            }
        }
    }

    @Test(arguments: Table.all) func momentsSurviveAFarMean(table: Table) {
        let rows = 20_000
        let planes = 19
        var numbers = Numbers(state: 9)
        var values = numbers.floats(rows * planes).map { 1000 + 0.01 * $0 }
        // An outlier in the first row must not spoil what is measured from it.
        values[3] = -1e6
        let mean = DoubleBuffer(count: planes)
        let squares = DoubleBuffer(count: planes)
        table.kernels.column_moments(values, Int64(rows), Int64(planes), mean.pointer, squares.pointer)
        for p in 0..<planes {
            let column = (0..<rows).map { Double(values[$0 * planes + p]) }
            let average = column.reduce(0, +) / Double(rows)
            let expected = column.reduce(0) { $0 + ($1 - average) * ($1 - average) }
            #expect(abs(mean.values[p] - average) < 1e-9)
            #expect(abs(squares.values[p] / expected - 1) < 1e-5)
        }
    }

    @Test(arguments: Table.all, [Float(0), 0.333, 1]) func batchNormMatchesLoops(table: Table, leakiness: Float) {
        for planes in planeCounts {
            for rows in [0, 1, 2, 5, 130] {
                var numbers = Numbers(state: UInt64(planes + rows))
                let values = numbers.floats(rows * planes)
                let gradients = numbers.floats(rows * planes)
                let parameters = (0..<4).map { _ in numbers.floats(planes) }
                let (mean, a, b, c) = (parameters[0], parameters[1], parameters[2], parameters[3])
                let x = Buffer(values)
                let g = Buffer(gradients)
                let y = Buffer(count: rows * planes)
                let inputGradient = Buffer(count: rows * planes)
                let scaled = Buffer(count: rows * planes)
                let sum = DoubleBuffer(count: planes)
                let product = DoubleBuffer(count: planes)
                let (n, p) = (Int64(rows), Int64(planes))
                table.kernels.batch_norm_apply(x.pointer, n, p, mean, a, b, leakiness, y.pointer)
                table.kernels.batch_norm_backward_sums(
                    x.pointer, y.pointer, g.pointer, n, p, mean, leakiness, sum.pointer, product.pointer)
                table.kernels.batch_norm_backward_apply(
                    x.pointer, y.pointer, g.pointer, n, p, mean, leakiness, a, b, c, inputGradient.pointer)
                table.kernels.scaled_backward_apply(y.pointer, g.pointer, n, p, leakiness, a, scaled.pointer)
                table.kernels.batch_norm_apply(x.pointer, n, p, mean, a, b, leakiness, x.pointer)
                var outputs = [Double]()
                var back = outputs
                var scales = outputs
                var sums = [Double](repeating: 0, count: planes)
                var products = sums
                for i in 0..<rows * planes {
                    let q = i % planes
                    let centered = Double(values[i]) - Double(mean[q])
                    let linear = centered * Double(a[q]) + Double(b[q])
                    outputs.append(linear > 0 ? linear : linear * Double(leakiness))
                    let slope = leakiness == 1 || y.pointer[i] > 0 ? 1 : Double(leakiness)
                    let gradient = Double(gradients[i]) * slope
                    sums[q] += gradient
                    products[q] += gradient * centered
                    scales.append(gradient * Double(a[q]))
                    back.append(gradient * Double(a[q]) + centered * Double(b[q]) + Double(c[q]))
                }
                #expect(worstError(y.values, outputs) < 1e-6)
                #expect(x.values == y.values)
                #expect(worstError(sum.values, sums) < 1e-5)
                #expect(worstError(product.values, products) < 1e-5)
                #expect(worstError(inputGradient.values, back) < 1e-6)
                #expect(worstError(scaled.values, scales) < 1e-6)
                for buffer in [x, y, scaled, inputGradient] { #expect(buffer.guardsAreIntact) }
                for buffer in [sum, product] { #expect(buffer.guardsAreIntact) }
            }
        }
    }
}
