internal import SCNCore
internal import SCNFiles

/// A size along the axes: one number for all of them, or one for each. `3` and `[3, 1, 5]` are sizes.
public struct Size: ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, Hashable, Sendable {
    private let entries: [Int]
    private let isUniform: Bool

    /// One number for all axes: `3`.
    public init(integerLiteral value: Int) { self.init(value) }
    /// One number for each axis: `[3, 1, 5]`.
    public init(arrayLiteral elements: Int...) { self.init(elements) }

    /// One number for all axes.
    public init(_ everyAxis: Int) {
        entries = [everyAxis]
        isUniform = true
    }

    /// One number for each axis.
    public init(_ perAxis: [Int]) {
        entries = perAxis
        isUniform = false
    }

    /// One number for each axis, or an error that names the argument.
    func axes(_ dimension: Int, _ name: String) throws(SCNError) -> [Int] {
        try require(
            dimension >= 1 && dimension <= 10, .invalidArgument, "dimension: is \(dimension), expected 1 ... 10")
        if isUniform { return Array(repeating: entries[0], count: dimension) }
        try require(
            entries.count == dimension, .shape, "\(name): has \(counted(entries.count, .entry)), expected \(dimension)")
        return entries
    }
}

/// "3" where all axes agree, "3x1x5" elsewhere.
func describe(_ axes: [Int]) -> String {
    Set(axes).count == 1 ? "\(axes[0])" : axes.map(String.init).joined(separator: "x")
}

extension Size {
    /// The size as an argument of a layer.
    var argument: JSON { isUniform ? .integer(entries[0]) : .sizes(entries) }
}

/// The size itself, or an error where it has another dimension.
func requireDimension(_ outputSize: [Int], _ dimension: Int) throws(SCNError) -> [Int] {
    try require(
        outputSize.count == dimension, .shape,
        "output_size: has dimension \(outputSize.count), expected dimension \(dimension)")
    return outputSize
}
