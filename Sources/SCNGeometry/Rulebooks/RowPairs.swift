internal import SCNCore

/// A growing list of (input row, output row), each in one word so that a loop writes it at once.
struct RowPairs {
    private(set) var count = 0
    private var words: Storage<UInt64>?

    @inline(__always)
    static func word(input: Int, output: Int) -> UInt64 {
        UInt64(truncatingIfNeeded: input) | UInt64(truncatingIfNeeded: output) &<< 32
    }

    /// Makes room for `more` pairs and returns where they go; when they are written, the caller calls `extend`.
    /// `expected` is how many there may be in all.
    mutating func reserve(_ more: Int, of expected: Int = 0) throws(SCNError) -> UnsafeMutablePointer<UInt64> {
        if let words, words.count >= count + more { return words.pointer + count }
        let grown = try Storage<UInt64>(count: max(count + more, count * 2, expected))
        if let words { grown.pointer.update(from: words.pointer, count: count) }
        words = grown
        return grown.pointer + count
    }

    /// Counts the pairs before `end` in.
    mutating func extend(to end: UnsafeMutablePointer<UInt64>) {
        if let words { count = end - words.pointer }
    }

    mutating func removeAll() { count = 0 }

    mutating func append(_ other: RowPairs) throws(SCNError) {
        guard let source = other.words, other.count > 0 else { return }
        try reserve(other.count).update(from: source.pointer, count: other.count)
        count += other.count
    }

    /// A column of rules, and the row that each number stands for; nil where it is the row.
    typealias Column = (target: UnsafeMutablePointer<Int32>, rows: UnsafeMutablePointer<Int32>?)

    /// Writes the rows of the pairs in `range` from index `start` on.
    func copy(_ range: Range<Int>, to start: Int, _ inputs: Column, _ outputs: Column) {
        guard let words else { return }
        let source = words.pointer + range.lowerBound
        write(source, range.count, inputs.rows, to: inputs.target + start) { $0 & 0xFFFF_FFFF }
        write(source, range.count, outputs.rows, to: outputs.target + start) { $0 &>> 32 }
    }

    @inline(__always)
    private func write(
        _ words: UnsafePointer<UInt64>, _ count: Int, _ rows: UnsafeMutablePointer<Int32>?,
        to target: UnsafeMutablePointer<Int32>, _ part: (UInt64) -> UInt64
    ) {
        if let rows {
            for index in 0..<count { target[index] = rows[Int(truncatingIfNeeded: part(words[index]))] }
        } else {
            for index in 0..<count { target[index] = Int32(truncatingIfNeeded: part(words[index])) }
        }
    }
}
