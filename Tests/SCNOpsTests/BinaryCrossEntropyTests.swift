import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct BinaryCrossEntropyTests {
    static func run(_ logits: [Float], _ targets: [Float], planes: Int = 1) throws -> (loss: Float, gradient: [Float]) {
        let values = try Matrix(rows: logits.count / planes, planes: planes, logits)
        let gradient = try unwritten(values.rows, planes)
        let wanted = try Matrix(rows: values.rows, planes: planes, targets)
        let loss = try BinaryCrossEntropyOperation.forward(values, targets: wanted, gradient: gradient)
        let without = try BinaryCrossEntropyOperation.forward(values, targets: wanted, gradient: nil)
        #expect(loss == without || loss.isNaN)
        return (loss, gradient.elements)
    }

    @Test(arguments: [1, 3, 17]) func agreesWithTheDefinition(planes: Int) throws {
        var random = Random(seed: 83)
        for rows in [0, 1, 7, 2_000] {
            for isHard in [false, true] {
                let logits = random.floats(rows * planes).map { 8 * $0 }
                let targets = random.floats(rows * planes).map { isHard ? ($0 > 0 ? 1 : 0) : 0.5 + 0.5 * $0 }
                let result = try Self.run(logits, targets, planes: planes)
                func loss(_ logits: [Double]) -> Double {
                    RowOracle.binaryCrossEntropy(logits, targets: targets.doubles)
                }
                #expect(worstError([result.loss], [loss(logits.doubles)]) < 1e-6)
                // A mean over many elements has small gradients: compare those of the sum.
                let scale = Double(max(1, logits.count))
                let sums = result.gradient.map { $0 * Float(scale) }
                let error = gradientError(sums, at: logits.doubles, step: 1e-4, limit: 40) { loss($0) * scale }
                #expect(error < 1e-5)
            }
        }
    }

    @Test func extremeLogits() throws {
        let certain = try Self.run([3e38, -3e38, .infinity, -.infinity], [1, 0, 1, 0])
        #expect(certain.loss == 0 && certain.gradient.allSatisfy { $0 == 0 })
        let wrong = try Self.run([1e4, -3e4], [0, 1])
        #expect(wrong.loss == 20_000 && wrong.gradient == [0.5, -0.5])
        #expect(try Self.run([.infinity], [0.5]).loss == .infinity)
        #expect(try Self.run([.nan, 1], [1, 1]).loss.isNaN)
        let even = try Self.run([0, 0], [0.5, 1])
        #expect(abs(even.loss - 0.6931472) < 1e-6 && even.gradient == [0, -0.25])
    }

    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 84)
        let (logits, targets) = (random.floats(200_000), random.floats(200_000).map { abs($0) })
        #expect(
            try bitsAgreeOnAllThreadCounts {
                let result = try Self.run(logits, targets)
                return [[result.loss], result.gradient]
            })
    }

    @Test(arguments: [-0.001, 1.001, .nan, .infinity] as [Float]) func refusesOtherTargets(target: Float) {
        let error = thrownError { _ = try Self.run([1, 2, 3], [0, target, 1]) }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.contains("element 1") == true)
    }
}
