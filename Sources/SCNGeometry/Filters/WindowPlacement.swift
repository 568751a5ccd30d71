internal import SCNCore

/// Where windows lie that are not one stride apart: a table of the first input of each, axis by axis.
struct WindowPlacement {
    /// Tables take memory that grows with the spatial size and not with the sites.
    static let mostWindows = 1 << 24

    /// Taps of a window, of the longest one where windows tile the axis.
    let size: [Int]
    let dilation: [Int]
    /// The first input of each window, ascending, less the padding; where windows tile the axis, then also the end.
    let starts: [Storage<Int>]
    /// A window ends where the next one starts.
    let isTiling: Bool

    var outputSize: [Int] { starts.map { $0.count - (isTiling ? 1 : 0) } }

    /// Whether no two windows of an axis start at one input.
    var isInjective: Bool {
        starts.allSatisfy { starts in
            (1..<max(1, starts.count)).allSatisfy { starts.pointer[$0 - 1] < starts.pointer[$0] }
        }
    }

    /// The windows of a strided filter whose steps, on each axis, are a shuffle of stride - 1, stride + 1 and stride, a
    /// third of the windows each: as many, and as far in all, as those of the filter itself.
    init(randomized filter: FilterGeometry, field: Field, _ random: inout Random) throws(SCNError) {
        var starts: [Storage<Int>] = []
        let output = try filter.outputField(of: field)
        for (axis, count) in output.size.enumerated() {
            try Self.requireWindows(count, axis: axis)
            let stride = filter.stride[axis]
            let steps = try Storage<Int>(count: count)
            let third = count / 3
            for index in 1..<max(1, count) {
                steps.pointer[index] = index <= third ? stride - 1 : index <= 2 * third ? stride + 1 : stride
            }
            random.shuffle(UnsafeMutableBufferPointer(rebasing: steps.buffer.dropFirst()))
            steps.pointer[0] = -filter.placedPadding(axis, input: field, output: output)
            for index in 1..<max(1, count) { steps.pointer[index] += steps.pointer[index - 1] }
            starts.append(steps)
        }
        self.starts = starts
        size = filter.size
        dilation = filter.dilation
        isTiling = false
    }

    init(size: [Int], starts: [Storage<Int>], isTiling: Bool) {
        self.size = size
        self.starts = starts
        self.isTiling = isTiling
        dilation = size.map { _ in 1 }
    }

    static func requireWindows(_ count: Int, axis: Int) throws(SCNError) {
        try require(
            count <= mostWindows, .overflow,
            "\(count) windows on axis \(axis); at most \(mostWindows) can lie at random")
    }
}

extension Random {
    /// Uniform in 0 ..< bound, but for a bias of bound / 2^64.
    mutating func index(below bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

    /// Brings the elements into a random order (Fisher and Yates, in Durstenfeld's form, 1964).
    mutating func shuffle(_ elements: UnsafeMutableBufferPointer<Int>) {
        for last in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(last, index(below: last + 1))
        }
    }
}
