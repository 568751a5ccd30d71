import CSCNKernels
import Testing

@Suite struct ElementTests {
    static let counts = [0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 64, 100, 1000]

    @Test(arguments: Table.all) func elementsMatchLoops(table: Table) {
        let kernels = table.kernels
        for count in Self.counts {
            var numbers = Numbers(state: UInt64(count))
            let a = numbers.floats(count)
            let b = numbers.floats(count)
            let n = Int64(count)
            func check(_ name: String, _ run: (Buffer) -> Void, _ expected: (Double, Double) -> Double) {
                // The output is the first operand as well.
                let buffer = Buffer(a)
                run(buffer)
                let wanted = zip(a, b).map { expected(Double($0), Double($1)) }
                #expect(worstError(buffer.values, wanted) < 1e-6, "\(name), \(count)")
                #expect(buffer.guardsAreIntact)
            }
            check("add", { kernels.add($0.pointer, b, n, $0.pointer) }, +)
            check("multiply", { kernels.multiply($0.pointer, b, n, $0.pointer) }, *)
            check("scale", { kernels.scale($0.pointer, 2.5, n, $0.pointer) }, { x, _ in 2.5 * x })
            check("divide", { kernels.divide($0.pointer, 3, n, $0.pointer) }, { x, _ in x / 3 })
            check("leaky_relu", { kernels.leaky_relu($0.pointer, n, 0.25, $0.pointer) }, { x, _ in x > 0 ? x : x / 4 })
            check(
                "leaky_relu_backward", { kernels.leaky_relu_backward(b, $0.pointer, n, 0.25, $0.pointer) },
                { g, x in x > 0 ? g : g / 4 })
            let squares = a.reduce(0.0) { $0 + Double($1) * Double($1) }
            #expect(abs(kernels.sum_of_squares(Buffer(a).pointer, n) - squares) <= 1e-12 * (1 + squares))
        }
    }

    @Test(arguments: Table.all, [true, false]) func sgdMatchesLoops(table: Table, nesterov: Bool) {
        for count in Self.counts {
            for hasVelocity in [true, false] {
                var numbers = Numbers(state: UInt64(count))
                let start = numbers.floats(count)
                let parameter = Buffer(start)
                let velocity = Buffer(numbers.floats(count))
                var p = start.map(Double.init)
                var v = p
                for step in 0..<3 {
                    let g = numbers.floats(count)
                    table.kernels.sgd_step(
                        parameter.pointer, g, hasVelocity ? velocity.pointer : nil, Int64(count), 0.1, 0.9, 0.25, 0.01,
                        nesterov ? 1 : 0, step == 0 ? 1 : 0)
                    for i in 0..<count {
                        let d = Double(g[i]) + 0.01 * p[i]
                        v[i] = step == 0 ? d : 0.9 * v[i] + 0.75 * d
                        p[i] -= 0.1 * (!hasVelocity ? d : nesterov ? d + 0.9 * v[i] : v[i])
                    }
                }
                #expect(worstError(parameter.values, p) < 1e-6)
                #expect(parameter.guardsAreIntact && velocity.guardsAreIntact)
                if hasVelocity { #expect(worstError(velocity.values, v) < 1e-6) }
            }
        }
    }

    @Test(arguments: Table.all) func stepsAndMarksMatchLoops(table: Table) {
        for count in Self.counts {
            var numbers = Numbers(state: UInt64(count))
            var values = numbers.floats(3 * count)
            if count > 2 { (values[0], values[3], values[6]) = (.nan, .infinity, 0) }
            let steps = Buffer(count: 3 * count)
            table.kernels.step(values, Int64(3 * count), steps.pointer)
            #expect(steps.values == values.map { $0 > 0 ? 1 : 0 } && steps.guardsAreIntact)
            for (stride, least) in [(1, 0), (3, 0.25)] as [(Int, Float)] {
                var marks = [UInt8](repeating: 7, count: count + 1)
                table.kernels.mark_above(values, Int64(stride), Int64(count), least, &marks)
                #expect(marks == (0..<count).map { values[$0 * stride] > least ? 1 : 0 } + [7])
            }
        }
    }

    /// A decay of 0 is none: 0 times an infinite parameter would be NaN.
    @Test(arguments: Table.all) func noDecayLeavesInfiniteParametersAlone(table: Table) {
        for count in [1, 5, 37] {
            let gradient = [Float](repeating: 1, count: count)
            let (first, second) = (Buffer(count: count), Buffer(count: count))
            for step in 0..<3 {
                let parameter = Buffer([Float](repeating: .infinity, count: count))
                switch step {
                case 0:
                    table.kernels.sgd_step(parameter.pointer, gradient, nil, Int64(count), 0.1, 0, 0, 0, 0, 1)
                case 1:
                    table.kernels.sgd_step(
                        parameter.pointer, gradient, first.pointer, Int64(count), 0.1, 0.9, 0, 0, 1, 1)
                default:
                    table.kernels.adam_step(
                        parameter.pointer, gradient, first.pointer, second.pointer, Int64(count), 0.1, 0.9, 0.99, 1e-3,
                        0, 0, 0.1, 0.01)
                }
                #expect(parameter.values.allSatisfy { $0 == .infinity })
                #expect(first.values.allSatisfy { $0.isFinite })
            }
        }
    }

    @Test(arguments: Table.all, [true, false]) func adamMatchesLoops(table: Table, decoupled: Bool) {
        for count in Self.counts {
            var numbers = Numbers(state: UInt64(count))
            let start = numbers.floats(count)
            let parameter = Buffer(start)
            let first = Buffer(count: count)
            let second = Buffer(count: count)
            var p = start.map(Double.init)
            var m = [Double](repeating: 0, count: count)
            var s = m
            var (power1, power2) = (1.0, 1.0)
            for _ in 0..<3 {
                let gradient = numbers.floats(count)
                power1 *= 0.9
                power2 *= 0.99
                table.kernels.adam_step(
                    parameter.pointer, gradient, first.pointer, second.pointer, Int64(count), 0.1, 0.9, 0.99, 1e-3,
                    0.05, decoupled ? 1 : 0, Float(1 - power1), Float(1 - power2))
                for i in 0..<count {
                    var g = Double(gradient[i])
                    if decoupled { p[i] -= 0.1 * 0.05 * p[i] } else { g += 0.05 * p[i] }
                    m[i] = 0.9 * m[i] + 0.1 * g
                    s[i] = 0.99 * s[i] + 0.01 * g * g
                    p[i] -= 0.1 * (m[i] / (1 - power1)) / ((s[i] / (1 - power2)).squareRoot() + 1e-3)
                }
            }
            #expect(worstError(parameter.values, p) < 1e-5)
            #expect(worstError(first.values, m) < 1e-6)
            #expect(worstError(second.values, s) < 1e-6)
            #expect(parameter.guardsAreIntact && first.guardsAreIntact && second.guardsAreIntact)
        }
    }
}
