import SCNCore
import SCNGeometry
import SCNNN
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct ScopeTests {
    private struct Failure: Error {}

    @Test func aScopeThatThrowsIsPutBack() throws {
        Generator.seed(5)
        let norm = try BatchNormalization(planes: 2)
        let rows = try Tensor([1, 2, 3, 5], shape: [2, 2])
        let (start, counts, mean) = (Generator.state, ForwardCounts.total, norm.runningMean.elements)
        #expect(throws: Failure.self) {
            try Scope.run { () throws in
                _ = try norm(rows)
                _ = try Linear(in: 2, out: 3)(rows)
                #expect(norm.runningMean.elements != mean && Generator.state != start)
                throw Failure()
            }
        }
        #expect(norm.runningMean.elements == mean && Generator.state == start && ForwardCounts.total == counts)
        let result = try Scope.run { try norm(rows).dense.shape }
        #expect(result == [2, 2] && norm.runningMean.elements != mean)
    }

    @Test func aSeedIsAStreamOfItsOwn() throws {
        Generator.seed(6)
        let before = Generator.state
        func weights() throws -> [Float] { try Linear(in: 3, out: 4).weight.elements }
        let (first, second) = try Scope.run(seed: 7) { (try weights(), try weights()) }
        #expect(first != second && Generator.state == before)
        let again = try Scope.run(seed: 7) {
            let (outer, inner) = (try weights(), try Scope.run(seed: 8) { try weights() })
            #expect(inner != outer)
            #expect(throws: Failure.self) {
                try Scope.run { () throws in
                    _ = try weights()
                    throw Failure()
                }
            }
            return (outer, try weights())
        }
        #expect(again == (first, second))
        #expect(throws: Failure.self) {
            try Scope.run(seed: 7) { () throws in
                _ = try weights()
                throw Failure()
            }
        }
        #expect(Generator.state == before)
        Generator.seed(7)
        #expect(try weights() == first)
    }

    /// A module of a program's own, inside of whose call a scope begins and ends.
    private final class Scoped: Module {
        let norm: BatchNormalization
        init(_ norm: BatchNormalization) {
            self.norm = norm
            super.init()
        }
        override func forward(_ input: Value) throws -> Value {
            let result = try Scope.run(seed: 1) { try norm(input) }
            #expect(throws: Failure.self) {
                try Scope.run { () throws in
                    _ = try norm(input)
                    throw Failure()
                }
            }
            return result
        }
    }

    @Test func scopesWithinModules() throws {
        let (norm, twin) = (try BatchNormalization(planes: 1), try BatchNormalization(planes: 1))
        let rows = try Tensor([1, 4], shape: [2, 1])
        _ = try Scoped(norm)(rows)
        _ = try twin(rows)
        #expect(norm.runningMean.elements == twin.runningMean.elements)
    }

    /// What programs hand from thread to thread, and keep in sets.
    @Test func valuesAreSendable() throws {
        func both<Value: Hashable & Sendable>(_ values: [Value]) -> Int { Set(values).count }
        #expect(both([Size(3), 3, [3]]) == 2)
        #expect(both([Activation.relu, .leakyReLU(0.1), .leakyReLU(0.1)]) == 2)
        #expect(both([ForwardCounts(), ForwardCounts(rules: 1)]) == 2)
        #expect(both([LearningRateSchedule.exponential(initial: 1, decay: 0)]) == 1)
        #expect(both([Networks.VGGLayer.maxPooling(), .convolution(planes: 2)]) == 2)
        #expect(both([Networks.DenseNetLayer.block(), .transition()]) == 2)
        #expect(both([Networks.ResidualStage(planes: 1)]) == 1)
        #expect(both([FractionalMaxPooling.Target.ratio([1.5]), .outputSize(3)]) == 2)
        #expect(both([Voxels.Options(), Voxels.Options(reduction: .sum)]) == 2)
        func sendable(_: some Sendable) -> Bool { true }
        #expect(sendable(try Voxels([0.5] as [Float], size: [1])))
        #expect(sendable(try Summary(of: Identity(), input: .dense(Tensor(zeros: [1])))))
        #expect(sendable(SCNError(.state, "")) && sendable(InputMode.sum) && sendable(GlobalPooling.max))
    }
}
