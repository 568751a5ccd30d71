package import SCNCore

extension Rulebook {
    /// All sites that take part in a relation with any input site, and its rules: output * outputStride = input *
    /// inputStride - offset(k) on each axis.
    ///
    /// The output's field is the input's times inputStride / outputStride, and what would lie outside of it is left
    /// out; where the input's has no bounds, neither has the output's.
    package static func covering(
        _ input: SiteSet, _ relation: SiteRelation
    ) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook) {
        try require(
            input.dimension == relation.dimension, .shape,
            "input sites: have dimension \(input.dimension), expected \(relation.dimension), that of the offsets")
        let taps = try CoveringTaps(input, relation)
        let layout = try KeyLayout(spatialSize: taps.field.size, batchSize: input.batchSize)
        let classes = try ClassifiedSites<UInt128>.classLayout(input, modulo: taps.modulus)
        let keys: SiteSet.Keys
        let rulebook: Rulebook
        if layout.isWide || classes.isWide {
            let (found, rules) = try covering(input, relation, taps, layout, UInt128.self)
            // What needs no more bits is kept in 64, as all sites of that layout are.
            keys = layout.isWide ? .wide(found) : .narrow(try narrowed(found))
            rulebook = rules
        } else {
            let (found, rules) = try covering(input, relation, taps, layout, UInt64.self)
            (keys, rulebook) = (.narrow(found), rules)
        }
        let output = try SiteSet(taps.field, batchSize: input.batchSize, layout: layout, keys: keys)
        return input.field.isUnbounded ? (output, rulebook) : try cut(output, rulebook, to: taps.bounds)
    }

    private static func narrowed(_ keys: Storage<UInt128>) throws(SCNError) -> Storage<UInt64> {
        let result = try Storage<UInt64>(count: keys.count)
        for row in 0..<keys.count { result.pointer[row] = UInt64(truncatingIfNeeded: keys.pointer[row]) }
        return result
    }

    private static func covering<Key: SiteKey>(
        _ input: SiteSet, _ relation: SiteRelation, _ taps: CoveringTaps, _ layout: KeyLayout, _: Key.Type
    ) throws(SCNError) -> (Storage<Key>, Rulebook) {
        let sizes = zip(input.spatialSize, taps.modulus).map { ($0 - 1) / $1 + 1 }
        let quotients = try KeyLayout(spatialSize: sizes, batchSize: input.batchSize, reach: sizes.map { _ in 0 })
        let classified = try ClassifiedSites<Key>(input, modulo: taps.modulus, quotients)
        let scaled = try Storage<Key>(count: input.count)
        let (columns, scale) = (input.dimension + 1, taps.scale)
        try Parallel.tryForEachChunk(input.count, size: ChunkSizes.sites) { _, range throws(SCNError) in
            let places = try Storage<Int64>(count: range.count * columns)
            let (place, none) = (places.pointer, scale.map { _ in 0 })
            quotients.decode(classified.keys.pointer + range.lowerBound, count: range.count, from: none, into: place)
            for axis in scale.indices where scale[axis] != 1 {
                for index in stride(from: axis, to: range.count * columns, by: columns) {
                    place[index] &*= Int64(scale[axis])
                }
            }
            layout.encode(
                place, count: range.count, columns: columns, from: none, into: scaled.pointer + range.lowerBound)
            withExtendedLifetime(places) {}
        }

        let volume = relation.volume
        let (starts, firsts) = (try Storage<Int64>(count: volume + 1), try Storage<Int>(count: volume))
        let deltas = try Storage<Key>(count: volume)
        starts[0] = 0
        for k in 0..<volume {
            let (range, delta) = taps.pass(k, classified, layout)
            (firsts[k], deltas[k]) = (range.lowerBound, delta)
            starts[k + 1] = starts[k] + Int64(range.count)
            try require(
                starts[k + 1] <= Int64(Int32.max), .overflow,
                "a rulebook of more than \(Int32.max) rules is not possible")
        }
        let total = Int(starts[volume])
        let (elements, rows) = (try Storage<Key>(count: total), try Storage<Int32>(count: total))
        let (element, inputRow, source) = (elements.pointer, rows.pointer, scaled.pointer)
        let (start, first, delta, row) = (starts.pointer, firsts.pointer, deltas.pointer, classified.rows?.pointer)
        Parallel.forEach(volume) { k in
            let (target, origin) = (Int(start[k]), first[k])
            for index in 0..<Int(start[k + 1] - start[k]) {
                element[target &+ index] = source[origin &+ index] &+ delta[k]
                inputRow[target &+ index] = row?[origin &+ index] ?? Int32(truncatingIfNeeded: origin &+ index)
            }
        }
        withExtendedLifetime((scaled, classified, firsts, deltas)) {}
        let ranked = try RankedLists(elements, starts: starts)
        let rulebook = Rulebook(
            offsets: starts, inputRows: rows, outputRows: ranked.ranks, inputCount: input.count,
            outputCount: ranked.keys.count)
        return (ranked.keys, rulebook)
    }

    /// Leaves out what lies outside of a field.
    private static func cut(
        _ output: SiteSet, _ rulebook: Rulebook, to field: Field
    ) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook) {
        let columns = output.dimension + 1
        let sites = try Storage<Int64>(
            count: checkedProduct([output.count, columns], "coordinates of \(output.count) sites"))
        output.coordinates(into: sites.pointer)
        let kept = try InputSites.selected(output.count) { row in
            (0..<output.dimension).allSatisfy {
                let coordinate = Int(sites[row * columns + $0])
                return coordinate >= field.lower[$0] && coordinate <= field.last($0)
            }
        }
        let inside = try output.subset(kept).moved(to: field)
        if kept.count == output.count { return (inside, rulebook) }
        let newRows = try Storage<Int32>(count: output.count)
        newRows.pointer.update(repeating: -1, count: output.count)
        for row in 0..<kept.count { newRows[Int(kept[row])] = Int32(truncatingIfNeeded: row) }
        let stays = try InputSites.selected(rulebook.ruleCount) { newRows[Int(rulebook.outputRows[$0])] >= 0 }
        let offsets = try Storage<Int64>(count: rulebook.volume + 1)
        let (inputs, outputs) = (try Storage<Int32>(count: stays.count), try Storage<Int32>(count: stays.count))
        var rule = 0
        for k in 0...rulebook.volume {
            while rule < stays.count && Int64(stays[rule]) < rulebook.offsets[k] {
                inputs[rule] = rulebook.inputRows[Int(stays[rule])]
                outputs[rule] = newRows[Int(rulebook.outputRows[Int(stays[rule])])]
                rule += 1
            }
            offsets[k] = Int64(rule)
        }
        let rules = Rulebook(
            offsets: offsets, inputRows: inputs, outputRows: outputs, inputCount: rulebook.inputCount,
            outputCount: kept.count)
        return (inside, rules)
    }
}

/// By axis and tap, the residue of an input that reaches an output, and what the output's place is beyond `scale` times
/// the input's quotient.
private struct CoveringTaps {
    private struct Tap: BitwiseCopyable {
        var isPossible: Bool
        var inputResidue: Int
        var shift: Int
    }

    /// By axis: the output's stride and the input's, without their common divisor.
    let modulus: [Int]
    let scale: [Int]
    /// Of all that is reached.
    let field: Field
    /// The input's field, scaled.
    let bounds: Field
    private let axes: [Storage<Tap>]
    private let isBox: Bool

    init(_ input: SiteSet, _ relation: SiteRelation) throws(SCNError) {
        var (modulus, scale): ([Int], [Int]) = ([], [])
        var (first, last, lower, upper): ([Int128], [Int128], [Int128], [Int128]) = ([], [], [], [])
        for axis in 0..<relation.dimension {
            let (a, b) = (Int128(relation.inputStride[axis]), Int128(relation.outputStride[axis]))
            var ends = (least: Int128.max, largest: Int128.min)
            for tap in 0..<relation.tapCount(axis) {
                let offset = Int128(relation.displacement(axis, tap: tap))
                ends = (min(ends.least, offset), max(ends.largest, offset))
            }
            if relation.tapCount(axis) == 0 { ends = (0, 0) }
            let (start, end) = (a * Int128(input.field.lower[axis]), a * Int128(input.field.last(axis)))
            first.append(floorQuotient(start - ends.largest, b))
            last.append(floorQuotient(end - ends.least, b))
            lower.append(floorQuotient(start, b))
            upper.append(floorQuotient(end + a - 1, b))
            let divisor = greatestCommonDivisor(relation.inputStride[axis], relation.outputStride[axis])
            scale.append(relation.inputStride[axis] / divisor)
            modulus.append(relation.outputStride[axis] / divisor)
        }
        field = try Field(first: first, last: last, isUnbounded: input.field.isUnbounded)
        bounds = try Field(first: lower, last: upper, isUnbounded: input.field.isUnbounded)
        var axes: [Storage<Tap>] = []
        for axis in 0..<relation.dimension {
            let taps = try Storage<Tap>(count: relation.tapCount(axis))
            let (a, b) = (Int128(scale[axis]), Int128(modulus[axis]))
            let start = Int128(input.field.lower[axis])
            let equation = AxisEquation(inputStride: scale[axis], outputStride: modulus[axis], shift: 0 - a * start)
            for tap in 0..<taps.count {
                let (offset, rest) = relation.displacement(axis, tap: tap).quotientAndRemainder(
                    dividingBy: relation.inputStride[axis] / scale[axis])
                let residue = equation.inputResidue(offset)
                let shift = (a * (start + residue) - Int128(offset)) / b - Int128(field.lower[axis])
                taps[tap] = Tap(
                    isPossible: rest == 0, inputResidue: Int(residue), shift: Int(truncatingIfNeeded: shift))
            }
            axes.append(taps)
        }
        (self.modulus, self.scale, self.axes) = (modulus, scale, axes)
        if case .box = relation.offsets { isBox = true } else { isBox = false }
    }

    /// The inputs that filter offset k reads, and what their scaled keys lack to their outputs' keys.
    func pass<Key: SiteKey>(
        _ k: Int, _ inputs: ClassifiedSites<Key>, _ layout: KeyLayout
    ) -> (range: Range<Int>, delta: Key) {
        var (delta, inputClass): (Key, Key) = (0, 0)
        var rest = k
        for axis in axes.indices.reversed() {
            let count = axes[axis].count
            let tap = axes[axis][isBox ? rest % count : k]
            if isBox { rest /= count }
            guard tap.isPossible, let part = inputs.classPart(axis, residue: tap.inputResidue) else {
                return (0..<0, 0)
            }
            delta &+= Key(truncatingIfNeeded: tap.shift) << Key(layout.axes[axis].shift)
            inputClass |= part
        }
        return (inputs.range(ofClass: inputClass), delta)
    }
}
