internal import SCNCore

/// Walks over input sites and gives, for each, every output site whose window covers it with its filter offset: the
/// product over the axes of what `AxisWindows` gives.
///
/// Neighbours in the walk share the product of their leading axes, and the windows of a coordinate are kept in a small
/// cache, one slot for each residue, so that the walk hardly ever divides.
struct WindowProduct<Key: SiteKey>: ~Copyable {
    private struct Axis: BitwiseCopyable {
        var windows: AxisWindows
        var margin: Int
        var shift: Key
        /// Filter offsets from one tap to the next.
        var weight: Int
        /// Of the cache: its slots, and the entries in each.
        var slotMask: Int
        var firstSlot: Int
        var firstEntry: Int
        var most: Int
        /// The coordinate of the walk, and where its entries are.
        var coordinate = -1
        var entry = 0
        var count = 0
        /// The product of the axes before this one.
        var level: Int
        var levelCount = 0
    }

    private struct Slot: BitwiseCopyable {
        var coordinate = -1
        var count = 0
    }

    private let dimension: Int
    private let batchShift: Key
    private var batch = -1
    private let axes: Storage<Axis>
    private let slots: Storage<Slot>
    private let keys: Storage<Key>
    private let offsets: Storage<Int>
    private let outputs: Storage<Int>

    init(_ filter: FilterGeometry, outputSize: [Int], layout: KeyLayout) throws(SCNError) {
        var axes: [Axis] = []
        var (slotCount, entryCount, product) = (0, 0, 1)
        for axis in 0..<filter.dimension {
            let windows = AxisWindows(filter, axis: axis, outputSize: outputSize[axis])
            var slots = 1
            while slots < 1024 && slots * windows.most < 4096 { slots *= 2 }
            // The filter volume bounds the product of all axes.
            axes.append(
                Axis(
                    windows: windows, margin: layout.axes[axis].margin, shift: Key(layout.axes[axis].shift),
                    weight: filter.size[(axis + 1)...].reduce(1, *), slotMask: slots - 1, firstSlot: slotCount,
                    firstEntry: entryCount + product, most: windows.most, level: entryCount))
            slotCount += slots
            entryCount += product + slots * windows.most
            product *= windows.most
        }
        let most = axes.map(\.most).max() ?? 0
        let (storedAxes, slots) = (try Storage(axes), try Storage<Slot>(count: slotCount))
        let (keys, offsets) = (try Storage<Key>(count: entryCount), try Storage<Int>(count: entryCount))
        outputs = try Storage(count: most)
        (self.axes, self.slots, self.keys, self.offsets) = (storedAxes, slots, keys, offsets)
        dimension = filter.dimension
        batchShift = Key(layout.batch.shift)
        slots.pointer.update(repeating: Slot(), count: slotCount)
    }

    /// Goes to the input site `site`: coordinates, then batch index.
    @inline(__always)
    mutating func move(to site: UnsafePointer<Int64>) {
        let axes = axes.pointer
        var changed = 0
        if Int(site[dimension]) == batch {
            while changed < dimension && Int(site[changed]) == axes[changed].coordinate { changed &+= 1 }
        } else {
            batch = Int(site[dimension])
            keys.pointer[axes[0].level] = Key(truncatingIfNeeded: batch) &<< batchShift
            offsets.pointer[axes[0].level] = 0
            axes[0].levelCount = 1
        }
        for axis in changed..<dimension {
            if Int(site[axis]) != axes[axis].coordinate { lookUp(axes + axis, Int(site[axis])) }
            if axis &+ 1 < dimension { multiply(axes + axis) }
        }
    }

    /// Calls `body(key, offset)` for each output site and the filter offset under which it reads the current one.
    @inline(__always)
    borrowing func enumerate(_ body: (Key, Int) -> Void) {
        let last = axes.pointer[dimension - 1]
        let (key, offset) = (keys.pointer, offsets.pointer)
        for a in last.level..<last.level &+ last.levelCount {
            for b in last.entry..<last.entry &+ last.count { body(key[a] &+ key[b], offset[a] &+ offset[b]) }
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
        let (key, offset, output) = (keys.pointer + entry, offsets.pointer + entry, outputs.pointer)
        let count = axis.windows.windows(of: coordinate, taps: offset, outputs: output)
        for index in 0..<count {
            key[index] = Key(truncatingIfNeeded: output[index] &+ axis.margin) &<< axis.shift
            offset[index] &*= axis.weight
        }
        return count
    }

    /// Makes the product for the next axis from that for this one.
    @inline(__always)
    private func multiply(_ axis: UnsafeMutablePointer<Axis>) {
        let (key, offset) = (keys.pointer, offsets.pointer)
        let (level, levelCount) = (axis.pointee.level, axis.pointee.levelCount)
        let (entry, count) = (axis.pointee.entry, axis.pointee.count)
        var target = axis[1].level
        for a in level..<level &+ levelCount {
            for b in entry..<entry &+ count {
                key[target] = key[a] &+ key[b]
                offset[target] = offset[a] &+ offset[b]
                target &+= 1
            }
        }
        axis[1].levelCount = target &- axis[1].level
    }
}
