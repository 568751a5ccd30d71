internal import SCNCore

/// The outputs that a site takes part in, as keys, and the filter offsets under which it does: the product over the
/// axes of what an `AxisRelation` each gives, which a small cache keeps, with a slot for each residue of a coordinate.
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
        /// The product of the axes before it: where it begins in `products`, and how many entries it has.
        var firstProduct = 0
        var productCount = 1
    }

    private struct Slot: BitwiseCopyable {
        var coordinate = -1
        var count = 0
    }

    private struct Entry: BitwiseCopyable {
        var key: Key
        var offset: Int
    }

    private let dimension: Int
    private let batchShift: Key
    private let axes: Storage<Axis>
    private let slots: Storage<Slot>
    private let entries: Storage<Entry>
    private var batch: Int64 = -1
    /// The products of the axes before each axis, one after the other.
    private var products: Storage<Entry>
    init(_ relations: [AxisRelation], largestFanOuts: [Int], layout: KeyLayout) throws(SCNError) {
        var axes: [Axis] = []
        var (slotCount, entryCount) = (0, 0)
        for axis in relations.indices {
            var count = 1
            while count < 1024 && count * largestFanOuts[axis] < 4096 { count *= 2 }
            axes.append(
                Axis(
                    relation: relations[axis], margin: layout.axes[axis].margin, shift: Key(layout.axes[axis].shift),
                    weight: relations[(axis + 1)...].reduce(1) { $0 * $1.taps }, slotMask: count - 1,
                    firstSlot: slotCount, firstEntry: entryCount, most: largestFanOuts[axis]))
            slotCount += count
            entryCount += count * largestFanOuts[axis]
        }
        let (storedAxes, slots) = (try Storage(axes), try Storage<Slot>(count: slotCount))
        let (entries, products) = (try Storage<Entry>(count: entryCount), try Storage<Entry>(count: axes.count))
        (self.axes, self.slots, self.entries, self.products) = (storedAxes, slots, entries, products)
        slots.pointer.update(repeating: Slot(), count: slotCount)
        dimension = relations.count
        batchShift = Key(layout.batch.shift)
    }

    /// Goes to a site: its coordinates, then its batch index.
    @inline(__always)
    mutating func move(to site: UnsafePointer<Int64>) throws(SCNError) {
        let axes = axes.pointer
        let last = dimension &- 1
        if site[dimension] != batch {
            batch = site[dimension]
            products.pointer[0] = Entry(key: Key(truncatingIfNeeded: batch) &<< batchShift, offset: 0)
            for axis in 0..<last { try multiply(axis, site) }
        } else {
            var axis = 0
            while axis < last && Int(site[axis]) == axes[axis].coordinate { axis &+= 1 }
            while axis < last {
                try multiply(axis, site)
                axis &+= 1
            }
        }
        if Int(site[last]) != axes[last].coordinate { lookUp(axes + last, Int(site[last])) }
    }

    /// The number of outputs of the site.
    var count: Int {
        @inline(__always) get {
            let last = axes.pointer + (dimension &- 1)
            return last.pointee.productCount &* last.pointee.count
        }
    }

    /// Calls `body(key, offset)` for each output of the site. Under one offset the keys of ascending sites ascend,
    /// where none of them has two.
    @inline(__always)
    borrowing func forEach(_ body: (Key, Int) -> Void) {
        let last = axes.pointer + (dimension &- 1)
        let (entry, count) = (entries.pointer + last.pointee.entry, last.pointee.count)
        let product = products.pointer + last.pointee.firstProduct
        for index in 0..<last.pointee.productCount {
            for other in 0..<count {
                body(product[index].key &+ entry[other].key, product[index].offset &+ entry[other].offset)
            }
        }
    }

    /// Makes the product of the axes up to `axis`, for the next one, of that of the axes before it.
    @inline(__always)
    private mutating func multiply(_ axis: Int, _ site: UnsafePointer<Int64>) throws(SCNError) {
        let factor = axes.pointer + axis
        let result = factor + 1
        if Int(site[axis]) != factor.pointee.coordinate { lookUp(factor, Int(site[axis])) }
        let (productCount, count) = (factor.pointee.productCount, factor.pointee.count)
        result.pointee.firstProduct = factor.pointee.firstProduct &+ productCount
        result.pointee.productCount = productCount &* count
        let needed = result.pointee.firstProduct &+ result.pointee.productCount
        if needed > products.count { try makeRoom(needed, keeping: result.pointee.firstProduct) }
        let product = products.pointer + factor.pointee.firstProduct
        var next = products.pointer + result.pointee.firstProduct
        let entry = entries.pointer + factor.pointee.entry
        for index in 0..<productCount {
            for other in 0..<count {
                next.pointee = Entry(
                    key: product[index].key &+ entry[other].key, offset: product[index].offset &+ entry[other].offset)
                next += 1
            }
        }
    }

    private mutating func makeRoom(_ needed: Int, keeping kept: Int) throws(SCNError) {
        let grown = try Storage<Entry>(count: max(needed, 2 * products.count))
        grown.pointer.update(from: products.pointer, count: kept)
        products = grown
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
        let target = entries.pointer + entry
        var count = 0
        axis.relation.forEach(coordinate) { output, tap in
            let field = Key(truncatingIfNeeded: output) &+ Key(truncatingIfNeeded: axis.margin)
            target[count] = Entry(key: field &<< axis.shift, offset: tap &* axis.weight)
            count &+= 1
        }
        return count
    }
}
