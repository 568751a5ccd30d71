import SCNCore
import SCNTestSupport
import Testing

@testable import SCNGeometry

/// Windows that are not one stride apart: displaced at random, and those of fractional pooling.
@Suite(.exclusive) struct PlacementTests {
    static let spatialSizes: [[Int]] = [[41], [12, 9], [7, 8, 6], [5, 4, 6, 5], [3, 2, 3, 2, 3, 2]]

    static func starts(_ placement: WindowPlacement) -> [[Int]] { placement.starts.map { Array($0) } }

    static func steps(_ starts: [Int]) -> [Int] { zip(starts.dropFirst(), starts).map { $0 - $1 } }

    /// The rulebook of a placement against brute force.
    static func check(_ spatialSize: [Int], _ sites: [[Int]], _ placement: WindowPlacement) throws {
        let (set, _) = try makeSites(spatialSize, sites, batchSize: 2)
        let relations = spatialSize.indices.map { AxisRelation(placement, axis: $0) }
        let (output, rulebook) = try Rulebook.related(set, relations, isInjective: placement.isInjective)
        let all = starts(placement)
        let starts = placement.isTiling ? all.map { Array($0.dropLast()) } : all
        let expected = PlacementOracle.windows(
            SiteOracle.sorted(sites), starts: starts, size: placement.size, dilation: placement.dilation, samples: 2
        ) { axis, output in
            placement.isTiling ? all[axis][output + 1] - all[axis][output] : placement.size[axis]
        }
        #expect(try rows(output) == expected.sites)
        #expect(output.spatialSize == placement.outputSize && output.batchSize == 2)
        let found = rules(rulebook)
        #expect(found == expected.rules)
        #expect(rulebook.inputRowsAscend == placement.isInjective && rulebook.outputRowsAscend)
        #expect(rulebook.reversed.outputRowsAscend == placement.isInjective && rulebook.reversed.inputRowsAscend)
        if placement.isInjective { #expect(ascends(found)) }
        #expect(found.allSatisfy { zip($0, $0.dropFirst()).allSatisfy { $0.output < $1.output } })
        #expect(rulebook.inputCount == sites.count && rulebook.outputCount == expected.sites.count)
        withExtendedLifetime(placement) {}
    }

    @Test(arguments: 0..<spatialSizes.count) func displacedWindowsMeetTheOracle(index: Int) throws {
        var random = Random(seed: UInt64(200 + index))
        let spatialSize = Self.spatialSizes[index]
        var repeats = 0
        for round in 0..<40 {
            let sites = randomSites(spatialSize, batch: 2, count: 120, &random)
            let most = spatialSize.count > 3 ? 2 : 4
            let size = spatialSize.map { _ in Int.random(in: 1...most, using: &random) }
            let stride = spatialSize.map { _ in Int.random(in: 1...3, using: &random) }
            let isPadded = round % 3 > 0
            let padding = spatialSize.map { _ in Int.random(in: 0...2, using: &random) }
            let dilation = spatialSize.map { _ in Int.random(in: 1...2, using: &random) }
            let filter =
                isPadded
                ? try FilterGeometry.strided(size: size, stride: stride, padding: padding, dilation: dilation)
                : try FilterGeometry.strided(size: size, stride: size.map { _ in 1 })
            guard (try? filter.outputSize(of: spatialSize)) != nil else { continue }
            let placement = try WindowPlacement(randomized: filter, field: Field(size: spatialSize), &random)
            repeats += placement.isInjective ? 0 : 1
            try Self.check(spatialSize, sites, placement)
        }
        #expect(repeats > 0 || spatialSize.count == 6)
    }

    @Test func displacedWindowsOfLargeDilationsMeetTheOracle() throws {
        var random = Random(seed: 77)
        for (taps, stride, dilation, padding) in [(3, 1, 64, 0), (2, 1, 100, 5), (4, 2, 70, 90), (3, 3, 65, 1)] {
            let filter = try FilterGeometry.strided(
                size: [taps], stride: [stride], padding: [padding], dilation: [dilation])
            let size = (taps - 1) * dilation + 1 + 60 * stride
            let sites = (0..<size).filter { $0 % 3 != 1 }.map { [$0, $0 % 2] }
            try Self.check([size], sites, WindowPlacement(randomized: filter, field: Field(size: [size]), &random))
        }
    }

    @Test func stepsAreAShuffleOfThirds() throws {
        var random = Random(seed: 1)
        for (stride, size) in [(1, 1), (1, 3), (2, 2), (2, 3), (3, 5), (5, 2)] {
            for count in [1, 2, 3, 4, 9, 40] {
                let spatialSize = [(count - 1) * stride + size, (count - 1) * stride + size]
                let filter = try FilterGeometry.strided(size: [size, size], stride: [stride, stride])
                let placement = try WindowPlacement(randomized: filter, field: Field(size: spatialSize), &random)
                #expect(placement.outputSize == [count, count])
                let third = count / 3
                let expected =
                    Array(repeating: stride - 1, count: third)
                    + Array(repeating: stride, count: count - 1 - 2 * third)
                    + Array(repeating: stride + 1, count: third)
                for starts in Self.starts(placement) {
                    #expect(starts[0] == 0 && starts[count - 1] == (count - 1) * stride)
                    #expect(Self.steps(starts).sorted() == expected)
                }
                if count == 40 { #expect(Self.starts(placement)[0] != Self.starts(placement)[1]) }
            }
        }
    }

    @Test(arguments: 0..<spatialSizes.count) func fractionalWindowsMeetTheOracle(index: Int) throws {
        var random = Random(seed: UInt64(300 + index))
        let spatialSize = Self.spatialSizes[index]
        for round in 0..<24 {
            let sites = randomSites(spatialSize, batch: 2, count: 120, &random)
            let ratio = spatialSize.map { _ in 1 + 2 * random.uniform() }
            let poolSize = round % 2 == 0 ? spatialSize.map { _ in Int.random(in: 1...2, using: &random) } : nil
            let order = FractionalWindows.Order.allCases[round / 2 % 2]
            let windows = try FractionalWindows(.ratio(ratio), poolSize: poolSize, order: order)
            guard let outputSize = try? windows.outputSize(of: spatialSize) else { continue }
            var chance = round % 8 < 6 ? Optional(random) : nil
            let placement = try windows.placement(spatialSize, &chance)
            if let chance { random = chance }
            #expect(placement.outputSize == outputSize)
            #expect(outputSize == zip(spatialSize, ratio).map { max(1, Int(Double($0) / $1)) })
            for (axis, starts) in Self.starts(placement).enumerated() {
                let steps = Self.steps(starts)
                let room = spatialSize[axis] - (poolSize?[axis] ?? 0)
                guard !steps.isEmpty else { continue }
                #expect(starts[0] == 0 && starts.last == room)
                #expect(steps.allSatisfy { $0 == room / steps.count || $0 == (room - 1) / steps.count + 1 })
                #expect(steps.allSatisfy { $0 >= 1 })
            }
            try Self.check(spatialSize, sites, placement)
        }
    }

    /// Any stretch of pseudo-random steps is as long as any other of as many, but for one; regular ones need no chance.
    @Test func pseudorandomStepsAreEven() throws {
        let windows = try FractionalWindows(.outputSize([100]), poolSize: [3], order: .pseudorandom)
        func starts(_ seed: UInt64?) throws -> [Int] {
            var random = seed.map { Random(seed: $0) }
            return try Self.starts(windows.placement([163], &random))[0]
        }
        let drawn = try (0..<5).map { try starts($0) } + [starts(nil)]
        for starts in drawn {
            for length in 1..<99 {
                let stretches = (0..<100 - length).map { starts[$0 + length] - starts[$0] }
                #expect(stretches.max()! - stretches.min()! <= 1)
            }
        }
        #expect(Set(drawn).count == 6)
        #expect(try starts(nil) == starts(nil) && starts(3) == starts(3))
        let shuffled = try FractionalWindows(.outputSize([100]), poolSize: [3], order: .random)
        var random: Random? = Random(seed: 5)
        let steps = Self.steps(Self.starts(try shuffled.placement([163], &random))[0])
        #expect(steps.filter { $0 == 2 }.count == 160 - 99 && steps.filter { $0 == 1 }.count == 2 * 99 - 160)
        random = nil
        #expect(try Self.starts(shuffled.placement([163], &random))[0] == starts(nil))
    }

    @Test func inputSizeIsTheLeastThatYieldsTheOutput() throws {
        for ratio in [1.0000001, 1.26, 2.squareRoot(), 1.5, 2, 2.7, 10.1] {
            let windows = try FractionalWindows(.ratio([ratio]), poolSize: [1], order: .random)
            for size in 1..<200 {
                let input = try windows.inputSize(of: [size])
                #expect(try windows.outputSize(of: input) == [size])
                if size > 1 { #expect(try windows.outputSize(of: [input[0] - 1]) == [size - 1]) }
            }
        }
    }

    @Test func inputSizeOfVastRatios() throws {
        for ratio in [1e9, 0x1p40, 1.1 * 0x1p40, 1e16, 4e17] {
            let windows = try FractionalWindows(.ratio([ratio]), poolSize: [2], order: .random)
            #expect(try windows.inputSize(of: [1]) == [2])
            for size in [2, 3, 7, 10] {
                let input = try windows.inputSize(of: [size])
                #expect(try windows.outputSize(of: input) == [size])
                #expect(try windows.outputSize(of: [input[0] - 1]) == [size - 1])
            }
        }
    }

    /// Of the millions of windows that reach over a site, those between two taps take no time.
    @Test func fewTapsFarApart() throws {
        let (size, dilation) = (1 << 22, 1 << 21)
        let sites = (0..<4000).map { [$0 * 1000, 0] }
        let (set, map) = try makeSites([size], sites)
        let geometry = Geometry(set, inputMap: map)
        let filter = try FilterGeometry.strided(size: [2], stride: [1], dilation: [dilation])
        let rulebook = try geometry.randomized(geometry.input, filter).rulebook
        // A third of the windows start where the one before does, a third pass over a site.
        #expect(rulebook.ruleCount > 2000 && rulebook.ruleCount < 8000)
    }

    @Test(arguments: 0..<spatialSizes.count) func fullMeetsTheOracle(index: Int) throws {
        var random = Random(seed: UInt64(400 + index))
        let spatialSize = Self.spatialSizes[index]
        for round in 0..<20 {
            let sites = randomSites(spatialSize, batch: 2, count: 60, &random)
            let most = spatialSize.count > 3 ? 2 : 4
            let size = spatialSize.map { _ in Int.random(in: 1...most, using: &random) }
            let stride = spatialSize.map { _ in Int.random(in: 1...3, using: &random) }
            let isPadded = round % 3 == 0
            let padding = spatialSize.map { _ in isPadded ? Int.random(in: 0...2, using: &random) : 0 }
            let dilation = spatialSize.map { _ in isPadded ? Int.random(in: 1...3, using: &random) : 1 }
            let filter = try FilterGeometry.strided(size: size, stride: stride, padding: padding, dilation: dilation)
            guard let outputSize = try? filter.inputSize(of: spatialSize) else { continue }
            let (set, map) = try makeSites(spatialSize, sites, batchSize: 2)
            let geometry = Geometry(set, inputMap: map)
            let (output, rulebook) = try geometry.full(geometry.input, filter)
            let expected = PlacementOracle.spread(
                SiteOracle.sorted(sites), outputSize: outputSize, size: size, stride: stride, padding: padding,
                dilation: dilation)
            #expect(try rows(geometry.sites(output)) == expected.sites)
            #expect(geometry.sites(output).spatialSize == outputSize)
            #expect(rules(rulebook) == expected.rules && ascends(rules(rulebook)))
            #expect(try geometry.full(geometry.input, filter).rulebook === rulebook)
        }
    }

    @Test func largeFieldsAndEmptyOnes() throws {
        let huge = 1 << 40
        let sites = [[0, 0, 0], [1, huge - 1, 0], [huge - 1, 5, 1]]
        let (set, map) = try makeSites([huge, huge], sites)
        let geometry = Geometry(set, inputMap: map)
        let filter = try FilterGeometry.strided(size: [2, 3], stride: [2, 2])
        let (output, rulebook) = try geometry.full(geometry.input, filter)
        let expected = PlacementOracle.spread(
            SiteOracle.sorted(sites), outputSize: [2 * huge, 2 * huge + 1], size: [2, 3], stride: [2, 2],
            padding: [0, 0], dilation: [1, 1])
        #expect(try rows(geometry.sites(output)) == expected.sites && rules(rulebook) == expected.rules)
        let far = try FilterGeometry.strided(size: [2, 2], stride: [1 << 39, 1 << 23], padding: [1, 1])
        #expect(message { _ = try geometry.full(geometry.input, far) }?.kind == .overflow)
        // Few windows, however far apart, are possible; many are not.
        let wide = try FilterGeometry.strided(size: [2, 2], stride: [1 << 30, 1 << 30], padding: [1, 1])
        #expect(message { _ = try geometry.randomized(geometry.input, wide) } == nil)
        let narrow = try FilterGeometry.strided(size: [2, 2], stride: [2, 2])
        #expect(message { _ = try geometry.randomized(geometry.input, narrow) }?.kind == .overflow)
        let fine = try FractionalWindows(.ratio([1.5, 1.5]), poolSize: [2, 2], order: .random)
        #expect(
            message { _ = try geometry.fractional(geometry.input, fine, isRegular: false) }?.kind == .overflow)
        let coarse = try FractionalWindows(.outputSize([9, 1]), poolSize: [2, 2], order: .random)
        #expect(message { _ = try geometry.fractional(geometry.input, coarse, isRegular: false) } == nil)

        let (none, noMap) = try makeSites([9, 9], [], batchSize: 2)
        let empty = Geometry(none, inputMap: noMap)
        let step = try FilterGeometry.strided(size: [3, 3], stride: [2, 2])
        let half = try FractionalWindows(.ratio([1.5, 1.5]), poolSize: nil, order: .random)
        for made in [
            try empty.full(empty.input, step), try empty.randomized(empty.input, step),
            try empty.fractional(empty.input, half, isRegular: false),
        ] {
            #expect(made.rulebook.ruleCount == 0 && empty.sites(made.output).count == 0)
        }
    }

    @Test func drawnOnceForAGeometry() throws {
        Generator.seed(1)
        var random = Random(seed: 9)
        let sites = randomSites([40, 40], batch: 2, count: 300, &random)
        let filter = try FilterGeometry.strided(size: [2, 2], stride: [2, 2])
        func geometry() throws -> Geometry {
            let (set, map) = try makeSites([40, 40], sites)
            return Geometry(set, inputMap: map)
        }
        let first = try geometry()
        let (output, rulebook) = try first.randomized(first.input, filter)
        let state = Generator.state
        #expect(try first.randomized(first.input, filter).rulebook === rulebook)
        // Each call takes one number: what is drawn later does not depend on what the geometry knows.
        var expected = Random(seed: 1)
        _ = expected.next()
        #expect(state == expected)
        _ = expected.next()
        #expect(Generator.state == expected)
        // A reversal finds the displaced windows; a later plain step to the same sites would hide them.
        let back = try first.reverse(output, filter)
        #expect(back.input == first.input && back.rulebook.outputRows === rulebook.inputRows)
        let second = try geometry()
        #expect(try rules(second.randomized(second.input, filter).rulebook) != rules(rulebook))
        Generator.seed(1)
        let third = try geometry()
        #expect(try rules(third.randomized(third.input, filter).rulebook) == rules(rulebook))
        #expect(Generator.state == state)
        let misfit = try FilterGeometry.strided(size: [3, 3], stride: [2, 2])
        #expect(message { _ = try third.randomized(third.input, misfit) }?.kind == .shape)
        let solid = try FilterGeometry.strided(size: [2, 2, 2], stride: [2, 2, 2])
        #expect(message { _ = try third.randomized(third.input, solid) }?.kind == .shape)
        #expect(message { _ = try third.full(third.input, solid) }?.kind == .shape)
        let windows = try FractionalWindows(.ratio([1.5, 1.5]), poolSize: [2, 2], order: .random)
        let regular = try third.fractional(third.input, windows, isRegular: true)
        #expect(Generator.state == state)
        let drawn = try third.fractional(third.input, windows, isRegular: false)
        #expect(Generator.state != state && rules(drawn.rulebook) != rules(regular.rulebook))
    }

    @Test func sameOnAnyNumberOfThreads() throws {
        var random = Random(seed: 17)
        let sites = randomSites([64, 64, 64], batch: 2, count: 70_000, &random)
        let (set, map) = try makeSites([64, 64, 64], sites)
        let filters = try [1, 2].map {
            try FilterGeometry.strided(size: [2, 2, 2], stride: [$0, $0, $0])
        }
        let results = try [1, 2, 5].map { threads in
            Parallel.threadCount = threads
            Generator.seed(3)
            let geometry = Geometry(set, inputMap: map)
            return try filters.map { rules(try geometry.randomized(geometry.input, $0).rulebook) }
                + [rules(try geometry.full(geometry.input, filters[1]).rulebook)]
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }

    @Test func wrongWindowsAreErrors() throws {
        func error(_ target: FractionalWindows.Target, _ poolSize: [Int]?) -> SCNError? {
            message { _ = try FractionalWindows(target, poolSize: poolSize, order: .random) }
        }
        for ratio in [1, 0.5, -2, .nan, .infinity] {
            #expect(error(.ratio([2, ratio]), [2, 2])?.kind == .invalidArgument)
        }
        #expect(error(.ratio([]), nil)?.kind == .invalidArgument)
        #expect(error(.ratio([2, 2]), [2])?.kind == .shape)
        #expect(error(.ratio([2]), [0])?.kind == .invalidArgument)
        #expect(error(.outputSize([0]), nil)?.kind == .invalidArgument)
        #expect(error(.outputSize([1 << 25]), nil)?.kind == .overflow)
        #expect(error(.ratio([2, 2]), [1 << 20, 1 << 20])?.kind == .overflow)
        let fixed = try FractionalWindows(.outputSize([5]), poolSize: [2], order: .random)
        #expect(message { _ = try fixed.inputSize(of: [5]) }?.kind == .unsupported)
        #expect(message { _ = try fixed.outputSize(of: [5]) }?.kind == .shape)
        #expect(message { _ = try fixed.outputSize(of: [6]) } == nil)
        #expect(message { _ = try fixed.outputSize(of: [6, 6]) }?.kind == .shape)
        let far = try FractionalWindows(.ratio([1e300]), poolSize: [2], order: .random)
        #expect(message { _ = try far.inputSize(of: [5]) }?.kind == .overflow)
        #expect(try far.outputSize(of: [Int.max]) == [1])
        let close = try FractionalWindows(.ratio([1.nextUp]), poolSize: [1], order: .random)
        #expect(message { _ = try close.outputSize(of: [Int.max]) }?.kind == .overflow)
    }
}
