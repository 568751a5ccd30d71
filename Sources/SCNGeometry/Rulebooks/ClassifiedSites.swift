internal import SCNCore

/// Sites by the residues of their places modulo a step on each axis: of two site sets that a constant stride relates,
/// only one class of each meets under a filter offset, and there the quotients differ by a constant.
struct ClassifiedSites<Key: SiteKey> {
    /// The keys of the quotients (place / step), ascending within each class, the classes one after the other.
    let keys: Storage<Key>
    /// The row of each; nil where they are in the order of the rows.
    let rows: Storage<Int32>?
    /// Where each class begins, and where the last ends; nil where there is one.
    private let starts: Storage<Int64>?
    /// The residues of each class, ascending; nil where all numbers are classes.
    private let classes: Storage<Key>?
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
            (rows, starts, classes, classLayout) = (nil, nil, nil, nil)
            return
        }
        let classLayout = try Self.classLayout(sites, modulo: modulus)
        self.classLayout = classLayout
        let (quotients, residues) = try Self.divided(sites, modulus, layout, classLayout)
        let count = sites.count
        let classBits = classLayout.axes.reduce(0) { $0 + $1.bits }
        if classBits <= Self.mostCountedBits {
            let counted = try Self.counted(quotients, residues, classes: 1 << classBits)
            (keys, rows, starts, classes) = (counted.keys, counted.rows, counted.starts, nil)
            return
        }
        let classes = try RankedKeys(residues)
        let sorted = try Storage<Key>(count: count)
        let (member, quotient, target) = (classes.members.pointer, quotients.pointer, sorted.pointer)
        Parallel.forEachChunk(count, size: ChunkSizes.keys) { _, range in
            for index in range { target[index] = quotient[Int(member[index])] }
        }
        withExtendedLifetime(quotients) {}
        (keys, rows, starts, self.classes) = (sorted, classes.members, classes.starts, classes.keys)
    }

    /// Classes of so many bits are sorted by counting.
    private static var mostCountedBits: Int { 11 }

    /// The keys of quotients and of residues, in the order of the rows.
    private static func divided(
        _ sites: SiteSet, _ modulus: [Int], _ layout: KeyLayout, _ classLayout: KeyLayout
    ) throws(SCNError) -> (quotients: Storage<Key>, residues: Storage<Key>) {
        let result = (try Storage<Key>(count: sites.count), try Storage<Key>(count: sites.count))
        let places = sites.spatialSize.reduce(0) { $0 > sites.count ? $0 : $0 + min($1, sites.count + 1) }
        if places <= sites.count {
            switch sites.keys {
            case .narrow(let keys): try lookUp(keys, sites, modulus, layout, classLayout, result.0, result.1)
            case .wide(let keys): try lookUp(keys, sites, modulus, layout, classLayout, result.0, result.1)
            }
        } else {
            try divide(sites, modulus, layout, classLayout, result.0, result.1)
        }
        return result
    }

    /// By tables of the places of each axis, where they are fewer than the sites.
    private static func lookUp<Source: SiteKey>(
        _ keys: Storage<Source>, _ sites: SiteSet, _ modulus: [Int], _ layout: KeyLayout, _ classLayout: KeyLayout,
        _ quotients: Storage<Key>, _ residues: Storage<Key>
    ) throws(SCNError) {
        let (size, dimension) = (sites.spatialSize, sites.dimension)
        let tables = try Storage<Key>(count: 2 * size.reduce(0, +))
        var firsts: [Int] = []
        var first = 0
        for axis in size.indices {
            let (field, classField) = (layout.axes[axis], classLayout.axes[axis])
            let (table, step) = (tables.pointer + first, modulus[axis])
            var (quotient, residue) = (0, 0)
            for place in 0..<size[axis] {
                table[2 * place] = field.part(quotient, as: Key.self)
                table[2 * place + 1] = Key(truncatingIfNeeded: residue) << Key(classField.shift)
                residue += 1
                if residue == step { (quotient, residue) = (quotient + 1, 0) }
            }
            firsts.append(first)
            first += 2 * size[axis]
        }
        let (source, quotient, residue) = (keys.pointer, quotients.pointer, residues.pointer)
        let (from, to) = (Source(sites.layout.batch.shift), Key(layout.batch.shift))
        Parallel.forEachChunk(keys.count, size: ChunkSizes.sites) { _, rows in
            for row in rows {
                quotient[row] = Key(truncatingIfNeeded: source[row] &>> from) &<< to
                residue[row] = 0
            }
            for axis in 0..<dimension {
                let field = sites.layout.axes[axis]
                let (table, shift, margin) = (tables.pointer + firsts[axis], Source(field.shift), field.margin)
                let mask = ~(Source.max << Source(field.bits))
                for row in rows {
                    let place = Int(truncatingIfNeeded: (source[row] &>> shift) & mask) &- margin
                    quotient[row] |= table[2 &* place]
                    residue[row] |= table[2 &* place &+ 1]
                }
            }
        }
        withExtendedLifetime(tables) {}
    }

    private static func divide(
        _ sites: SiteSet, _ modulus: [Int], _ layout: KeyLayout, _ classLayout: KeyLayout, _ quotients: Storage<Key>,
        _ residues: Storage<Key>
    ) throws(SCNError) {
        let (columns, dimension, zeros) = (sites.dimension + 1, sites.dimension, modulus.map { _ in 0 })
        let (quotient, residue) = (quotients.pointer, residues.pointer)
        try Parallel.tryForEachChunk(sites.count, size: ChunkSizes.sites) { _, range throws(SCNError) in
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
    }

    /// Brings the rows of each class together, in their order: one stable pass by counting.
    private static func counted(
        _ quotients: Storage<Key>, _ residues: Storage<Key>, classes: Int
    ) throws(SCNError) -> (keys: Storage<Key>, rows: Storage<Int32>, starts: Storage<Int64>) {
        let (count, size) = (quotients.count, max(ChunkSizes.sorted, quotients.count / ChunkSizes.mostSorted + 1))
        let chunks = Parallel.chunkCount(count, size: size)
        let counters = try Storage<Int64>(count: chunks * classes, zeroed: true)
        let (keys, rows) = (try Storage<Key>(count: count), try Storage<Int32>(count: count))
        let starts = try Storage<Int64>(count: classes + 1)
        let (counter, quotient, residue) = (counters.pointer, quotients.pointer, residues.pointer)
        let (key, row) = (keys.pointer, rows.pointer)
        Parallel.forEachChunk(count, size: size) { chunk, range in
            let own = counter + chunk * classes
            for index in range { own[Int(truncatingIfNeeded: residue[index])] &+= 1 }
        }
        var total: Int64 = 0
        for value in 0..<classes {
            starts[value] = total
            for chunk in 0..<chunks {
                (counter[chunk * classes + value], total) = (total, total + counter[chunk * classes + value])
            }
        }
        starts[classes] = total
        Parallel.forEachChunk(count, size: size) { chunk, range in
            let own = counter + chunk * classes
            for index in range {
                let value = Int(truncatingIfNeeded: residue[index])
                let place = Int(own[value])
                own[value] &+= 1
                key[place] = quotient[index]
                row[place] = Int32(truncatingIfNeeded: index)
            }
        }
        withExtendedLifetime((counters, quotients, residues)) {}
        return (keys, rows, starts)
    }

    /// What a residue on an axis adds to the key of a class, or nil where no place has it.
    func classPart(_ axis: Int, residue: Int) -> Key? {
        guard let classLayout else { return 0 }
        let field = classLayout.axes[axis]
        return residue >> field.bits == 0 ? Key(truncatingIfNeeded: residue) << Key(field.shift) : nil
    }

    /// Where the sites of a class are.
    func range(ofClass key: Key) -> Range<Int> {
        guard let starts else { return 0..<keys.count }
        guard let classes else { return Int(starts[Int(key)])..<Int(starts[Int(key) + 1]) }
        let found = lowerBound(classes.pointer, 0..<classes.count, key)
        if found == classes.count || classes[found] != key { return 0..<0 }
        return Int(starts[found])..<Int(starts[found + 1])
    }
}
