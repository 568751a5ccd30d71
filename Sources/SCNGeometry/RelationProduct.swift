internal import SCNCore

/// Walks over input sites and gives, for each, every output site that it takes part in with its filter offset: the product
/// over the axes of what an `AxisRelation` each gives, kept in a small cache with a slot for each residue of a coordinate.
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
    private let batchShift: Key
    private let axes: Storage<Axis>
    private let slots: Storage<Slot>
    private let keys: Storage<Key>
    private let offsets: Storage<Int>

    init(_ relations: [AxisRelation], mosts: [Int], layout: KeyLayout) throws(SCNError) {
        var axes: [Axis] = []
        var (slotCount, entries) = (0, 0)
        for (axis, relation) in relations.enumerated() {
            var count = 1
            while count < 1024 && count * mosts[axis] < 4096 { count *= 2 }
            axes.append(
                Axis(
                    relation: relation, margin: layout.axes[axis].margin, shift: Key(layout.axes[axis].shift),
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
        dimension = relations.count
        batchShift = Key(layout.batch.shift)
    }

    /// Calls `body(key, offset)` for each output of the input site `site`: coordinates, then batch index.
    @inline(__always)
    borrowing func enumerate(_ site: UnsafePointer<Int64>, _ body: (Key, Int) -> Void) {
        let (axes, key, offset) = (axes.pointer, keys.pointer, offsets.pointer)
        for axis in 0..<dimension where Int(site[axis]) != axes[axis].coordinate {
            lookUp(axes + axis, Int(site[axis]))
        }
        let last = dimension &- 1
        axes[0].key = Key(truncatingIfNeeded: site[dimension]) &<< batchShift
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
        var (key, offset) = (keys.pointer + entry, offsets.pointer + entry)
        let first = offset
        axis.relation.forEach(coordinate) { output, tap in
            key.pointee = Key(truncatingIfNeeded: output &+ axis.margin) &<< axis.shift
            offset.pointee = tap &* axis.weight
            key += 1
            offset += 1
        }
        return offset - first
    }
}
