internal import SCNCore

/// Intersections of a sorted array with another one that is moved by a constant.
///
/// Both arrays ascend strictly, and so do the sums with the deltas, which do not wrap. The loops run a number of steps
/// in which no index can leave its array, so that they have no other exit and no unpredictable branch.
struct KeyMatching<Key: SiteKey> {
    let inputs: UnsafePointer<Key>
    let outputs: UnsafePointer<Key>

    /// Appends each (i, j) of two ranges with `inputs[i] == outputs[j] + delta`, ascending.
    func appendMatches(
        _ inputRange: Range<Int>, _ outputRange: Range<Int>, plus delta: Key, to pairs: inout RowPairs
    ) throws(SCNError) {
        if inputRange.isEmpty || outputRange.isEmpty { return }
        let (inputs, outputs) = (inputs, outputs)
        let (inputEnd, outputEnd) = (inputRange.upperBound, outputRange.upperBound)
        var i = lowerBound(inputs, inputRange, outputs[outputRange.lowerBound] &+ delta)
        var j = lowerBound(outputs, outputRange, inputs[inputRange.lowerBound] &- delta)
        while i < inputEnd && j < outputEnd {
            let steps = min(inputEnd - i, outputEnd - j, ChunkSizes.merging)
            var pair = try pairs.reserve(steps)
            for _ in 0..<steps {
                let x = inputs[i]
                let y = outputs[j] &+ delta
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
        _ inputRange: Range<Int>, _ outputRange: Range<Int>, plus delta: Key, to first: inout RowPairs,
        _ second: inout RowPairs, _ third: inout RowPairs
    ) throws(SCNError) {
        if inputRange.isEmpty || outputRange.isEmpty { return }
        let (inputs, outputs) = (inputs, outputs)
        let (inputEnd, outputEnd) = (inputRange.upperBound, outputRange.upperBound)
        let (end, expected) = (inputEnd - 1, outputRange.count)
        var i = lowerBound(inputs, inputRange, outputs[outputRange.lowerBound] &+ delta)
        var j = lowerBound(outputs, outputRange, inputs[inputRange.lowerBound] &- delta &- 2)
        while i < inputEnd && j < outputEnd {
            let steps = min(inputEnd - i, outputEnd - j, ChunkSizes.merging)
            var firstPair = try first.reserve(steps, of: expected)
            var secondPair = try second.reserve(steps, of: expected)
            var thirdPair = try third.reserve(steps, of: expected)
            for _ in 0..<steps {
                let x = inputs[i]
                let y = outputs[j] &+ delta
                // Past a match the next key is the next candidate; past the last key, the last one, which is too small.
                firstPair.pointee = RowPairs.word(input: i, output: j)
                var candidate = i
                candidate &+= zeroOrOne(x == y)
                firstPair += candidate &- i
                candidate = min(candidate, end)
                secondPair.pointee = RowPairs.word(input: candidate, output: j)
                let isSecond = zeroOrOne(inputs[candidate] == y &+ 1)
                secondPair += isSecond
                candidate = min(candidate &+ isSecond, end)
                thirdPair.pointee = RowPairs.word(input: candidate, output: j)
                thirdPair += zeroOrOne(inputs[candidate] == y &+ 2)
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
