import SCNCore
import Testing

@testable import SCNGeometry

@Suite struct GeometryTests {
    func makeGeometry() throws -> Geometry {
        var random = Random(seed: 3)
        let (sites, map) = try makeSites([9, 9], randomSites([9, 9], batch: 2, count: 30, &random))
        return Geometry(sites, inputMap: map)
    }

    @Test func rulebooksAreMadeOnce() throws {
        let geometry = try makeGeometry()
        let three = try FilterGeometry.submanifold(size: [3, 3])
        let first = try geometry.submanifold(geometry.input, three)
        #expect(try geometry.submanifold(geometry.input, .submanifold(size: [3, 3])) === first)
        #expect(try geometry.submanifold(geometry.input, .submanifold(size: [3, 3], dilation: [1, 2])) !== first)
        let down = try FilterGeometry.strided(size: [3, 3], stride: [2, 2])
        let step = try geometry.strided(geometry.input, down)
        let again = try geometry.strided(geometry.input, down)
        #expect(again.rulebook === step.rulebook && again.output == step.output)
        #expect(try geometry.submanifold(step.output, three) !== first)
        #expect(geometry.inputMap != nil)
    }

    @Test func threadsShareOneRulebook() throws {
        let geometry = try makeGeometry()
        let filter = try FilterGeometry.submanifold(size: [3, 3])
        let found = Locked<[ObjectIdentifier]>([])
        Parallel.forEach(16) { _ in
            if let rulebook = try? geometry.submanifold(geometry.input, filter) {
                found.withLock { $0.append(ObjectIdentifier(rulebook)) }
            }
        }
        #expect(found.withLock { $0.count == 16 && Set($0).count == 1 })
    }

    @Test func theWayBackIsTheSameRules() throws {
        let geometry = try makeGeometry()
        let down = try FilterGeometry.strided(size: [3, 3], stride: [2, 2])
        #expect(
            message { _ = try geometry.reverse(geometry.input, .strided(size: [2, 2], stride: [2, 2])) }
                == SCNError(
                    .state,
                    "Deconvolution: no earlier Convolution or pooling with filter 2, stride 2 led to these sites"))
        let step = try geometry.strided(geometry.input, down)
        let back = try geometry.reverse(step.output, down)
        #expect(back.input == geometry.input)
        #expect(back.rulebook.inputRows === step.rulebook.outputRows)
        #expect(back.rulebook.outputRows === step.rulebook.inputRows)
        #expect(try geometry.reverse(step.output, down).rulebook === back.rulebook)
        #expect(message { _ = try geometry.reverse(step.output, .strided(size: [2, 2], stride: [2, 2])) } != nil)
    }

    @Test func theLatestOfSeveralWaysBack() throws {
        let (a, _) = try makeSites([4], [[0, 0], [2, 0]])
        let (b, _) = try makeSites([4], [[1, 0], [3, 0]])
        let geometry = Geometry(a, inputMap: nil)
        let other = geometry.add(b)
        let down = try FilterGeometry.strided(size: [2], stride: [2])
        let first = try geometry.strided(geometry.input, down)
        #expect(try geometry.reverse(first.output, down).input == geometry.input)
        let second = try geometry.strided(other, down)
        #expect(second.output == first.output)
        #expect(try geometry.reverse(first.output, down).input == other)
    }

    @Test func equalSiteSetsAreOne() throws {
        let (a, _) = try makeSites([8, 8], [[1, 2, 0], [3, 4, 1]])
        let (same, _) = try makeSites([8, 8], [[3, 4, 1], [1, 2, 0]])
        let (moved, _) = try makeSites([8, 8], [[1, 2, 0], [3, 5, 1]])
        let (larger, _) = try makeSites([8, 9], [[1, 2, 0], [3, 4, 1]])
        let (trailing, _) = try makeSites([8, 8], [[1, 2, 0], [3, 4, 1]], batchSize: 3)
        let geometry = Geometry(a, inputMap: nil)
        #expect(geometry.add(same) == geometry.input)
        let others = [moved, larger, trailing].map { geometry.add($0) }
        #expect(Set(others).count == 3 && !others.contains(geometry.input))
        #expect(geometry.add(moved) == others[0])
        #expect(geometry.siteSets(spatialSize: [8, 8]) == [geometry.input, others[0], others[2]])
        #expect(geometry.siteSets(spatialSize: [7, 8]) == [])
        #expect(geometry.sites(others[1]) === larger)
        let identity = try FilterGeometry.strided(size: [1, 1], stride: [1, 1])
        #expect(try geometry.strided(geometry.input, identity).output == geometry.input)
    }

    @Test func nothingIsLeftBehind() throws {
        weak var seen: Geometry?
        do {
            let geometry = try makeGeometry()
            let down = try FilterGeometry.strided(size: [3, 3], stride: [2, 2])
            _ = try geometry.reverse(geometry.strided(geometry.input, down).output, down)
            seen = geometry
        }
        #expect(seen == nil)
    }
}
