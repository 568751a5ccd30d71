import SCNCore
import SCNOps
import SCNTestSupport
import Testing

/// Rows divided by numbers of their own, against the definition, on every instruction set and any number of threads.
@Suite(.exclusive) struct RowQuotientTests {
    static func expected(_ rows: [Double], _ divisors: [Double], _ bias: [Double], planes: Int) -> [Double] {
        rows.indices.map { index in
            let divisor = divisors[index / planes]
            return (divisor == 0 ? 0 : rows[index] / divisor) + bias[index % planes]
        }
    }

    @Test func quotientsAndTheirGradients() throws {
        var random = Random(seed: 17)
        for (rows, planes) in [(0, 3), (1, 1), (7, 37), (3000, 5)] {
            let values = random.floats(rows * planes)
            var divisors = random.floats(rows).map { $0 + 3 }
            if rows > 4 { divisors[4] = 0 }
            let (bias, gradient) = (random.floats(planes), random.floats(rows * planes))
            let exact = Self.expected(values.doubles, divisors.doubles, bias.doubles, planes: planes)
            let byDivisors = (0..<rows).map { row -> Double in
                let part = row * planes..<(row + 1) * planes
                let sum = zip(values[part], gradient[part]).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                return divisors[row] == 0 ? 0 : -sum / Double(divisors[row]) / Double(divisors[row])
            }
            var bits: [[Float]] = []
            try withEachInstructionSet { name in
                for threads in [1, 2] {
                    Parallel.threadCount = threads
                    let input = try Matrix(rows: rows, planes: planes, values)
                    let numbers = try Matrix(rows: rows, planes: 1, divisors)
                    let (result, slopes) = (try unwritten(rows, planes), try unwritten(rows, 1))
                    try RowQuotients.forward(
                        input, by: numbers, bias: Matrix(rows: 1, planes: planes, bias), into: result)
                    try RowQuotients.backwardDivisors(
                        input, by: numbers, gradient: Matrix(rows: rows, planes: planes, gradient), into: slopes)
                    #expect(worstError(result.elements, exact) < 1e-6, name)
                    #expect(worstError(slopes.elements, byDivisors) < 1e-5, name)
                    bits.append(slopes.elements)
                }
            }
            #expect(bits.allSatisfy { $0 == bits[0] })
        }
    }

    @Test func wrongShapesAreErrors() throws {
        let rows = try Matrix(zeros: 3, planes: 2)
        let divisors = try Matrix(zeros: 3, planes: 1)
        #expect(throws: SCNError.self) { try RowQuotients.forward(rows, by: rows, into: Matrix(zeros: 3, planes: 2)) }
        #expect(throws: SCNError.self) {
            try RowQuotients.forward(rows, by: divisors, into: Matrix(zeros: 2, planes: 2))
        }
        #expect(throws: SCNError.self) {
            try RowQuotients.forward(
                rows, by: divisors, bias: Matrix(zeros: 1, planes: 3), into: Matrix(zeros: 3, planes: 2))
        }
        #expect(throws: SCNError.self) {
            try RowQuotients.backwardDivisors(rows, by: divisors, gradient: divisors, into: Matrix(zeros: 3, planes: 1))
        }
    }
}
