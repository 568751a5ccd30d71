import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

/// Operations whose operands are bfloat16, against the dense oracle on rounded numbers.
@Suite(.exclusive) struct BFloat16Tests {
    /// To nearest, to even.
    static func rounded(_ x: Float) -> Float {
        let bits = x.bitPattern
        if x.isNaN { return Float(bitPattern: bits & 0xFFFF_0000 | 0x40_0000) }
        return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
    }

    static func halves(_ rows: Int, _ planes: Int, _ values: [Float]) throws -> Matrix {
        try Matrix(rows: rows, planes: planes, values).converted(to: .bfloat16)
    }

    static func elements(_ matrix: Matrix) throws -> [Float] { try matrix.converted(to: .float32).elements }

    static let types: [ElementType] = [.float32, .bfloat16]
    static let cases: [FilterCase] =
        FilterCase.submanifoldCases + FilterCase.stridedCases + FilterCase.stridedCases.map(\.reversed) + [
            .submanifold([9, 8], [3, 3], sites: 40, 37, 20, bias: true),
            .submanifold([9, 8], [3, 3], sites: 40, 64, 66),
            .submanifold([9, 8], [3, 3], sites: 40, 32, 48, groups: 2),
            .strided([10, 8], [2, 2], [2, 2], sites: 40, 33, 100, bias: true),
        ]

    @Test func conversions() throws {
        var random = Random(seed: 2)
        let odd: [Float] = [
            .nan, .infinity, -.infinity, 0, -0.0, 1, 1.00390625, 1.01171875, .greatestFiniteMagnitude,
            .leastNonzeroMagnitude,
        ]
        for count in [0, 1, 7, 40, 100_000] {
            let values = (odd + random.floats(max(0, count))).prefix(count).map { $0 }
            try withEachInstructionSet { name in
                let matrix = try Matrix(rows: count, planes: 1, values)
                let halves = try matrix.converted(to: .bfloat16)
                #expect(halves.type == .bfloat16 && halves.storage.byteCount == 2 * count)
                let back = try Self.elements(halves)
                #expect(zip(back, values).allSatisfy { $0 == Self.rounded($1) || ($0.isNaN && $1.isNaN) }, name)
                #expect(try matrix.converted(to: .float32).storage === matrix.storage)
            }
        }
        let wide = try Matrix(rows: 2, planes: 2, type: .float64)
        let error = thrownError { try Elements.convert(wide, into: Matrix(rows: 2, planes: 2)) }
        #expect(error?.message == "a: has elements of type float64, expected float32 or bfloat16")
    }

    @Test(arguments: cases) func convolutions(filterCase: FilterCase) throws {
        var random = Random(seed: 1)
        let setup = try FilterSetup(filterCase, &random)
        let numbers = ConvolutionTests.Numbers(setup, &random)
        let (inPlanes, outPlanes) = (filterCase.inPlanes, filterCase.outPlanes)
        let input = try Self.halves(setup.inputSites.count, inPlanes, numbers.input)
        let weight = try Matrix(
            rows: setup.rules.volume * inPlanes, planes: outPlanes / filterCase.groups, numbers.weight)
        let shape = try ConvolutionShape(
            volume: setup.rules.volume, groups: filterCase.groups, inPlanes: inPlanes, outPlanes: outPlanes)
        let roundedWeight = numbers.weight.map { Double(Self.rounded($0)) }
        let roundedInput = try Self.elements(input).doubles
        let expected = setup.convolved(roundedInput, roundedWeight, numbers.bias?.doubles)
        let exact = setup.convolved(roundedInput, numbers.weight.doubles, numbers.bias?.doubles)
        try withEachBFloat16 { name in
            let packed = try ConvolutionOperation.pack(weight, shape, as: .bfloat16)
            var floats: [Float] = []
            // Of either type, input and result: the same sums, rounded or not.
            for inputType in Self.types {
                for type in Self.types {
                    let result = try Matrix(rows: setup.outputSites.count, planes: outPlanes, type: type)
                    try ConvolutionOperation.forward(
                        setup.rules, input: input.converted(to: inputType), weight: packed,
                        bias: numbers.bias.map(vector), leakiness: 1, into: result)
                    let got = try Self.elements(result)
                    if type == .bfloat16 { #expect(got == floats.map(Self.rounded), name) }
                    floats = type == .float32 ? got : floats
                    if type == .float32 { #expect(worstError(got, expected) < ConvolutionTests.tolerance, name) }
                }
            }
            // Float32 weights beside bfloat16 features: nothing is rounded but the result.
            let unrounded = try ConvolutionOperation.pack(weight, shape)
            let result = try Matrix(rows: setup.outputSites.count, planes: outPlanes, type: .bfloat16)
            try ConvolutionOperation.forward(
                setup.rules, input: input, weight: unrounded, bias: numbers.bias.map(vector), leakiness: 1,
                into: result)
            let scale = exact.map(abs).max() ?? 0
            let error = zip(try Self.elements(result), exact).map { abs(Double($0) - $1) }.max() ?? 0
            #expect(error <= scale / 256 + 1e-5, name)
        }
    }

    @Test func resultsDoNotDependOnThreads() throws {
        var random = Random(seed: 4)
        let filterCase = FilterCase.submanifold([40, 40], [3, 3], sites: 900, 64, 80, bias: true)
        let setup = try FilterSetup(filterCase, &random)
        let numbers = ConvolutionTests.Numbers(setup, &random)
        let input = try Self.halves(setup.inputSites.count, 64, numbers.input)
        let weight = try Matrix(rows: 9 * 64, planes: 80, numbers.weight)
        let shape = try ConvolutionShape(volume: 9, groups: 1, inPlanes: 64, outPlanes: 80)
        let factors = try Matrix(rows: 64, planes: 80, Array(numbers.weight.prefix(64 * 80)))
        try withEachBFloat16 { name in
            let bits = try [1, 2, 3].map { threads in
                Parallel.threadCount = threads
                let result = try Matrix(rows: setup.outputSites.count, planes: 80, type: .bfloat16)
                try ConvolutionOperation.forward(
                    setup.rules, input: input, weight: ConvolutionOperation.pack(weight, shape, as: .bfloat16),
                    bias: nil, leakiness: 0.5, into: result)
                let product = try Matrix(rows: input.rows, planes: 80)
                try LinearOperation.forward(
                    input, weight: factors, weightIsTransposed: false,
                    packed: LinearOperation.pack(factors, weightIsTransposed: false, as: .bfloat16), bias: nil,
                    into: product)
                return try Self.elements(result).map(\.bitPattern) + product.elements.map(\.bitPattern)
            }
            #expect(bits[0] == bits[1] && bits[0] == bits[2], name)
        }
    }

    @Test func denseProducts() throws {
        var random = Random(seed: 6)
        for (rows, inPlanes, outPlanes) in [(0, 3, 4), (1, 1, 1), (300, 37, 20), (700, 64, 130)] {
            let input = try Self.halves(rows, inPlanes, random.floats(rows * inPlanes))
            let weights = random.floats(inPlanes * outPlanes)
            let bias = try vector(random.floats(outPlanes))
            let x = try Self.elements(input).doubles
            for isTransposed in [false, true] {
                let weight = try Matrix(
                    rows: isTransposed ? outPlanes : inPlanes, planes: isTransposed ? inPlanes : outPlanes, weights)
                let expected = (0..<rows * outPlanes).map { place -> Double in
                    let (row, o) = (place / outPlanes, place % outPlanes)
                    let sum = (0..<inPlanes).reduce(Double(bias.elements[o])) { sum, i in
                        let index = isTransposed ? o * inPlanes + i : i * outPlanes + o
                        return sum + x[row * inPlanes + i] * Double(Self.rounded(weights[index]))
                    }
                    return sum > 0 ? sum : 0.25 * sum
                }
                try withEachBFloat16 { name in
                    let packed = try LinearOperation.pack(weight, weightIsTransposed: isTransposed, as: .bfloat16)
                    let (floats, halves) = (
                        try Matrix(rows: rows, planes: outPlanes),
                        try Matrix(rows: rows, planes: outPlanes, type: .bfloat16)
                    )
                    for result in [floats, halves] {
                        try LinearOperation.forward(
                            input, weight: weight, weightIsTransposed: isTransposed, packed: packed, bias: bias,
                            leakiness: 0.25, into: result)
                    }
                    #expect(worstError(floats.elements, expected) < 2e-5, name)
                    #expect(try Self.elements(halves) == floats.elements.map(Self.rounded), name)
                }
            }
        }
    }

    @Test func gradientsOfDenseProducts() throws {
        var random = Random(seed: 12)
        for (rows, inPlanes, outPlanes) in [(0, 3, 4), (1, 1, 1), (300, 37, 20), (2500, 64, 130)] {
            let input = try Self.halves(rows, inPlanes, random.floats(rows * inPlanes))
            let gradient = try Self.halves(rows, outPlanes, random.floats(rows * outPlanes))
            let weights = random.floats(inPlanes * outPlanes)
            let (x, g) = (try Self.elements(input).doubles, try Self.elements(gradient).doubles)
            for isTransposed in [false, true] {
                func place(_ i: Int, _ o: Int) -> Int { isTransposed ? o * inPlanes + i : i * outPlanes + o }
                var (byInput, byWeight) = (
                    [Double](repeating: 0, count: rows * inPlanes),
                    [Double](repeating: 0, count: inPlanes * outPlanes)
                )
                var byBias = [Double](repeating: 0, count: outPlanes)
                for row in 0..<rows {
                    for o in 0..<outPlanes {
                        let down = g[row * outPlanes + o]
                        byBias[o] += down
                        for i in 0..<inPlanes {
                            byInput[row * inPlanes + i] += down * Double(Self.rounded(weights[place(i, o)]))
                            byWeight[place(i, o)] += down * x[row * inPlanes + i]
                        }
                    }
                }
                let weight = try Matrix(
                    rows: isTransposed ? outPlanes : inPlanes, planes: isTransposed ? inPlanes : outPlanes, weights)
                try withEachBFloat16 { name in
                    let bits = try [1, 3].map { threads in
                        Parallel.threadCount = threads
                        let result = try Matrix(rows: rows, planes: inPlanes)
                        let weightResult = try Matrix(rows: weight.rows, planes: weight.planes)
                        let biasResult = try Matrix(rows: 1, planes: outPlanes)
                        try LinearOperation.backwardInput(
                            gradient, weight: weight, weightIsTransposed: isTransposed, into: result)
                        try LinearOperation.backwardWeight(
                            input: input, gradient: gradient, weightIsTransposed: isTransposed,
                            weightResult: weightResult, biasResult: biasResult)
                        #expect(worstError(result.elements, byInput) < 5e-5, name)
                        #expect(worstError(weightResult.elements, byWeight) < 5e-4, name)
                        #expect(worstError(biasResult.elements, byBias) < 5e-4, name)
                        return (result.elements + weightResult.elements + biasResult.elements).map(\.bitPattern)
                    }
                    #expect(bits[0] == bits[1], name)
                }
            }
        }
    }

    /// What is computed in float32 and rounded once, element by element.
    @Test func elementwise() throws {
        var random = Random(seed: 8)
        for (rows, planes) in [(0, 3), (1, 1), (7, 5), (3000, 33), (2, 20_000)] {
            let (a, b) = (
                try Self.halves(rows, planes, random.floats(rows * planes)),
                try Self.halves(rows, planes, random.floats(rows * planes))
            )
            let (x, y) = (try a.converted(to: .float32), try b.converted(to: .float32))
            func check(
                _ name: Comment, at location: SourceLocation = #_sourceLocation,
                _ body: (_ a: Matrix, _ b: Matrix, _ result: Matrix) throws -> Void
            ) throws {
                let want = try Matrix(rows: rows, planes: planes)
                try body(x, y, want)
                for type in Self.types {
                    let got = try Matrix(rows: rows, planes: planes, type: type)
                    try body(a, b, got)
                    let expected = type == .float32 ? want.elements : want.elements.map(Self.rounded)
                    #expect(try Self.elements(got) == expected, name, sourceLocation: location)
                }
            }
            try withEachInstructionSet { name in
                try check(name) { try Elements.add($0, $1, into: $2) }
                try check(name) { a, _, result in try Activation.leakyReLU(0.3).forward(a, into: result) }
                try check(name) { a, _, result in try Activation.silu.forward(a, into: result) }
                try check(name) { a, b, result in
                    try Activation.leakyReLU(0.3).backward(input: a, output: a, gradient: b, into: result)
                }
                // The slope is that of the result before it was rounded.
                for activation in [Activation.elu, .tanh, .gelu] {
                    try check(name) { a, b, result in
                        let output = try Matrix(rows: rows, planes: planes, type: a.type)
                        try activation.forward(a, into: output)
                        try activation.backward(input: a, output: output, gradient: b, into: result)
                    }
                }
            }
            let norm = try BatchNormalizationOperation(epsilon: 1e-4, momentum: 0.9, leakiness: 0.1)
            let running = BatchNormalizationOperation.Running(
                mean: try vector(random.floats(planes)), variance: try vector(random.floats(planes).map { 1.5 + $0 }))
            let (weight, bias) = (try vector(random.floats(planes)), try vector(random.floats(planes)))
            try check("batch norm") { a, _, result in
                try norm.forwardEvaluation(a, weight: weight, bias: bias, running: running, into: result)
            }
            // Sums over rows as well: of what the rows widened give, the same bits.
            let saved = BatchNormalizationOperation.Saved(
                mean: try vector(random.floats(planes)),
                inverseDeviation: try vector(random.floats(planes).map { 1.5 + $0 }))
            for isTraining in [true, false] {
                var sums: [[Float]] = []
                try check("batch norm, backward") { a, b, result in
                    let parameters = (try Matrix(rows: 1, planes: planes), try Matrix(rows: 1, planes: planes))
                    if isTraining {
                        try norm.backwardTraining(
                            input: a, output: b, gradient: a, weight: weight, saved: saved,
                            weightResult: parameters.0, biasResult: parameters.1, into: result)
                    } else {
                        try norm.backwardEvaluation(
                            input: a, output: b, gradient: a, weight: weight, running: running,
                            weightResult: parameters.0, biasResult: parameters.1, into: result)
                    }
                    sums.append(parameters.0.elements + parameters.1.elements)
                }
                #expect(sums.count == 3 && sums.allSatisfy { $0 == sums[0] })
            }
            var statistics: [[Float]] = []
            try check("batch norm, training") { a, _, result in
                let kept = BatchNormalizationOperation.Running(
                    mean: try vector(Array(repeating: 0.5, count: planes)),
                    variance: try vector(Array(repeating: 2, count: planes)))
                let found = BatchNormalizationOperation.Saved(
                    mean: try Matrix(rows: 1, planes: planes), inverseDeviation: try Matrix(rows: 1, planes: planes))
                try norm.forwardTraining(a, weight: weight, bias: bias, running: kept, saved: found, into: result)
                statistics.append(kept.mean.elements + kept.variance.elements + found.mean.elements)
            }
            #expect(statistics.allSatisfy { $0 == statistics[0] })
            let mean = try MeanOnlyNormalizationOperation(momentum: 0.9, leakiness: 0.1)
            try check("mean-only norm") { a, _, result in
                try mean.forwardTraining(a, bias: bias, runningMean: nil, into: result)
            }
            try check("mean-only norm, backward") { a, b, result in
                try mean.backward(output: a, gradient: b, isTraining: true, biasResult: nil, into: result)
            }
            let columns = (try Matrix(rows: 1, planes: planes), try Matrix(rows: 1, planes: planes))
            try ColumnSums.compute(a, into: columns.0)
            try ColumnSums.compute(x, into: columns.1)
            #expect(columns.0.elements == columns.1.elements)
            let joined = try Matrix(rows: rows, planes: 2 * planes, type: .bfloat16)
            let want = try Matrix(rows: rows, planes: 2 * planes)
            try Elements.join([a, b], into: joined)
            try Elements.join([x, y], into: want)
            #expect(try Self.elements(joined) == want.elements)
            let parts = try [0, 1].map { _ in try Matrix(rows: rows, planes: planes, type: .bfloat16) }
            try Elements.split(joined, into: parts)
            #expect(try Self.elements(parts[0]) == x.elements && Self.elements(parts[1]) == y.elements)
            if rows > 0 {
                let other = try Matrix(rows: rows + 1, planes: planes, type: .bfloat16)
                #expect(throws: SCNError.self) { try Elements.add(a, other, into: a) }
                #expect(throws: SCNError.self) { try Elements.join([a, y], into: joined) }
            }
        }
    }

    /// Poolings of bfloat16 are those of float32 on its values, rounded once.
    @Test(arguments: [0, 2]) func poolings(dropped: Int) throws {
        var random = Random(seed: 11)
        for filterCase in FilterCase.stridedCases {
            let setup = try FilterSetup(filterCase, &random)
            let (rules, planes) = (setup.rules, 5)
            func drawn(_ rows: Int, _ planes: Int) throws -> (half: Matrix, float: Matrix) {
                let half = try Self.halves(rows, planes, random.floats(rows * planes))
                return (half, try half.converted(to: .float32))
            }
            func check(
                _ name: Comment, _ rows: Int, _ planes: Int, _ body: (_ isHalf: Bool, _ result: Matrix) throws -> Void
            ) throws {
                let (half, float) = (
                    try Matrix(rows: rows, planes: planes, type: .bfloat16), try unwritten(rows, planes)
                )
                try body(true, half)
                try body(false, float)
                #expect(try Self.elements(half) == float.elements.map(Self.rounded), name)
            }
            let (x, y) = (try drawn(rules.inputCount, planes), try drawn(rules.outputCount, planes - dropped))
            let largest = try Matrix(rows: rules.outputCount, planes: planes - dropped, type: .bfloat16)
            try MaxPoolingOperation.forward(rules, input: x.half, featuresToDrop: dropped, into: largest)
            let floatLargest = try largest.converted(to: .float32)
            try check("maximum", rules.outputCount, planes - dropped) { isHalf, result in
                try MaxPoolingOperation.forward(
                    rules, input: isHalf ? x.half : x.float, featuresToDrop: dropped, into: result)
            }
            try check("maximum, backward", rules.inputCount, planes) { isHalf, result in
                try MaxPoolingOperation.backward(
                    rules, input: isHalf ? x.half : x.float, output: isHalf ? largest : floatLargest,
                    gradient: isHalf ? y.half : y.float, featuresToDrop: dropped, into: result)
            }
            try check("sum", rules.outputCount, planes - dropped) { isHalf, result in
                try SumPoolingOperation.forward(
                    rules, input: isHalf ? x.half : x.float, featuresToDrop: dropped, factor: 0.3, into: result)
            }
            try check("sum, backward", rules.inputCount, planes) { isHalf, result in
                try SumPoolingOperation.backward(
                    rules, gradient: isHalf ? y.half : y.float, featuresToDrop: dropped, factor: 0.3, into: result)
            }
        }
    }

    /// Weights packed for one set of instructions are refused by another.
    @Test func weightsKnowTheirInstructions() throws {
        let filterCase = FilterCase.submanifold([5, 5], [3, 3], 16, 16)
        var random = Random(seed: 9)
        let setup = try FilterSetup(filterCase, &random)
        let weight = try Matrix(rows: 9 * 16, planes: 16, random.floats(9 * 256))
        let shape = try ConvolutionShape(volume: 9, groups: 1, inPlanes: 16, outPlanes: 16)
        var all: [(name: Comment, weights: PackedWeights)] = []
        try withEachBFloat16 { all.append(($0, try ConvolutionOperation.pack(weight, shape, as: .bfloat16))) }
        let (input, result) = (
            try Matrix(zeros: setup.inputSites.count, planes: 16),
            try Matrix(zeros: setup.outputSites.count, planes: 16)
        )
        try withEachBFloat16 { name in
            let ofFloat32 = Kernels.description
            for (packedFor, packed) in all {
                let isRefused =
                    thrownError {
                        try ConvolutionOperation.forward(
                            setup.rules, input: input, weight: packed, bias: nil, into: result)
                    } != nil
                let fits = try packed.fitsKernels()
                let wanted = packedFor.rawValue == name.rawValue || packedFor.rawValue == ofFloat32
                #expect(isRefused != wanted && fits == wanted, "\(packedFor) on \(name)")
            }
        }
    }
}
