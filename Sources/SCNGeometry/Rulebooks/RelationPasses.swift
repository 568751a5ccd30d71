internal import SCNCore

/// The taps of a relation as keys.
struct RelationPasses<Key: SiteKey> {
    private struct Tap: BitwiseCopyable {
        var isPossible: Bool
        var delta: Key
        var inputClass: Key
        var outputClass: Key
    }

    /// What is looked at under one filter offset.
    private struct Pass {
        var inputs: Range<Int>
        var outputs: Range<Int>
        var delta: Key

        /// Whether this is the pass of the next tap on the last axis.
        func follows(_ other: Pass) -> Bool {
            inputs == other.inputs && outputs == other.outputs && delta == other.delta &+ 1
        }
    }

    private let axes: [Storage<Tap>]
    private let isBox: Bool
    private let inputs: ClassifiedSites<Key>
    private let outputs: ClassifiedSites<Key>
    /// The offset of a plain relation that leads nowhere, the last one where several do.
    let center: Int?

    init(
        _ relation: SiteRelation, _ taps: RelatedTaps, _ layout: KeyLayout, _ inputs: ClassifiedSites<Key>,
        _ outputs: ClassifiedSites<Key>
    ) throws(SCNError) {
        var axes: [Storage<Tap>] = []
        for (axis, known) in taps.axes.enumerated() {
            let own = try Storage<Tap>(count: known.count)
            let shift = Key(layout.axes[axis].shift)
            for index in 0..<known.count {
                let tap = known[index]
                let inputClass = tap.isPossible ? inputs.classPart(axis, residue: tap.inputResidue) : nil
                let outputClass = tap.isPossible ? outputs.classPart(axis, residue: tap.outputResidue) : nil
                own[index] = Tap(
                    isPossible: inputClass != nil && outputClass != nil,
                    delta: Key(truncatingIfNeeded: tap.difference) << shift, inputClass: inputClass ?? 0,
                    outputClass: outputClass ?? 0)
            }
            axes.append(own)
        }
        (self.axes, self.inputs, self.outputs) = (axes, inputs, outputs)
        if case .box = relation.offsets { isBox = true } else { isBox = false }
        switch relation.offsets {
        case .box(let taps):
            center =
                taps.allSatisfy { $0.first == 0 - ($0.first + ($0.count - 1) * $0.step) && $0.count % 2 == 1 }
                ? relation.volume / 2 : nil
        case .list(let offsets):
            let d = relation.dimension
            center = (0..<relation.volume).last { k in (0..<d).allSatisfy { offsets[k * d + $0] == 0 } }
        }
    }

    /// Nil where no sites can meet.
    private func pass(_ k: Int) -> Pass? {
        var (delta, inputClass, outputClass): (Key, Key, Key) = (0, 0, 0)
        var rest = k
        for axis in axes.indices.reversed() {
            let count = axes[axis].count
            let tap: Tap
            if isBox {
                tap = axes[axis][rest % count]
                rest /= count
            } else {
                tap = axes[axis][k]
            }
            if !tap.isPossible { return nil }
            delta &+= tap.delta
            inputClass |= tap.inputClass
            outputClass |= tap.outputClass
        }
        return Pass(
            inputs: inputs.range(ofClass: inputClass), outputs: outputs.range(ofClass: outputClass), delta: delta)
    }

    /// How many of the next two passes are those of the next taps on the last axis.
    private func followers(
        of first: Pass, after index: Int, _ range: Range<Int>, _ offset: (Int) -> Int
    ) -> Int {
        guard index + 1 < range.upperBound, let second = pass(offset(index + 1)), second.follows(first) else {
            return 0
        }
        guard index + 2 < range.upperBound, let third = pass(offset(index + 2)), third.follows(second) else {
            return 1
        }
        return 2
    }

    /// The pairs of the passes in `range`, one pass after the other, and how many each offset has in `counts`.
    func matches(
        _ range: Range<Int>, _ offset: (Int) -> Int, counts: UnsafeMutablePointer<Int64>
    ) throws(SCNError) -> RowPairs {
        let matching = try KeyMatching(
            inputs: UnsafePointer(inputs.keys.pointer), outputs: UnsafePointer(outputs.keys.pointer),
            outputCount: outputs.keys.count)
        var (pairs, scratch) = (RowPairs(), RowPairs())
        var neighbors = KeyMatching<Key>.Neighbors()
        var index = range.lowerBound
        while index < range.upperBound {
            guard let first = pass(offset(index)) else {
                index += 1
                continue
            }
            let count = matching.gainsByNeighbors ? followers(of: first, after: index, range, offset) + 1 : 1
            if count > 1 {
                neighbors.removeAll()
                try matching.appendMatches(
                    first.inputs, first.outputs, plus: first.delta, count: count, to: &neighbors)
                _ = try pairs.reserve(neighbors.first.count + neighbors.second.count + neighbors.third.count)
                for part in [neighbors.first, neighbors.second, neighbors.third].prefix(count) {
                    try pairs.append(part)
                    counts[offset(index)] = Int64(part.count)
                    index += 1
                }
            } else {
                let before = pairs.count
                try matching.appendMatches(first.inputs, first.outputs, plus: first.delta, to: &pairs, &scratch)
                counts[offset(index)] = Int64(pairs.count - before)
                index += 1
            }
        }
        return pairs
    }
}
