internal import SCNCore

/// Intersections of a sorted array with another one that is moved by a constant.
///
/// Both arrays ascend strictly, and so do the sums with the deltas, which do not wrap. The loops run a number of steps
/// in which no index can leave its array, so that they have no other exit and no unpredictable branch.
struct KeyMatching<Key: SiteKey> {
    let inputs: UnsafePointer<Key>
    let outputs: UnsafePointer<Key>

    /// Where a merge is, and where it ends.
    private struct Merge {
        var i: Int
        var j: Int
        let inputEnd: Int
        let outputEnd: Int

        /// Steps in which no index can leave its array.
        var steps: Int { min(inputEnd - i, outputEnd - j, ChunkSizes.merging) }
    }

    /// The merge of these outputs, the first of which can match: its inputs begin where they do.
    private func merge(_ inputRange: Range<Int>, _ outputRange: Range<Int>, plus delta: Key) -> Merge {
        let first = outputRange.first.map { lowerBound(inputs, inputRange, outputs[$0] &+ delta) }
        return Merge(
            i: first ?? inputRange.upperBound, j: outputRange.lowerBound, inputEnd: inputRange.upperBound,
            outputEnd: outputRange.upperBound)
    }

    /// Appends each (i, j) of two ranges with `inputs[i] == outputs[j] + delta`, ascending. Each step of a merge waits
    /// for the one before it, so two go side by side, of the first half of the outputs and of the second.
    func appendMatches(
        _ inputRange: Range<Int>, _ outputRange: Range<Int>, plus delta: Key, to pairs: inout RowPairs,
        _ scratch: inout RowPairs
    ) throws(SCNError) {
        if inputRange.isEmpty || outputRange.isEmpty { return }
        let first = lowerBound(outputs, outputRange, inputs[inputRange.lowerBound] &- delta)
        let middle = first + (outputRange.upperBound - first) / 2
        var low = merge(inputRange, first..<middle, plus: delta)
        var high = merge(inputRange, middle..<outputRange.upperBound, plus: delta)
        scratch.removeAll()
        while true {
            let steps = min(low.steps, high.steps)
            if steps <= 0 { break }
            let (lowPair, highPair) = (try pairs.reserve(steps), try scratch.reserve(steps))
            var (a, b) = (lowPair, highPair)
            for _ in 0..<steps {
                step(&low, delta, &a)
                step(&high, delta, &b)
            }
            pairs.extend(to: a)
            scratch.extend(to: b)
        }
        try finish(&low, delta, &pairs)
        try finish(&high, delta, &scratch)
        try pairs.append(scratch)
    }

    private func finish(_ merge: inout Merge, _ delta: Key, _ pairs: inout RowPairs) throws(SCNError) {
        while merge.steps > 0 {
            let steps = merge.steps
            var pair = try pairs.reserve(steps)
            for _ in 0..<steps { step(&merge, delta, &pair) }
            pairs.extend(to: pair)
        }
    }

    @inline(__always)
    private func step(_ merge: inout Merge, _ delta: Key, _ pair: inout UnsafeMutablePointer<UInt64>) {
        let x = inputs[merge.i]
        let y = outputs[merge.j] &+ delta
        pair.pointee = RowPairs.word(input: merge.i, output: merge.j)
        pair += zeroOrOne(x == y)
        merge.i &+= zeroOrOne(x <= y)
        merge.j &+= zeroOrOne(y <= x)
    }

    /// Lists of the pairs of three deltas.
    struct Three {
        var first = RowPairs()
        var second = RowPairs()
        var third = RowPairs()

        mutating func removeAll() {
            first.removeAll()
            second.removeAll()
            third.removeAll()
        }

        fileprivate typealias Ends = (
            UnsafeMutablePointer<UInt64>, UnsafeMutablePointer<UInt64>, UnsafeMutablePointer<UInt64>
        )

        fileprivate mutating func reserve(_ steps: Int, of expected: Int) throws(SCNError) -> Ends {
            (
                try first.reserve(steps, of: expected), try second.reserve(steps, of: expected),
                try third.reserve(steps, of: expected)
            )
        }

        fileprivate mutating func extend(to ends: Ends) {
            first.extend(to: ends.0)
            second.extend(to: ends.1)
            third.extend(to: ends.2)
        }
    }

    /// The same for `delta`, `delta + 1` and `delta + 2` in one pass: three neighboring taps of the last axis. Two such
    /// merges side by side would need more registers than there are.
    func appendMatches(
        _ inputRange: Range<Int>, _ outputRange: Range<Int>, plus delta: Key, to three: inout Three
    ) throws(SCNError) {
        if inputRange.isEmpty || outputRange.isEmpty { return }
        let (last, expected) = (inputRange.upperBound - 1, outputRange.count)
        let first = lowerBound(outputs, outputRange, inputs[inputRange.lowerBound] &- delta &- 2)
        var merge = merge(inputRange, first..<outputRange.upperBound, plus: delta)
        while merge.steps > 0 {
            let steps = merge.steps
            var ends = try three.reserve(steps, of: expected)
            for _ in 0..<steps { step(&merge, delta, last, &ends) }
            three.extend(to: ends)
        }
    }

    @inline(__always)
    private func step(_ merge: inout Merge, _ delta: Key, _ last: Int, _ ends: inout Three.Ends) {
        let (i, j) = (merge.i, merge.j)
        let x = inputs[i]
        let y = outputs[j] &+ delta
        // Past a match the next key is the next candidate; past the last key, the last one, which is too small.
        ends.0.pointee = RowPairs.word(input: i, output: j)
        var candidate = i
        candidate &+= zeroOrOne(x == y)
        ends.0 += candidate &- i
        candidate = min(candidate, last)
        ends.1.pointee = RowPairs.word(input: candidate, output: j)
        let isSecond = zeroOrOne(inputs[candidate] == y &+ 1)
        ends.1 += isSecond
        candidate = min(candidate &+ isSecond, last)
        ends.2.pointee = RowPairs.word(input: candidate, output: j)
        ends.2 += zeroOrOne(inputs[candidate] == y &+ 2)
        let isBelow = zeroOrOne(x < y)
        merge.i &+= isBelow
        merge.j &+= 1 &- isBelow
    }
}

/// 1 where `condition` holds, else 0, without a branch.
@inline(__always)
func zeroOrOne(_ condition: Bool) -> Int { Int(truncatingIfNeeded: unsafeBitCast(condition, to: UInt8.self)) }
