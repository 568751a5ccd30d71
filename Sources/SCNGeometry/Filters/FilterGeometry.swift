package import SCNCore

/// Which input sites an output site reads: the one place that owns this arithmetic.
///
/// On each axis, filter tap t of output site o reads
/// - strided: input site `o * stride - padding + t * dilation`;
/// - submanifold: site `o + (t - size / 2) * dilation` of the same site set, whatever the parity of the size.
///
/// The taps of all axes together are a filter offset, `0 ..< volume`, row-major with the last axis fastest. The offsets
/// of a permutohedral filter, which keeps the sites too, are a list of their own.
package struct FilterGeometry: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        case submanifold
        case strided
        /// The neighbors on the lattice A_d; `size` is 3, how far it reaches.
        case permutohedral

        var keepsSites: Bool { self != .strided }
    }

    package static let dimensions = 1...10
    /// Offsets cost time and memory even where no site lies; 5 taps on each of 10 axes are fewer.
    package static let largestVolume = 1 << 24

    package let kind: Kind
    package let size: [Int]
    package let stride: [Int]
    package let padding: [Int]
    package let dilation: [Int]
    package let volume: Int
    /// Whether windows may leave out the last places of a field where there is neither padding nor dilation; elsewhere
    /// they may in any case.
    package let roundsDown: Bool

    package var dimension: Int { size.count }

    /// A filter that keeps the sites. `dilation` is 1 where it is nil.
    package static func submanifold(size: [Int], dilation: [Int]? = nil) throws(SCNError) -> FilterGeometry {
        try FilterGeometry(
            kind: .submanifold, size: size, stride: size.map { _ in 1 }, padding: size.map { _ in 0 },
            dilation: dilation ?? size.map { _ in 1 })
    }

    /// A filter that makes new sites, `stride` apart. `padding` is 0 and `dilation` is 1 where they are nil.
    package static func strided(
        size: [Int], stride: [Int], padding: [Int]? = nil, dilation: [Int]? = nil, roundsDown: Bool = false
    ) throws(SCNError) -> FilterGeometry {
        try FilterGeometry(
            kind: .strided, size: size, stride: stride, padding: padding ?? size.map { _ in 0 },
            dilation: dilation ?? size.map { _ in 1 }, roundsDown: roundsDown)
    }

    /// The filter of the d * d + d + 1 nearest sites of the lattice A_d, d = `dimension`.
    package static func permutohedral(dimension: Int) throws(SCNError) -> FilterGeometry {
        try require(
            dimensions.contains(dimension), .invalidArgument, "dimension: is \(dimension), expected 1 ... 10")
        let ones = [Int](repeating: 1, count: dimension)
        return try FilterGeometry(
            kind: .permutohedral, size: ones.map { _ in 3 }, stride: ones, padding: ones.map { _ in 0 }, dilation: ones)
    }

    private init(
        kind: Kind, size: [Int], stride: [Int], padding: [Int], dilation: [Int], roundsDown: Bool = false
    ) throws(SCNError) {
        try require(
            Self.dimensions.contains(size.count), .invalidArgument,
            "dimension: is \(size.count), expected 1 ... 10")
        for (name, values, least) in [
            ("filter_size", size, 1), ("filter_stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1),
        ] {
            try require(
                values.count == size.count, .shape,
                "\(name): has \(counted(values.count, .entry)), expected \(size.count)")
            for (axis, value) in values.enumerated() where value < least {
                throw SCNError(.invalidArgument, "\(name): is \(value) on axis \(axis), expected at least \(least)")
            }
        }
        let volume =
            kind == .permutohedral
            ? size.count * (size.count + 1) + 1 : try checkedProduct(size, "a filter of size \(describe(size))")
        try require(
            volume <= Self.largestVolume, .overflow,
            "filter_size: is \(describe(size)), \(volume) filter offsets, expected at most \(Self.largestVolume)")
        self.kind = kind
        self.size = size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.volume = volume
        self.roundsDown = roundsDown
        for axis in size.indices { _ = try extent(axis) }
    }

    private init(exact filter: FilterGeometry) {
        (kind, size, stride) = (filter.kind, filter.size, filter.stride)
        (padding, dilation, volume) = (filter.padding, filter.dilation, filter.volume)
        roundsDown = false
    }

    /// The same windows, whatever becomes of the last places: what reverses them need not say so.
    var exact: FilterGeometry { FilterGeometry(exact: self) }

    /// The position of filter offset `k` on each axis of a box.
    package func taps(of k: Int) -> [Int] {
        var rest = k
        var taps = size
        for axis in size.indices.reversed() {
            taps[axis] = rest % size[axis]
            rest /= size[axis]
        }
        return taps
    }

    /// What filter offset `k` adds to the site (where sites are kept) or to `output * stride - padding` (strided).
    package func offset(_ k: Int) -> [Int] {
        if kind == .permutohedral { return Self.permutohedralOffsets(dimension: dimension)[k] }
        var offset = taps(of: k)
        for axis in size.indices { offset[axis] = displacement(axis, tap: offset[axis]) }
        return offset
    }

    /// What tap `tap` adds on one axis.
    func displacement(_ axis: Int, tap: Int) -> Int {
        (kind == .submanifold ? tap - size[axis] / 2 : tap) * dilation[axis]
    }

    /// The spatial size of the result.
    ///
    /// Strided, padding 0 and dilation 1: `(input - size) / stride + 1`, which must be exact unless `roundsDown`;
    /// otherwise `floor((input + 2 * padding - extent) / stride) + 1` with `extent = dilation * (size - 1) + 1`.
    /// Throws a shape error where the filter does not fit.
    package func outputSize(of inputSize: [Int]) throws(SCNError) -> [Int] {
        try requireSpatialSize(inputSize, dimension: dimension)
        if kind.keepsSites { return inputSize }
        var result = inputSize
        for axis in size.indices {
            let (input, filter, stride, padding) = (inputSize[axis], size[axis], stride[axis], padding[axis])
            let extent = try extent(axis)
            let margin = padding.multipliedReportingOverflow(by: 2)
            let padded = input.addingReportingOverflow(margin.partialValue)
            try require(
                !margin.overflow && !padded.overflow, .overflow,
                "spatial_size: is \(input) on axis \(axis), with padding \(padding) more than 64 bits hold")
            let steps = padded.partialValue - extent
            let misfit = "spatial size \(input) on axis \(axis) does not fit filter \(filter)"
            if padding == 0 && dilation[axis] == 1 {
                try require(steps >= 0, .shape, "\(misfit): it is smaller; the smallest that fits is \(filter)")
                let rest = steps % stride
                try require(
                    rest == 0 || roundsDown, .shape,
                    "\(misfit) with stride \(stride): (\(input) - \(filter)) is no multiple of \(stride); "
                        + neighbors(below: input - rest, stride: stride))
            } else {
                try require(
                    steps >= 0, .shape,
                    "\(misfit) with padding \(padding) and dilation \(dilation[axis]): the filter covers \(extent) "
                        + "sites, and there are \(padded.partialValue); the smallest that fits is "
                        + "\(extent - margin.partialValue)")
            }
            result[axis] = steps / stride + 1
        }
        return result
    }

    /// "the nearest that fit are 6 and 8": the largest size that fits, and the next, where 64 bits hold it.
    private func neighbors(below: Int, stride: Int) -> String {
        let above = below.addingReportingOverflow(stride)
        return above.overflow
            ? "the nearest that fits is \(below)" : "the nearest that fit are \(below) and \(above.partialValue)"
    }

    /// The smallest spatial size whose result has `outputSize`: `(output - 1) * stride + extent - 2 * padding`.
    package func inputSize(of outputSize: [Int]) throws(SCNError) -> [Int] {
        try requireSpatialSize(outputSize, dimension: dimension)
        if kind.keepsSites { return outputSize }
        var result = outputSize
        for axis in size.indices {
            let steps = (outputSize[axis] - 1).multipliedReportingOverflow(by: stride[axis])
            let covered = steps.partialValue.addingReportingOverflow(try extent(axis))
            try require(
                !steps.overflow && !covered.overflow, .overflow,
                "spatial_size: is \(outputSize[axis]) on axis \(axis), with stride \(stride[axis]) more than 64 bits hold"
            )
            let margin = padding[axis].multipliedReportingOverflow(by: 2)
            try require(
                !margin.overflow && covered.partialValue > margin.partialValue, .shape,
                "spatial_size: is \(outputSize[axis]) on axis \(axis), expected one that padding \(padding[axis]) can give"
            )
            result[axis] = covered.partialValue - margin.partialValue
        }
        return result
    }

    /// "filter 2, stride 2"; padding and dilation where they are not 0 and 1.
    package var description: String {
        if kind == .permutohedral { return "the permutohedral filter of dimension \(dimension)" }
        func brief(_ values: [Int]) -> String {
            Set(values).count == 1 ? String(values[0]) : "(\(values.map(String.init).joined(separator: ", ")))"
        }
        var parts = ["filter \(brief(size))"]
        if kind == .strided { parts.append("stride \(brief(stride))") }
        if padding.contains(where: { $0 != 0 }) { parts.append("padding \(brief(padding))") }
        if dilation.contains(where: { $0 != 1 }) { parts.append("dilation \(brief(dilation))") }
        return parts.joined(separator: ", ")
    }

    /// Sites from the first tap to the last, both included.
    func extent(_ axis: Int) throws(SCNError) -> Int {
        let reach = dilation[axis].multipliedReportingOverflow(by: size[axis] - 1)
        let extent = reach.partialValue.addingReportingOverflow(1)
        try require(
            !reach.overflow && !extent.overflow, .overflow,
            "dilation: is \(dilation[axis]) on axis \(axis), with filter size \(size[axis]) more than 64 bits hold")
        return extent.partialValue
    }
}

/// Throws unless `spatialSize` has `dimension` positive sizes.
func requireSpatialSize(_ spatialSize: [Int], dimension: Int) throws(SCNError) {
    try require(
        spatialSize.count == dimension, .shape,
        "spatial_size: has \(counted(spatialSize.count, .entry)), expected \(dimension)")
    for (axis, size) in spatialSize.enumerated() {
        try require(size >= 1, .shape, "spatial_size: is \(size) on axis \(axis), expected at least 1")
    }
}

/// "3 x 3 x 3".
func describe(_ sizes: [Int]) -> String { sizes.map(String.init).joined(separator: " x ") }
