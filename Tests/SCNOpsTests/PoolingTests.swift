import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

/// Average pooling, un-pooling and global pooling.
@Suite(.exclusive) struct PoolingTests {
    static let widths = [(1, 0), (3, 2), (17, 5), (37, 0)]

    /// result[o] = scale * sum of the cells that the filter reads, or of the rows that read a cell.
    static func summed(
        _ setup: FilterSetup, _ input: [Double], planes: Int, dropped: Int, scale: Double, isReversed: Bool
    ) -> [Double] {
        let kept = planes - dropped
        let size = setup.filterCase.spatialSize
        if !isReversed {
            let grid = setup.grid(input, planes: planes)
            var result = [Double](repeating: 0, count: setup.outputSites.count * kept)
            for read in setup.reads {
                for p in 0..<kept { result[read.row * kept + p] += scale * grid[read.cell * planes + dropped + p] }
            }
            return result
        }
        var grid = [Double](repeating: 0, count: size.reduce(FilterSetup.samples, *) * kept)
        for read in setup.reads {
            for p in 0..<kept { grid[read.cell * kept + p] += scale * input[read.row * planes + dropped + p] }
        }
        return DenseGrid.sampled(grid, at: setup.outputSites, planes: kept, size: size)
    }

    static func run(
        _ rules: Rulebook, _ input: [Float], _ gradient: [Float], planes: Int, dropped: Int, factor: Double
    ) throws -> (output: [Float], byInput: [Float]) {
        let output = try unwritten(rules.outputCount, planes - dropped)
        try SumPoolingOperation.forward(
            rules, input: Matrix(rows: rules.inputCount, planes: planes, input), featuresToDrop: dropped,
            factor: factor, into: output)
        let byInput = try unwritten(rules.inputCount, planes)
        try SumPoolingOperation.backward(
            rules, gradient: Matrix(rows: output.rows, planes: output.planes, gradient), featuresToDrop: dropped,
            factor: factor, into: byInput)
        return (output.elements, byInput.elements)
    }

    @Test(arguments: FilterCase.stridedCases + FilterCase.stridedCases.map(\.reversed), widths)
    func sumsAgreeWithADenseFilter(filterCase: FilterCase, width: (planes: Int, dropped: Int)) throws {
        var random = Random(seed: 21)
        let setup = try FilterSetup(filterCase, &random)
        let (planes, dropped) = width
        let isReversed = filterCase.kind == .reversed
        let factor = isReversed ? 1 : 1 / Double(filterCase.oracle.volume)
        let input = random.floats(setup.inputSites.count * planes)
        let gradient = random.floats(setup.outputSites.count * (planes - dropped))
        func expected(_ input: [Double]) -> [Double] {
            Self.summed(
                setup, input, planes: planes, dropped: dropped, scale: factor, isReversed: isReversed)
        }
        try withEachInstructionSet { name in
            let results = try Self.run(setup.rules, input, gradient, planes: planes, dropped: dropped, factor: factor)
            #expect(worstError(results.output, expected(input.doubles)) < 1e-5, name)
            let error = gradientError(results.byInput, at: input.doubles, step: 1, limit: 40) {
                dot(expected($0), gradient.doubles)
            }
            #expect(error < 1e-5, name)
            for row in 0..<setup.inputSites.count {
                #expect(results.byInput[row * planes..<row * planes + dropped].allSatisfy { $0 == 0 }, name)
            }
        }
    }

    /// Windows over many sites, and many windows over a site: rounded once, in range, and not lost in their own sum.
    @Test func sumsOfManyAreExact() throws {
        var random = Random(seed: 27)
        let setup = try FilterSetup(.strided([3000], [2000], [1000], sites: 3000, 2, 3), &random)
        let (inputs, outputs) = (setup.inputSites.count, setup.outputSites.count)
        for planes in [1, 5, 35] {
            for value: Float in [0.1, 1e38, 1001] {
                let input = [Float](repeating: value, count: inputs * planes)
                let gradient = [Float](repeating: value, count: outputs * planes)
                var reads = [Int](repeating: 0, count: outputs)
                for rule in 0..<setup.rules.ruleCount { reads[Int(setup.rules.outputRows[rule])] += 1 }
                try withEachInstructionSet { name in
                    let results = try Self.run(
                        setup.rules, input, gradient, planes: planes, dropped: 0, factor: 1 / 2000.0)
                    let expected = reads.flatMap { count in
                        [Float](repeating: Float(Double(value) * Double(count) / 2000), count: planes)
                    }
                    #expect(results.output == expected, name)
                }
            }
        }
    }

    /// Of a plane that is left out nothing is read.
    @Test func aNaNInADroppedPlaneIsNotSeen() throws {
        var random = Random(seed: 28)
        let setup = try FilterSetup(.strided([9], [3], [2], 3, 3), &random)
        var input = random.floats(setup.inputSites.count * 3)
        let gradient = random.floats(setup.outputSites.count * 2)
        let clean = try Self.run(setup.rules, input, gradient, planes: 3, dropped: 1, factor: 1)
        for index in stride(from: 0, to: input.count, by: 3) { input[index] = .nan }
        let results = try Self.run(setup.rules, input, gradient, planes: 3, dropped: 1, factor: 1)
        #expect(results.output == clean.output && results.byInput == clean.byInput)
    }

    @Test func refusesToDropTooMuch() throws {
        var random = Random(seed: 22)
        let setup = try FilterSetup(.strided([9], [3], [2], 3, 3), &random)
        let input = try Matrix(zeros: setup.inputSites.count, planes: 3)
        let output = try Matrix(zeros: setup.outputSites.count, planes: 3)
        for dropped in [-1, 3, Int.max, Int.min] {
            let forward = thrownError {
                try SumPoolingOperation.forward(
                    setup.rules, input: input, featuresToDrop: dropped, factor: 1, into: output)
            }
            let backward = thrownError {
                try SumPoolingOperation.backward(
                    setup.rules, gradient: output, featuresToDrop: dropped, factor: 1, into: input)
            }
            #expect(forward?.kind == .invalidArgument && backward?.kind == .invalidArgument)
        }
    }

    /// A sample with many sites, one with none, one with one; a trailing sample without sites.
    static func samples(_ counts: [Int], _ random: inout Random) throws -> (SiteSet, [Int]) {
        var sites: [[Int]] = []
        for (sample, count) in counts.enumerated() { sites += (0..<count).map { [$0, sample] } }
        let (set, _) = try makeSites(sites, size: [9000], samples: counts.count + 1)
        return (set, sites.map { $0[1] })
    }

    static func pooled(_ kind: GlobalPooling, _ samples: [Int], batch: Int, _ input: [Double], planes: Int) -> [Double]
    {
        (0..<batch * planes).map { index in
            let column = samples.indices.filter { samples[$0] == index / planes }.map {
                input[$0 * planes + index % planes]
            }
            if column.isEmpty { return 0 }
            switch kind {
            case .sum: return column.reduce(0, +)
            case .average: return column.reduce(0, +) / Double(column.count)
            case .max: return column.max()!
            }
        }
    }

    static func run(
        _ kind: GlobalPooling, _ sites: SiteSet, _ input: [Float], _ gradient: [Float], planes: Int
    ) throws -> (output: [Float], byInput: [Float]) {
        let values = try Matrix(rows: sites.count, planes: planes, input)
        let output = try unwritten(sites.batchSize, planes)
        try kind.forward(sites, input: values, into: output)
        let byInput = try unwritten(sites.count, planes)
        try kind.backward(
            sites, input: values, output: output, gradient: Matrix(rows: output.rows, planes: planes, gradient),
            into: byInput)
        return (output.elements, byInput.elements)
    }

    @Test(
        arguments: GlobalPooling.allCases,
        [
            ([30, 0, 1, 7], 1), ([30, 0, 1, 7], 17), ([0, 0], 3), ([1], 5), ([2048, 2049], 3), ([5000, 3], 2), ([4], 0),
        ])
    func globalPoolingAgreesWithEachSample(kind: GlobalPooling, shape: (counts: [Int], planes: Int)) throws {
        var random = Random(seed: 23)
        let (sites, samples) = try Self.samples(shape.counts, &random)
        let planes = shape.planes
        // Negative on the whole, so that a maximum below zero is seen.
        let input = random.floats(sites.count * planes).map { $0 - 1.5 }
        let gradient = random.floats(sites.batchSize * planes)
        func expected(_ input: [Double]) -> [Double] {
            Self.pooled(kind, samples, batch: sites.batchSize, input, planes: planes)
        }
        try withEachInstructionSet { name in
            let results = try Self.run(kind, sites, input, gradient, planes: planes)
            #expect(worstError(results.output, expected(input.doubles)) < 1e-5, name)
            let error = gradientError(results.byInput, at: input.doubles, step: 1e-8, limit: 8) {
                dot(expected($0), gradient.doubles)
            }
            #expect(error < 1e-4, name)
        }
    }

    /// Sums of pieces stay double until the end; a sample's index may be as large as there is room for a result.
    @Test func globalSumsOfManyAreExact() throws {
        var random = Random(seed: 29)
        let counts = [4097, 0, 3, 1, 8999]
        let (sites, samples) = try Self.samples(counts, &random)
        for value: Float in [0.1, 3e38, 1001] {
            let input = [Float](repeating: value, count: sites.count)
            let gradient = [Float](repeating: value, count: sites.batchSize)
            try withEachInstructionSet { name in
                let average = try Self.run(.average, sites, input, gradient, planes: 1)
                #expect(average.output == (counts + [0]).map { $0 > 0 ? value : 0 }, name)
                #expect(average.byInput == samples.map { value / Float(counts[$0]) }, name)
                let sum = try Self.run(.sum, sites, input, gradient, planes: 1)
                #expect(sum.output == (counts + [0]).map { Float(Double($0) * Double(value)) }, name)
                #expect(sum.byInput == samples.map { _ in value }, name)
            }
        }
    }

    /// NaN is the largest, wherever it lies in its sample, and gets the gradient; -inf is the least.
    @Test func aNaNIsTheGlobalMaximum() throws {
        var random = Random(seed: 30)
        let (sites, samples) = try Self.samples([5000, 2, 3], &random)
        for place in [0, 1, 2047, 2048, 4999] {
            var input = random.floats(sites.count * 2)
            input[2 * place] = .nan
            for row in 5002..<5005 { input[2 * row + 1] = -.infinity }
            let gradient = random.floats(sites.batchSize * 2)
            try withEachInstructionSet { name in
                let results = try Self.run(.max, sites, input, gradient, planes: 2)
                #expect(results.output[0].isNaN && results.output[5] == -.infinity, name)
                #expect(results.output.dropFirst().allSatisfy { !$0.isNaN }, name)
                for row in 0..<5000 { #expect(results.byInput[2 * row] == (row == place ? gradient[0] : 0), name) }
                for row in 5002..<5005 { #expect(results.byInput[2 * row + 1] == gradient[5], name) }
            }
        }
        #expect(samples.count == 5005)
    }

    @Test func tiedGlobalMaximaAllGetTheGradient() throws {
        var random = Random(seed: 24)
        let (sites, _) = try Self.samples([3], &random)
        let results = try Self.run(.max, sites, [-1, 2, -1, 1, -3, 2], [5, 7, 9, 9], planes: 2)
        #expect(results.output == [-1, 2, 0, 0])
        #expect(results.byInput == [5, 7, 5, 0, 0, 7])
    }

    @Test func givesTheSameBitsOnAllThreadCounts() throws {
        var random = Random(seed: 25)
        let setup = try FilterSetup(.strided([151, 201], [3, 3], [2, 2], sites: 20_000, 5, 3), &random)
        let input = random.floats(setup.inputSites.count * 5)
        let gradient = random.floats(setup.outputSites.count * 4)
        let (sites, _) = try Self.samples([7000, 0, 2500], &random)
        let (rows, byRows) = (random.floats(sites.count * 3), random.floats(sites.batchSize * 3))
        #expect(
            try bitsAgreeOnAllThreadCounts {
                let results = try Self.run(setup.rules, input, gradient, planes: 5, dropped: 1, factor: 0.25)
                let global = try GlobalPooling.allCases.map { try Self.run($0, sites, rows, byRows, planes: 3) }
                return [results.output, results.byInput] + global.map(\.output) + global.map(\.byInput)
            })
    }

    @Test func otherShapesAreErrors() throws {
        var random = Random(seed: 26)
        let (sites, _) = try Self.samples([3, 4], &random)
        let (rows, few, batch) = (
            try Matrix(zeros: 7, planes: 3), try Matrix(zeros: 6, planes: 3), try Matrix(zeros: 3, planes: 3)
        )
        for kind in GlobalPooling.allCases {
            #expect(thrownError { try kind.forward(sites, input: few, into: batch) }?.kind == .shape)
            #expect(thrownError { try kind.forward(sites, input: rows, into: rows) }?.kind == .shape)
            let errors = [(few, batch, batch, few), (rows, rows, batch, rows), (rows, batch, rows, rows)].map {
                matrices in
                thrownError {
                    try kind.backward(
                        sites, input: matrices.0, output: matrices.1, gradient: matrices.2, into: matrices.3)
                }?.kind
            }
            #expect(errors == [.shape, .shape, .shape])
        }
    }
}
