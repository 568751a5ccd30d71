package import SCNCore

/// The windows of fractional max pooling (Graham, "Fractional Max-Pooling", 2014), whose steps along an axis are two
/// neighboring integers in an order that is drawn anew for each input.
///
/// With window size p, n windows start at 0 = s(0) < ... < s(n - 1) = input - p; steps are the integers next to
/// alpha = (input - p) / (n - 1). Without a size, n windows tile the axis, and alpha = input / n.
package struct FractionalWindows: Hashable, Sendable {
    /// How many windows there are.
    package enum Target: Hashable, Sendable {
        /// floor(input / ratio), at least 1; ratios above 1.
        case ratio([Double])
        case outputSize([Int])
    }

    /// The order of the steps.
    package enum Order: Int, CaseIterable, Sendable {
        /// s(o) = floor(alpha * (o + u)) - floor(alpha * u) with a random u in 0 ..< 1: as even as can be.
        case pseudorandom = 0
        /// A shuffle.
        case random = 1
    }

    package let target: Target
    /// Nil: windows tile the field.
    package let poolSize: [Int]?
    package let order: Order

    package var dimension: Int {
        switch target {
        case .ratio(let ratio): ratio.count
        case .outputSize(let size): size.count
        }
    }

    package init(_ target: Target, poolSize: [Int]?, order: Order) throws(SCNError) {
        self.target = target
        self.poolSize = poolSize
        self.order = order
        try require(
            FilterGeometry.dimensions.contains(dimension), .invalidArgument,
            "dimension: is \(dimension), expected 1 ... 10")
        switch target {
        case .ratio(let ratio):
            for (axis, value) in ratio.enumerated() {
                try require(
                    value > 1 && value.isFinite, .invalidArgument,
                    "ratio: is \(value) on axis \(axis), expected a finite number above 1")
            }
        case .outputSize(let size):
            for (axis, value) in size.enumerated() {
                try require(
                    value >= 1, .invalidArgument, "output_size: is \(value) on axis \(axis), expected at least 1")
                try WindowPlacement.requireWindows(value, axis: axis)
            }
        }
        if let poolSize {
            try require(
                poolSize.count == dimension, .shape,
                "pool_size: has \(counted(poolSize.count, .axis)) where the ratio or output size has \(dimension)")
            _ = try FilterGeometry.strided(size: poolSize, stride: poolSize.map { _ in 1 })
        }
    }

    /// The spatial size of the result; a shape error where the windows do not fit.
    package func outputSize(of inputSize: [Int]) throws(SCNError) -> [Int] {
        try requireSpatialSize(inputSize, dimension: dimension)
        var result = inputSize
        for axis in inputSize.indices {
            let input = inputSize[axis]
            switch target {
            case .ratio(let ratio): result[axis] = Self.count(input, ratio[axis])
            case .outputSize(let size): result[axis] = size[axis]
            }
            let count = result[axis]
            let length = poolSize?[axis] ?? 1
            try require(
                length <= input && count - 1 <= input - length, .shape,
                "spatial size \(input) on axis \(axis) has no room for \(count) windows of size \(length) that start at "
                    + "different sites")
            try WindowPlacement.requireWindows(count, axis: axis)
        }
        return result
    }

    /// The smallest spatial size whose result has `outputSize`; an error where it does not depend on the input.
    package func inputSize(of outputSize: [Int]) throws(SCNError) -> [Int] {
        try requireSpatialSize(outputSize, dimension: dimension)
        guard case .ratio(let ratio) = target else {
            throw SCNError(.unsupported, "output_size: a pooling to a fixed size takes inputs of many sizes")
        }
        var result = outputSize
        for axis in outputSize.indices {
            try WindowPlacement.requireWindows(outputSize[axis], axis: axis)
            let size = (Double(outputSize[axis]) * ratio[axis]).rounded(.up)
            try require(
                size < 0x1p62, .overflow,
                "spatial_size: is \(outputSize[axis]) on axis \(axis), with ratio \(ratio[axis]) more than 64 bits hold"
            )
            result[axis] = Self.leastSize(Int(size), count: outputSize[axis], ratio[axis])
            if let poolSize { result[axis] = max(result[axis], poolSize[axis]) }
        }
        return result
    }

    /// The least input of `count` windows. `product` is their number times the ratio, which rounding left near it on
    /// either side, within 2^-50 of it; of one window, which smaller inputs have too, it is 1.
    private static func leastSize(_ product: Int, count windows: Int, _ ratio: Double) -> Int {
        let reach = product >> 50 + 2
        var (low, high) = (windows == 1 ? 1 : max(1, product - reach), product + reach)
        while low < high {
            let middle = low + (high - low) / 2
            if count(middle, ratio) < windows { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func count(_ input: Int, _ ratio: Double) -> Int {
        // Below 2^63, since the ratio is above 1.
        max(1, Int(Double(input) / ratio))
    }

    /// Draws where the windows lie, axis after axis; without a generator they lie as evenly as can be, u = 1/2.
    func placement(_ inputSize: [Int], _ random: inout Random?) throws(SCNError) -> WindowPlacement {
        let outputSize = try outputSize(of: inputSize)
        var starts: [Storage<Int>] = []
        for axis in inputSize.indices {
            let count = outputSize[axis]
            let room = inputSize[axis] - (poolSize?[axis] ?? 0)
            let steps = poolSize == nil ? count : count - 1
            starts.append(try self.starts(room, steps, &random))
        }
        // ceil(input / windows): no tile is longer.
        let size = poolSize ?? zip(inputSize, outputSize).map { ($0 - 1) / $1 + 1 }
        _ = try FilterGeometry.strided(size: size, stride: size.map { _ in 1 })
        return WindowPlacement(size: size, starts: starts, isTiling: poolSize == nil)
    }

    /// `steps` + 1 sites from 0 to `room`; a single one anywhere between.
    private func starts(_ room: Int, _ steps: Int, _ random: inout Random?) throws(SCNError) -> Storage<Int> {
        let starts = try Storage<Int>(count: steps + 1)
        if steps == 0 {
            starts.pointer[0] = random?.index(below: room + 1) ?? room / 2
        } else if order == .random && random != nil {
            let (short, longer) = room.quotientAndRemainder(dividingBy: steps)
            for index in 1...steps { starts.pointer[index] = index <= longer ? short + 1 : short }
            random?.shuffle(UnsafeMutableBufferPointer(rebasing: starts.buffer.dropFirst()))
            starts.pointer[0] = 0
            for index in 1...steps { starts.pointer[index] += starts.pointer[index - 1] }
        } else {
            // u in units of 2^-32: exact, so that the last start is `room`.
            let unit = UInt128(1) << 32
            let u = UInt128(random?.index(below: Int(unit)) ?? Int(unit / 2))
            func floor(_ index: Int) -> UInt128 {
                UInt128(room) * (UInt128(index) * unit + u) / (UInt128(steps) * unit)
            }
            for index in 0...steps { starts.pointer[index] = Int(floor(index) - floor(0)) }
        }
        return starts
    }
}
