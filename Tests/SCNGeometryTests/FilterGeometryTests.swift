import SCNCore
import SCNTestSupport
import Testing

@testable import SCNGeometry

@Suite struct FilterGeometryTests {
    @Test func offsetsAreRowMajor() throws {
        let filter = try FilterGeometry.strided(size: [2, 3, 4], stride: [1, 2, 3], dilation: [1, 2, 5])
        #expect((0..<filter.volume).map { filter.taps(of: $0) } == SiteOracle.taps([2, 3, 4]))
        #expect(filter.offset(23) == [1, 4, 15])
        let centered = try FilterGeometry.submanifold(size: [3, 4], dilation: [2, 1])
        #expect(centered.offset(0) == [-2, -2])
        #expect(centered.offset(11) == [2, 1])
    }

    @Test func outputSizeCountsTheWindows() throws {
        for input in 1...12 {
            for size in 1...4 {
                for stride in 1...3 {
                    for padding in 0...3 {
                        for dilation in 1...3 {
                            let filter = try FilterGeometry.strided(
                                size: [size], stride: [stride], padding: [padding], dilation: [dilation])
                            let extent = dilation * (size - 1) + 1
                            let starts = Swift.stride(from: -padding, through: input + padding - extent, by: stride)
                            let fits = starts.underestimatedCount > 0
                            let exact = padding > 0 || dilation > 1 || (input - size) % stride == 0
                            let result = try? filter.outputSize(of: [input])
                            #expect(result == (fits && exact ? [Array(starts).count] : nil))
                            if let result, let back = try? filter.inputSize(of: result) {
                                #expect(try filter.outputSize(of: back) == result)
                                #expect(back[0] <= input && back[0] > input - stride)
                            }
                        }
                    }
                }
            }
        }
    }

    @Test func errorsNameTheArgument() throws {
        #expect(
            message { _ = try FilterGeometry.strided(size: [3, 0], stride: [1, 1]) }
                == SCNError(.invalidArgument, "filter_size: is 0 on axis 1, expected at least 1"))
        #expect(
            message { _ = try FilterGeometry.strided(size: [3], stride: [1, 1]) }
                == SCNError(.shape, "filter_stride: has 2 entries, expected 1"))
        #expect(
            message { _ = try FilterGeometry.strided(size: [3], stride: [1], padding: [-1]) }
                == SCNError(.invalidArgument, "padding: is -1 on axis 0, expected at least 0"))
        #expect(
            message { _ = try FilterGeometry.submanifold(size: [3], dilation: [0]) }
                == SCNError(.invalidArgument, "dilation: is 0 on axis 0, expected at least 1"))
        #expect(message { _ = try FilterGeometry.submanifold(size: []) }?.kind == .invalidArgument)
        #expect(message { _ = try FilterGeometry.submanifold(size: .init(repeating: 1, count: 11)) } != nil)
        #expect(message { _ = try FilterGeometry.submanifold(size: [1 << 20, 1 << 20]) }?.kind == .overflow)
        #expect(message { _ = try FilterGeometry.submanifold(size: [1 << 40, 1 << 40]) }?.kind == .overflow)
        #expect(message { _ = try FilterGeometry.submanifold(size: [3], dilation: [.max]) }?.kind == .overflow)
        let filter = try FilterGeometry.strided(size: [3], stride: [2])
        #expect(
            message { _ = try filter.outputSize(of: [10]) }
                == SCNError(
                    .shape,
                    "spatial size 10 on axis 0 does not fit filter 3 with stride 2: (10 - 3) is no multiple of 2; "
                        + "the nearest that fit are 9 and 11"))
        #expect(message { _ = try filter.outputSize(of: [2]) }?.kind == .shape)
        #expect(message { _ = try filter.outputSize(of: [3, 3]) }?.kind == .shape)
        #expect(message { _ = try filter.outputSize(of: [0]) }?.kind == .shape)
        #expect(message { _ = try filter.inputSize(of: [.max]) }?.kind == .overflow)
        let padded = try FilterGeometry.strided(size: [3], stride: [2], padding: [.max])
        #expect(message { _ = try padded.outputSize(of: [5]) }?.kind == .overflow)
        let wide = try FilterGeometry.strided(size: [3], stride: [1], padding: [1], dilation: [4])
        #expect(message { _ = try wide.outputSize(of: [6]) }?.kind == .shape)
        #expect(try wide.outputSize(of: [7]) == [1])
    }

    /// The sizes that a message names, as far as 64 bits go, are those that a search finds.
    @Test func errorsNameTheNearestSizesThatFit() throws {
        for (size, stride, padding, dilation) in [
            (2, 2, 0, 1), (3, 2, 0, 1), (3, 3, 0, 1), (2, 5, 0, 1), (7, 4, 0, 1), (3, 2, 1, 1), (3, 2, 0, 4),
            (5, 3, 2, 3),
        ] {
            let filter = try FilterGeometry.strided(
                size: [size], stride: [stride], padding: [padding], dilation: [dilation])
            let fits = (1...60).map { (try? filter.outputSize(of: [$0])) != nil }
            for input in 1...40 where !fits[input - 1] {
                let below = (1..<input).last { fits[$0 - 1] }.map { "the nearest that fit are \($0) and " }
                let above = try #require(((input + 1)...60).first { fits[$0 - 1] })
                let expected = "; \(below ?? "the smallest that fits is ")\(above)"
                let error = try #require(message { _ = try filter.outputSize(of: [input]) })
                #expect(error.kind == .shape)
                #expect(error.message.hasSuffix(expected), "\(error)")
            }
        }
        let even = try FilterGeometry.strided(size: [2], stride: [2])
        let error = try #require(message { _ = try even.outputSize(of: [.max]) })
        #expect(error.message.hasSuffix("; the nearest that fits is \(Int.max - 1)"), "\(error)")
    }

    @Test func describesItself() throws {
        #expect(try FilterGeometry.strided(size: [2, 2], stride: [2, 2]).description == "filter 2, stride 2")
        #expect(
            try FilterGeometry.strided(size: [2, 3], stride: [2, 2], padding: [1, 0]).description
                == "filter (2, 3), stride 2, padding (1, 0)")
        #expect(try FilterGeometry.submanifold(size: [3], dilation: [2]).description == "filter 3, dilation 2")
    }
}
