import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

/// Operations refuse operands whose elements they have no loops for, whichever operand it is, and read and write
/// nothing.
@Suite(.exclusive) struct ElementTypeTests {
    /// Makes an operand of rows x planes.
    typealias Operand = (_ rows: Int, _ planes: Int) throws -> Matrix

    /// Runs `operation` with each of its operands in turn of float64, under the name that its error must begin with.
    /// Operands of float32 must do.
    static func refuses(
        _ name: String, sourceLocation: SourceLocation = #_sourceLocation, _ operation: (Operand) throws -> Void
    ) {
        var count = 0
        #expect(throws: Never.self, "\(name)", sourceLocation: sourceLocation) {
            try operation { rows, planes in
                count += 1
                return try Matrix(zeros: rows, planes: planes)
            }
        }
        #expect(count > 0, sourceLocation: sourceLocation)
        for odd in 0..<count {
            var place = 0
            var oddOne: Matrix?
            let error = thrownError {
                try operation { rows, planes in
                    defer { place += 1 }
                    let matrix = try Matrix(
                        rows: rows, planes: planes, type: place == odd ? .float64 : .float32, zeroed: true)
                    if place == odd { oddOne = matrix }
                    return matrix
                }
            }
            #expect(
                error?.kind == .unsupported, "\(name), operand \(odd): \(error?.message ?? "no error")",
                sourceLocation: sourceLocation)
            #expect(
                error?.message.contains("has elements of type float64, expected float32") == true, "\(name)",
                sourceLocation: sourceLocation)
            #expect(oddOne?.storage.bytes.allSatisfy { $0 == 0 } == true, "\(name)", sourceLocation: sourceLocation)
        }
    }

    @Test func segments() throws {
        let segments = try SegmentTests.segments([0, 2, -1], count: 3)
        let places = try PaddedRows(ofRow: segments.ofRow, count: 3, most: 2)
        for reduction in SegmentReduction.allCases {
            Self.refuses("reduce") { try segments.reduce($0(3, 2), reduction, into: $0(3, 2)) }
            Self.refuses("reduce backward") {
                try segments.reduceBackward(
                    reduction, input: $0(3, 2), output: $0(3, 2), gradient: $0(3, 2), into: $0(3, 2))
            }
        }
        Self.refuses("softmax") { try segments.softmax($0(3, 2), into: $0(3, 2)) }
        Self.refuses("softmax backward") {
            try segments.softmaxBackward(output: $0(3, 2), gradient: $0(3, 2), into: $0(3, 2))
        }
        Self.refuses("gather") { try segments.gather($0(3, 2), into: $0(3, 2)) }
        Self.refuses("pad") { try places.pad($0(3, 2), into: $0(3, 4)) }
        Self.refuses("pad backward") { try places.padBackward($0(3, 4), into: $0(3, 2)) }
    }

    @Test func elements() {
        Self.refuses("add") { try Elements.add($0(3, 2), $0(3, 2), into: $0(3, 2)) }
        Self.refuses("multiply") { try Elements.multiply($0(3, 2), $0(3, 2), into: $0(3, 2)) }
        Self.refuses("scale") { try Elements.scale($0(3, 2), by: 2, into: $0(3, 2)) }
        Self.refuses("step") { try Elements.step($0(3, 2), into: $0(3, 2)) }
        Self.refuses("fill") { try Elements.fill($0(3, 2), with: 1) }
        Self.refuses("sum") { _ = try Elements.sum($0(3, 2)) }
        Self.refuses("sum of squares") { _ = try Elements.sumOfSquares($0(3, 2)) }
        Self.refuses("join") { try Elements.join([$0(3, 2), $0(3, 1)], into: $0(3, 3)) }
        Self.refuses("split") { try Elements.split($0(3, 3), into: [$0(3, 2), $0(3, 1)]) }
        Self.refuses("stack") { try Elements.stack([$0(3, 2), $0(1, 2)], into: $0(4, 2)) }
        Self.refuses("unstack") { try Elements.unstack($0(4, 2), into: [$0(3, 2), $0(1, 2)]) }
        Self.refuses("column sums") { try ColumnSums.compute($0(3, 2), into: $0(1, 2)) }
        Self.refuses("plane scaling") { try PlaneScaling.apply($0(3, 2), factors: $0(1, 2), into: $0(3, 2)) }
        for activation in [Activation.relu, .tanh] {
            Self.refuses("activation") { try activation.forward($0(3, 2), into: $0(3, 2)) }
            Self.refuses("activation, backward") {
                try activation.backward(input: $0(3, 2), output: $0(3, 2), gradient: $0(3, 2), into: $0(3, 2))
            }
        }
    }

    @Test func products() {
        for usesOpenBLAS in [true, false] {
            LinearOperation.usesOpenBLAS = usesOpenBLAS
            defer { LinearOperation.usesOpenBLAS = nil }
            Self.refuses("linear") {
                try LinearOperation.forward(
                    $0(5, 3), weight: $0(3, 4), weightIsTransposed: false, bias: $0(1, 4), into: $0(5, 4))
            }
            Self.refuses("linear, by the input") {
                try LinearOperation.backwardInput($0(5, 4), weight: $0(3, 4), weightIsTransposed: false, into: $0(5, 3))
            }
            Self.refuses("linear, by the weight") {
                try LinearOperation.backwardWeight(
                    input: $0(5, 3), gradient: $0(5, 4), weightIsTransposed: false, weightResult: $0(3, 4),
                    biasResult: $0(1, 4))
            }
        }
    }

    @Test(arguments: [false, true]) func rules(isRepeated: Bool) throws {
        let rules = try Self.rulebook(isRepeated: isRepeated)
        let (inputs, outputs, volume) = (rules.inputCount, rules.outputCount, rules.volume)
        Self.refuses("convolution") {
            try ConvolutionOperation.forward(
                rules, input: $0(inputs, 2), weight: $0(volume * 2, 3), bias: $0(1, 3), groups: 1, into: $0(outputs, 3))
        }
        Self.refuses("convolution, by the input") {
            try ConvolutionOperation.backwardInput(
                rules, gradient: $0(outputs, 3), weight: $0(volume * 2, 3), groups: 1, into: $0(inputs, 2))
        }
        Self.refuses("convolution, by the weight") {
            try ConvolutionOperation.backwardWeight(
                rules, input: $0(inputs, 2), gradient: $0(outputs, 3), groups: 1, weightResult: $0(volume * 2, 3),
                biasResult: $0(1, 3))
        }
        Self.refuses("max pooling") {
            try MaxPoolingOperation.forward(rules, input: $0(inputs, 3), featuresToDrop: 1, into: $0(outputs, 2))
        }
        Self.refuses("max pooling, backward") {
            try MaxPoolingOperation.backward(
                rules, input: $0(inputs, 3), output: $0(outputs, 2), gradient: $0(outputs, 2), featuresToDrop: 1,
                into: $0(inputs, 3))
        }
        Self.refuses("sum pooling") {
            try SumPoolingOperation.forward(
                rules, input: $0(inputs, 3), featuresToDrop: 1, factor: 2, into: $0(outputs, 2))
        }
        Self.refuses("sum pooling, backward") {
            try SumPoolingOperation.backward(
                rules, gradient: $0(outputs, 2), featuresToDrop: 1, factor: 2, into: $0(inputs, 3))
        }
        Self.refuses("shape context") {
            try ShapeContextOperation.forward(rules, input: $0(inputs, 2), into: $0(outputs, 2 * volume))
        }
        Self.refuses("shape context, backward") {
            try ShapeContextOperation.backward(rules, gradient: $0(outputs, 2 * volume), into: $0(inputs, 2))
        }
    }

    /// Of a strided convolution, or the way back of one whose windows are displaced, where output rows repeat.
    static func rulebook(isRepeated: Bool) throws -> Rulebook {
        let (sites, map) = try makeSites([[1, 0], [2, 0], [5, 0], [6, 0]], size: [9], samples: 1)
        let geometry = Geometry(sites, inputMap: map)
        let filter = try FilterGeometry.strided(size: [3], stride: [1])
        guard isRepeated else { return try geometry.strided(geometry.input, filter).rulebook }
        for _ in 0..<50 {
            let fresh = Geometry(sites, inputMap: map)
            let rules = try fresh.randomized(fresh.input, filter).rulebook.reversed
            if !rules.outputRowsAscend { return rules }
        }
        throw SCNError(.internal, "no windows that coincide in 50 draws")
    }

    @Test func sites() throws {
        let (sites, map) = try makeSites([[1, 2, 0], [2, 2, 0], [0, 1, 1]], size: [3, 4], samples: 2)
        let samples = try sites.samples()
        for pooling in GlobalPooling.allCases {
            Self.refuses("global pooling") { try pooling.forward(sites, input: $0(3, 2), into: $0(2, 2)) }
            Self.refuses("global pooling, backward") {
                try pooling.backward(
                    sites, input: $0(3, 2), output: $0(2, 2), gradient: $0(2, 2), into: $0(3, 2))
            }
        }
        Self.refuses("input") { try map.forward($0(3, 2), into: $0(3, 2)) }
        Self.refuses("input, backward") { try map.backward($0(3, 2), into: $0(3, 2)) }
        Self.refuses("output") { try map.outputForward($0(3, 2), into: $0(3, 2)) }
        Self.refuses("output, backward") { try map.outputBackward($0(3, 2), into: $0(3, 2)) }
        Self.refuses("sparse to dense") { try SparseToDenseOperation.forward(sites, input: $0(3, 2), into: $0(2, 24)) }
        Self.refuses("sparse to dense, backward") {
            try SparseToDenseOperation.backward(sites, gradient: $0(2, 24), into: $0(3, 2))
        }
        Self.refuses("dense to sparse") {
            _ = try InputSites.dense(spatialSize: [3, 4], values: $0(2, 12), samples: 2, planes: 1)
        }
        Self.refuses("coordinates") { try sites.scaledCoordinates(into: $0(3, 2)) }
        let places = try Storage([2, 0] as [Int32])
        Self.refuses("gather") { try RowGathering.gather($0(3, 2), at: places, into: $0(2, 2)) }
        Self.refuses("scatter") { try RowGathering.scatter($0(2, 2), at: places, into: $0(3, 2)) }
        Self.refuses("marks") { _ = try RowGathering.marks($0(3, 2), above: 0) }
        let union = try SiteUnion(sites, sites)
        Self.refuses("comparison") {
            _ = try SparseComparison.forward($0(3, 2), $0(3, 2), union: union, differences: $0(3, 2))
        }
        Self.refuses("comparison, backward") {
            try SparseComparison.backward(
                differences: $0(3, 2), gradient: 1, union: union, byX: $0(3, 2), byY: $0(3, 2))
        }
        let layer = try LayerNormalizationOperation(epsilon: 1e-5)
        Self.refuses("layer norm") {
            try layer.forward($0(3, 2), weight: $0(1, 2), bias: $0(1, 2), into: $0(3, 2))
        }
        Self.refuses("layer norm, backward") {
            try layer.backward(
                input: $0(3, 2), gradient: $0(3, 2), weight: $0(1, 2), weightResult: $0(1, 2), biasResult: $0(1, 2),
                into: $0(3, 2))
        }
        Self.refuses("parametric ReLU") { try ParametricReLU.forward($0(3, 2), leaks: $0(1, 2), into: $0(3, 2)) }
        Self.refuses("parametric ReLU, backward") {
            try ParametricReLU.backward(
                input: $0(3, 2), gradient: $0(3, 2), leaks: $0(1, 2), leaksResult: $0(1, 2), into: $0(3, 2))
        }
        let group = try GroupNormalizationOperation(groups: 1, epsilon: 1e-5)
        func statistics(_ operand: Operand) throws -> GroupNormalizationOperation.Statistics {
            .init(
                mean: try operand(2, 1), inverseDeviation: try operand(2, 1), remainder: try operand(2, 1))
        }
        Self.refuses("group norm") {
            try group.forward(
                $0(3, 2), samples: samples, weight: $0(1, 2), bias: $0(1, 2), statistics: statistics($0), into: $0(3, 2)
            )
        }
        Self.refuses("group norm, backward") {
            try group.backward(
                input: $0(3, 2), gradient: $0(3, 2), samples: samples, weight: $0(1, 2), statistics: statistics($0),
                weightResult: $0(1, 2), biasResult: $0(1, 2), into: $0(3, 2))
        }
    }

    @Test func normalizations() throws {
        let batch = try BatchNormalizationOperation(epsilon: 1e-4, momentum: 0.9, leakiness: 0)
        func running(_ operand: Operand) throws -> BatchNormalizationOperation.Running {
            .init(mean: try operand(1, 2), variance: try operand(1, 2))
        }
        func saved(_ operand: Operand) throws -> BatchNormalizationOperation.Saved {
            .init(mean: try operand(1, 2), inverseDeviation: try operand(1, 2), remainder: try operand(1, 2))
        }
        for rows in [0, 5] {
            Self.refuses("batch norm") {
                try batch.forwardTraining(
                    $0(rows, 2), weight: $0(1, 2), bias: $0(1, 2), running: running($0), saved: saved($0),
                    into: $0(rows, 2))
            }
        }
        Self.refuses("batch norm, evaluation") {
            try batch.forwardEvaluation(
                $0(5, 2), weight: $0(1, 2), bias: $0(1, 2), running: running($0), into: $0(5, 2))
        }
        Self.refuses("batch norm, backward") {
            try batch.backwardTraining(
                input: $0(5, 2), output: $0(5, 2), gradient: $0(5, 2), weight: $0(1, 2), saved: saved($0),
                weightResult: $0(1, 2), biasResult: $0(1, 2), into: $0(5, 2))
        }
        Self.refuses("batch norm, evaluation, backward") {
            try batch.backwardEvaluation(
                input: $0(5, 2), output: $0(5, 2), gradient: $0(5, 2), weight: $0(1, 2), running: running($0),
                weightResult: $0(1, 2), biasResult: $0(1, 2), into: $0(5, 2))
        }
        Self.refuses("moments") { _ = try BatchNormalizationOperation.moments($0(5, 2)) }
        let meanOnly = try MeanOnlyNormalizationOperation(momentum: 0.9, leakiness: 0)
        Self.refuses("mean-only norm") {
            try meanOnly.forwardTraining($0(5, 2), bias: $0(1, 2), runningMean: $0(1, 2), into: $0(5, 2))
        }
        Self.refuses("mean-only norm, evaluation") {
            try meanOnly.forwardEvaluation($0(5, 2), bias: $0(1, 2), runningMean: $0(1, 2), into: $0(5, 2))
        }
        Self.refuses("mean-only norm, backward") {
            try meanOnly.backward(
                output: $0(5, 2), gradient: $0(5, 2), isTraining: true, biasResult: $0(1, 2), into: $0(5, 2))
        }
        Self.refuses("spectral norm") {
            _ = try SpectralNormalizationOperation.estimate($0(5, 2), right: $0(2, 1), iterations: 1, epsilon: 1e-5)
        }
        Self.refuses("fitting") {
            try PlaneFitting.fit($0(5, 2), bias: $0(1, 2), weight: $0(3, 2)) { $0 % 2 }
        }
        Self.refuses("lines") {
            let lines = try PlaneLines(planes: 2, bias: $0(1, 2))
            try lines.normalize(running($0), weight: $0(1, 2), bias: $0(1, 2), epsilon: 1e-4, from: 0)
            try lines.fold($0(3, 2), into: $0(3, 2), biasResult: $0(1, 2)) { $0 % 2 }
        }
    }

    @Test func lossesAndOptimizers() throws {
        let labels: [Int64] = [0, 1, 0]
        Self.refuses("cross-entropy") {
            _ = try CrossEntropyOperation.forward(
                $0(3, 2), labels: labels, classWeights: $0(1, 2), ignoreIndex: -1, gradient: $0(3, 2))
        }
        Self.refuses("binary cross-entropy") {
            _ = try BinaryCrossEntropyOperation.forward($0(3, 2), targets: $0(3, 2), gradient: $0(3, 2))
        }
        let sgd = OptimizerSteps.SGD(
            learningRate: 0.1, momentum: 0.9, dampening: 0, weightDecay: 0, nesterov: false)
        Self.refuses("SGD") {
            try OptimizerSteps.sgd($0(3, 2), gradient: $0(3, 2), velocity: $0(3, 2), options: sgd, isFirstStep: true)
        }
        let adam = OptimizerSteps.Adam(
            learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, decoupled: false)
        Self.refuses("Adam") {
            try OptimizerSteps.adam(
                $0(3, 2), gradient: $0(3, 2), firstMoment: $0(3, 2), secondMoment: $0(3, 2), options: adam,
                corrections: (0.1, 0.01))
        }
    }

    @Test func matricesKeepTheirType() throws {
        let matrix = try Matrix(rows: 3, planes: 2, type: .float64, zeroed: true)
        #expect(matrix.storage.byteCount == 48 && matrix.count == 6)
        let copy = try matrix.copy()
        #expect(copy.type == .float64 && copy.storage !== matrix.storage && !copy.hasOtherBits(than: matrix))
        #expect(matrix.reshaped(rows: 1, planes: 6).type == .float64)
        copy.storage.bytes[47] = 1
        #expect(copy.hasOtherBits(than: matrix))
        matrix.update(from: copy)
        #expect(!copy.hasOtherBits(than: matrix))
        #expect(matrix.hasOtherBits(than: try Matrix(zeros: 3, planes: 2)))
        #expect(throws: SCNError(.overflow, "4611686018427387904 elements of 8 bytes overflow 64 bits")) {
            try Matrix(rows: 1 << 31, planes: 1 << 31, type: .float64)
        }
    }
}
