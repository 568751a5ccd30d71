import SCNCore
import SCNTestSupport

@testable import SCNGeometry

/// Site sets, as test code likes to write them: each site is its coordinates, then its batch index.
func makeSites(
    _ spatialSize: [Int], _ sites: [[Int]], batchSize: Int = 0, mode: InputMode = .unique
) throws -> (SiteSet, InputMap) {
    try InputSites.build(
        dimension: spatialSize.count, spatialSize: spatialSize, coordinates: sites.flatMap { $0.map(Int64.init) },
        rows: sites.count, columns: spatialSize.count + 1, batchSize: batchSize, mode: mode)
}

/// Random sites, with the first and the last of every sample that `corners` asks for.
func randomSites(
    _ spatialSize: [Int], batch: Int, count: Int, _ random: inout Random, corners: Bool = true
) -> [[Int]] {
    var sites: [[Int]] = []
    for _ in 0..<count {
        sites.append(
            spatialSize.map { Int.random(in: 0..<$0, using: &random) } + [Int.random(in: 0..<batch, using: &random)])
    }
    if corners {
        for sample in 0..<batch {
            sites.append(spatialSize.map { _ in 0 } + [sample])
            sites.append(spatialSize.map { $0 - 1 } + [sample])
        }
    }
    return Array(Set(sites)).shuffled(using: &random)
}

func rows(_ sites: SiteSet) throws -> [[Int]] {
    let columns = sites.dimension + 1
    let values = try sites.coordinates().map { Int($0) }
    return (0..<sites.count).map { Array(values[$0 * columns..<($0 + 1) * columns]) }
}

func rules(_ rulebook: Rulebook) -> [[SiteOracle.Rule]] {
    (0..<rulebook.volume).map { k in
        (Int(rulebook.offsets[k])..<Int(rulebook.offsets[k + 1])).map {
            SiteOracle.Rule(input: Int(rulebook.inputRows[$0]), output: Int(rulebook.outputRows[$0]))
        }
    }
}

func ascends(_ rules: [[SiteOracle.Rule]]) -> Bool {
    rules.allSatisfy { rules in
        zip(rules, rules.dropFirst()).allSatisfy { $0.input < $1.input && $0.output < $1.output }
    }
}

func message(_ body: () throws -> Void) -> SCNError? {
    do {
        try body()
        return nil
    } catch { return error as? SCNError }
}
