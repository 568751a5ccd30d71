import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@testable import SCNNN

@Suite(.exclusive) struct SummaryTests {
    static func network() throws -> Sequential {
        try Sequential([
            SubmanifoldConvolution(dimension: 2, in: 4, out: 6, filterSize: 3, bias: true, groups: 2),
            Dropout(),
            ConcatTable([Identity(), Networks.sparseResNet(dimension: 2, in: 6, stages: [.init(planes: 6)])]),
            JoinTable(),
            MaxPooling(dimension: 2, poolSize: 3, poolStride: 2),
            SparseToDense(dimension: 2, planes: 12), Flatten(), Linear(in: 12 * 16, out: 5),
        ])
    }

    /// Rules between sites, found pair by pair.
    static func rules(_ sites: [[Int]], _ others: [[Int]], _ isRule: ([Int], [Int]) -> Bool) -> Int {
        sites.reduce(0) { sum, site in
            sum + others.count { $0.last == site.last && isRule(Array(site.dropLast()), Array($0.dropLast())) }
        }
    }

    @Test func rowsSayWhatLayersDo() throws {
        var random = Random(seed: 1)
        let cloud = try Cloud(25, size: [9, 9], planes: 4, &random)
        let net = try Self.network()
        let summary = try Summary(of: net, input: .sparse(cloud.tensor))
        let neighbors = Self.rules(cloud.sites, cloud.sites) { a, b in zip(a, b).allSatisfy { abs($0 - $1) <= 1 } }
        let pooled = try #require(
            try MaxPooling(dimension: 2, poolSize: 3, poolStride: 2)(cloud.tensor).sparseTensor
        ).coordinates()
        let covered = Self.rules(pooled, cloud.sites) { out, into in
            zip(out, into).allSatisfy { (0..<3).contains($1 - 2 * $0) }
        }
        #expect(
            summary.rows.map(\.path) == [
                "0", "1", "2.0", "2.1.0", "2.1.1.0.0", "2.1.1.0.1", "2.1.1.0.2", "2.1.1.1", "2.1.2", "2.1.3", "3", "4",
                "5", "6", "7",
            ])
        let first = summary.rows[0]
        #expect(first.sites == 25 && first.shape == [25, 6] && first.parameters == 9 * 4 * 6 / 2 + 6)
        #expect(first.counts == ForwardCounts(multiplyAdds: neighbors * 12, hiddenStates: 150, rules: neighbors))
        #expect(first.memory == 600 && summary.rows[2].memory == 0)
        #expect(summary.rows[11].counts == ForwardCounts(rules: covered))
        #expect(summary.rows[11].sites == pooled.count)
        let last = summary.rows[14]
        #expect(last.sites == nil && last.shape == [2, 5] && last.parameters == 965)
        #expect(last.counts == ForwardCounts(multiplyAdds: 2 * 192 * 5, hiddenStates: 10))
        #expect(summary.parameters == net.parameterCount)
        #expect(summary.multiplyAdds == neighbors * (12 + 2 * 36) + 1920)
        #expect(summary.rules == 3 * neighbors + covered)
        #expect(summary.description.split(separator: "\n").count == 15 + 4)
        #expect(summary.description.contains("2 x 12 x 4 x 4"))
    }

    @Test func totalsAreWhatAPassCounts() throws {
        var random = Random(seed: 2)
        let cloud = try Cloud(25, size: [9, 9], planes: 4, &random)
        let net = try Self.network()
        net.setTraining(false)
        let before = ForwardCounts.total
        let output = try #require(try net(cloud.tensor).tensor)
        let counts = ForwardCounts.total - before
        let summary = try Summary(of: net, input: .sparse(cloud.tensor))
        #expect(
            counts
                == ForwardCounts(
                    multiplyAdds: summary.multiplyAdds, hiddenStates: summary.hiddenStates, rules: summary.rules))
        let between = ForwardCounts.total
        try output.backward(gradient: random.floats(output.count))
        #expect(ForwardCounts.total == between)
        ForwardCounts.total = ForwardCounts(multiplyAdds: 7)
        #expect(ForwardCounts.total == ForwardCounts(multiplyAdds: 7))
    }

    @Test func nothingChanges() throws {
        var random = Random(seed: 3)
        let cloud = try Cloud(25, size: [9, 9], planes: 4, &random)
        let net = try Self.network()
        net.children[2].setTraining(false)
        let state = net.state.map(\.tensor.elements)
        let before = (ForwardCounts.total, Generator.state.state)
        _ = try Summary(of: net, input: .sparse(cloud.tensor))
        #expect(ForwardCounts.total == before.0 && Generator.state.state == before.1)
        #expect(net.state.map(\.tensor.elements) == state)
        #expect(net.isTraining && net.children[0].isTraining && !net.children[2].isTraining)
        let wrong = thrownError { _ = try Summary(of: net, input: .dense(cloud.features)) }
        #expect(wrong?.kind == .shape && net.isTraining && ForwardCounts.total == before.0)
        #expect(ForwardObserver.current == nil)
    }

    @Test func sharedParametersCountOnce() throws {
        var random = Random(seed: 4)
        let cloud = try Cloud(20, size: [9, 9], planes: 4, &random)
        let layer = try NetworkInNetwork(in: 4, out: 4)
        let summary = try Summary(of: Sequential([layer, layer]), input: .sparse(cloud.tensor))
        #expect(summary.rows.map(\.parameters) == [16, 0] && summary.rows.map(\.path) == ["0", "0"])
        #expect(summary.multiplyAdds == 2 * 20 * 16)
        #expect(try Summary(of: Sequential(), input: .sparse(cloud.tensor)).rows.isEmpty)
        #expect(try Summary(of: layer, input: .sparse(cloud.tensor)).description.contains("NetworkInNetwork(4 -> 4)"))
    }

    @Test func numbersForPeople() {
        #expect([0, 999, 1000, 1_234_567, -1234].map(grouped) == ["0", "999", "1,000", "1,234,567", "-1,234"])
        #expect(
            [0, 999, 1000, 1950, 999_949, 999_950, 2_000_000_000, .max].map(bytes) == [
                "0 B", "999 B", "1.0 kB", "2.0 kB", "999.9 kB", "1.0 MB", "2.0 GB", "9.2 EB",
            ])
    }

    @Test func treesShowShapesAndParameters() throws {
        let net = try Sequential([NetworkInNetwork(in: 3, out: 4, bias: true), Identity()])
        #expect(
            net.description == """
                Sequential {
                  (0): NetworkInNetwork(3 -> 4, bias): weight [3, 4], bias [4], 16 parameters
                  (1): Identity
                }: 16 parameters
                """)
    }
}
