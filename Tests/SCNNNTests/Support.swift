import SCNCore
import SCNGeometry
import SCNNN
import SCNTestSupport

extension Random {
    /// Uniform in -1 ..< 1.
    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float(2 * uniform() - 1) } }

    /// Distinct random sites of 2 samples, shuffled, with the corners of both.
    mutating func sites(_ count: Int, size: [Int]) -> [[Int]] {
        var sites: Set<[Int]> = []
        for sample in 0..<2 { sites.formUnion([size.map { _ in 0 } + [sample], size.map { $0 - 1 } + [sample]]) }
        while sites.count < count {
            sites.insert(size.map { Int.random(in: 0..<$0, using: &self) } + [Int.random(in: 0..<2, using: &self)])
        }
        return SiteOracle.sorted(Array(sites)).shuffled(using: &self)
    }
}

extension [Float] {
    var doubles: [Double] { map(Double.init) }
    var bits: [UInt32] { map(\.bitPattern) }
}

func leaf(_ elements: [Float], _ shape: [Int]) throws -> Tensor {
    let tensor = try Tensor(elements, shape: shape)
    try tensor.setRequiresGradient(true)
    return tensor
}

/// Random features that want a gradient on random sites, sorted as the engine has them.
struct Cloud {
    let sites: [[Int]]
    let tensor: SparseTensor
    var features: Tensor { tensor.features }
    static let samples = 2

    init(_ count: Int, size: [Int], planes: Int, _ random: inout Random) throws {
        sites = SiteOracle.sorted(random.sites(count, size: size))
        let points = try Points(sites, features: Tensor(zeros: [sites.count, planes]))
        guard case .sparse(let made) = try InputLayer(dimension: size.count, spatialSize: Size(size))(points) else {
            fatalError("an input layer makes a sparse tensor")
        }
        tensor = try made.with(features: leaf(random.floats(sites.count * planes), [sites.count, planes]))
    }
}

extension Value {
    var sparseTensor: SparseTensor? { if case .sparse(let tensor) = self { tensor } else { nil } }
}

func thrownError(_ body: () throws -> Void) -> SCNError? {
    do {
        try body()
        return nil
    } catch { return error as? SCNError }
}
