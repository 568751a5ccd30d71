import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

@testable import SCNNN

@Suite(.exclusive) struct SegmentTensorTests {
    @Test func gradientsFlowThroughEachOperation() throws {
        var random = Random(seed: 41)
        let map = [2, 0, -1, 2, 2, 0]
        let segments = try Segments(map, count: 4)
        let values = random.floats(6 * 2 * 3)
        /// The loss of weights and what an operation makes of [6, 2, 3] or [4, 2, 3], against differences of itself.
        func check(
            _ name: String, _ shape: [Int], _ result: [Int], tolerance: Double = 2e-2,
            _ operation: (Tensor) throws -> Tensor
        ) throws {
            let elements = Array(values.prefix(shape.reduce(1, *)))
            let weights = random.floats(result.reduce(1, *))
            let input = try leaf(elements, shape)
            let output = try operation(input)
            #expect(output.shape == result, "\(name)")
            try output.backward(gradient: weights)
            let found = try #require(input.gradient)
            let error = gradientError(found, at: elements.doubles, step: 1e-2) { moved in
                let values = try? operation(Tensor(moved.map(Float.init), shape: shape)).elements
                return values.map { dot($0.doubles, weights.doubles) } ?? .nan
            }
            #expect(error < tolerance, "\(name): \(error)")
        }
        for reduction in SegmentReduction.allCases {
            try check("\(reduction)", [6, 2, 3], [4, 2, 3]) { try $0.reduced(reduction, over: segments) }
            try check("\(reduction) of numbers", [6], [4]) { try $0.reduced(reduction, over: segments) }
        }
        try check("softmax", [6, 2, 3], [6, 2, 3]) { try $0.softmax(within: segments) }
        try check("gather", [4, 2, 3], [6, 2, 3]) { try $0.gathered(by: segments) }
        try check("pad", [6, 2, 3], [4, 2, 2, 3]) { try $0.padded(by: segments, rowsPerSegment: 2) }
        #expect(thrownError { _ = try Tensor([1], shape: []).reduced(.sum, over: segments) }?.kind == .shape)
        #expect(thrownError { _ = try Tensor(zeros: [5, 2]).reduced(.sum, over: segments) }?.kind == .shape)
        #expect(thrownError { _ = try Segments([1, 4], count: 4) }?.message.contains("row 1 has 4") == true)
    }

    @Test func vectorsOfSamplesMeetTheirSites() throws {
        var random = Random(seed: 42)
        let cloud = try Cloud(9, size: [5, 4], planes: 3, &random)
        let vectors = try leaf(random.floats(6), [2, 3])
        let (x, v) = (cloud.features.elements, vectors.elements)
        let rows = cloud.sites.map { $0.last! }
        for operation in Broadcast.allCases {
            cloud.features.zeroGradient()
            vectors.zeroGradient()
            let result = try Value.sparse(cloud.tensor).broadcast(vectors, operation).sparse
            let planes = operation == .join ? 6 : 3
            var expected: [Float] = []
            for (row, sample) in rows.enumerated() {
                let (own, met) = (Array(x[row * 3..<row * 3 + 3]), Array(v[sample * 3..<sample * 3 + 3]))
                switch operation {
                case .add: expected += zip(own, met).map { $0 + $1 }
                case .multiply: expected += zip(own, met).map { $0 * $1 }
                case .join: expected += own + met
                }
            }
            #expect(result.planes == planes && result.features.elements == expected)
            try result.features.backward(gradient: [Float](repeating: 1, count: rows.count * planes))
            let found = try #require(vectors.gradient)
            for sample in 0..<2 {
                for p in 0..<3 {
                    let own = rows.indices.filter { rows[$0] == sample }
                    let sum = own.reduce(0.0) { $0 + (operation == .multiply ? Double(x[$1 * 3 + p]) : 1) }
                    #expect(abs(Double(found[sample * 3 + p]) - sum) < 1e-5)
                }
            }
            #expect(cloud.features.gradient != nil)
        }
        let samples = try Segments(samplesOf: cloud.tensor)
        let pooled = try cloud.features.reduced(.mean, over: samples).elements
        let expected = try GlobalPoolingLayer(dimension: 2, .average)(cloud.tensor).dense.elements
        #expect(worstError(pooled, expected.doubles) < 1e-6)
        let narrow = try Tensor(zeros: [2, 2])
        let value = Value.sparse(cloud.tensor)
        #expect(thrownError { _ = try value.broadcast(narrow, .add) }?.kind == .shape)
        #expect(try value.broadcast(narrow, .join).sparse.planes == 5)
        #expect(thrownError { _ = try value.broadcast(Tensor(zeros: [3, 3]), .add) }?.kind == .shape)
        #expect(thrownError { _ = try Value.dense(narrow).broadcast(narrow, .add) }?.kind == .shape)
        let dense = try Value.dense(narrow).broadcast(narrow, .add, over: Segments([1, -1], count: 2))
        #expect(try dense.dense.shape == [2, 2])
    }

    @Test func voxelsOfDetectors() throws {
        let points: [Float] = [2.5, 0.5, 2.25, 9, 2.75, 0.25, 1.5]
        var options = OrderedVoxels.Options(origin: [0], spatialSize: [4], maximumCount: 2, dropsOutside: true)
        let voxels = try OrderedVoxels(points, size: [1], options: options)
        #expect(voxels.count == 2 && voxels.voxelOfPoint == [0, 1, 0, -1, 0, 1, -1])
        #expect(voxels.placeOfPoint == [0, 0, 1, -1, 2, 1, -1])
        #expect(try voxels.coordinates() == [[2, 0], [0, 0]])
        let features = try leaf([1, 2, 3, 4, 5, 6, 7], [7, 1])
        let padded = try features.padded(by: voxels.segments(), rowsPerSegment: 2)
        #expect(padded.shape == [2, 2, 1] && padded.elements == [1, 3, 2, 6])
        let means = try features.reduced(.mean, over: voxels.segments(pointsPerVoxel: 2))
        #expect(means.elements == [2, 4])
        try means.backward(gradient: [2, 4])
        #expect(features.gradient == [1, 2, 1, 0, 0, 2, 0])
        options.dropsOutside = false
        #expect(thrownError { _ = try OrderedVoxels(points, size: [1], options: options) }?.kind == .coordinate)
        options.batch = [0]
        #expect(thrownError { _ = try OrderedVoxels(points, size: [1], options: options) }?.kind == .shape)
        #expect(try OrderedVoxels([Double](), size: [1, 1]).count == 0)
    }
}
