import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct CrossEntropyTests {
    static func run(
        _ logits: [Float], _ labels: [Int], classes: Int, weights: [Float]? = nil, ignored: Int = -100
    ) throws -> (loss: Float, gradient: [Float]) {
        let values = try Matrix(rows: labels.count, planes: classes, logits)
        let gradient = try unwritten(labels.count, classes)
        let numbers = try Storage((labels + [0]).map(Int64.init))
        let classWeights = try weights.map(vector)
        let loss = try CrossEntropyOperation.forward(
            values, labels: numbers.pointer, classWeights: classWeights,
            ignoreIndex: Int64(ignored), gradient: gradient)
        let without = try CrossEntropyOperation.forward(
            values, labels: numbers.pointer, classWeights: classWeights,
            ignoreIndex: Int64(ignored), gradient: nil)
        #expect(loss == without || loss.isNaN)
        return (loss, gradient.elements)
    }

    @Test(arguments: [1, 3, 17, 37], [-100, 0]) func agreesWithTheDefinition(classes: Int, ignored: Int) throws {
        var random = Random(seed: 81)
        for rows in [0, 1, 7, 2_000] {
            for isWeighted in [false, true] {
                let logits = random.floats(rows * classes).map { 6 * $0 }
                let labels = (0..<rows).map { _ in
                    Int.random(in: 0..<6, using: &random) == 0 ? ignored : Int.random(in: 0..<classes, using: &random)
                }
                let weights = isWeighted ? random.floats(classes).map { $0 < -0.8 ? 0 : 1 + $0 } : nil
                let result = try Self.run(logits, labels, classes: classes, weights: weights, ignored: ignored)
                func loss(_ logits: [Double]) -> Double {
                    RowOracle.crossEntropy(
                        logits, labels: labels, classes: classes, weights: weights?.doubles, ignored: ignored)
                }
                #expect(worstError([result.loss], [loss(logits.doubles)]) < 1e-6)
                let error = gradientError(result.gradient, at: logits.doubles, step: 1e-4, limit: 40, of: loss)
                #expect(error < 1e-6)
                // A mean over many rows has small gradients: compare the whole as well.
                let scaled = result.gradient.map { $0 * Float(max(1, rows)) }
                let coarse = gradientError(scaled, at: logits.doubles, step: 1e-4, limit: 40) {
                    loss($0) * Double(max(1, rows))
                }
                #expect(coarse < 1e-5)
            }
        }
    }

    @Test func extremeLogits() throws {
        let certain = try Self.run([1e4, -1e4, 0, -1e30, 3e38, 0], [0, 1], classes: 3)
        #expect(certain.loss == 0 && certain.gradient.allSatisfy { $0 == 0 })
        let wrong = try Self.run([1e4, -1e4], [1], classes: 2)
        #expect(wrong.loss == 20_000 && wrong.gradient == [1, -1])
        let even = try Self.run([1e30, 1e30, 1e30, 1e30], [2], classes: 4)
        #expect(abs(even.loss - 1.3862944) < 1e-6 && even.gradient == [0.25, 0.25, -0.75, 0.25])
        let masked = try Self.run([-.infinity, 1, 1], [1], classes: 3)
        #expect(abs(masked.loss - 0.6931472) < 1e-6 && masked.gradient == [0, -0.5, 0.5])
        // A class of weight 0 does not count, however wrong it is.
        let weightless = try Self.run([3e38, -3e38, 0, 0], [1, 0], classes: 2, weights: [1, 0])
        #expect(abs(weightless.loss - 0.6931472) < 1e-6 && weightless.gradient == [0, 0, -0.5, 0.5])
    }

    /// Loss and gradient agree: a NaN is seen in both, also under weight 0; a row that is ignored is not read at all.
    @Test func aNaNIsSeenUnlessItsRowIsIgnored() throws {
        for value: Float in [.nan, .infinity] {
            for column in 0..<2 {
                var logits: [Float] = [0, 1, 0, 1]
                logits[2 + column] = value
                for weights in [nil, [1, 0], [1, 1]] as [[Float]?] {
                    let result = try Self.run(logits, [0, 1], classes: 2, weights: weights)
                    #expect(result.loss.isNaN && result.gradient[2].isNaN && result.gradient[3].isNaN)
                    #expect(result.gradient[0].isFinite && result.gradient[1].isFinite)
                }
                let ignored = try Self.run(logits, [0, -100], classes: 2)
                #expect(abs(ignored.loss - 1.3132616) < 1e-6 && ignored.gradient[2...] == [0, 0])
            }
        }
        let wrong: [Float] = [0, 1, 0, -.infinity]
        let infinite = try Self.run(wrong, [0, 1], classes: 2)
        #expect(infinite.loss == .infinity && infinite.gradient[2...] == [0.5, -0.5])
        let weightless = try Self.run(wrong, [0, 1], classes: 2, weights: [1, 0])
        #expect(abs(weightless.loss - 1.3132616) < 1e-6 && weightless.gradient[2...] == [0, 0])
    }

    @Test func isZeroWhereNoRowCounts() throws {
        let ignored = try Self.run([1, 2, 3, 4], [-100, -100], classes: 2)
        #expect(ignored.loss == 0 && ignored.gradient == [0, 0, 0, 0])
        let weightless = try Self.run([1, 2, 3, 4], [0, 0], classes: 2, weights: [0, 1])
        #expect(weightless.loss == 0 && weightless.gradient == [0, 0, 0, 0])
    }

    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 82)
        let logits = random.floats(20_000 * 17)
        let labels = (0..<20_000).map { _ in Int.random(in: 0..<17, using: &random) }
        #expect(
            try bitsAgreeOnAllThreadCounts {
                let result = try Self.run(logits, labels, classes: 17)
                return [[result.loss], result.gradient]
            })
    }

    @Test func refusesOtherLabelsAndWeights() {
        for label in [-1, 3, Int.max, Int.min, -101] {
            let error = thrownError { _ = try Self.run([1, 2, 3, 4, 5, 6], [0, label], classes: 3) }
            #expect(error?.kind == .invalidArgument)
            #expect(error?.message.contains("row 1") == true)
        }
        for weight in [Float.nan, .infinity, -1] {
            let error = thrownError { _ = try Self.run([1, 2], [0], classes: 2, weights: [1, weight]) }
            #expect(error?.kind == .invalidArgument)
        }
    }
}
