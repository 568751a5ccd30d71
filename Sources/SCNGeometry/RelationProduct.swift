internal import SCNCore

/// What the coordinates of an input on some neighbouring axes take part in: key fields of outputs, added up, and filter
/// offsets. The product over the axes of what an `AxisRelation` each gives, kept in a small cache with a slot for each residue
/// of a coordinate.
struct RelationProduct<Key: SiteKey>: ~Copyable {
    private struct Axis: BitwiseCopyable {
        var relation: AxisRelation
        var margin: Int
        var shift: Key
        /// Filter offsets from one tap to the next.
        var weight: Int
        /// Of the cache: its slots, and the entries in each.
        var slotMask: Int
        var firstSlot: Int
        var firstEntry: Int
        var most: Int
        /// The current coordinate, where its entries are, and how many.
        var coordinate = -1
        var entry = 0
        var count = 0
        /// The entry of the product that is built, and what the axes before it add up to.
        var current = 0
        var key: Key = 0
        var offset = 0
    }

    private struct Slot: BitwiseCopyable {
        var coordinate = -1
        var count = 0
    }

    private let dimension: Int
    private let axes: Storage<Axis>
    private let slots: Storage<Slot>
    let keys: Storage<Key>
    let offsets: Storage<Int>

    /// The axes in `range` of those that `relations` and `mosts` are of.
    init(_ range: Range<Int>, of relations: [AxisRelation], mosts: [Int], layout: KeyLayout) throws(SCNError) {
        var axes: [Axis] = []
        var (slotCount, entries) = (0, 0)
        for axis in range {
            var count = 1
            while count < 1024 && count * mosts[axis] < 4096 { count *= 2 }
            axes.append(
                Axis(
                    relation: relations[axis], margin: layout.axes[axis].margin, shift: Key(layout.axes[axis].shift),
                    weight: relations[(axis + 1)...].reduce(1) { $0 * $1.taps }, slotMask: count - 1,
                    firstSlot: slotCount, firstEntry: entries, most: mosts[axis]))
            slotCount += count
            entries += count * mosts[axis]
        }
        let (storedAxes, slots) = (try Storage(axes), try Storage<Slot>(count: slotCount))
        let keys = try Storage<Key>(count: entries)
        offsets = try Storage(count: entries)
        (self.axes, self.slots, self.keys) = (storedAxes, slots, keys)
        slots.pointer.update(repeating: Slot(), count: slotCount)
        dimension = range.count
    }

    /// Goes to an input, which has a coordinate for each axis, and returns the number of outputs.
    @inline(__always)
    borrowing func move(to coordinates: UnsafePointer<Int64>) -> Int {
        let axes = axes.pointer
        var outputs = 1
        for axis in 0..<dimension {
            if Int(coordinates[axis]) != axes[axis].coordinate { lookUp(axes + axis, Int(coordinates[axis])) }
            outputs &*= axes[axis].count
        }
        return outputs
    }

    /// The entries of the first axis at `coordinate`, in the order of the outputs: in `keys` and in `offsets`.
    @inline(__always)
    borrowing func entries(at coordinate: Int) -> Range<Int> {
        let axis = axes.pointer
        if coordinate != axis.pointee.coordinate { lookUp(axis, coordinate) }
        return axis.pointee.entry..<axis.pointee.entry &+ axis.pointee.count
    }

    /// Calls `body(key, offset)` for each output, the last axis fastest.
    @inline(__always)
    borrowing func enumerate(_ body: (Key, Int) -> Void) {
        if dimension == 0 { return body(0, 0) }
        let (axes, key, offset) = (axes.pointer, keys.pointer, offsets.pointer)
        let last = dimension &- 1
        axes[0].key = 0
        axes[0].offset = 0
        axes[0].current = 0
        var axis = 0
        while axis >= 0 {
            let state = axes[axis]
            if axis == last {
                for entry in state.entry..<state.entry &+ state.count {
                    body(state.key &+ key[entry], state.offset &+ offset[entry])
                }
                axis &-= 1
            } else if state.current == state.count {
                axis &-= 1
            } else {
                let entry = state.entry &+ state.current
                axes[axis].current &+= 1
                axis &+= 1
                axes[axis].key = state.key &+ key[entry]
                axes[axis].offset = state.offset &+ offset[entry]
                axes[axis].current = 0
            }
        }
    }

    @inline(__always)
    private func lookUp(_ axis: UnsafeMutablePointer<Axis>, _ coordinate: Int) {
        let index = coordinate & axis.pointee.slotMask
        let slot = slots.pointer + axis.pointee.firstSlot + index
        let entry = axis.pointee.firstEntry &+ index &* axis.pointee.most
        if slot.pointee.coordinate != coordinate {
            slot.pointee = Slot(coordinate: coordinate, count: fill(axis.pointee, entry, coordinate))
        }
        axis.pointee.coordinate = coordinate
        axis.pointee.entry = entry
        axis.pointee.count = slot.pointee.count
    }

    private func fill(_ axis: Axis, _ entry: Int, _ coordinate: Int) -> Int {
        let (key, offset) = (keys.pointer + entry, offsets.pointer + entry)
        var count = 0
        axis.relation.forEach(coordinate) { output, tap in
            key[count] = (Key(truncatingIfNeeded: output) &+ Key(truncatingIfNeeded: axis.margin)) &<< axis.shift
            offset[count] = tap &* axis.weight
            count &+= 1
        }
        if count > 1 && key[0] > key[1] {
            var (reversedKeys, reversedOffsets) = (
                UnsafeMutableBufferPointer(start: key, count: count),
                UnsafeMutableBufferPointer(start: offset, count: count)
            )
            reversedKeys.reverse()
            reversedOffsets.reverse()
        }
        return count
    }
}
