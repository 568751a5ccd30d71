internal import SCNCore

/// The outputs of one output line and their rules: the union, over the input lines that cross it, of what their sites take
/// part in on the last axis. A bit for each place in a span of the axis finds it; where the span is long and sparse, a sort.
struct OutputLine<Key: SiteKey>: ~Copyable {
    /// One input site under one filter offset.
    private struct Rule: BitwiseCopyable {
        /// The output's place on the last axis.
        var place: Int
        var row: Int32
        var offset: Int32
    }

    private static var mostPlaces: Int { 1 << 16 }

    private let lines: SiteLines
    private let crossings: LineCrossings<Key>
    private let product: RelationProduct<Key>
    private let most: Int
    /// A key's field of the last axis, which is the lowest, holds place + margin.
    private let margin: Key
    private let bits: Storage<UInt64>
    /// Of each place of the span that is an output: its index among them.
    private let ranks: Storage<Int32>
    private var rules: Storage<Rule>
    private var ruleCount = 0
    /// The outputs' places on the last axis.
    private var outputs: Storage<Int>
    private(set) var count = 0
    private var lowest = 0
    private var isSorted = false

    init(
        _ lines: SiteLines, _ crossings: LineCrossings<Key>, _ relations: [AxisRelation], mosts: [Int],
        layout: KeyLayout
    ) throws(SCNError) {
        let last = relations.count - 1
        let product = try RelationProduct<Key>(last..<last + 1, of: relations, mosts: mosts, layout: layout)
        let places = min(Self.mostPlaces, relations[last].outputSize)
        let bits = try Storage<UInt64>(count: places / 64 + 1, zeroed: true)
        let ranks = try Storage<Int32>(count: places)
        let rules = try Storage<Rule>(count: 0)
        let outputs = try Storage<Int>(count: 0)
        self.rules = rules
        self.outputs = outputs
        self.lines = lines
        self.crossings = crossings
        self.product = product
        self.bits = bits
        self.ranks = ranks
        most = mosts[last]
        margin = Key(truncatingIfNeeded: layout.axes[last].margin)
    }

    /// Finds the outputs and rules of output line `line`.
    mutating func move(to line: Int) throws(SCNError) {
        try gather(Int(crossings.starts.pointer[line])..<Int(crossings.starts.pointer[line + 1]))
        count = 0
        if ruleCount == 0 { return }
        let rule = rules.pointer
        var (low, high) = (rule[0].place, rule[0].place)
        for index in 1..<ruleCount {
            low = min(low, rule[index].place)
            high = max(high, rule[index].place)
        }
        lowest = low
        isSorted = high - low >= Self.mostPlaces || (high - low) / 64 > 8 * ruleCount + 64
        if isSorted { sort() } else { mark(through: high) }
    }

    /// Calls `body` with the key of each output, less that of its line, ascending.
    @inline(__always)
    borrowing func forEachOutput(_ body: (Key) -> Void) {
        for index in 0..<count { body(Key(truncatingIfNeeded: outputs.pointer[index]) &+ margin) }
    }

    /// Calls `body(row, output, offset)` for each rule: the row of the input site, the index of the output among those of the
    /// line, the filter offset. Under one offset both ascend.
    @inline(__always)
    borrowing func forEachRule(_ body: (_ row: Int, _ output: Int, _ offset: Int) -> Void) {
        let (rule, rank, lowest) = (rules.pointer, ranks.pointer, lowest)
        if isSorted {
            for index in 0..<ruleCount {
                body(Int(rule[index].row), rankOfSorted(rule[index].place), Int(rule[index].offset))
            }
        } else {
            for index in 0..<ruleCount {
                body(Int(rule[index].row), Int(rank[rule[index].place &- lowest]), Int(rule[index].offset))
            }
        }
    }

    /// The rules of the crossings in `range`.
    private mutating func gather(_ range: Range<Int>) throws(SCNError) {
        let (member, inputLine, lineOffset) = (
            crossings.members.pointer, crossings.inputLines.pointer, crossings.offsets.pointer
        )
        let (start, place) = (lines.starts.pointer, lines.places.pointer)
        let (field, tap, margin) = (product.keys.pointer, product.offsets.pointer, margin)
        var next = 0
        for index in range {
            let crossing = Int(member[index])
            let (input, offset) = (Int(inputLine[crossing]), lineOffset[crossing])
            let (first, end) = (Int(start[input]), Int(start[input &+ 1]))
            try makeRoom(next + (end - first) * most, keeping: next)
            let rule = rules.pointer
            for row in first..<end {
                for entry in product.entries(at: Int(place[row])) {
                    rule[next] = Rule(
                        place: Int(truncatingIfNeeded: field[entry] &- margin), row: Int32(truncatingIfNeeded: row),
                        offset: offset &+ Int32(truncatingIfNeeded: tap[entry]))
                    next &+= 1
                }
            }
        }
        ruleCount = next
    }

    private mutating func makeRoom(_ total: Int, keeping kept: Int) throws(SCNError) {
        if rules.count >= total { return }
        let grown = try Storage<Rule>(count: max(total, 2 * rules.count))
        grown.pointer.update(from: rules.pointer, count: kept)
        rules = grown
        outputs = try Storage(count: grown.count)
    }

    private mutating func mark(through highest: Int) {
        let (rule, bit, rank, output, lowest) = (rules.pointer, bits.pointer, ranks.pointer, outputs.pointer, lowest)
        for index in 0..<ruleCount {
            let place = rule[index].place &- lowest
            bit[place &>> 6] |= 1 &<< UInt64(truncatingIfNeeded: place & 63)
        }
        var next = 0
        for word in 0...(highest - lowest) &>> 6 {
            var rest = bit[word]
            bit[word] = 0
            while rest != 0 {
                let place = word &<< 6 &+ rest.trailingZeroBitCount
                rest &= rest &- 1
                rank[place] = Int32(truncatingIfNeeded: next)
                output[next] = lowest &+ place
                next &+= 1
            }
        }
        count = next
    }

    private mutating func sort() {
        let (rule, output) = (rules.pointer, outputs.pointer)
        for index in 0..<ruleCount { output[index] = rule[index].place }
        // Made of ascending runs, which this sort finds and merges.
        var values = UnsafeMutableBufferPointer(start: output, count: ruleCount)
        values.sort()
        for index in 0..<ruleCount where count == 0 || output[index] != output[count - 1] {
            output[count] = output[index]
            count += 1
        }
    }

    private borrowing func rankOfSorted(_ value: Int) -> Int {
        let values = outputs.pointer
        var (low, high) = (0, count)
        while low < high {
            let middle = (low &+ high) / 2
            if values[middle] < value { low = middle &+ 1 } else { high = middle }
        }
        return low
    }
}
