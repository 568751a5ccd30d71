import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct DropoutTests {
    static func mask(_ count: Int, p: Double) throws -> [Float] {
        let mask = try unwritten(count, 1)
        RandomFill.mask(mask, p: p)
        return mask.elements
    }

    @Test(arguments: [0.1, 0.5, 0.9]) func dropsItsShare(p: Double) throws {
        Generator.seed(91)
        let count = 200_000
        let mask = try Self.mask(count, p: p)
        #expect(mask.allSatisfy { $0 == 0 || $0 == 1 })
        // Five standard deviations of a binomial share.
        let bound = 5 * (p * (1 - p) / Double(count)).squareRoot()
        #expect(abs(mask.doubles.reduce(0, +) / Double(count) - (1 - p)) < bound)
        // Neighbors are independent: their products have the mean of independent ones.
        let pairs = zip(mask.doubles, mask.doubles.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(pairs / Double(count) - (1 - p) * (1 - p)) < 2 * bound)
    }

    @Test func dropsNothingOrAll() throws {
        #expect(try Self.mask(10_000, p: 0).allSatisfy { $0 == 1 })
        #expect(try Self.mask(10_000, p: 1).allSatisfy { $0 == 0 })
        #expect(try Self.mask(0, p: 0.5).isEmpty)
    }

    @Test func dependsOnTheSeedAlone() throws {
        Generator.seed(92)
        let (first, second) = (try Self.mask(1_000, p: 0.5), try Self.mask(1_000, p: 0.5))
        #expect(first != second)
        Generator.seed(92)
        #expect(try Self.mask(1_000, p: 0.5) == first)
        Generator.seed(93)
        #expect(try Self.mask(1_000, p: 0.5) != first)
    }
}
