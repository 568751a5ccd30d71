internal import SCNCore

/// Sites by the residues of their places modulo a step on each axis: of two site sets that a constant stride relates,
/// only one class of each meets under a filter offset, and there the quotients differ by a constant.
struct ClassifiedSites<Key: SiteKey> {
    /// The keys of the quotients (place / step), ascending within each class, the classes one after the other.
    let keys: Storage<Key>
    /// The row of each; nil where they are in the order of the rows.
    let rows: Storage<Int32>?
    private let classes: RankedKeys<Key>?
    private let classLayout: KeyLayout?
    private let modulus: [Int]

    /// The layout of residues. No place has one beyond the spatial size.
    static func classLayout(_ sites: SiteSet, modulo modulus: [Int]) throws(SCNError) -> KeyLayout {
        let sizes = zip(modulus, sites.spatialSize).map { min($0, $1) }
        return try KeyLayout(spatialSize: sizes, batchSize: 1, reach: sizes.map { _ in 0 })
    }

    /// `layout`: that of the quotients.
    init(_ sites: SiteSet, modulo modulus: [Int], _ layout: KeyLayout) throws(SCNError) {
        self.modulus = modulus
        if modulus.allSatisfy({ $0 == 1 }) {
            keys = try sites.keys(in: layout, from: sites.field.lower, as: Key.self)
            (rows, classes, classLayout) = (nil, nil, nil)
            return
        }
        let (count, columns, dimension) = (sites.count, sites.dimension + 1, sites.dimension)
        let classLayout = try Self.classLayout(sites, modulo: modulus)
        let (quotients, residues) = (try Storage<Key>(count: count), try Storage<Key>(count: count))
        let (quotient, residue) = (quotients.pointer, residues.pointer)
        let zeros = modulus.map { _ in 0 }
        try Parallel.tryForEachChunk(count, size: ChunkSizes.sites) { _, range throws(SCNError) in
            let (places, rests) = (
                try Storage<Int64>(count: range.count * columns), try Storage<Int64>(count: range.count * columns)
            )
            let (place, rest) = (places.pointer, rests.pointer)
            sites.places(of: range, into: place)
            for axis in 0..<dimension {
                let step = Int64(modulus[axis])
                for index in stride(from: axis, to: range.count * columns, by: columns) {
                    (place[index], rest[index]) = place[index].quotientAndRemainder(dividingBy: step)
                }
            }
            for index in stride(from: dimension, to: range.count * columns, by: columns) { rest[index] = 0 }
            layout.encode(place, count: range.count, columns: columns, from: zeros, into: quotient + range.lowerBound)
            classLayout.encode(
                rest, count: range.count, columns: columns, from: zeros, into: residue + range.lowerBound)
            withExtendedLifetime((places, rests)) {}
        }
        let classes = try RankedKeys(residues)
        let sorted = try Storage<Key>(count: count)
        let (member, target) = (classes.members.pointer, sorted.pointer)
        Parallel.forEachChunk(count, size: ChunkSizes.keys) { _, range in
            for index in range { target[index] = quotient[Int(member[index])] }
        }
        withExtendedLifetime(quotients) {}
        keys = sorted
        rows = classes.members
        (self.classes, self.classLayout) = (classes, classLayout)
    }

    /// What a residue on an axis adds to the key of a class, or nil where no place has it.
    func classPart(_ axis: Int, residue: Int) -> Key? {
        guard let classLayout else { return 0 }
        let field = classLayout.axes[axis]
        return residue >> field.bits == 0 ? Key(truncatingIfNeeded: residue) << Key(field.shift) : nil
    }

    /// Where the sites of a class are.
    func range(ofClass key: Key) -> Range<Int> {
        guard let classes else { return 0..<keys.count }
        let found = lowerBound(classes.keys.pointer, 0..<classes.keys.count, key)
        if found == classes.keys.count || classes.keys[found] != key { return 0..<0 }
        return Int(classes.starts[found])..<Int(classes.starts[found + 1])
    }
}
