package import SCNCore

/// Which input sites an output site reads, of any two site sets: under filter offset k, on each axis,
/// `input * inputStride = output * outputStride + offset(k)`.
///
/// A submanifold filter, a strided one and, with a stride on the input's side, a transposed one are cases of it, as are
/// crosses and any other list of offsets.
package struct SiteRelation: Hashable, Sendable {
    /// The taps of an axis: `first`, `first + step`, ...
    struct AxisTaps: Hashable, Sendable {
        var first: Int
        var step: Int
        var count: Int
    }

    enum Offsets: Hashable, Sendable {
        /// The product of the taps of each axis, row-major.
        case box([AxisTaps])
        /// [volume, dimension], row-major.
        case list([Int])
    }

    /// Lists are sorted and looked up, which takes memory several times.
    package static let longestList = 1 << 18

    let offsets: Offsets
    package let inputStride: [Int]
    package let outputStride: [Int]
    package let volume: Int

    package var dimension: Int { inputStride.count }

    /// What a filter reads.
    package init(_ filter: FilterGeometry) {
        inputStride = filter.size.map { _ in 1 }
        outputStride = filter.stride
        volume = filter.volume
        if filter.kind == .permutohedral {
            offsets = .list(FilterGeometry.permutohedralOffsets(dimension: filter.dimension).flatMap { $0 })
        } else {
            offsets = .box(
                filter.size.indices.map {
                    AxisTaps(
                        first: filter.displacement($0, tap: 0) - filter.padding[$0], step: filter.dilation[$0],
                        count: filter.size[$0])
                })
        }
    }

    /// What a strided filter of a shape reads, where the input's coordinates count `inputStride`.
    package init(_ filter: FilterGeometry, _ shape: Shape, inputStride: [Int]) throws(SCNError) {
        if shape == .cross {
            let list = try Self.offsets(filter, shape)
            (offsets, volume) = (.list(list), list.count / filter.dimension)
        } else {
            let firsts = try Self.firstTaps(filter, shape)
            offsets = .box(
                filter.size.indices.map {
                    AxisTaps(first: firsts[$0], step: filter.dilation[$0], count: filter.size[$0])
                })
            volume = filter.volume
        }
        (self.inputStride, outputStride) = (inputStride, filter.stride)
    }

    /// Offsets one by one, [volume, dimension]; strides are ones where they are nil.
    package init(
        dimension: Int, offsets: [Int], inputStride: [Int]? = nil, outputStride: [Int]? = nil
    ) throws(SCNError) {
        try require(
            FilterGeometry.dimensions.contains(dimension), .invalidArgument,
            "dimension: is \(dimension), expected 1 ... 10")
        try require(
            offsets.count % dimension == 0, .shape,
            "offsets: has \(offsets.count) entries, expected a multiple of \(dimension)")
        let ones = [Int](repeating: 1, count: dimension)
        (self.inputStride, self.outputStride) = (inputStride ?? ones, outputStride ?? ones)
        for (name, strides) in [("input_stride", self.inputStride), ("output_stride", self.outputStride)] {
            try require(
                strides.count == dimension, .shape, "\(name): has \(strides.count) entries, expected \(dimension)")
            for (axis, stride) in strides.enumerated() where stride < 1 {
                throw SCNError(.invalidArgument, "\(name): is \(stride) on axis \(axis), expected at least 1")
            }
        }
        volume = offsets.count / dimension
        try require(
            volume <= Self.longestList, .overflow,
            "offsets: are \(volume), expected at most \(Self.longestList)")
        self.offsets = .list(offsets)
    }

    /// The size of the field whose relatives fill one of this size: times the output's stride, divided by the input's,
    /// rounded up.
    package func inputSize(of outputSize: [Int]) throws(SCNError) -> [Int] {
        try requireSpatialSize(outputSize, dimension: dimension)
        var result = outputSize
        for axis in outputSize.indices {
            let (step, whole) = (Int128(inputStride[axis]), Int128(outputSize[axis]) * Int128(outputStride[axis]))
            guard let size = Int(exactly: (whole + step - 1) / step) else {
                throw SCNError(
                    .overflow,
                    "spatial_size: is \(outputSize[axis]) on axis \(axis), with stride \(outputStride[axis]) more than 64 "
                        + "bits hold")
            }
            result[axis] = size
        }
        return result
    }

    /// The number of taps of an axis: of a list, each offset is a tap of its own.
    func tapCount(_ axis: Int) -> Int {
        switch offsets {
        case .box(let taps): taps[axis].count
        case .list: volume
        }
    }

    /// What a tap adds on an axis.
    func displacement(_ axis: Int, tap: Int) -> Int {
        switch offsets {
        case .box(let taps): taps[axis].first + tap * taps[axis].step
        case .list(let offsets): offsets[tap * dimension + axis]
        }
    }

    /// Filter offsets k, k + 1, ... up to the next multiple of this may be neighbors on the last axis.
    var rowLength: Int {
        switch offsets {
        case .box(let taps): return taps[dimension - 1].step == 1 ? taps[dimension - 1].count : 1
        case .list(let offsets):
            // As long as the first neighbors go on.
            var length = min(1, volume)
            while length < volume
                && (0..<dimension).allSatisfy({ axis in
                    offsets[length * dimension + axis] &- offsets[(length - 1) * dimension + axis]
                        == (axis == dimension - 1 ? 1 : 0)
                })
            { length += 1 }
            return max(1, length)
        }
    }

    /// The passes that find the rules of all offsets, up to three neighbors on the last axis in each.
    var passCount: Int {
        let row = rowLength
        return volume / row * ((row + 2) / 3)
    }

    /// Which offset is the mirror image of which, where all have one: where the input's sites are the output's, half of
    /// the offsets then tell the other half.
    enum Symmetry {
        /// Offset k has the image volume - 1 - k.
        case reversed(volume: Int)
        /// The image of each offset, and those offsets that are below theirs.
        case list(images: [Int32], half: [Int32])

        /// The offsets to look at: those below their images.
        var passCount: Int {
            switch self {
            case .reversed(let volume): volume / 2
            case .list(_, let half): half.count
            }
        }

        func offset(ofPass pass: Int) -> Int {
            switch self {
            case .reversed: pass
            case .list(_, let half): Int(half[pass])
            }
        }

        func image(_ k: Int) -> Int {
            switch self {
            case .reversed(let volume): volume - 1 - k
            case .list(let images, _): Int(images[k])
            }
        }
    }

    /// Nil where strides are no ones, some offset has no image, or one comes twice.
    var symmetry: Symmetry? {
        guard inputStride.allSatisfy({ $0 == 1 }), outputStride.allSatisfy({ $0 == 1 }) else { return nil }
        switch offsets {
        case .box(let taps):
            let isEven = taps.allSatisfy { $0.first == 0 - ($0.first + ($0.count - 1) * $0.step) }
            return isEven ? .reversed(volume: volume) : nil
        case .list(let offsets):
            let d = dimension
            func isBelow(_ a: Int, _ b: Int) -> Bool {
                for axis in 0..<d where offsets[a * d + axis] != offsets[b * d + axis] {
                    return offsets[a * d + axis] < offsets[b * d + axis]
                }
                return false
            }
            let order = (0..<volume).sorted(by: isBelow)
            for (a, b) in zip(order, order.dropFirst()) where !isBelow(a, b) { return nil }
            // Going up and down, each offset meets its image where all have one.
            var images = [Int32](repeating: 0, count: volume)
            for (a, b) in zip(order, order.reversed()) {
                for axis in 0..<d where offsets[a * d + axis] != 0 &- offsets[b * d + axis] { return nil }
                images[a] = Int32(truncatingIfNeeded: b)
            }
            return .list(
                images: images, half: images.indices.filter { $0 < Int(images[$0]) }.map { Int32($0) })
        }
    }
}

extension SiteRelation {
    /// Sets of offsets that a filter's size, padding and dilation name.
    package enum Shape: Int {
        /// A box around 0: tap t of an axis is at (t - size / 2) * dilation - padding.
        case centered = 0
        /// A box from 0 on: t * dilation - padding.
        case corner = 1
        /// The center, then what a centered box has on each axis.
        case cross = 2
    }

    /// The offsets of a strided filter's size, padding and dilation, [volume, dimension].
    package static func offsets(_ filter: FilterGeometry, _ shape: Shape) throws(SCNError) -> [Int] {
        let axes = filter.size.indices
        let volume = shape == .cross ? axes.reduce(1) { $0 + filter.size[$1] - 1 } : filter.volume
        try require(
            volume <= longestList, .overflow, "offsets: are \(volume), expected at most \(longestList)")
        let firsts = try firstTaps(filter, shape)
        func place(_ axis: Int, _ tap: Int) -> Int { firsts[axis] + tap * filter.dilation[axis] }
        if shape != .cross {
            return (0..<volume).flatMap { k in zip(axes, filter.taps(of: k)).map { place($0, $1) } }
        }
        let center = axes.map { place($0, filter.size[$0] / 2) }
        var offsets = center
        for axis in axes {
            for tap in 0..<filter.size[axis] where tap != filter.size[axis] / 2 {
                var offset = center
                offset[axis] = place(axis, tap)
                offsets += offset
            }
        }
        return offsets
    }

    /// What the first tap of each axis adds; taps ascend from it, and the padding takes it further back.
    private static func firstTaps(_ filter: FilterGeometry, _ shape: Shape) throws(SCNError) -> [Int] {
        try filter.size.indices.map { axis throws(SCNError) in
            let taps = shape == .corner ? 0 : filter.size[axis] / 2
            let first = -Int128(taps) * Int128(filter.dilation[axis]) - Int128(filter.padding[axis])
            try require(
                first >= Int128(Int.min), .overflow,
                "padding: is \(filter.padding[axis]) on axis \(axis), with filter size \(filter.size[axis]) and "
                    + "dilation \(filter.dilation[axis]) more than 64 bits hold")
            return Int(first)
        }
    }
}
