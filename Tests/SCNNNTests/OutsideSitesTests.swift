import SCNCore
import SCNGeometry
import SCNTestSupport
import Testing

@testable import SCNNN

/// Sites outside of the spatial size, which input layers that are told to keep, as SparseConvNet does: layers that keep
/// sites see them, those with strides see the sites inside alone.
@Suite(.exclusive) struct OutsideSitesTests {
    /// Sites around a field of 8 x 8, some of them outside on each side, and far away.
    static let sites: [[Int]] = [
        [-9, 3, 0], [-1, -1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 0], [1, 0, 0], [3, 5, 0], [7, 7, 0], [7, 8, 0],
        [8, 7, 0], [2, 2, 1], [2, 9, 1], [1_000_000_000, 2, 1],
    ]
    static func isInside(_ site: [Int]) -> Bool { (0..<8).contains(site[0]) && (0..<8).contains(site[1]) }
    static let inside = sites.indices.filter { isInside(sites[$0]) }

    /// The sites of some rows with their features, through a layer that keeps those outside or one that has none.
    struct Entered {
        let features: Tensor
        let sparse: SparseTensor

        init(_ rows: [Int], _ features: [Float], _ layer: InputLayer) throws {
            let own = rows.flatMap { features[2 * $0..<2 * $0 + 2] }
            self.features = Tensor(
                shape: [rows.count, 2], values: try Matrix(rows: rows.count, planes: 2, own), requiresGradient: true)
            sparse = try layer(
                .points(Points(rows.flatMap { sites[$0] }, columns: 3, features: self.features))
            ).sparse
        }
    }

    static func kept(_ features: [Float]) throws -> Entered {
        try Entered(
            Array(sites.indices), features, InputLayer(dimension: 2, spatialSize: 8, lower: nil, keepsOutside: true))
    }

    static func alone(_ features: [Float]) throws -> Entered {
        try Entered(inside, features, InputLayer(dimension: 2, spatialSize: 8))
    }

    @Test func layersThatKeepSitesSeeThem() throws {
        var random = Random(seed: 5)
        let features = random.floats(2 * Self.sites.count)
        let kept = try Self.kept(features).sparse
        #expect(kept.spatialSize == [8, 8] && kept.siteCount == Self.sites.count)
        #expect(!Sites(of: kept).isUnbounded && Sites(of: kept).lower == [0, 0])
        let free = try Entered(
            Array(Self.sites.indices), features, InputLayer(dimension: 2, spatialSize: nil, lower: nil)
        ).sparse
        let layer = try SubmanifoldConvolution(dimension: 2, in: 2, out: 3, filterSize: 3, bias: true)
        let (result, expected) = (try layer(.sparse(kept)).sparse, try layer(.sparse(free)).sparse)
        #expect(result.features.elements == expected.features.elements)
        #expect(result.spatialSize == [8, 8])
        #expect(try OutputLayer(dimension: 2)(.sparse(kept)).dense.elements == features)
        #expect(kept.geometry.siteSets(spatialSize: [8, 8]) == [kept.siteSetID])
    }

    @Test func withoutSitesOutsideTheFieldIsAnyOther() throws {
        let layer = try InputLayer(dimension: 2, spatialSize: 8, lower: [-2, 0], keepsOutside: true)
        let tensor = try layer(.points(Points([-2, 7, 5, 0], columns: 2, features: Tensor([1, 2], shape: [2, 1]))))
        #expect(try tensor.sparse.sites.field == Field(lower: [-2, 0], size: [8, 8]))
        let none = try layer(.points(Points([Int](), columns: 2, features: Tensor(zeros: [0, 1]))))
        #expect(try none.sparse.sites.field == Field(lower: [-2, 0], size: [8, 8]))
        #expect(layer.keepsOutside && layer.lower == [-2, 0])
    }

    @Test(arguments: [(2, 2), (4, 2), (3, 1), (2, 3)])
    func stridesLeaveThemOutAndWaysBackBringZeros(size: Int, stride: Int) throws {
        var random = Random(seed: 6)
        let features = random.floats(2 * Self.sites.count)
        let (kept, alone) = (try Self.kept(features), try Self.alone(features))
        let layer = try Convolution(
            dimension: 2, in: 2, out: 3, filterSize: Size(size), stride: Size(stride), bias: true)
        let (result, expected) = (try layer(.sparse(kept.sparse)).sparse, try layer(.sparse(alone.sparse)).sparse)
        #expect(try result.coordinates() == expected.coordinates())
        #expect(result.features.elements == expected.features.elements)
        #expect(result.spatialSize == expected.spatialSize && !Sites(of: result).isUnbounded)
        let back = try Deconvolution(
            dimension: 2, in: 3, out: 1, filterSize: Size(size), stride: Size(stride), bias: true)
        back.parameters[1].values.pointer[0] = 0.5
        let (up, other) = (try back(.sparse(result)).sparse, try back(.sparse(expected)).sparse)
        #expect(up.siteSetID == kept.sparse.siteSetID)
        for row in Self.sites.indices {
            let place = Self.inside.firstIndex(of: row)
            #expect(up.features.elements[row] == place.map { other.features.elements[$0] } ?? 0.5)
        }
    }

    @Test func poolingsAndDenseTensorsLeaveThemOutWithZeroGradients() throws {
        var random = Random(seed: 7)
        let features = random.floats(2 * Self.sites.count)
        let layers: [Module] = [
            try MaxPooling(dimension: 2, poolSize: 2, poolStride: 2),
            try AveragePooling(dimension: 2, poolSize: 2, poolStride: 2),
            try RandomizedStrideMaxPooling(dimension: 2, poolSize: 2, poolStride: 2),
            try SparseToDense(dimension: 2, planes: 2),
        ]
        for layer in layers {
            let (kept, alone) = (try Self.kept(features), try Self.alone(features))
            func result(_ input: Entered) throws -> Tensor {
                Generator.seed(3)
                return switch try layer(.sparse(input.sparse)) {
                case .sparse(let sparse): sparse.features
                case let other: try other.dense
                }
            }
            let (found, expected) = (try result(kept), try result(alone))
            #expect(found.shape == expected.shape && found.elements == expected.elements)
            let gradient = random.floats(found.elements.count)
            try found.backward(gradient: gradient)
            try expected.backward(gradient: gradient)
            let (byKept, byAlone) = (kept.features.gradient ?? [], alone.features.gradient ?? [])
            for row in Self.sites.indices {
                let place = Self.inside.firstIndex(of: row)
                let wanted = place.map { Array(byAlone[2 * $0..<2 * $0 + 2]) } ?? [0, 0]
                #expect(Array(byKept[2 * row..<2 * row + 2]) == wanted)
            }
        }
    }

    /// Sites that come from the kept ones keep what the field is; full convolutions spread those outside, too.
    @Test func whatComesOfThemKnowsTheField() throws {
        let kept = try Self.kept([Float](repeating: 1, count: 2 * Self.sites.count)).sparse
        let alone = try Self.alone([Float](repeating: 1, count: 2 * Self.sites.count)).sparse
        let floor = try Sites(of: kept).floored(by: 4)
        #expect(floor.spatialSize == [2, 2] && floor.count == 12 && !floor.isUnbounded)
        let (some, _) = try Sites(of: kept).subset(rows: [0, 4])
        #expect(some.spatialSize == [8, 8] && some.count == 2)
        #expect(try Sites(of: kept).union(Sites(of: alone)).count == Self.sites.count)
        #expect(try Sites(of: kept).union(Sites(of: alone)).spatialSize == [8, 8])
        let other = try Sites(dimension: 2, [0, 0], columns: 2, spatialSize: [4, 4])
        #expect(thrownError { _ = try Sites(of: kept).union(other) }?.kind == .shape)
        let both = try SparseTensor.appending([kept, alone])
        #expect(both.spatialSize == [8, 8] && both.siteCount == kept.siteCount + alone.siteCount)
        let full = try FullConvolution(dimension: 2, in: 2, out: 1, filterSize: 2, stride: 2)
        let spread = try full(.sparse(kept)).sparse
        #expect(spread.spatialSize == [16, 16] && spread.siteCount == 4 * kept.siteCount)
    }
}
