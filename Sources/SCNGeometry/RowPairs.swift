internal import SCNCore

/// A growing list of (input row, output row).
struct RowPairs {
    private(set) var count = 0
    private var inputs: Storage<Int32>?
    private var outputs: Storage<Int32>?

    /// Appends each (i, j) with `keys[i] == keys[j] + delta`, ascending. `keys` are strictly ascending, and so are their
    /// sums with `delta`, which do not wrap.
    mutating func appendMatches<Key: SiteKey>(
        _ keys: UnsafePointer<Key>, _ keyCount: Int, plus delta: Key
    ) throws(SCNError) {
        guard keyCount > 0 else { return }
        var i = lowerBound(keys, 0..<keyCount, keys[0] &+ delta)
        var j = lowerBound(keys, 0..<keyCount, keys[0] &- delta)
        var steps = min(keyCount - i, keyCount - j)
        while steps > 0 {
            steps = min(steps, 1 << 12)
            try reserve(count + steps + 1)
            guard let input = inputs?.pointer, let output = outputs?.pointer else { return }
            var m = count
            // In so many steps neither index can leave the array, so the loop has no other exit and no branch.
            for _ in 0..<steps {
                let x = keys[i]
                let y = keys[j] &+ delta
                input[m] = Int32(truncatingIfNeeded: i)
                output[m] = Int32(truncatingIfNeeded: j)
                m &+= x == y ? 1 : 0
                i &+= x <= y ? 1 : 0
                j &+= y <= x ? 1 : 0
            }
            count = m
            steps = min(keyCount - i, keyCount - j)
        }
    }

    func copy(to start: Int, _ input: UnsafeMutablePointer<Int32>, _ output: UnsafeMutablePointer<Int32>) {
        copy(0..<count, to: start, input, output)
    }

    func copy(
        _ range: Range<Int>, to start: Int, _ input: UnsafeMutablePointer<Int32>,
        _ output: UnsafeMutablePointer<Int32>
    ) {
        guard let inputs, let outputs else { return }
        (input + start).update(from: inputs.pointer + range.lowerBound, count: range.count)
        (output + start).update(from: outputs.pointer + range.lowerBound, count: range.count)
    }

    private mutating func reserve(_ capacity: Int) throws(SCNError) {
        if let inputs, inputs.count >= capacity { return }
        let enough = max(capacity, count * 2)
        let grown = (inputs: try Storage<Int32>(count: enough), outputs: try Storage<Int32>(count: enough))
        copy(to: 0, grown.inputs.pointer, grown.outputs.pointer)
        (inputs, outputs) = grown
    }
}
