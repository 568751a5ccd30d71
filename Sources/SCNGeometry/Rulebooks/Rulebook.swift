public import SCNCore

/// Which input row meets which output row under which filter offset.
///
/// The rules of filter offset k are `offsets[k] ..< offsets[k + 1]`; both columns ascend strictly within an offset, but
/// for windows that are displaced at random: two of them may start at one site, which then meets two others under one
/// offset. Immutable: its storages are shared and only read.
public final class Rulebook: @unchecked Sendable {
    /// [volume + 1]
    package let offsets: Storage<Int64>
    /// [ruleCount]
    package let inputRows: Storage<Int32>
    /// [ruleCount]
    package let outputRows: Storage<Int32>
    /// Rows of the feature matrix that is read.
    public let inputCount: Int
    /// Rows of the feature matrix that is written.
    public let outputCount: Int
    /// Whether input rows ascend strictly within each filter offset; output rows do where these do not.
    package let inputRowsAscend: Bool
    package let outputRowsAscend: Bool

    /// The number of filter offsets.
    public var volume: Int { offsets.count - 1 }
    /// The number of rules, under all offsets together.
    public var ruleCount: Int { inputRows.count }

    /// The rules of a filter offset, 0 ..< ``volume``: which input row meets which output row.
    public func rules(ofOffset offset: Int) throws(SCNError) -> [(input: Int, output: Int)] {
        try require(
            offset >= 0 && offset < volume, .invalidArgument, "offset: is \(offset), expected 0 ..< \(volume)")
        return (Int(offsets[offset])..<Int(offsets[offset + 1])).map { (Int(inputRows[$0]), Int(outputRows[$0])) }
    }

    init(
        offsets: Storage<Int64>, inputRows: Storage<Int32>, outputRows: Storage<Int32>, inputCount: Int,
        outputCount: Int, inputRowsAscend: Bool = true, outputRowsAscend: Bool = true
    ) {
        self.offsets = offsets
        self.inputRows = inputRows
        self.outputRows = outputRows
        self.inputCount = inputCount
        self.outputCount = outputCount
        self.inputRowsAscend = inputRowsAscend
        self.outputRowsAscend = outputRowsAscend
    }

    /// The same rules from output to input: the rulebook of the deconvolution and of the gradient by the input.
    public var reversed: Rulebook {
        Rulebook(
            offsets: offsets, inputRows: outputRows, outputRows: inputRows, inputCount: outputCount,
            outputCount: inputCount, inputRowsAscend: outputRowsAscend, outputRowsAscend: inputRowsAscend)
    }
}
