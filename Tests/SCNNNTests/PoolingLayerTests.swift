import SCNCore
import SCNGeometry
import SCNNN
import SCNOps
import SCNTestSupport
import Testing

/// Poolings, full convolution and windows displaced at random, through the tape.
@Suite(.exclusive) struct PoolingLayerTests {
    @Test func averagePoolingAndUnPooling() throws {
        var random = Random(seed: 1)
        let size = [7, 9]
        let cloud = try Cloud(17, size: size, planes: 3, &random)
        let down = try AveragePooling(dimension: 2, poolSize: 3, poolStride: 2, featuresToDrop: 1)
        let oracle = DenseFilter(strided: [3, 3], stride: [2, 2], padding: [0, 0], dilation: [1, 1])
        let coarse = oracle.outputSites(cloud.sites, inputSize: size, samples: 2)
        let reads = oracle.reads(at: coarse, inputSize: size)
        try LayerTests.check(down, .sparse(cloud.tensor), by: cloud.features) { input, _ in
            let grid = DenseGrid.filled(cloud.sites, input, planes: 3, size: size, samples: 2)
            var result = [Double](repeating: 0, count: coarse.count * 2)
            for read in reads { for p in 0..<2 { result[read.row * 2 + p] += grid[read.cell * 3 + 1 + p] / 9 } }
            return result
        }
        let middle = try #require(try down(cloud.tensor).sparseTensor)
        let features = try leaf(random.floats(coarse.count * 4), [coarse.count, 4])
        let input = Value.sparse(try middle.with(features: features))
        let up = try UnPooling(dimension: 2, poolSize: 3, poolStride: 2, featuresToDrop: 2)
        try LayerTests.check(up, input, by: features) { input, _ in
            var grid = [Double](repeating: 0, count: 2 * 63 * 2)
            for read in reads { for p in 0..<2 { grid[read.cell * 2 + p] += input[read.row * 4 + 2 + p] } }
            return DenseGrid.sampled(grid, at: cloud.sites, planes: 2, size: size)
        }
        let back = try #require(try up(input).sparseTensor)
        #expect(try back.coordinates() == cloud.sites)
        #expect(try down.inputSpatialSize([3, 4]) == size && up.inputSpatialSize(size) == [3, 4])
        let other = try UnPooling(dimension: 2, poolSize: 2, poolStride: 2)
        #expect(thrownError { _ = try other(input) }?.kind == .state)
        let narrow = try AveragePooling(dimension: 2, poolSize: 3, poolStride: 2, featuresToDrop: 3)
        #expect(thrownError { _ = try narrow(cloud.tensor) }?.kind == .shape)
        #expect(
            thrownError { _ = try AveragePooling(dimension: 2, poolSize: 3, poolStride: 2, featuresToDrop: -1) } != nil)
    }

    @Test(arguments: GlobalPooling.allCases) func globalPooling(kind: GlobalPooling) throws {
        var random = Random(seed: 2)
        let cloud = try Cloud(17, size: [5, 5, 5], planes: 3, &random)
        let layer = try GlobalPoolingLayer(dimension: 3, kind)
        try LayerTests.check(layer, .sparse(cloud.tensor), by: cloud.features, step: 1e-7) { input, _ in
            (0..<6).map { index in
                let rows = cloud.sites.indices.filter { cloud.sites[$0][3] == index / 3 }
                let column = rows.map { input[$0 * 3 + index % 3] }
                return switch kind {
                case .sum: column.reduce(0, +)
                case .average: column.reduce(0, +) / Double(column.count)
                case .max: column.max()!
                }
            }
        }
        #expect(try layer(cloud.tensor).tensor?.shape == [2, 3])
        #expect(thrownError { _ = try layer(Tensor(zeros: [2, 3])) }?.kind == .shape)
        let enter = try InputLayer(dimension: 3, spatialSize: 4)
        let empty = try enter(Points([], features: leaf([], [0, 2]), batchSize: 3))
        #expect(try layer(empty).tensor?.elements == [Float](repeating: 0, count: 6))
    }

    @Test(arguments: [1, 2]) func fullConvolution(groups: Int) throws {
        var random = Random(seed: 3)
        let (size, larger) = ([4, 5], [9, 10])
        let cloud = try Cloud(9, size: size, planes: 4, &random)
        let layer = try FullConvolution(
            dimension: 2, in: 4, out: 6, filterSize: [3, 2], stride: 2, bias: true, groups: groups)
        try LayerTests.randomize(layer, &random)
        // The convolution that reads the larger grid at the cloud's sites, transposed.
        let oracle = DenseFilter(strided: [3, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1])
        let reads = oracle.reads(at: cloud.sites, inputSize: larger)
        let cells = Set(reads.map(\.cell))
        let reached = (0..<2 * 90).filter { cells.contains($0) }
        try LayerTests.check(layer, .sparse(cloud.tensor), by: cloud.features) { input, parameters in
            let grid = DenseConvolution(groups: groups, inPlanes: 4, outPlanes: 6).transposed(
                reads, cells: 2 * 90, rows: input, weight: parameters[0], bias: parameters[1])
            return reached.flatMap { Array(grid[$0 * 6..<($0 + 1) * 6]) }
        }
        let output = try #require(try layer(cloud.tensor).sparseTensor)
        #expect(output.spatialSize == larger)
        #expect(try output.coordinates() == reached.map { [$0 % 90 / 10, $0 % 10, $0 / 90] })
        #expect(try layer.inputSpatialSize(larger) == size)
        // The result goes on: down by a convolution, up by its deconvolution.
        let down = try Convolution(dimension: 2, in: 6, out: 2, filterSize: [3, 2], stride: 2)
        let up = try Deconvolution(dimension: 2, in: 2, out: 3, filterSize: [3, 2], stride: 2)
        #expect(try up(down(output)).sparseTensor?.coordinates() == output.coordinates())
    }

    /// Where the windows lie, from a field in which every site is active: under offset 0 a window reads its first site.
    static func starts(_ filterSize: Int, stride: Int, count: Int, _ layer: Module) throws -> [Int] {
        let size = (count - 1) * stride + filterSize
        let places = try leaf((0..<size).map { Float($0 + 1) }, [size, 1])
        let enter = try InputLayer(dimension: 1, spatialSize: Size(size))
        let tensor = try #require(try enter(Points((0..<size).map { [$0] }, features: places)).sparseTensor)
        return try #require(try layer(tensor).tensor).elements.map { Int($0) - 1 }
    }

    @Test func randomizedStridesInTrainingOnly() throws {
        Generator.seed(4)
        let convolution = try RandomizedStrideConvolution(dimension: 1, in: 1, out: 1, filterSize: 3, stride: 2)
        try convolution.weight.update(from: [1, 0, 0])
        let pooling = try RandomizedStrideMaxPooling(dimension: 1, poolSize: 1, poolStride: 2)
        for (layer, filterSize) in [(convolution, 3), (pooling, 1)] as [(Module, Int)] {
            Generator.seed(5)
            let first = try Self.starts(filterSize, stride: 2, count: 30, layer)
            let second = try Self.starts(filterSize, stride: 2, count: 30, layer)
            #expect(first != second)
            for starts in [first, second] {
                let steps = zip(starts.dropFirst(), starts).map { $0 - $1 }
                #expect(
                    steps.sorted()
                        == [1, 2, 3].flatMap { Array(repeating: $0, count: $0 == 2 ? 9 : 10) })
            }
            Generator.seed(5)
            #expect(try Self.starts(filterSize, stride: 2, count: 30, layer) == first)
            layer.setTraining(false)
            #expect(try Self.starts(filterSize, stride: 2, count: 30, layer) == (0..<30).map { 2 * $0 })
            #expect(try layer.inputSpatialSize([30]) == [58 + filterSize])
        }
    }

    /// At stride 1 some windows coincide; two branches get the same ones and their sum has a gradient.
    @Test func branchesShareTheDisplacement() throws {
        var random = Random(seed: 6)
        let cloud = try Cloud(30, size: [8, 9], planes: 2, &random)
        let branches = try (0..<2).map { _ in
            try RandomizedStrideConvolution(dimension: 2, in: 2, out: 3, filterSize: 2, stride: 1, bias: true)
        }
        let net = try Sequential([ConcatTable(branches), AddTable()])
        try LayerTests.randomize(net, &random)
        // One geometry: the displacement is drawn once, so that the network is a function of its input.
        let (point, weights) = (cloud.features.elements.doubles, net.parameters)
        let output = try #require(try net(cloud.tensor).tensor)
        let gradient = random.floats(output.count)
        try output.backward(gradient: gradient)
        func value(_ input: [Double]) -> Double {
            Tape.withoutRecording {
                let moved = try! cloud.tensor.with(features: Tensor(input.map(Float.init), shape: [30, 2]))
                return dot(try! net(moved).tensor!.elements.doubles, gradient.doubles)
            }
        }
        #expect(gradientError(try #require(cloud.features.gradient), at: point, step: 0.5, of: value) < 1e-4)
        #expect(weights.allSatisfy { $0.gradient?.contains { $0 != 0 } == true })
        let back = try Deconvolution(dimension: 2, in: 3, out: 2, filterSize: 2, stride: 1)
        let middle = try #require(try branches[0](cloud.tensor).sparseTensor)
        #expect(try back(middle).sparseTensor?.coordinates() == cloud.sites)
    }

    @Test func fractionalMaxPooling() throws {
        var random = Random(seed: 7)
        let cloud = try Cloud(60, size: [13, 13], planes: 3, &random)
        for poolSize in [Size(2), nil] {
            let layer = try FractionalMaxPooling(dimension: 2, .ratio([1.4142]), poolSize: poolSize, featuresToDrop: 1)
            let drawn = try #require(try layer(cloud.tensor).sparseTensor)
            #expect(drawn.spatialSize == [9, 9] && drawn.planes == 2)
            // Drawn once for the geometry, so that it is a function whose slopes can be measured.
            cloud.features.zeroGradient()
            let gradient = random.floats(drawn.features.count)
            try drawn.features.backward(gradient: gradient)
            func value(_ input: [Double]) -> Double {
                Tape.withoutRecording {
                    let moved = try! cloud.tensor.with(features: Tensor(input.map(Float.init), shape: [60, 3]))
                    return dot(try! layer(moved).tensor!.elements.doubles, gradient.doubles)
                }
            }
            let error = gradientError(
                try #require(cloud.features.gradient), at: cloud.features.elements.doubles, step: 1e-4, of: value)
            #expect(error < 5e-3)
            layer.setTraining(false)
            let state = Generator.state
            let regular = try #require(try layer(cloud.tensor).sparseTensor)
            let again = try #require(try layer(Cloud(60, size: [13, 13], planes: 3, &random).tensor).sparseTensor)
            #expect(Generator.state == state && regular.spatialSize == again.spatialSize)
            #expect(try layer.inputSpatialSize([9, 9]) == [13, 13])
        }
        let fixed = try FractionalMaxPooling(dimension: 2, .outputSize([5, 12]), isPseudorandom: false)
        #expect(try fixed(cloud.tensor).sparseTensor?.spatialSize == [5, 12])
        #expect(thrownError { _ = try fixed.inputSpatialSize([5, 12]) }?.kind == .unsupported)
        let crowded = try FractionalMaxPooling(dimension: 2, .outputSize(13))
        #expect(thrownError { _ = try crowded(cloud.tensor) }?.kind == .shape)
        #expect(thrownError { _ = try FractionalMaxPooling(dimension: 2, .ratio([2, 2, 2])) }?.kind == .shape)
        #expect(thrownError { _ = try FractionalMaxPooling(dimension: 0, .ratio([2])) } != nil)
        #expect(thrownError { _ = try FractionalMaxPooling(dimension: 2, .ratio([2]), featuresToDrop: -1) } != nil)
        let emptied = try FractionalMaxPooling(dimension: 2, .ratio([2]), featuresToDrop: 3)
        #expect(thrownError { _ = try emptied(cloud.tensor) }?.kind == .shape)
    }
}
