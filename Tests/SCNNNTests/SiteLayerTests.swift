import SCNCore
import SCNGeometry
import SCNNN
import SCNTestSupport
import Testing

/// Layers that make, choose and gather sites, through the tape.
@Suite(.exclusive) struct SiteLayerTests {
    @Test(arguments: [1, 2]) func permutohedralConvolution(groups: Int) throws {
        var random = Random(seed: 1)
        let cloud = try Cloud(25, size: [3, 4, 3], planes: 4, &random)
        let layer = try PermutohedralSubmanifoldConvolution(dimension: 3, in: 4, out: 6, bias: true, groups: groups)
        let variance = layer.weight.elements.reduce(0) { $0 + Double($1 * $1) } / Double(layer.weight.count)
        #expect(abs(variance / (2 / (4 * 13)) - 1) < 0.3)
        try LayerTests.randomize(layer, &random)
        let rules = SiteOracle.neighbors(cloud.sites, offsets: SiteOracle.latticeOffsets(3))
        let reads = rules.enumerated().flatMap { k, rules in rules.map { (tap: k, cell: $0.input, row: $0.output) } }
        let convolution = DenseConvolution(groups: groups, inPlanes: 4, outPlanes: 6)
        try LayerTests.check(layer, .sparse(cloud.tensor), by: cloud.features) { input, parameters in
            convolution.forward(
                reads, rows: cloud.sites.count, grid: input, weight: parameters[0], bias: parameters[1])
        }
    }

    @Test func latticeBasis() throws {
        for d in 1...10 {
            let (basis, inverse) = try Permutohedral.basis(dimension: d)
            for i in 0..<d {
                for j in 0..<d {
                    let product = (0..<d).reduce(0) { $0 + basis[i][$1] * basis[j][$1] }
                    #expect(abs(product - (i == j ? 1 : 0.5)) < 1e-12)
                    let unit = (0..<d).reduce(0) { $0 + basis[i][$1] * inverse[$1][j] }
                    #expect(abs(unit - (i == j ? 1 : 0)) < 1e-12)
                }
            }
            // Every offset of the filter is one step long.
            for offset in try Permutohedral.offsets(dimension: d) where offset.contains(where: { $0 != 0 }) {
                let place = (0..<d).map { axis in (0..<d).reduce(0) { $0 + Double(offset[$1]) * basis[$1][axis] } }
                #expect(abs(place.reduce(0) { $0 + $1 * $1 } - 1) < 1e-12)
            }
        }
        #expect(thrownError { _ = try Permutohedral.basis(dimension: 11) }?.kind == .invalidArgument)
    }

    @Test func shapeContext() throws {
        var random = Random(seed: 2)
        let cloud = try Cloud(15, size: [4, 5], planes: 3, &random)
        let layer = try ShapeContext(dimension: 2, in: 3, filterSize: [3, 2])
        let reads = DenseFilter(submanifold: [3, 2], dilation: [1, 1]).reads(at: cloud.sites, inputSize: [4, 5])
        try LayerTests.check(layer, .sparse(cloud.tensor), by: cloud.features) { input, _ in
            let grid = DenseGrid.filled(cloud.sites, input, planes: 3, size: [4, 5], samples: 2)
            var result = [Double](repeating: 0, count: cloud.sites.count * 18)
            for read in reads {
                for p in 0..<3 { result[read.row * 18 + read.tap * 3 + p] = grid[read.cell * 3 + p] }
            }
            return result
        }
        #expect(try layer.inputSpatialSize([3, 4]) == [3, 4])
    }

    @Test func multiscaleShapeContext() throws {
        var random = Random(seed: 3)
        let cloud = try Cloud(20, size: [8, 8], planes: 2, &random)
        let net = try Networks.multiscaleShapeContext(dimension: 2, planes: 2, layers: 3, normalized: false)
        // The mean of the window of each level, inactive cells counting as zeros, seen from each site.
        func expected(_ input: [Double]) -> [Double] {
            var result = [Double](repeating: 0, count: cloud.sites.count * 54)
            for level in 0..<3 {
                let window = 1 << level
                for (row, site) in cloud.sites.enumerated() {
                    for (tap, offset) in SiteOracle.taps([3, 3]).enumerated() {
                        let cell = [0, 1].map { site[$0] / window + offset[$0] - 1 }
                        for (other, place) in cloud.sites.enumerated()
                        where place[2] == site[2] && [place[0] / window, place[1] / window] == cell {
                            for p in 0..<2 {
                                result[row * 54 + level * 18 + tap * 2 + p] +=
                                    input[other * 2 + p] / Double(window * window)
                            }
                        }
                    }
                }
            }
            return result
        }
        try LayerTests.check(net, .sparse(cloud.tensor), by: cloud.features) { input, _ in expected(input) }
        let normalized = try Networks.multiscaleShapeContext(dimension: 2, planes: 2)
        #expect(normalized.state.map(\.name).contains("2.running_mean"))
        #expect(try normalized(cloud.tensor).sparseTensor?.planes == 54)
        #expect(
            thrownError { _ = try Networks.multiscaleShapeContext(dimension: 2, layers: 0) }?.kind == .invalidArgument)
        #expect(
            thrownError { _ = try Networks.multiscaleShapeContext(dimension: 2, planes: 1 << 60) }?.kind == .overflow)
    }

    @Test(arguments: [InputMode.unique, .last, .first, .sum, .mean]) func paddedSamples(mode: InputMode) throws {
        var random = Random(seed: 4)
        let coordinates = [[[1, 2], [-1, 0], [1, 2]], [[-1, -1], [0, 0], [1, 2]]].map { sample in
            mode == .unique ? sample.enumerated().map { $0.offset == 0 ? [-1, 0] : $0.element } : sample
        }
        let features = try leaf(random.floats(12), [2, 3, 2])
        let enter = try BLInputLayer(dimension: 2, spatialSize: 3, mode: mode)
        let sites = coordinates.enumerated().flatMap { sample, rows in rows.map { $0 + [sample] } }
        let present = sites.indices.filter { sites[$0][0] >= 0 }
        let winners = InputOracle.winners(present.map { sites[$0] }, mode: mode.rawValue).map { $0.map { present[$0] } }
        let points = Value.points(try Points(batched: coordinates, features: features))
        try LayerTests.check(enter, points, by: features) { input, _ in
            InputOracle.combined(winners, input, planes: 2, mode: mode.rawValue)
        }
        let sparse = try #require(try enter(points).sparseTensor)
        #expect(sparse.batchSize == 2)
        let inner = try leaf(random.floats(sparse.siteCount * 2), [sparse.siteCount, 2])
        let leave = try BLOutputLayer(dimension: 2)
        try LayerTests.check(leave, .sparse(try sparse.with(features: inner)), by: inner) { input, _ in
            InputOracle.spread(winners, input, planes: 2, rows: 6)
        }
        #expect(try leave(sparse).tensor?.shape == [2, 3, 2])
        #expect(thrownError { _ = try InputLayer(dimension: 2, spatialSize: 3)(points) }?.kind == .shape)
        let plain = try Points([[1, 1]], features: Tensor(zeros: [1, 2]))
        #expect(thrownError { _ = try enter(plain) }?.kind == .shape)
        let other = try InputLayer(dimension: 2, spatialSize: 3)(plain)
        #expect(thrownError { _ = try leave(other) }?.kind == .state)
    }

    @Test func emptyPaddedSamples() throws {
        let enter = try BLInputLayer(dimension: 2, spatialSize: 3)
        for (coordinates, shape) in [([[[Int]]](), [0, 0, 4]), ([[], []], [2, 0, 4]), ([[[-1, 0]]], [1, 1, 4])] {
            let points = try Points(batched: coordinates, features: Tensor(zeros: shape))
            let sparse = try #require(try enter(points).sparseTensor)
            #expect(sparse.siteCount == 0 && sparse.planes == 4 && sparse.batchSize == shape[0])
            #expect(try BLOutputLayer(dimension: 2)(sparse).tensor?.shape == shape)
        }
    }

    @Test func denseToSparse() throws {
        var random = Random(seed: 5)
        var values = random.floats(2 * 3 * 4 * 5)
        // Half of the cells empty, one with a single plane.
        for sample in 0..<2 {
            for p in 0..<3 { for cell in stride(from: 0, to: 20, by: 2) { values[(sample * 3 + p) * 20 + cell] = 0 } }
        }
        values[0] = 7
        let dense = try leaf(values, [2, 3, 4, 5])
        let layer = try DenseToSparse(dimension: 2)
        let cells = DenseFilter.positions([4, 5])
        let active = (0..<2).flatMap { sample in
            cells.indices.filter { cell in (0..<3).contains { values[(sample * 3 + $0) * 20 + cell] != 0 } }
                .map { (sample, $0) }
        }
        let sparse = try #require(try layer(dense).sparseTensor)
        #expect(try sparse.coordinates() == active.map { cells[$1] + [$0] })
        #expect(sparse.spatialSize == [4, 5] && sparse.batchSize == 2)
        try LayerTests.check(layer, .dense(dense), by: dense, step: 1e-3) { input, _ in
            active.flatMap { sample, cell in (0..<3).map { input[(sample * 3 + $0) * 20 + cell] } }
        }
        #expect(try SparseToDense(dimension: 2, planes: 3)(sparse).tensor?.elements == values)
        let nothing = try #require(try layer(Tensor(zeros: [0, 3, 4, 5])).sparseTensor)
        #expect(nothing.siteCount == 0 && nothing.planes == 3)
        #expect(thrownError { _ = try layer(Tensor(zeros: [2, 3, 4])) }?.kind == .shape)
        #expect(thrownError { _ = try layer(Tensor(zeros: [2, 3, 0, 4])) }?.kind == .shape)
        #expect(thrownError { _ = try OutputLayer(dimension: 2)(sparse) }?.kind == .state)
    }

    @Test(arguments: [nil] + Sparsify.Activation.allCases.map(Optional.some))
    func sparsify(activation: Sparsify.Activation?) throws {
        var random = Random(seed: 6)
        let cloud = try Cloud(40, size: [8, 8], planes: 3, &random)
        let layer = try Sparsify(dimension: 2, in: 3, activation: activation)
        let path = activation == nil ? "net" : "net.0"
        #expect(layer.state.map(\.name) == ["\(path).weight", "\(path).bias"])
        try LayerTests.randomize(layer, &random)
        let input = cloud.features.elements.doubles
        let parameters = layer.parameters.map(\.elements.doubles)
        func scores(_ input: [Double], _ parameters: [[Double]]) -> [Double] {
            RowOracle.linear(
                input, rows: cloud.sites.count, inPlanes: 3, outPlanes: 1, weight: parameters[0], isTransposed: false,
                bias: parameters[1])
        }
        let kept = scores(input, parameters).indices.filter { scores(input, parameters)[$0] > 0 }
        #expect(kept.count > 5 && kept.count < cloud.sites.count - 5)
        let result = try #require(try layer(cloud.tensor).sparseTensor)
        #expect(try result.coordinates() == kept.map { cloud.sites[$0] })
        #expect(result.features.elements == kept.flatMap { cloud.features.elements[$0 * 3..<$0 * 3 + 3] })
        let mask = try #require(result.mask)
        #expect(mask.shape == [cloud.sites.count])
        func activated(_ scores: [Double]) -> [Double] {
            switch activation {
            case nil: scores
            case .sigmoid: scores.map(RowOracle.activations[5].function)
            case .fakeGradHardSigmoid: scores.map { $0 > 0 ? 1 : 0 }
            }
        }
        #expect(worstError(mask.elements, activated(scores(input, parameters))) < 1e-6)

        // Gradients through the kept features and through the mask together.
        let (byFeatures, byMask) = (random.floats(kept.count * 3), random.floats(mask.count))
        try result.features.backward(gradient: byFeatures)
        let alone = try #require(cloud.features.gradient)
        #expect(alone.count { $0 != 0 } == kept.count * 3)
        try mask.backward(gradient: byMask)
        func loss(_ input: [Double], _ parameters: [[Double]]) -> Double {
            let values = scores(input, parameters)
            // The hard sigmoid's gradient is the identity's.
            let masked = activation == .sigmoid ? activated(values) : values
            return dot(kept.flatMap { input[$0 * 3..<$0 * 3 + 3] }, byFeatures.doubles) + dot(masked, byMask.doubles)
        }
        let byInput = gradientError(try #require(cloud.features.gradient), at: input, step: 1e-4) {
            loss($0, parameters)
        }
        #expect(byInput < 1e-4)
        for (index, parameter) in layer.parameters.enumerated() {
            let error = gradientError(try #require(parameter.gradient), at: parameters[index], step: 1e-4) {
                var moved = parameters
                moved[index] = $0
                return loss(input, moved)
            }
            #expect(error < 1e-4)
        }
    }

    @Test func sparsifiedSitesGoOn() throws {
        var random = Random(seed: 7)
        let cloud = try Cloud(40, size: [8, 8], planes: 3, &random)
        let chosen = try #require(try SparsifyFCS(dimension: 2)(cloud.tensor).sparseTensor)
        let kept = cloud.sites.indices.filter { cloud.features.elements[$0 * 3] > 0 }
        #expect(try chosen.coordinates() == kept.map { cloud.sites[$0] })
        #expect(chosen.mask == nil)
        let net = try Sequential([
            SubmanifoldConvolution(dimension: 2, in: 3, out: 4, filterSize: 3),
            Convolution(dimension: 2, in: 4, out: 5, filterSize: 2, stride: 2),
            Deconvolution(dimension: 2, in: 5, out: 2, filterSize: 2, stride: 2),
        ])
        let back = try #require(try net(chosen).sparseTensor)
        #expect(try back.coordinates() == chosen.coordinates())
        // Nothing is left of an empty choice, and that flows on.
        let none = try chosen.with(features: Tensor(zeros: [chosen.siteCount, 3]))
        let empty = try #require(try SparsifyFCS(dimension: 2)(none).sparseTensor)
        #expect(empty.siteCount == 0)
        #expect(try net(empty).sparseTensor?.siteCount == 0)
        let scored = try #require(try Sparsify(dimension: 2, in: 3)(empty).sparseTensor)
        #expect(scored.siteCount == 0 && scored.mask?.shape == [0])
    }

    @Test func inputBatch() throws {
        let batch = try InputBatch(dimension: 2, spatialSize: [6, 8])
        #expect(thrownError { try batch.setLocation([1, 1], [1]) }?.kind == .state)
        #expect(try batch.tensor().siteCount == 0)
        batch.addSample()
        try batch.setLocation([4, 5], [1, 2])
        try batch.setLocations([[4, 5], [0, 0]], [[3, 4], [5, 6]])
        #expect(try batch.tensor().features.elements == [5, 6, 1, 2])
        try batch.setLocation([4, 5], [7, 8], overwrite: true)
        try batch.setLocation([4, 5], [9, 9])
        #expect(try batch.tensor().features.elements == [5, 6, 7, 8])
        try batch.setLocation([1, 1, 2], [1, 1])
        #expect(batch.sampleCount == 3)
        // Cells 0 and 2 of an array of 3; the last one lies outside.
        try batch.addSample(from: [-2, 0, 0, 0, 0, 3], shape: [1, 3, 2], offset: [5, 6], threshold: 1)
        let tensor = try batch.tensor()
        #expect(try tensor.coordinates() == [[0, 0, 0], [4, 5, 0], [1, 1, 2], [5, 6, 3]])
        #expect(tensor.batchSize == 4 && tensor.features.elements.suffix(2) == [-2, 0])
        try batch.precomputeMetadata(2)
        #expect(thrownError { try batch.precomputeMetadata(4) }?.kind == .invalidArgument)
        #expect(thrownError { try batch.setLocation([6, 0], [1, 1]) }?.kind == .coordinate)
        #expect(thrownError { try batch.setLocation([0, 0, -1], [1, 1]) }?.kind == .coordinate)
        #expect(thrownError { try batch.setLocation([0, 0], [1]) }?.kind == .shape)
        #expect(thrownError { try batch.setLocation([0], [1, 1]) }?.kind == .shape)
        #expect(thrownError { try batch.setLocations([[0, 0]], []) }?.kind == .shape)
        #expect(thrownError { try batch.addSample(from: [1], shape: [1, 1], offset: [0, 0]) }?.kind == .shape)
        #expect(try batch.tensor().siteCount == 4)
    }

    @Test(arguments: VoxelReduction.allCases) func voxels(reduction: VoxelReduction) throws {
        var random = Random(seed: 8)
        let points = random.floats(600)
        var options = Voxels.Options()
        options.reduction = reduction
        options.seed = 3
        let voxels = try Voxels(points, size: [0.5, 0.25], options: options)
        let features = try leaf(random.floats(900), [300, 3])
        let sparse = try voxels.sparse(features)
        let sites = voxels.voxelOfPoint
        #expect(voxels.pointCounts == (0..<voxels.count).map { site in sites.count { $0 == site } })
        #expect(try sparse.coordinates() == voxels.coordinates())
        for site in 0..<voxels.count {
            let members = sites.indices.filter { sites[$0] == site }
            let rows = members.map { Array(features.elements[$0 * 3..<$0 * 3 + 3]) }
            let found = Array(sparse.features.elements[site * 3..<site * 3 + 3])
            switch reduction {
            case .first: #expect(found == rows.first)
            case .last: #expect(found == rows.last)
            case .random: #expect(rows.contains(found))
            case .sum, .mean:
                let count = reduction == .mean ? Double(rows.count) : 1
                let sum = (0..<3).map { p in rows.reduce(0) { $0 + Double($1[p]) } / count }
                #expect(worstError(found, sum) < 1e-6)
            }
        }
        try sparse.features.backward(gradient: [Float](repeating: 1, count: sparse.features.count))
        let total = try #require(features.gradient).reduce(0, +)
        let expected = reduction == .sum ? 900 : Float(3 * voxels.count)
        #expect(abs(total - expected) < 0.01)
        let doubles = try Voxels(points.map(Double.init), size: [0.5, 0.25], options: options)
        #expect(doubles.voxelOfPoint == sites)
        #expect(thrownError { _ = try Voxels([Float](repeating: 0, count: 3), size: [1, 1]) }?.kind == .shape)
        options.batch = [0]
        #expect(thrownError { _ = try Voxels(points, size: [1, 1], options: options) }?.kind == .shape)
    }

    @Test func randomVoxelsFollowTheGenerator() throws {
        var options = Voxels.Options()
        options.reduction = .random
        let points = (0..<300).map { Float($0) / 10 }
        let features = try Tensor(points, shape: [300, 1])
        func draw() throws -> [Float] {
            try Voxels(points, size: [1], options: options).sparse(features).features.elements
        }
        Generator.seed(5)
        let (first, second) = (try draw(), try draw())
        Generator.seed(5)
        #expect(try draw() == first && first != second)
    }
}
