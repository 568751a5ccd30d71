import Glibc
import SCNCore
import SCNTestSupport
import Testing

@testable import SCNNN

@Suite(.exclusive) struct ContainerTests {
    @Test func namesAreThePathOfIndices() throws {
        let inner = try Sequential {
            Identity(); try Linear(in: 1, out: 2)
        }
        let net = try Sequential {
            try BatchNormalization(planes: 1); inner
        }
        #expect(
            net.state.map(\.name) == [
                "0.weight", "0.bias", "0.running_mean", "0.running_var", "1.1.weight", "1.1.bias",
            ])
        #expect(net.parameters.count == 4)
        #expect(net.description.contains("(1): Sequential {"))
        net.setTraining(false)
        #expect(!inner.isTraining && !inner.children[1].isTraining)
    }

    @Test func anErrorSaysWhereInTheNetworkItHappened() throws {
        /// A host's module, which applies its second child to what its first makes of the input.
        final class Pair: Module {
            let pair: [Module]
            init(_ first: Module, _ second: Module) {
                pair = [first, second]
                super.init()
            }
            override var children: [Module] { pair }
            override func forward(_ input: Value) throws -> Value { try pair[1](pair[0](input)) }
        }
        /// A host's module whose error is none of the library's.
        final class Failing: Module {
            struct Failure: Error {}
            override func forward(_ input: Value) throws -> Value { throw Failure() }
        }
        func message(_ module: Module) throws -> String? {
            let input = try Tensor([1, 2, 3], shape: [1, 3])
            return thrownError { _ = try module(input) }?.message
        }
        let wrong = try Linear(in: 4, out: 2)
        let own = try message(wrong)
        let said = try #require(own)
        #expect(said.hasPrefix("input: ") && !said.contains("in module"))
        let inner = try Sequential([Identity(), wrong])
        let networks: [(Module, String)] = [
            (inner, "1"), (try Sequential([Identity(), Identity(), inner]), "2.1"),
            (try ConcatTable([Identity(), Sequential([inner])]), "1.0.1"),
            (try CheckpointedSequential([inner]), "0.1"),
            (Pair(Identity(), inner), "1.1"), (try Sequential([Pair(wrong, Identity())]), "0.0"),
            (try Sequential([Identity(), Sequential([Pair(Identity(), Sequential([wrong]))])]), "1.0.1.0"),
        ]
        for (network, path) in networks { #expect(try message(network) == "\(said) (in module \(path))") }
        let fast = try Sequential([Identity(), try inner.optimizedForInference()])
        #expect(try message(fast) == "\(said) (in module 1.0)", "its layers are counted as they are there")
        // The same error again, of the same modules, and of one inside of another network now.
        #expect(try message(inner) == "\(said) (in module 1)")
        let fitted = try Sequential([Identity(), inner])
        let input = Value.dense(try Tensor([1, 2, 3], shape: [1, 3]))
        #expect(thrownError { try fitted.reweight(input) }?.message == "\(said) (in module 1.1)")
        #expect(throws: Failing.Failure.self) { try Sequential([Failing()])(input) }
    }

    @Test func aCycleIsRefused() throws {
        let (a, b, c) = (try Sequential(), try ConcatTable(), try Sequential())
        try a.add(b)
        try b.add(c)
        for (outer, inner) in [(a, a), (c, a), (b, a), (c, b)] as [(Container, Container)] {
            #expect(thrownError { try outer.add(inner) }?.kind == .state)
        }
        #expect(a.children.count == 1 && b.children.count == 1 && c.children.isEmpty)
        try a.add(c)
        #expect(a.children.count == 2)
    }

    @Test func nestingHasALimit() throws {
        var net: Module = Identity()
        for _ in 1..<Container.maximumDepth { net = try Sequential([net]) }
        #expect(thrownError { _ = try Sequential([net]) }?.kind == .state)
        // From above as well: the innermost container gets a module that is too deep for the outermost.
        let bottom = try Sequential()
        net = bottom
        for _ in 1..<255 { net = try Sequential([net]) }
        #expect(thrownError { try bottom.add(Sequential([Identity()])) }?.kind == .state)
        try bottom.add(Identity())
        #expect(bottom.children.count == 1)
        #expect(try net(Tensor([1], shape: [1])).tensor?.elements == [1])
    }

    @Test func exponentialSharingIsRefusedQuickly() throws {
        let clock = ContinuousClock()
        var refused = false
        let time = try clock.measure {
            var net: Module = Identity()
            for _ in 0..<200 where !refused {
                let half = net
                if let error = thrownError({ net = try Sequential([half, half]) }) {
                    #expect(error.kind == .state)
                    refused = true
                }
            }
            // From below: every level has its inner one twice before the innermost gets anything.
            let bottom = try Sequential()
            var tower: Module = bottom
            for _ in 0..<10 { tower = try Sequential([tower, tower]) }
            for _ in 0..<200 { _ = thrownError { try bottom.add(Identity()) } }
            #expect(bottom.children.count < 100)
        }
        #expect(refused)
        #expect(time < .seconds(5))
    }

    @Test func aModuleCanOccurTwice() throws {
        let shared = try Linear(in: 2, out: 2, bias: false)
        let net = try Sequential([shared, shared])
        let input = try leaf([1, 2], [1, 2])
        try shared.weight.update(from: [2, 0, 0, 2])
        let output = try #require(try net(input).tensor)
        #expect(output.elements == [4, 8])
        try output.sum().backward()
        #expect(input.gradient == [4, 4])
        // d/dw of w(w x): once for each occurrence.
        #expect(shared.weight.gradient == [4, 8, 4, 8])
    }

    @Test func tablesRefuseOtherValues() throws {
        var random = Random(seed: 5)
        let cloud = try Cloud(9, size: [5, 5], planes: 2, &random)
        let other = try Cloud(9, size: [5, 5], planes: 2, &random)
        let narrow = Value.sparse(try cloud.tensor.with(features: Tensor(zeros: [9, 1])))
        let (a, b) = (Value.sparse(cloud.tensor), Value.sparse(other.tensor))
        let dense = Value.dense(cloud.features)
        for module in [AddTable(), JoinTable()] as [Module] {
            for input in [a, .table([]), .table([a, b]), .table([a, dense]), dense] {
                #expect(thrownError { _ = try module(input) }?.kind == .shape)
            }
            #expect(thrownError { _ = try module(.table([a])) } == nil)
        }
        #expect(thrownError { _ = try AddTable().forward(.table([a, narrow])) }?.kind == .shape)
        #expect(try JoinTable().forward(.table([a, narrow])).sparseTensor?.planes == 3)
        #expect(try ConcatTable([Identity(), Identity()])(cloud.tensor).tensor == nil)
        let net = try Sequential([ConcatTable([Identity(), Identity()]), AddTable()])
        #expect(try net(cloud.tensor).tensor?.elements == cloud.features.elements.map { 2 * $0 })
        #expect(try AddTable().forward(.table([dense, dense])).tensor?.elements == net(cloud.tensor).tensor?.elements)
    }

    @Test func equalSitesOfTwoInputsCanBeAdded() throws {
        var random = Random(seed: 6)
        let cloud = try Cloud(9, size: [5, 5], planes: 2, &random)
        let points = try Points(cloud.sites, features: cloud.features)
        let again = try InputLayer(dimension: 2, spatialSize: 5)(points)
        let sum = try AddTable().forward(.table([.sparse(cloud.tensor), again]))
        #expect(sum.tensor?.elements == cloud.features.elements.map { 2 * $0 })
    }
}
