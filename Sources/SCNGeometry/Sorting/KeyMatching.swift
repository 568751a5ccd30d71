internal import CSCNKernels
internal import SCNCore

/// Intersections of a sorted array with another one that is moved by a constant, or by the constants next to it.
///
/// Both arrays ascend strictly, and so do the sums with the deltas, which do not wrap. Each step of a merge waits for
/// the one before it, so several go side by side, for a number of steps in which no index can leave its array: the
/// loops have no other exit and no unpredictable branch.
struct KeyMatching<Key: SiteKey> {
    let inputs: UnsafePointer<Key>
    let outputs: UnsafePointer<Key>

    typealias Vectorized =
        @convention(c) (
            _ inputs: UnsafePointer<UInt64>, _ firstInput: Int64, _ endInput: Int64, _ outputs: UnsafePointer<UInt64>,
            _ firstOutput: Int64, _ endOutput: Int64, _ delta: UInt64, _ pairs: UnsafeMutablePointer<UInt64>
        ) -> Int64

    /// Instructions of the cpu that match keys under one delta at a time, faster than the merges here; nil where there
    /// are none, and for keys of 128 bits.
    static var vectorized: Vectorized? { Key.self == UInt64.self ? Kernels.forKeys.match_keys : nil }

    /// Where a merge is: it passes an input that is below its output, else the output.
    private struct Place {
        var i: Int
        var j: Int
    }

    /// Of each output, the first input that is not below it.
    private let firsts: Storage<Int32>

    /// Whether neighboring deltas are found in less time together.
    var gainsByNeighbors: Bool { vectorized == nil }
    private let vectorized = Self.vectorized

    /// `outputCount`: of all outputs.
    init(
        inputs: UnsafePointer<Key>, outputs: UnsafePointer<Key>, outputCount: Int
    ) throws(SCNError) {
        (self.inputs, self.outputs) = (inputs, outputs)
        firsts = try Storage(count: vectorized == nil ? outputCount : 0)
    }

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

    /// Appends each (i, j) of two ranges with `inputs[i] == outputs[j] + delta`, ascending. Two merges go side by side,
    /// of the first half of the outputs and of the second. A match passes both keys, so four merges gain no more.
    func appendMatches(
        _ inputRange: Range<Int>, _ outputRange: Range<Int>, plus delta: Key, to pairs: inout RowPairs,
        _ scratch: inout RowPairs
    ) throws(SCNError) {
        if inputRange.isEmpty || outputRange.isEmpty { return }
        if let vectorized {
            let pair = try pairs.reserve(min(inputRange.count, outputRange.count) + Int(SCN_MATCH_SLACK))
            let count = vectorized(
                UnsafeRawPointer(inputs).assumingMemoryBound(to: UInt64.self), Int64(inputRange.lowerBound),
                Int64(inputRange.upperBound), UnsafeRawPointer(outputs).assumingMemoryBound(to: UInt64.self),
                Int64(outputRange.lowerBound), Int64(outputRange.upperBound), UInt64(truncatingIfNeeded: delta), pair)
            pairs.extend(to: pair + Int(count))
            return
        }
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

    /// Lists of the pairs of two or three deltas that follow one another.
    struct Neighbors {
        var first = RowPairs()
        var second = RowPairs()
        var third = RowPairs()

        mutating func removeAll() {
            first.removeAll()
            second.removeAll()
            third.removeAll()
        }
    }

    /// The same for `delta` and, in one pass, the next one or two: neighboring taps of the last axis. Only where
    /// `gainsByNeighbors`.
    func appendMatches(
        _ inputRange: Range<Int>, _ outputRange: Range<Int>, plus delta: Key, count: Int, to lists: inout Neighbors
    ) throws(SCNError) {
        if count > 2 {
            try appendMatches(inputRange, outputRange, plus: delta, hasThird: true, to: &lists)
        } else {
            try appendMatches(inputRange, outputRange, plus: delta, hasThird: false, to: &lists)
        }
    }

    @inline(__always)
    private func appendMatches(
        _ inputRange: Range<Int>, _ outputRange: Range<Int>, plus delta: Key, hasThird: Bool,
        to lists: inout Neighbors
    ) throws(SCNError) {
        let candidates = find(inputRange, outputRange, plus: delta, within: hasThird ? 2 : 1)
        if candidates.isEmpty { return }
        var (first, second, third) = (
            try lists.first.reserve(candidates.count), try lists.second.reserve(candidates.count),
            try lists.third.reserve(hasThird ? candidates.count : 0)
        )
        let (inputs, outputs, firsts) = (inputs, outputs, UnsafePointer(firsts.pointer))
        let last = inputRange.upperBound - 1
        for j in candidates {
            let (y, output) = (outputs[j] &+ delta, RowPairs.word(input: 0, output: j))
            var i = Int(firsts[j])
            // Past a match the next key is the next candidate; past the last key, the last one, which is too small.
            first.pointee = output | UInt64(truncatingIfNeeded: i)
            let isFirst = zeroOrOne(inputs[i] == y)
            first += isFirst
            i = min(i &+ isFirst, last)
            second.pointee = output | UInt64(truncatingIfNeeded: i)
            let isSecond = zeroOrOne(inputs[i] == y &+ 1)
            second += isSecond
            if hasThird {
                i = min(i &+ isSecond, last)
                third.pointee = output | UInt64(truncatingIfNeeded: i)
                third += zeroOrOne(inputs[i] == y &+ 2)
            }
        }
        lists.first.extend(to: first)
        lists.second.extend(to: second)
        lists.third.extend(to: third)
    }

    /// Finds, for each of the outputs that it returns, the first input that is not below `outputs[j] + delta`. Of the
    /// other outputs, all inputs are below or above by more than `most`.
    private func find(
        _ inputRange: Range<Int>, _ outputRange: Range<Int>, plus delta: Key, within most: Key
    ) -> Range<Int> {
        if inputRange.isEmpty || outputRange.isEmpty { return 0..<0 }
        let (largest, past) = (inputs[inputRange.upperBound - 1], outputRange.upperBound)
        let start = lowerBound(outputs, outputRange, inputs[inputRange.lowerBound] &- delta &- most)
        let end = lowerBound(outputs, start..<past, largest &- delta &+ 1)
        if start == end { return 0..<0 }
        let begin = Place(i: lowerBound(inputs, inputRange, outputs[start] &+ delta), j: start)
        // The last output passes no input beyond the one that it finds.
        let finish = Place(
            i: lowerBound(inputs, begin.i..<inputRange.upperBound, outputs[end - 1] &+ delta), j: end)
        let allSteps = finish.i - begin.i + finish.j - begin.j
        var (rest, cuts) = (begin, (0, 0, 0))
        if allSteps >= ChunkSizes.stepsWorthFourMerges {
            let steps = allSteps / 4
            let b = place(after: steps, begin, finish, delta)
            let (c, d) = (place(after: 2 * steps, begin, finish, delta), place(after: 3 * steps, begin, finish, delta))
            merge(begin, b, c, d, steps: steps, delta)
            (rest, cuts) = (place(after: 4 * steps, begin, finish, delta), (b.j, c.j, d.j))
        }
        let merged = rest.j
        while rest.j < finish.j {
            firsts[rest.j] = Int32(truncatingIfNeeded: rest.i)
            if inputs[rest.i] < outputs[rest.j] &+ delta { rest.i += 1 } else { rest.j += 1 }
        }
        // A merge may write the first output of the next one, which had passed it by then.
        if merged > begin.j {
            for output in [cuts.0, cuts.1, cuts.2] where output < merged {
                let first = lowerBound(inputs, begin.i..<finish.i, outputs[output] &+ delta)
                firsts[output] = Int32(truncatingIfNeeded: first)
            }
        }
        return start..<end
    }

    /// Four merges side by side, each of so many steps. A step passes an input or an output, so that the input tells
    /// which output it is.
    @inline(__always)
    private func merge(_ a: Place, _ b: Place, _ c: Place, _ d: Place, steps: Int, _ delta: Key) {
        let inputs = inputs
        let (outputsA, firstsA) = (outputs + (a.i + a.j), firsts.pointer + (a.i + a.j))
        let (outputsB, firstsB) = (outputs + (b.i + b.j), firsts.pointer + (b.i + b.j))
        let (outputsC, firstsC) = (outputs + (c.i + c.j), firsts.pointer + (c.i + c.j))
        let (outputsD, firstsD) = (outputs + (d.i + d.j), firsts.pointer + (d.i + d.j))
        var (i, j, k, l) = (a.i, b.i, c.i, d.i)
        for step in 0..<steps {
            pass(&i, step, inputs, outputsA, firstsA, delta)
            pass(&j, step, inputs, outputsB, firstsB, delta)
            pass(&k, step, inputs, outputsC, firstsC, delta)
            pass(&l, step, inputs, outputsD, firstsD, delta)
        }
    }

    @inline(__always)
    private func pass(
        _ i: inout Int, _ step: Int, _ inputs: UnsafePointer<Key>, _ outputs: UnsafePointer<Key>,
        _ firsts: UnsafeMutablePointer<Int32>, _ delta: Key
    ) {
        let j = step &- i
        firsts[j] = Int32(truncatingIfNeeded: i)
        i &+= zeroOrOne(inputs[i] < outputs[j] &+ delta)
    }

    /// Where a merge is after so many steps.
    private func place(after steps: Int, _ begin: Place, _ end: Place, _ delta: Key) -> Place {
        var low = max(begin.i, begin.i + steps - (end.j - begin.j))
        var high = min(end.i, begin.i + steps)
        while low < high {
            let middle = low + (high - low) / 2
            let j = begin.j + steps - (middle - begin.i) - 1
            if inputs[middle] < outputs[j] &+ delta { low = middle + 1 } else { high = middle }
        }
        return Place(i: low, j: begin.j + steps - (low - begin.i))
    }
}

/// 1 where `condition` holds, else 0, without a branch.
@inline(__always)
func zeroOrOne(_ condition: Bool) -> Int { Int(truncatingIfNeeded: unsafeBitCast(condition, to: UInt8.self)) }
