internal import SCNCore

/// Walks over input sites and gives, for each, every output site whose window covers it with its filter offset: the
/// product over the axes of what `AxisWindows` gives. Neighbours in the walk share the part of their leading axes.
struct WindowProduct<Key: SiteKey>: ~Copyable {
    /// The keys and filter offsets of all axes but the last ...
    var prefixCount: Int { levelCounts[dimension - 1] }
    let prefixKeys: UnsafeMutablePointer<Key>
    let prefixOffsets: UnsafeMutablePointer<Int>
    /// ... to which those of the last axis are added.
    var lastCount: Int { axisCounts[dimension - 1] }
    let lastKeys: UnsafeMutablePointer<Key>
    let lastOffsets: UnsafeMutablePointer<Int>

    private let dimension: Int
    private let windows: Storage<AxisWindows>
    private let fields: [KeyLayout.Field]
    private let batchShift: Key
    /// Filter offsets from one tap to the next, per axis.
    private let tapWeights: [Int]
    private let keys: Storage<Key>
    private let offsets: Storage<Int>
    private let outputs: Storage<Int>
    private let counts: Storage<Int>
    private let axisCounts: UnsafeMutablePointer<Int>
    private let levelCounts: UnsafeMutablePointer<Int>
    private let previous: UnsafeMutablePointer<Int>
    /// Where each axis, and the product of the axes before it, lies in `keys` and `offsets`.
    private let axisStarts: [Int]
    private let levelStarts: [Int]

    init(_ filter: FilterGeometry, outputSize: [Int], layout: KeyLayout) throws(SCNError) {
        let dimension = filter.dimension
        let windows = (0..<dimension).map { AxisWindows(filter, axis: $0, outputSize: outputSize[$0]) }
        // The filter volume bounds these products.
        var (axisStarts, levelStarts): ([Int], [Int]) = ([], [])
        var (total, product) = (0, 1)
        for count in windows.map(\.most) {
            axisStarts.append(total)
            levelStarts.append(total + count)
            total += count + product
            product *= count
        }
        let keys = try Storage<Key>(count: total)
        let offsets = try Storage<Int>(count: total)
        let outputs = try Storage<Int>(count: windows.map(\.most).max() ?? 0)
        let counts = try Storage<Int>(count: 3 * dimension + 1, zeroed: true)
        self.windows = try Storage(windows)

        self.dimension = dimension
        fields = layout.axes
        batchShift = Key(layout.batch.shift)
        var weights = [Int](repeating: 1, count: dimension)
        for axis in (0..<dimension - 1).reversed() { weights[axis] = weights[axis + 1] * filter.size[axis + 1] }
        tapWeights = weights
        (self.axisStarts, self.levelStarts) = (axisStarts, levelStarts)
        (self.keys, self.offsets, self.outputs, self.counts) = (keys, offsets, outputs, counts)
        axisCounts = counts.pointer
        levelCounts = counts.pointer + dimension
        previous = counts.pointer + 2 * dimension
        previous.update(repeating: -1, count: dimension + 1)
        prefixKeys = keys.pointer + levelStarts[dimension - 1]
        prefixOffsets = offsets.pointer + levelStarts[dimension - 1]
        lastKeys = keys.pointer + axisStarts[dimension - 1]
        lastOffsets = offsets.pointer + axisStarts[dimension - 1]
    }

    /// Goes to the input site `site`: coordinates, then batch index.
    mutating func move(to site: UnsafePointer<Int64>) {
        var changed = 0
        let batch = Int(site[dimension])
        if batch == previous[dimension] {
            while changed < dimension && Int(site[changed]) == previous[changed] { changed += 1 }
        } else {
            previous[dimension] = batch
            levelCounts[0] = 1
            keys.pointer[levelStarts[0]] = Key(truncatingIfNeeded: batch) &<< batchShift
            offsets.pointer[levelStarts[0]] = 0
        }
        for axis in changed..<dimension {
            if Int(site[axis]) != previous[axis] { lookUp(axis, Int(site[axis])) }
            if axis + 1 < dimension { multiply(axis) }
        }
    }

    private mutating func lookUp(_ axis: Int, _ input: Int) {
        previous[axis] = input
        let (key, offset) = (keys.pointer + axisStarts[axis], offsets.pointer + axisStarts[axis])
        let output = outputs.pointer
        let count = windows.pointer[axis].windows(of: input, taps: offset, outputs: output)
        let (margin, shift, weight) = (fields[axis].margin, Key(fields[axis].shift), tapWeights[axis])
        for index in 0..<count {
            key[index] = Key(truncatingIfNeeded: output[index] &+ margin) &<< shift
            offset[index] &*= weight
        }
        axisCounts[axis] = count
    }

    /// Makes the product of axes 0 ... axis from that of the axes before.
    private mutating func multiply(_ axis: Int) {
        let (key, offset) = (keys.pointer, offsets.pointer)
        let (leading, own) = (levelStarts[axis], axisStarts[axis])
        var target = levelStarts[axis + 1]
        for a in leading..<leading + levelCounts[axis] {
            for b in own..<own + axisCounts[axis] {
                key[target] = key[a] &+ key[b]
                offset[target] = offset[a] &+ offset[b]
                target &+= 1
            }
        }
        levelCounts[axis + 1] = target - levelStarts[axis + 1]
    }
}
