internal import SCNCore

/// An unsigned integer that holds a site: batch index and coordinates in bit fields.
protocol SiteKey: FixedWidthInteger, UnsignedInteger, BitwiseCopyable, Sendable {}

extension UInt64: SiteKey {}
extension UInt128: SiteKey {}

/// How sites pack into integers: the batch index in the highest bits, then the axes, the last one lowest.
///
/// The field of an axis holds coordinate + margin, and has room for `margin` more above the largest coordinate. Adding
/// an offset within the margin on every axis is therefore one addition to the whole key that neither carries nor
/// borrows, and order is the order of (batch, coordinates).
struct KeyLayout: Equatable, Sendable {
    struct Field: Equatable, Sendable {
        var shift: Int
        var bits: Int
        var margin: Int

        /// The part that a place along this axis has in a key. Place and margin together may need more than an Int.
        func part<Key: SiteKey>(_ place: Int, as: Key.Type) -> Key {
            (Key(truncatingIfNeeded: place) &+ Key(truncatingIfNeeded: margin)) &<< Key(shift)
        }
    }

    let axes: [Field]
    let batch: Field

    var isWide: Bool { batch.shift + batch.bits > UInt64.bitWidth }

    /// The layout of all site sets of this size: margins as generous as 64 bits allow, else as 128 bits allow.
    init(spatialSize: [Int], batchSize: Int) throws(SCNError) {
        for width in [UInt64.bitWidth, UInt128.bitWidth] {
            for margin in [32, 8, 2, 1] {
                let layout = KeyLayout(spatialSize, batchSize, margins: spatialSize.map { min(margin, $0) })
                if layout.batch.shift + layout.batch.bits <= width {
                    self = layout
                    return
                }
            }
        }
        throw Self.tooLarge(spatialSize, batchSize)
    }

    /// The layout for offsets up to `reach` on each axis.
    init(spatialSize: [Int], batchSize: Int, reach: [Int]) throws(SCNError) {
        self.init(spatialSize, batchSize, margins: reach)
        if batch.shift + batch.bits > UInt128.bitWidth { throw Self.tooLarge(spatialSize, batchSize) }
    }

    private init(_ spatialSize: [Int], _ batchSize: Int, margins: [Int]) {
        var axes: [Field] = []
        var shift = 0
        for (size, margin) in zip(spatialSize, margins).reversed() {
            let largest = UInt128(size - 1) + 2 * UInt128(margin)
            let bits = UInt128.bitWidth - largest.leadingZeroBitCount
            axes.append(Field(shift: shift, bits: bits, margin: margin))
            shift += bits
        }
        self.axes = axes.reversed()
        let bits = max(1, Int.bitWidth - max(0, batchSize - 1).leadingZeroBitCount)
        batch = Field(shift: shift, bits: bits, margin: 0)
    }

    private static func tooLarge(_ spatialSize: [Int], _ batchSize: Int) -> SCNError {
        SCNError(
            .overflow,
            "sites of spatial size \(describe(spatialSize)) in a batch of \(batchSize) need more than 128 bits each")
    }

    /// Whether there is room for places below `sizes`, and for offsets up to `reach` from them.
    func covers(reach: [Int], _ sizes: [Int]) -> Bool {
        axes.indices.allSatisfy {
            let most = UInt128(sizes[$0] - 1) + 2 * UInt128(axes[$0].margin)
            return axes[$0].margin >= reach[$0] && most >> UInt128(axes[$0].bits) == 0
        }
    }

    /// What to add to a key to move by `offset`, which has an entry per axis.
    func delta<Key: SiteKey>(_ offset: [Int], as: Key.Type) -> Key {
        zip(axes, offset).reduce(0) { $0 &+ (Key(truncatingIfNeeded: $1.1) << Key($1.0.shift)) }
    }

    /// The key of the site with all coordinates 0 in the first sample, in a field that begins at `lower`.
    func origin<Key: SiteKey>(from lower: [Int], as: Key.Type) -> Key {
        zip(axes, lower).reduce(0) {
            let place = Key(truncatingIfNeeded: $1.0.margin) &- Key(truncatingIfNeeded: $1.1)
            return $0 &+ place << Key($1.0.shift)
        }
    }

    /// Writes (coordinates, batch) of `count` keys to `output`, [count, d + 1]; the field begins at `lower`.
    func decode<Key: SiteKey>(
        _ keys: UnsafePointer<Key>, count: Int, from lower: [Int], into output: UnsafeMutablePointer<Int64>
    ) {
        let columns = axes.count + 1
        for (column, field) in (axes + [batch]).enumerated() {
            let mask = ~(Key.max << Key(field.bits))
            let shift = Key(field.shift)
            let origin = column < lower.count ? Int64(field.margin) &- Int64(lower[column]) : 0
            var target = output + column
            for row in 0..<count {
                target.pointee = Int64(truncatingIfNeeded: (keys[row] &>> shift) & mask) &- origin
                target += columns
            }
        }
    }

    /// The keys of `count` sites, `columns` values each: the coordinates, then the batch index, 0 where it is missing;
    /// the field begins at `lower`.
    func encode<Key: SiteKey>(
        _ sites: UnsafePointer<Int64>, count: Int, columns: Int, from lower: [Int],
        into keys: UnsafeMutablePointer<Key>
    ) {
        keys.update(repeating: origin(from: lower, as: Key.self), count: count)
        for (column, field) in (axes + [batch]).prefix(columns).enumerated() {
            let shift = Key(field.shift)
            var source = sites + column
            for row in 0..<count {
                keys[row] &+= Key(truncatingIfNeeded: source.pointee) &<< shift
                source += columns
            }
        }
    }
}
