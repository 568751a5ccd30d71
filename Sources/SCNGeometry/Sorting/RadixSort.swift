internal import SCNCore

/// Sorts `keys`, stably, and moves `payload` along: least significant digit first, over the bits that differ alone.
///
/// Both storages may be used as scratch; the result is in the ones that are returned.
func radixSorted<Key: SiteKey>(
    _ keys: Storage<Key>, _ payload: Storage<Int32>
) throws(SCNError) -> (keys: Storage<Key>, payload: Storage<Int32>) {
    let count = keys.count
    let differing = differingBits(keys)
    if differing == 0 { return (keys, payload) }
    let digitBits = count < ChunkSizes.widelySorted ? 8 : 11
    let chunks = min(ChunkSizes.mostSorted, Parallel.chunkCount(count, size: ChunkSizes.sorted))
    let counters = try Storage<Int32>(count: chunks << digitBits)
    var source = (keys: keys, payload: payload)
    var target = (keys: try Storage<Key>(count: count), payload: try Storage<Int32>(count: count))
    var rest = differing
    while rest != 0 {
        let shift = rest.trailingZeroBitCount
        let bits = balancedDigit(rest >> Key(shift), atMost: digitBits)
        distribute(source, target, RadixDigit(shift: shift, bits: bits), chunks: chunks, counters.pointer)
        swap(&source, &target)
        rest &= ~(~(Key.max << Key(bits)) << Key(shift))
    }
    return source
}

private struct RadixDigit {
    var shift: Int
    var bits: Int
}

/// The bits in which keys differ, or 0 where they ascend already.
private func differingBits<Key: SiteKey>(_ keys: Storage<Key>) -> Key {
    guard let first = keys.first else { return 0 }
    let (source, count) = (keys.pointer, keys.count)
    var differing: Key = 0
    var descents = 0
    var previous = first
    for index in 0..<count {
        let key = source[index]
        differing |= key ^ first
        descents &+= key < previous ? 1 : 0
        previous = key
    }
    return descents == 0 ? 0 : differing
}

/// The width of the next digit, such that a run of bits is cut evenly.
private func balancedDigit<Key: SiteKey>(_ bits: Key, atMost limit: Int) -> Int {
    let width = Key.bitWidth - bits.leadingZeroBitCount
    let passes = (width + limit - 1) / limit
    return (width + passes - 1) / passes
}

/// One stable pass. Each chunk of the source has its own counters, hence its own places in the target.
private func distribute<Key: SiteKey>(
    _ source: (keys: Storage<Key>, payload: Storage<Int32>), _ target: (keys: Storage<Key>, payload: Storage<Int32>),
    _ digit: RadixDigit, chunks: Int, _ counters: UnsafeMutablePointer<Int32>
) {
    let count = source.keys.count
    let radix = 1 << digit.bits
    let mask = Key(radix - 1)
    let shift = Key(digit.shift)
    let (keys, payload) = (source.keys.pointer, source.payload.pointer)
    let (sortedKeys, sortedPayload) = (target.keys.pointer, target.payload.pointer)
    let size = (count + chunks - 1) / chunks
    Parallel.forEachChunk(count, size: size) { chunk, range in
        let counter = counters + chunk * radix
        counter.update(repeating: 0, count: radix)
        for index in range { counter[Int(truncatingIfNeeded: (keys[index] &>> shift) & mask)] &+= 1 }
    }
    var total: Int32 = 0
    for value in 0..<radix {
        for chunk in 0..<Parallel.chunkCount(count, size: size) {
            let counter = counters + chunk * radix + value
            let occurrences = counter.pointee
            counter.pointee = total
            total &+= occurrences
        }
    }
    Parallel.forEachChunk(count, size: size) { chunk, range in
        let cursor = counters + chunk * radix
        for index in range {
            let key = keys[index]
            let value = Int(truncatingIfNeeded: (key &>> shift) & mask)
            let place = Int(cursor[value])
            cursor[value] &+= 1
            sortedKeys[place] = key
            sortedPayload[place] = payload[index]
        }
    }
}
