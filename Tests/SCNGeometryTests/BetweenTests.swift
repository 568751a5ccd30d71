import SCNCore
import SCNTestSupport
import Testing

@testable import SCNGeometry

/// Site sets in fields that begin anywhere, rulebooks between any two of them, and onto all that they reach.
@Suite(.serialized, .onEachInstructionSet) struct BetweenTests {
    struct Case {
        var first: Int
        var size: Int
        var isUnbounded: Bool
    }

    static let fields = [
        Case(first: 0, size: 7, isUnbounded: false), Case(first: -9, size: 7, isUnbounded: false),
        Case(first: -3, size: 8, isUnbounded: true), Case(first: 1_000_000_000, size: 6, isUnbounded: true),
        Case(first: -1_000_000_007, size: 40, isUnbounded: true),
    ]

    static func set(
        _ sites: [[Int]], dimension: Int, lower: [Int]? = nil, size: [Int]? = nil, batchSize: Int = 3
    ) throws -> SiteSet {
        try InputSites.build(
            dimension: dimension, spatialSize: size, lower: lower, coordinates: sites.flatMap { $0.map(Int64.init) },
            rows: sites.count, columns: dimension + 1, batchSize: batchSize, mode: .unique
        ).0
    }

    static func draw(_ field: Case, dimension: Int, count: Int, _ random: inout Random) -> [[Int]] {
        let range = field.first..<field.first + field.size
        let drawn = (0..<count).map { _ in
            (0..<dimension).map { _ in Int.random(in: range, using: &random) } + [Int.random(in: 0..<2, using: &random)]
        }
        return SiteOracle.sorted(Array(Set(drawn)))
    }

    static func make(_ field: Case, _ sites: [[Int]], dimension: Int) throws -> SiteSet {
        let axes = [Int](repeating: field.size, count: dimension)
        return field.isUnbounded
            ? try set(sites, dimension: dimension)
            : try set(sites, dimension: dimension, lower: axes.map { _ in field.first }, size: axes)
    }

    /// Rules by looking at every pair.
    static func oracle(
        _ inputs: [[Int]], _ outputs: [[Int]], _ offsets: [[Int]], _ a: [Int], _ b: [Int]
    ) -> [[SiteOracle.Rule]] {
        let rowOf = Dictionary(uniqueKeysWithValues: inputs.enumerated().map { ($1, $0) })
        return offsets.map { offset in
            outputs.enumerated().compactMap { row, site in
                var place: [Int] = []
                for axis in offset.indices {
                    let sum = site[axis] * b[axis] + offset[axis]
                    if sum % a[axis] != 0 { return nil }
                    place.append(sum / a[axis])
                }
                return rowOf[place + [site[offset.count]]].map { SiteOracle.Rule(input: $0, output: row) }
            }
        }
    }

    @Test(arguments: fields.indices) func sitesComeBack(index: Int) throws {
        var random = Random(seed: UInt64(index))
        for dimension in 1...10 {
            for count in [0, 1, 50] {
                let sites = Self.draw(Self.fields[index], dimension: dimension, count: count, &random)
                let made = try Self.make(Self.fields[index], sites, dimension: dimension)
                #expect(try rows(made) == sites)
                #expect(made.field.isUnbounded == Self.fields[index].isUnbounded)
                for (row, site) in sites.enumerated() {
                    #expect(made.row(of: site) == row)
                    var other = site
                    other[0] = Self.fields[index].first - 1
                    #expect(made.row(of: other) == nil)
                }
            }
        }
    }

    @Test(arguments: 1...10) func rulesMeetTheOracle(dimension: Int) throws {
        var random = Random(seed: UInt64(dimension))
        for round in 0..<(dimension < 5 ? 60 : 15) {
            let (from, to) = (Self.fields[round % Self.fields.count], Self.fields[(round * 7 + 3) % Self.fields.count])
            let inputs = Self.draw(from, dimension: dimension, count: [0, 1, 30, 150][round % 4], &random)
            let outputs = round % 5 == 0 ? inputs : Self.draw(to, dimension: dimension, count: 100, &random)
            let a = (0..<dimension).map { _ in Int.random(in: 1...3, using: &random) }
            let b = (0..<dimension).map { _ in Int.random(in: 1...4, using: &random) }
            // Offsets of some pairs that there are, so that sites far apart meet, and others around them.
            var offsets: [[Int]] = []
            for _ in 0..<20 {
                guard let input = inputs.randomElement(using: &random),
                    let output = outputs.randomElement(using: &random)
                else { break }
                offsets.append(
                    (0..<dimension).map {
                        input[$0] * a[$0] - output[$0] * b[$0] + Int.random(in: -1...1, using: &random)
                    })
            }
            offsets += [[Int](repeating: 0, count: dimension)]
            let relation = try SiteRelation(
                dimension: dimension, offsets: offsets.flatMap { $0 }, inputStride: a, outputStride: b)
            let input = try Self.make(from, inputs, dimension: dimension)
            let output = try round % 5 == 0 ? input : Self.make(to, outputs, dimension: dimension)
            let rulebook = try Rulebook.between(input, output, relation)
            #expect(rules(rulebook) == Self.oracle(inputs, outputs, offsets, a, b), "round \(round)")
            #expect(ascends(rules(rulebook)))
        }
    }

    @Test(arguments: 1...4) func boxesAndCrossesOfOneSetMeetTheOracle(dimension: Int) throws {
        var random = Random(seed: UInt64(40 + dimension))
        for (index, field) in Self.fields.enumerated() {
            let sites = Self.draw(field, dimension: dimension, count: 120, &random)
            let set = try Self.make(field, sites, dimension: dimension)
            let size = (0..<dimension).map { _ in [1, 2, 3, 5].randomElement(using: &random)! }
            let dilation = size.map { _ in Int.random(in: 1...2, using: &random) }
            let filter = try FilterGeometry.strided(size: size, stride: size.map { _ in 1 }, dilation: dilation)
            for shape in [SiteRelation.Shape.centered, .corner, .cross] {
                var flat = try SiteRelation.offsets(filter, shape)
                // In an order in which mirror images are not found by counting.
                var offsets = stride(from: 0, to: flat.count, by: dimension).map { Array(flat[$0..<$0 + dimension]) }
                offsets.shuffle(using: &random)
                flat = offsets.flatMap { $0 }
                let ones = [Int](repeating: 1, count: dimension)
                let rulebook = try Rulebook.between(set, set, SiteRelation(dimension: dimension, offsets: flat))
                #expect(rules(rulebook) == Self.oracle(sites, sites, offsets, ones, ones), "\(index) \(shape)")
            }
            // The same offset twice, and one without an image.
            let odd = [[Int]](repeating: [1] + size.dropFirst().map { _ in 0 }, count: 2)
            let rulebook = try Rulebook.between(
                set, set, SiteRelation(dimension: dimension, offsets: odd.flatMap { $0 }))
            let ones = [Int](repeating: 1, count: dimension)
            #expect(rules(rulebook) == Self.oracle(sites, sites, odd, ones, ones))
        }
    }

    @Test(arguments: 1...6) func coveringMeetsTheOracle(dimension: Int) throws {
        var random = Random(seed: UInt64(60 + dimension))
        for round in 0..<30 {
            let field = Self.fields[round % Self.fields.count]
            let inputs = Self.draw(field, dimension: dimension, count: [0, 1, 20, 60][round % 4], &random)
            let a = (0..<dimension).map { _ in Int.random(in: 1...3, using: &random) }
            let b = (0..<dimension).map { _ in Int.random(in: 1...3, using: &random) }
            let offsets = (0..<Int.random(in: 0...9, using: &random)).map { _ in
                (0..<dimension).map { _ in Int.random(in: -3...3, using: &random) }
            }
            let relation = try SiteRelation(
                dimension: dimension, offsets: offsets.flatMap { $0 }, inputStride: a, outputStride: b)
            let input = try Self.make(field, inputs, dimension: dimension)
            let (output, rulebook) = try Rulebook.covering(input, relation)
            func floor(_ x: Int, _ y: Int) -> Int { x >= 0 ? x / y : -((y - 1 - x) / y) }
            var reached: Set<[Int]> = []
            for site in inputs {
                for offset in offsets {
                    let places = (0..<dimension).map { site[$0] * a[$0] - offset[$0] }
                    guard (0..<dimension).allSatisfy({ places[$0] % b[$0] == 0 }) else { continue }
                    let place = (0..<dimension).map { places[$0] / b[$0] }
                    let isInside = (0..<dimension).allSatisfy {
                        place[$0] >= floor(field.first * a[$0], b[$0])
                            && place[$0] <= floor((field.first + field.size) * a[$0] - 1, b[$0])
                    }
                    if field.isUnbounded || isInside { reached.insert(place + [site[dimension]]) }
                }
            }
            let expected = SiteOracle.sorted(Array(reached))
            #expect(try rows(output) == expected, "round \(round)")
            #expect(rules(rulebook) == Self.oracle(inputs, expected, offsets, a, b), "round \(round)")
            #expect(ascends(rules(rulebook)))
            #expect(output.field.isUnbounded == field.isUnbounded && output.batchSize == input.batchSize)
        }
    }

    /// A strided, full or submanifold filter in a field that begins elsewhere.
    @Test(arguments: 1...4) func filtersInAnyField(dimension: Int) throws {
        var random = Random(seed: UInt64(80 + dimension))
        for round in 0..<60 {
            let field = Self.fields[round % Self.fields.count]
            let sites = Self.draw(field, dimension: dimension, count: [0, 1, 20, 60][round % 4], &random)
            let input = try Self.make(field, sites, dimension: dimension)
            let axes = 0..<dimension
            let size = axes.map { _ in Int.random(in: 1...3, using: &random) }
            let stride = axes.map { _ in Int.random(in: 1...3, using: &random) }
            let padding = axes.map { _ in Int.random(in: 0...2, using: &random) }
            let dilation = axes.map { _ in Int.random(in: 1...2, using: &random) }
            let filter = try FilterGeometry.strided(
                size: size, stride: stride, padding: padding, dilation: dilation, roundsDown: round % 2 == 0)
            let taps = DenseFilter.positions(size)
            let ones = [Int](repeating: 1, count: dimension)

            let reads = taps.map { tap in axes.map { tap[$0] * dilation[$0] - padding[$0] } }
            if let (output, rulebook) = try? Rulebook.strided(input, filter) {
                var outputs: Set<[Int]> = []
                for site in sites {
                    for offset in reads where axes.allSatisfy({ (site[$0] - offset[$0]) % stride[$0] == 0 }) {
                        outputs.insert(axes.map { (site[$0] - offset[$0]) / stride[$0] } + [site[dimension]])
                    }
                }
                if !field.isUnbounded {
                    outputs = outputs.filter { site in
                        axes.allSatisfy { site[$0] >= output.field.lower[$0] && site[$0] <= output.field.last($0) }
                    }
                    for axis in axes {
                        #expect(
                            output.field.lower[axis] == Int((Double(field.first) / Double(stride[axis])).rounded(.down))
                        )
                        let behind =
                            (output.field.last(axis) * stride[axis]) - padding[axis]
                            + dilation[axis] * (size[axis] - 1)
                        #expect(behind <= field.first + field.size - 1 + padding[axis])
                        #expect(behind + stride[axis] > field.first + field.size - 1 + padding[axis])
                    }
                }
                let expected = SiteOracle.sorted(Array(outputs))
                #expect(try rows(output) == expected, "round \(round) \(filter)")
                #expect(
                    rules(rulebook) == Self.oracle(sites, expected, reads, ones, stride), "round \(round) \(filter)")
                #expect(rules(try Rulebook.between(input, output, SiteRelation(filter))) == rules(rulebook))
            }

            let geometry = Geometry(input, inputMap: nil)
            if let (id, rulebook) = try? geometry.full(geometry.input, filter) {
                let output = geometry.sites(id)
                var outputs: Set<[Int]> = []
                for site in sites {
                    for offset in reads {
                        outputs.insert(axes.map { site[$0] * stride[$0] + offset[$0] } + [site[dimension]])
                    }
                }
                if !field.isUnbounded {
                    outputs = outputs.filter { site in
                        axes.allSatisfy { site[$0] >= output.field.lower[$0] && site[$0] <= output.field.last($0) }
                    }
                }
                let expected = SiteOracle.sorted(Array(outputs))
                let back = reads.map { $0.map { -$0 } }
                #expect(try rows(output) == expected, "round \(round) full \(filter)")
                #expect(rules(rulebook) == Self.oracle(sites, expected, back, stride, ones), "round \(round) \(filter)")
            }

            let submanifold = try FilterGeometry.submanifold(size: size, dilation: dilation)
            let around = taps.map { tap in axes.map { (tap[$0] - size[$0] / 2) * dilation[$0] } }
            #expect(
                rules(try Rulebook.submanifold(input, submanifold)) == Self.oracle(sites, sites, around, ones, ones))
        }
    }

    @Test func roundingDownLeavesLastPlacesOut() throws {
        let input = try Self.set([[0, 0], [4, 0]], dimension: 1, lower: [0], size: [5])
        #expect(message { _ = try Rulebook.strided(input, .strided(size: [2], stride: [2])) }?.kind == .shape)
        let filter = try FilterGeometry.strided(size: [2], stride: [2], roundsDown: true)
        let geometry = Geometry(input, inputMap: nil)
        let (output, rulebook) = try geometry.strided(geometry.input, filter)
        #expect(geometry.sites(output).spatialSize == [2])
        #expect(try rows(geometry.sites(output)) == [[0, 0]])
        #expect(rulebook.inputCount == 2 && rulebook.ruleCount == 1)
        // What reverses it need not say that it rounded down.
        let (back, _) = try geometry.reverse(output, .strided(size: [2], stride: [2]))
        #expect(back == geometry.input)
    }

    @Test(arguments: fields.indices) func setsCombine(index: Int) throws {
        var random = Random(seed: UInt64(200 + index))
        let field = Self.fields[index]
        for dimension in [1, 2, 3, 10] {
            let (x, y) = (
                Self.draw(field, dimension: dimension, count: 40, &random),
                Self.draw(field, dimension: dimension, count: 60, &random) + []
            )
            let both = SiteOracle.sorted(Array(Set(x).union(y)))
            let (a, b) = (
                try Self.make(field, x, dimension: dimension), try Self.make(field, y, dimension: dimension)
            )
            let union = try SiteUnion(a, b)
            #expect(try rows(union.sites) == both)
            #expect(union.places.0.map { both[Int($0)] } == x)
            #expect(union.places.1.map { both[Int($0)] } == y)
            let found = try a.rows(in: b)
            #expect(found.map(Int.init) == x.map { y.firstIndex(of: $0) ?? -1 })
            #expect(try rows(a.sites(where: found, areFound: true)) == x.filter(y.contains))
            #expect(try rows(a.sites(where: found, areFound: false)) == x.filter { !y.contains($0) })

            // Questions in any order, some of them twice and some far off.
            var questions = (x + y + y).shuffled(using: &random)
            questions += [
                [Int](repeating: .min, count: dimension) + [0], [Int](repeating: .max, count: dimension) + [0],
            ]
            questions += [y[0].dropLast() + [99], y[0].dropLast() + [-1]]
            let answers = try a.rows(
                ofCoordinates: questions.flatMap { $0.map(Int64.init) }, count: questions.count, columns: dimension + 1)
            #expect(answers.map(Int.init) == questions.map { x.firstIndex(of: $0) ?? -1 })

            let stride = (0..<dimension).map { _ in Int.random(in: 1...4, using: &random) }
            let floored = Set(
                x.map { site in
                    (0..<dimension).map { Int((Double(site[$0]) / Double(stride[$0])).rounded(.down)) } + [
                        site[dimension]
                    ]
                })
            #expect(try rows(a.floored(by: stride)) == SiteOracle.sorted(Array(floored)))
        }
    }

    @Test func boxesOfEqualSitesMayDiffer() throws {
        let sites = [[-5, 3, 0], [2, 4, 1]]
        let first = try Self.set(sites, dimension: 2)
        // Through a wider box and back.
        let wider = try first.moved(to: Field(lower: [-100, -100], size: [200, 300], isUnbounded: true))
        #expect(first.hasSameSites(as: wider) && wider.hasSameSites(as: first))
        let bounded = try Self.set(sites, dimension: 2, lower: [-5, 0], size: [20, 20])
        #expect(first.hasSameSites(as: bounded) && bounded.hasSameSites(as: first))
        #expect(!first.hasSameSites(as: try Self.set([[-5, 3, 0], [2, 4, 0]], dimension: 2)))
        #expect(!bounded.hasSameSites(as: try Self.set(sites, dimension: 2, lower: [-5, 0], size: [20, 21])))
        let geometry = Geometry(first, inputMap: nil)
        #expect(geometry.add(wider) == geometry.input)
        #expect(geometry.add(bounded) != geometry.input)
    }

    @Test func refusesWhatDoesNotFit() throws {
        func failure(_ sites: [[Int]], lower: [Int]?, size: [Int]?) -> SCNError? {
            message { _ = try Self.set(sites, dimension: 1, lower: lower, size: size) }
        }
        #expect(
            failure([[-4, 0]], lower: [-3], size: [6])?.message
                == "coordinates: row 0 has -4 on axis 0; the spatial size there is 6 (-3 ... 2)")
        #expect(failure([[3, 0]], lower: [-3], size: [6])?.kind == .coordinate)
        #expect(failure([[.min, 0]], lower: [.max - 6], size: [6])?.kind == .coordinate)
        #expect(failure([[.max - 1, 0]], lower: [.max - 6], size: [6]) == nil)
        #expect(failure([[0, 0]], lower: [.max - 5], size: [6])?.kind == .overflow)
        #expect(failure([[0, 0]], lower: [0], size: nil)?.kind == .invalidArgument)
        #expect(failure([[.min, 0], [.max, 0]], lower: nil, size: nil)?.kind == .overflow)
        #expect(failure([[.min, 0], [-2, 0]], lower: nil, size: nil) == nil)
        #expect(failure([[0, -1]], lower: nil, size: nil)?.kind == .coordinate)
        let set = try Self.set([[0, 0]], dimension: 1)
        #expect(message { _ = try SiteRelation(dimension: 2, offsets: [1, 2, 3]) }?.kind == .shape)
        #expect(
            message { _ = try SiteRelation(dimension: 1, offsets: [1], inputStride: [0]) }?.kind == .invalidArgument)
        #expect(message { _ = try SiteRelation(dimension: 1, offsets: [1], outputStride: [1, 1]) }?.kind == .shape)
        #expect(
            message { _ = try Rulebook.between(set, set, SiteRelation(dimension: 2, offsets: [1, 1])) }?.kind == .shape)
        #expect(message { _ = try set.floored(by: [0]) }?.kind == .invalidArgument)
    }

    /// Strides and coordinates at the ends of what 64 bits hold.
    @Test func extremes() throws {
        var random = Random(seed: 17)
        let values = [Int.min, Int.min + 1, -1, 0, 1, 2, 3, 1 << 40, Int.max - 1, Int.max]
        for _ in 0..<4000 {
            func any() -> Int { values.randomElement(using: &random)! }
            guard let input = try? Self.set([[any(), 0]], dimension: 1),
                let output = try? Self.set([[any(), 0]], dimension: 1),
                let relation = try? SiteRelation(
                    dimension: 1, offsets: [any(), any()], inputStride: [max(1, any())], outputStride: [max(1, any())])
            else { continue }
            let (i, o) = (Int128(try rows(input)[0][0]), Int128(try rows(output)[0][0]))
            let (a, b) = (Int128(relation.inputStride[0]), Int128(relation.outputStride[0]))
            let rulebook = try Rulebook.between(input, output, relation)
            for k in 0..<2 {
                let left = i * a
                let isRule =
                    left == (o * b).addingReportingOverflow(Int128(relation.displacement(0, tap: k))).partialValue
                #expect(rulebook.offsets[k + 1] - rulebook.offsets[k] == (isRule ? 1 : 0))
            }
            _ = try? Rulebook.covering(input, relation)
            let filter = try? FilterGeometry.strided(
                size: [Int.random(in: 1...3, using: &random)], stride: [max(1, any())], padding: [max(0, any())],
                dilation: [max(1, any())])
            if let filter {
                _ = try? Rulebook.strided(input, filter)
                let geometry = Geometry(input, inputMap: nil)
                _ = try? geometry.full(geometry.input, filter)
            }
            _ = try? input.floored(by: [max(1, any())])
            _ = try? SiteUnion(input, output)
        }
    }
}
