internal import SCNCore

/// Walks over input sites and gives, for each, every output site that it takes part in with its filter offset: the product
/// over the axes of what an `AxisRelation` each gives.
struct RelationProduct<Key: SiteKey>: ~Copyable {
    private struct Axis: BitwiseCopyable {
        var relation: AxisRelation
        var margin: Int
        var shift: Key
        /// Filter offsets from one tap to the next.
        var weight: Int
        var coordinate = -1
        /// Where the entries of the current coordinate are, and how many.
        var entry: Int
        var count = 0
        /// The entry of the product that is built, and what the axes before it add up to.
        var current = 0
        var key: Key = 0
        var offset = 0
    }

    private let dimension: Int
    private let batchShift: Key
    private let axes: Storage<Axis>
    private let keys: Storage<Key>
    private let offsets: Storage<Int>

    init(_ relations: [AxisRelation], mosts: [Int], layout: KeyLayout) throws(SCNError) {
        var axes: [Axis] = []
        var entries = 0
        for (axis, relation) in relations.enumerated() {
            axes.append(
                Axis(
                    relation: relation, margin: layout.axes[axis].margin, shift: Key(layout.axes[axis].shift),
                    weight: relations[(axis + 1)...].reduce(1) { $0 * $1.taps }, entry: entries))
            entries += mosts[axis]
        }
        let (storedAxes, keys) = (try Storage(axes), try Storage<Key>(count: entries))
        offsets = try Storage(count: entries)
        (self.axes, self.keys) = (storedAxes, keys)
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

    private func lookUp(_ axis: UnsafeMutablePointer<Axis>, _ coordinate: Int) {
        let state = axis.pointee
        var (key, offset) = (keys.pointer + state.entry, offsets.pointer + state.entry)
        let first = offset
        state.relation.forEach(coordinate) { output, tap in
            key.pointee = Key(truncatingIfNeeded: output &+ state.margin) &<< state.shift
            offset.pointee = tap &* state.weight
            key += 1
            offset += 1
        }
        axis.pointee.coordinate = coordinate
        axis.pointee.count = offset - first
    }
}
