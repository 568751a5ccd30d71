internal import SCNCore

/// Intersections of a sorted array with itself moved by a constant.
///
/// `keys` ascend strictly, and so do their sums with the deltas, which do not wrap. The loops run a number of steps in
/// which no index can leave the array, so that they have no other exit and no unpredictable branch.
struct KeyMatching<Key: SiteKey> {
    let keys: UnsafePointer<Key>
    let count: Int

    /// Appends each (i, j) with `keys[i] == keys[j] + delta`, ascending.
    func appendMatches(plus delta: Key, to pairs: inout RowPairs) throws(SCNError) {
        guard count > 0 else { return }
        let keys = keys
        var i = lowerBound(keys, 0..<count, keys[0] &+ delta)
        var j = lowerBound(keys, 0..<count, keys[0] &- delta)
        while i < count && j < count {
            let steps = min(count - i, count - j, ChunkSizes.merging)
            var pair = try pairs.reserve(steps)
            for _ in 0..<steps {
                let x = keys[i]
                let y = keys[j] &+ delta
                pair.pointee = RowPairs.word(input: i, output: j)
                pair += zeroOrOne(x == y)
                i &+= zeroOrOne(x <= y)
                j &+= zeroOrOne(y <= x)
            }
            pairs.extend(to: pair)
        }
    }

    /// The same for `delta`, `delta + 1` and `delta + 2` in one pass: three neighboring taps of the last axis.
    func appendMatches(
        plus delta: Key, to first: inout RowPairs, _ second: inout RowPairs, _ third: inout RowPairs
    ) throws(SCNError) {
        guard count > 0 else { return }
        let keys = keys
        let end = count - 1
        var i = lowerBound(keys, 0..<count, keys[0] &+ delta)
        var j = lowerBound(keys, 0..<count, keys[0] &- delta &- 2)
        while i < count && j < count {
            let steps = min(count - i, count - j, ChunkSizes.merging)
            var firstPair = try first.reserve(steps, of: count)
            var secondPair = try second.reserve(steps, of: count)
            var thirdPair = try third.reserve(steps, of: count)
            for _ in 0..<steps {
                let x = keys[i]
                let y = keys[j] &+ delta
                // Past a match the next key is the next candidate; past the last key, the last one, which is too small.
                firstPair.pointee = RowPairs.word(input: i, output: j)
                var candidate = i
                candidate &+= zeroOrOne(x == y)
                firstPair += candidate &- i
                candidate = min(candidate, end)
                secondPair.pointee = RowPairs.word(input: candidate, output: j)
                let isSecond = zeroOrOne(keys[candidate] == y &+ 1)
                secondPair += isSecond
                candidate = min(candidate &+ isSecond, end)
                thirdPair.pointee = RowPairs.word(input: candidate, output: j)
                thirdPair += zeroOrOne(keys[candidate] == y &+ 2)
                let isBelow = zeroOrOne(x < y)
                i &+= isBelow
                j &+= 1 &- isBelow
            }
            first.extend(to: firstPair)
            second.extend(to: secondPair)
            third.extend(to: thirdPair)
        }
    }
}

/// 1 where `condition` holds, else 0, without a branch.
@inline(__always)
func zeroOrOne(_ condition: Bool) -> Int { Int(truncatingIfNeeded: unsafeBitCast(condition, to: UInt8.self)) }
