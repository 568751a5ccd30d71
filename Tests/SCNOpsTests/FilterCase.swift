import SCNCore
import SCNGeometry
import SCNTestSupport
import Testing

/// A filter over random sites, in the engine's terms and the oracle's.
struct FilterCase: CustomTestStringConvertible, Sendable {
    enum Kind { case submanifold, strided, reversed }

    var kind: Kind
    var spatialSize: [Int]
    var size: [Int]
    var stride: [Int]
    var padding: [Int]
    var dilation: [Int]
    var sites: Int
    var inPlanes: Int
    var outPlanes: Int
    var groups: Int
    var hasBias: Bool

    var testDescription: String {
        "\(kind) in \(spatialSize), size \(size), stride \(stride), padding \(padding), dilation \(dilation), "
            + "\(sites) sites, \(inPlanes) -> \(outPlanes), groups \(groups), bias \(hasBias)"
    }

    static func submanifold(
        _ spatialSize: [Int], _ size: [Int], dilation: [Int]? = nil, sites: Int = 14, _ inPlanes: Int, _ outPlanes: Int,
        groups: Int = 1, bias: Bool = false
    ) -> FilterCase {
        let ones = size.map { _ in 1 }
        return FilterCase(
            kind: .submanifold, spatialSize: spatialSize, size: size, stride: ones, padding: size.map { _ in 0 },
            dilation: dilation ?? ones, sites: sites, inPlanes: inPlanes, outPlanes: outPlanes, groups: groups,
            hasBias: bias)
    }

    static func strided(
        _ spatialSize: [Int], _ size: [Int], _ stride: [Int], padding: [Int]? = nil, dilation: [Int]? = nil,
        sites: Int = 14, _ inPlanes: Int, _ outPlanes: Int, groups: Int = 1, bias: Bool = false
    ) -> FilterCase {
        FilterCase(
            kind: .strided, spatialSize: spatialSize, size: size, stride: stride,
            padding: padding ?? size.map { _ in 0 }, dilation: dilation ?? size.map { _ in 1 }, sites: sites,
            inPlanes: inPlanes, outPlanes: outPlanes, groups: groups, hasBias: bias)
    }

    var reversed: FilterCase {
        var result = self
        result.kind = .reversed
        return result
    }

    var oracle: DenseFilter {
        kind == .submanifold
            ? DenseFilter(submanifold: size, dilation: dilation)
            : DenseFilter(strided: size, stride: stride, padding: padding, dilation: dilation)
    }

    static let stridedCases: [FilterCase] = [
        .strided([17], [3], [2], 1, 3),
        .strided([10], [2], [2], 37, 3, bias: true),
        .strided([9, 8], [3, 2], [2, 2], 3, 4, bias: true),
        .strided([9, 9], [3, 3], [2, 2], padding: [1, 1], 3, 17),
        .strided([10, 9], [3, 2], [2, 3], padding: [1, 2], dilation: [2, 3], 4, 6, groups: 2, bias: true),
        .strided([9, 10], [1, 2], [2, 4], 3, 3, groups: 3),
        .strided([7, 6], [3, 3], [1, 1], 2, 3),
        .strided([6, 8], [4, 3], [2, 1], dilation: [1, 3], 17, 37),
        .strided([5, 5, 5], [3, 3, 3], [2, 2, 2], 2, 3),
        .strided([6, 4, 7], [2, 2, 3], [2, 1, 2], 3, 1, bias: true),
        .strided([4, 4, 3, 5], [2, 2, 3, 3], [2, 2, 1, 2], 1, 3),
        .strided([3, 4, 4, 3], [2, 2, 2, 2], [1, 2, 2, 1], padding: [1, 0, 1, 0], 3, 2, bias: true),
        .strided([9, 8], [3, 3], [2, 2], padding: [1, 1], 17, 17, groups: 17, bias: true),
        .strided([10, 8], [2, 2], [2, 2], 37, 37, groups: 37),
        .strided([9, 8], [3, 2], [2, 2], 5, 15, groups: 5, bias: true),
        .strided([8, 9], [2, 3], [2, 2], 24, 16, groups: 4, bias: true),
        .strided([9, 9], [3, 3], [2, 2], sites: 0, 3, 5, bias: true),
        .strided([9, 9], [3, 3], [2, 2], sites: 0, 3, 3, groups: 3, bias: true),
        .strided([9, 9], [3, 3], [2, 2], sites: 1, 3, 5, bias: true),
    ]

    static let submanifoldCases: [FilterCase] = [
        .submanifold([17], [3], 1, 1),
        .submanifold([20], [4], dilation: [2], 3, 17),
        .submanifold([11], [7], 17, 37, bias: true),
        .submanifold([9, 7], [3, 3], 3, 5, bias: true),
        .submanifold([8, 9], [2, 3], dilation: [1, 2], 1, 3),
        .submanifold([9, 9], [5, 1], 3, 3, groups: 3, bias: true),
        .submanifold([6, 6], [3, 3], 37, 17),
        .submanifold([6, 6], [1, 1], 37, 3, bias: true),
        .submanifold([5, 6, 4], [3, 3, 3], 2, 3),
        .submanifold([5, 5, 5], [2, 3, 1], dilation: [2, 1, 1], 4, 6, groups: 2, bias: true),
        .submanifold([3, 4, 3, 3], [3, 3, 3, 3], 1, 2),
        .submanifold([3, 3, 3, 4], [2, 1, 3, 2], 3, 3, groups: 3, bias: true),
        .submanifold([8, 7], [3, 3], 17, 17, groups: 17, bias: true),
        .submanifold([4, 5, 4], [3, 3, 3], 37, 37, groups: 37),
        .submanifold([8, 7], [3, 3], 16, 16, groups: 16, bias: true),
        .submanifold([8, 7], [3, 2], 6, 18, groups: 6, bias: true),
        .submanifold([8, 7], [2, 3], 20, 20, groups: 5),
        .submanifold([8, 7], [3, 3], 21, 35, groups: 7, bias: true),
        .submanifold([8, 7], [3, 3], 34, 38, groups: 2, bias: true),
        .submanifold([9, 9], [3, 3], sites: 0, 3, 5, bias: true),
        .submanifold([9, 9], [3, 3], sites: 0, 17, 17, groups: 17, bias: true),
        .submanifold([9, 9, 9], [3, 3, 3], sites: 1, 3, 5, bias: true),
    ]
}

/// The rulebook of a case, with the sites on both sides as the oracle finds them.
struct FilterSetup {
    static let samples = 2
    let filterCase: FilterCase
    let rules: Rulebook
    /// The cells that the oracle's filter reads, on the finer grid.
    let reads: [DenseFilter.Read]
    let inputSites: [[Int]]
    let outputSites: [[Int]]
    private let inputSize: [Int]

    init(_ filterCase: FilterCase, _ random: inout Random) throws {
        self.filterCase = filterCase
        let (size, oracle) = (filterCase.spatialSize, filterCase.oracle)
        let unsorted = random.sites(filterCase.sites, size: size, samples: Self.samples)
        let fine = SiteOracle.sorted(unsorted)
        let (set, map) = try makeSites(unsorted, size: size, samples: Self.samples)
        let geometry = Geometry(set, inputMap: map)
        let coarse = oracle.outputSites(fine, inputSize: size, samples: Self.samples)
        reads = oracle.reads(at: coarse, inputSize: size)
        inputSize = size
        if filterCase.kind == .submanifold {
            let filter = try FilterGeometry.submanifold(size: filterCase.size, dilation: filterCase.dilation)
            rules = try geometry.submanifold(geometry.input, filter)
            (inputSites, outputSites) = (fine, fine)
            return
        }
        let filter = try FilterGeometry.strided(
            size: filterCase.size, stride: filterCase.stride, padding: filterCase.padding, dilation: filterCase.dilation
        )
        let (output, forward) = try geometry.strided(geometry.input, filter)
        #expect(try siteRows(geometry.sites(output)) == coarse)
        if filterCase.kind == .strided {
            rules = forward
            (inputSites, outputSites) = (fine, coarse)
        } else {
            let (back, reversed) = try geometry.reverse(output, filter)
            #expect(back == geometry.input)
            rules = reversed
            (inputSites, outputSites) = (coarse, fine)
        }
    }

    func grid(_ features: [Double], planes: Int) -> [Double] {
        DenseGrid.filled(inputSites, features, planes: planes, size: inputSize, samples: Self.samples)
    }

    /// The dense convolution, sampled at the output sites.
    func convolved(_ input: [Double], _ weight: [Double], _ bias: [Double]?) -> [Double] {
        let convolution = DenseConvolution(
            groups: filterCase.groups, inPlanes: filterCase.inPlanes, outPlanes: filterCase.outPlanes)
        if filterCase.kind != .reversed {
            return convolution.forward(
                reads, rows: outputSites.count, grid: grid(input, planes: filterCase.inPlanes), weight: weight,
                bias: bias)
        }
        let cells = inputSize.reduce(Self.samples, *)
        let grid = convolution.transposed(reads, cells: cells, rows: input, weight: weight, bias: bias)
        return DenseGrid.sampled(grid, at: outputSites, planes: filterCase.outPlanes, size: inputSize)
    }
}
