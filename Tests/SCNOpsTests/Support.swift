import SCNCore
import SCNGeometry
import SCNTestSupport

extension Random {
    /// Uniform in -1 ..< 1.
    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float(2 * uniform() - 1) } }

    /// Random sites with the first and the last cell of every sample, shuffled; none where `count` is 0.
    mutating func sites(_ count: Int, size: [Int], samples: Int) -> [[Int]] {
        if count == 0 { return [] }
        var sites: Set<[Int]> = []
        for sample in 0..<(count == 1 ? 1 : samples) {
            sites.insert(size.map { $0 / 2 } + [sample])
            if count > 1 { sites.formUnion([size.map { _ in 0 } + [sample], size.map { $0 - 1 } + [sample]]) }
        }
        for _ in sites.count..<max(count, sites.count) {
            sites.insert(
                size.map { Int.random(in: 0..<$0, using: &self) } + [Int.random(in: 0..<samples, using: &self)])
        }
        return SiteOracle.sorted(Array(sites)).shuffled(using: &self)
    }
}

extension [Float] {
    var doubles: [Double] { map(Double.init) }
}

/// Numbers of planes, one each.
func vector(_ values: [Float]) throws -> Matrix { try Matrix(rows: 1, planes: values.count, values) }

/// Undefined numbers, so that a result that is not written everywhere is noticed.
func unwritten(_ rows: Int, _ planes: Int) throws -> Matrix {
    let matrix = try Matrix(rows: rows, planes: planes)
    matrix.pointer.update(repeating: .nan, count: matrix.count)
    return matrix
}

func makeSites(_ sites: [[Int]], size: [Int], samples: Int, mode: InputMode = .unique) throws -> (SiteSet, InputMap) {
    let coordinates = try Storage(sites.joined().map(Int64.init))
    return try InputSites.build(
        dimension: size.count, spatialSize: size, coordinates: coordinates.pointer, rows: sites.count,
        columns: size.count + 1, batchSize: samples, mode: mode)
}

func siteRows(_ sites: SiteSet) throws -> [[Int]] {
    let columns = sites.dimension + 1
    let values = try sites.coordinates().map { Int($0) }
    return (0..<sites.count).map { Array(values[$0 * columns..<($0 + 1) * columns]) }
}

func thrownError(_ body: () throws -> Void) -> SCNError? {
    do {
        try body()
        return nil
    } catch { return error as? SCNError }
}
