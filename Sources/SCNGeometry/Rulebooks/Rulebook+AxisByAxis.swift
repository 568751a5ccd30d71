internal import SCNCore

/// A window is the product of its axes, so what it reaches is found by moving the sites along one axis after the other:
/// what several taps of an axis reach is one site from then on, where `relatedAtOnce` has an element in the list of
/// every filter offset. The rules are the ways through these steps.
extension Rulebook {
    /// The layout for going axis by axis, of all fields on the way; nil where that saves no work, since a tap of some
    /// axis reaches nothing from most sites or the coordinates are many more than the sites, where the table of an axis
    /// would be much larger than its rules, or where keys would be too long.
    static func axisByAxisLayout(_ input: SiteSet, _ relations: [AxisRelation], _ largestFanOuts: [Int]) -> KeyLayout? {
        guard input.count > 0 else { return nil }
        for (axis, most) in largestFanOuts.enumerated() {
            let (size, taps) = (input.spatialSize[axis], relations[axis].taps)
            guard size <= 4 * input.count, taps <= 4 * most, size * taps <= 8 * input.count * most else { return nil }
        }
        return try? KeyLayout(spatialSize: fields(input, relations), batchSize: input.batchSize)
    }

    private static func fields(_ input: SiteSet, _ relations: [AxisRelation]) -> [Int] {
        zip(input.spatialSize, relations).map { max($0, $1.outputSize) }
    }

    /// As `related`, where no two outputs have the same input under one tap, and a product of what each axis has at
    /// most stays within 32 bits.
    static func relatedAxisByAxis(
        _ input: SiteSet, _ relations: [AxisRelation], _ layout: KeyLayout, field: Field? = nil
    ) throws(SCNError) -> (output: SiteSet, rulebook: Rulebook) {
        let keys: SiteSet.Keys
        let rulebook: Rulebook
        if layout.isWide {
            let own = try input.keys(in: layout, from: input.field.lower, as: UInt128.self)
            let (wide, rules) = try walk(own, layout, relations, input.spatialSize)
            (keys, rulebook) = (.wide(wide), rules)
        } else {
            let own = try input.keys(in: layout, from: input.field.lower, as: UInt64.self)
            let (narrow, rules) = try walk(own, layout, relations, input.spatialSize)
            (keys, rulebook) = (.narrow(narrow), rules)
        }
        let field = if let field { field } else { try Field(size: relations.map(\.outputSize)) }
        let output = try SiteSet(
            Field(lower: field.lower, size: fields(input, relations)), batchSize: input.batchSize, layout: layout,
            keys: keys)
        return (try output.moved(to: field), rulebook)
    }

    private static func walk<Key: SiteKey>(
        _ keys: Storage<Key>, _ layout: KeyLayout, _ relations: [AxisRelation], _ sizes: [Int]
    ) throws(SCNError) -> (Storage<Key>, Rulebook) {
        let last = relations.count - 1
        var step = try AxisStep(keys, relations[last], size: sizes[last], layout.axes[last])
        var rules = (offsets: step.starts, inputRows: step.from, outputRows: step.to)
        for axis in (0..<last).reversed() {
            let before = step.keys.count
            step = try AxisStep(step.keys, relations[axis], size: sizes[axis], layout.axes[axis])
            rules = try extended(rules.offsets, rules.inputRows, rules.outputRows, by: step, rows: before)
        }
        let rulebook = Rulebook(
            offsets: rules.offsets, inputRows: rules.inputRows, outputRows: rules.outputRows, inputCount: keys.count,
            outputCount: step.keys.count)
        return (step.keys, rulebook)
    }

    /// The rules of the axes so far, whose outputs are `rows` rows, led on by each tap of the next one.
    private static func extended<Key: SiteKey>(
        _ offsets: Storage<Int64>, _ inputRows: Storage<Int32>, _ middleRows: Storage<Int32>, by step: AxisStep<Key>,
        rows: Int
    ) throws(SCNError) -> (offsets: Storage<Int64>, inputRows: Storage<Int32>, outputRows: Storage<Int32>) {
        let (taps, volume) = (step.starts.count - 1, offsets.count - 1)
        let maps = try step.maps(rows: rows)
        let extended = try Storage<Int64>(count: checkedProduct([taps, volume], "filter offsets") + 1, zeroed: true)
        let (start, result, map) = (offsets.pointer, extended.pointer, maps.pointer)
        let middle = middleRows.pointer
        Parallel.forEach(taps * volume) { k in
            let (target, offset) = (map + k / volume * rows, k % volume)
            var count: Int64 = 0
            for rule in start[offset]..<start[offset + 1] {
                count &+= Int64(truncatingIfNeeded: zeroOrOne(target[Int(middle[Int(rule)])] >= 0))
            }
            result[k + 1] = count
        }
        for k in 0..<taps * volume { result[k + 1] += result[k] }

        let total = Int(result[taps * volume])
        let (inputs, outputs) = (try Storage<Int32>(count: total), try Storage<Int32>(count: total))
        let (source, input, output) = (inputRows.pointer, inputs.pointer, outputs.pointer)
        Parallel.forEach(taps * volume) { k in
            let target = map + k / volume * rows
            var rule = Int(start[k % volume])
            var next = Int(result[k])
            let end = Int(result[k + 1])
            // Without a branch on what is unpredictable: a rule that leads nowhere is written over by the next.
            while next < end {
                let row = target[Int(middle[rule])]
                input[next] = source[rule]
                output[next] = row
                next &+= zeroOrOne(row >= 0)
                rule &+= 1
            }
        }
        withExtendedLifetime((offsets, inputRows, middleRows, maps)) {}
        return (extended, inputs, outputs)
    }
}
