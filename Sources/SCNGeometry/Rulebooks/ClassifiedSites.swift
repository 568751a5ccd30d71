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

    /// The layout of residues. No place has one beyond the spatial size.
    static func classLayout(_ sites: SiteSet, modulo modulus: [Int]) throws(SCNError) -> KeyLayout {
        let sizes = zip(modulus, sites.spatialSize).map { min($0, $1) }
        return try KeyLayout(spatialSize: sizes, batchSize: 1, reach: sizes.map { _ in 0 })
    }

    /// `layout`: that of the quotients, each times the axis's `scale`; nil for ones.
    init(
        _ sites: SiteSet, modulo modulus: [Int], scaledBy scale: [Int]? = nil, _ layout: KeyLayout
    ) throws(SCNError) {
        let scale = scale ?? modulus.map { _ in 1 }
        if (modulus + scale).allSatisfy({ $0 == 1 }) {
            keys = try sites.keys(in: layout, from: sites.field.lower, as: Key.self)
            (rows, starts, classes, classLayout) = (nil, nil, nil, nil)
            return
        }
        let division = Division(
            modulus: modulus, scale: scale, layout: layout, classLayout: try Self.classLayout(sites, modulo: modulus))
        classLayout = division.classLayout
        // Where no place has another residue than 0, too.
        if division.classBits == 0 {
            keys = try division.words(sites)
            (rows, starts, classes) = (nil, nil, nil)
            return
        }
        if division.classBits <= Self.mostCountedBits && division.fitsWord {
            let counted = try Self.counted(division.words(sites), division)
            (keys, rows, starts, classes) = (counted.keys, counted.rows, counted.starts, nil)
            return
        }
        let (quotients, residues) = (try Storage<Key>(count: sites.count), try Storage<Key>(count: sites.count))
        try division.divide(sites, quotients, residues)
        let classes = try RankedKeys(residues)
        let sorted = try Storage<Key>(count: sites.count)
        let (member, quotient, target) = (classes.members.pointer, quotients.pointer, sorted.pointer)
        Parallel.forEachChunk(sites.count, size: ChunkSizes.keys) { _, range in
            for index in range { target[index] = quotient[Int(member[index])] }
        }
        withExtendedLifetime(quotients) {}
        (keys, rows, starts, self.classes) = (sorted, classes.members, classes.starts, classes.keys)
    }

    /// Classes of so many bits are sorted by counting.
    private static var mostCountedBits: Int { 11 }

    /// How places become keys of quotients and of residues.
    private struct Division {
        let modulus: [Int]
        let scale: [Int]
        let layout: KeyLayout
        let classLayout: KeyLayout

        var classBits: Int { classLayout.axes.reduce(0) { $0 + $1.bits } }
        /// Where the residues are in a word that has them above the quotients.
        var classShift: Key { Key(layout.batch.shift + layout.batch.bits) }
        var fitsWord: Bool { layout.batch.shift + layout.batch.bits + classBits <= Key.bitWidth }

        /// The residues above the quotients, in the order of the rows; they fit.
        func words(_ sites: SiteSet) throws(SCNError) -> Storage<Key> {
            if case .narrow(let keys) = sites.keys, let word = try shifted(keys, sites) as? Storage<Key> { return word }
            let result = try Storage<Key>(count: sites.count)
            let places = sites.spatialSize.reduce(0) { $0 > sites.count ? $0 : $0 + min($1, sites.count + 1) }
            if places <= sites.count {
                switch sites.keys {
                case .narrow(let keys): try lookUp(keys, sites, result)
                case .wide(let keys): try lookUp(keys, sites, result)
                }
                return result
            }
            let residues = try Storage<Key>(count: sites.count)
            try divide(sites, result, residues)
            let (word, residue, shift) = (result.pointer, residues.pointer, classShift)
            if classBits > 0 {
                Parallel.forEachChunk(sites.count, size: ChunkSizes.keys) { _, rows in
                    for row in rows { word[row] |= residue[row] &<< shift }
                }
            }
            withExtendedLifetime(residues) {}
            return result
        }

        /// Where moduli and scales are powers of two, quotients and residues are parts of the bits of a place; else
        /// nil.
        private func shifted(_ keys: Storage<UInt64>, _ sites: SiteSet) throws(SCNError) -> Storage<UInt64>? {
            guard Key.self == UInt64.self, (modulus + scale).allSatisfy({ $0.nonzeroBitCount == 1 }) else { return nil }
            let zeros = modulus.map { _ in 0 }
            var parts = KeyParts(
                origin: sites.layout.origin(from: zeros, as: UInt64.self),
                base: layout.origin(from: zeros, as: UInt64.self))
            for axis in modulus.indices {
                let (from, to) = (sites.layout.axes[axis], layout.axes[axis])
                let bits = min(modulus[axis].trailingZeroBitCount, from.bits)
                parts.move(
                    from: from.shift + bits, bits: from.bits - bits,
                    to: to.shift + scale[axis].trailingZeroBitCount)
                let residue = classLayout.axes[axis]
                parts.move(from: from.shift, bits: residue.bits, to: Int(classShift) + residue.shift)
            }
            parts.move(from: sites.layout.batch.shift, bits: sites.layout.batch.bits, to: layout.batch.shift)
            return try parts.moved(keys)
        }

        private struct Table: BitwiseCopyable {
            var first: Int
            var shift: Int
            var mask: Int
        }

        /// By tables of the places of each axis, where they are fewer than the sites.
        private func lookUp<Source: SiteKey>(
            _ keys: Storage<Source>, _ sites: SiteSet, _ words: Storage<Key>
        ) throws(SCNError) {
            let size = sites.spatialSize
            let (entries, axes) = (try Storage<Key>(count: size.reduce(0, +)), try Storage<Table>(count: size.count))
            var first = 0
            for axis in size.indices {
                let (field, classField, source) = (layout.axes[axis], classLayout.axes[axis], sites.layout.axes[axis])
                let (entry, step) = (entries.pointer + first, modulus[axis])
                var (quotient, residue) = (0, 0)
                for place in 0..<size[axis] {
                    entry[place] = field.part(quotient * scale[axis], as: Key.self)
                    if step > 1 {
                        entry[place] |= Key(truncatingIfNeeded: residue) << (Key(classField.shift) + classShift)
                    }
                    residue += 1
                    if residue == step { (quotient, residue) = (quotient + 1, 0) }
                }
                axes[axis] = Table(first: first - source.margin, shift: source.shift, mask: (1 << source.bits) - 1)
                first += size[axis]
            }
            let (source, word) = (keys.pointer, words.pointer)
            let (entry, table, dimension) = (entries.pointer, axes.pointer, size.count)
            let (from, to) = (Source(sites.layout.batch.shift), Key(layout.batch.shift))
            Parallel.forEachChunk(keys.count, size: ChunkSizes.sites) { _, rows in
                for row in rows {
                    let key = source[row]
                    var result = Key(truncatingIfNeeded: key &>> from) &<< to
                    for axis in 0..<dimension {
                        let (shift, mask) = (Source(truncatingIfNeeded: table[axis].shift), table[axis].mask)
                        result |= entry[table[axis].first &+ (Int(truncatingIfNeeded: key &>> shift) & mask)]
                    }
                    word[row] = result
                }
            }
            withExtendedLifetime((entries, axes)) {}
        }

        func divide(_ sites: SiteSet, _ quotients: Storage<Key>, _ residues: Storage<Key>) throws(SCNError) {
            let (columns, dimension, zeros) = (sites.dimension + 1, sites.dimension, modulus.map { _ in 0 })
            let (quotient, residue) = (quotients.pointer, residues.pointer)
            try Parallel.tryForEachChunk(sites.count, size: ChunkSizes.sites) { _, range throws(SCNError) in
                let (places, rests) = (
                    try Storage<Int64>(count: range.count * columns), try Storage<Int64>(count: range.count * columns)
                )
                let (place, rest) = (places.pointer, rests.pointer)
                sites.places(of: range, into: place)
                for axis in 0..<dimension {
                    let (step, factor) = (Int64(modulus[axis]), Int64(scale[axis]))
                    for index in stride(from: axis, to: range.count * columns, by: columns) {
                        (place[index], rest[index]) = place[index].quotientAndRemainder(dividingBy: step)
                        place[index] &*= factor
                    }
                }
                for index in stride(from: dimension, to: range.count * columns, by: columns) { rest[index] = 0 }
                layout.encode(
                    place, count: range.count, columns: columns, from: zeros, into: quotient + range.lowerBound)
                classLayout.encode(
                    rest, count: range.count, columns: columns, from: zeros, into: residue + range.lowerBound)
                withExtendedLifetime((places, rests)) {}
            }
        }
    }

    /// Brings the rows of each class together, in their order: one stable pass by counting.
    private static func counted(
        _ words: Storage<Key>, _ division: Division
    ) throws(SCNError) -> (keys: Storage<Key>, rows: Storage<Int32>, starts: Storage<Int64>) {
        let (count, size) = (words.count, max(ChunkSizes.sorted, words.count / ChunkSizes.mostSorted + 1))
        let (chunks, classes) = (Parallel.chunkCount(count, size: size), 1 << division.classBits)
        let counters = try Storage<Int64>(count: chunks * classes, zeroed: true)
        let (keys, rows) = (try Storage<Key>(count: count), try Storage<Int32>(count: count))
        let starts = try Storage<Int64>(count: classes + 1)
        let (counter, word, shift) = (counters.pointer, words.pointer, division.classShift)
        let (key, row, mask) = (keys.pointer, rows.pointer, ~(Key.max &<< shift))
        Parallel.forEachChunk(count, size: size) { chunk, range in
            let own = counter + chunk * classes
            for index in range { own[Int(truncatingIfNeeded: word[index] &>> shift)] &+= 1 }
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
                let value = Int(truncatingIfNeeded: word[index] &>> shift)
                let place = Int(own[value])
                own[value] &+= 1
                key[place] = word[index] & mask
                row[place] = Int32(truncatingIfNeeded: index)
            }
        }
        withExtendedLifetime((counters, words)) {}
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
