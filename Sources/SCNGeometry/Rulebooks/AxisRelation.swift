internal import SCNCore

/// Along one axis, the outputs that an input takes part in, and the tap of the filter under which it does.
struct AxisRelation: BitwiseCopyable {
    private enum Form: BitwiseCopyable {
        case strided(AxisWindows)
        /// Output o reads the inputs `starts[o] + tap * step`; starts ascend.
        case windows(UnsafePointer<Int>, reach: Int)
        /// Output o reads the inputs from `starts[o]` to before `starts[o + 1]`.
        case tiles(UnsafePointer<Int>)
        /// Input i writes the outputs `i * stride - padding + tap * step`.
        case spread(stride: Int, padding: Int)
    }

    let taps: Int
    let outputSize: Int
    private let step: Int
    private let form: Form

    /// The windows of a strided filter. `padding`: what takes the place of the filter's, at least 0.
    init(_ filter: FilterGeometry, axis: Int, outputSize: Int, padding: Int? = nil) {
        taps = filter.size[axis]
        self.outputSize = outputSize
        step = filter.dilation[axis]
        form = .strided(
            AxisWindows(filter, axis: axis, outputSize: outputSize, padding: padding ?? filter.padding[axis]))
    }

    /// The windows of a placement, which must outlive this value.
    init(_ placement: WindowPlacement, axis: Int) {
        taps = placement.size[axis]
        outputSize = placement.outputSize[axis]
        step = placement.dilation[axis]
        let starts = UnsafePointer(placement.starts[axis].pointer)
        form = placement.isTiling ? .tiles(starts) : .windows(starts, reach: (taps - 1) * step)
    }

    /// What a strided filter reads, the other way round: an output wherever the filter reaches from an input.
    /// `padding`: what takes the place of the filter's.
    init(spreading filter: FilterGeometry, axis: Int, outputSize: Int, padding: Int? = nil) {
        taps = filter.size[axis]
        self.outputSize = outputSize
        step = filter.dilation[axis]
        form = .spread(stride: filter.stride[axis], padding: padding ?? filter.padding[axis])
    }

    /// No input takes part in more outputs than this.
    var most: Int {
        switch form {
        case .strided(let windows): return windows.most
        case .tiles: return 1
        case .spread: return min(taps, outputSize)
        case .windows(let starts, let reach):
            var (most, first) = (0, 0)
            var (run, longestRun) = (0, 0)
            for output in 0..<outputSize {
                while starts[output] - starts[first] > reach { first += 1 }
                most = max(most, output - first + 1)
                run = output > 0 && starts[output] == starts[output - 1] ? run + 1 : 1
                longestRun = max(longestRun, run)
            }
            // Under one tap an input takes part in windows of one start alone.
            return taps < most ? min(most, taps * longestRun) : most
        }
    }

    /// The number of outputs that `input` takes part in.
    func count(of input: Int) -> Int {
        switch form {
        case .strided(let windows): return windows.count(of: input)
        case .spread(let stride, let padding):
            let first = input * stride - padding
            let low = first < 0 ? -(first + 1) / step + 1 : 0
            let room = outputSize - 1 - first
            return room < 0 ? 0 : max(0, min(taps - 1, room / step) - low + 1)
        case .tiles, .windows:
            var count = 0
            forEach(input) { _, _ in count += 1 }
            return count
        }
    }

    /// Calls `body(output, tap)` for each output that `input` takes part in; the outputs ascend or descend.
    @inline(__always)
    func forEach(_ input: Int, _ body: (_ output: Int, _ tap: Int) -> Void) {
        switch form {
        case .strided(let windows): windows.forEach(input, body)
        case .tiles(let starts):
            let output = lastStart(starts, input)
            if output >= 0 { body(output, input &- starts[output]) }
        case .windows(let starts, let reach):
            var output = lastStart(starts, input)
            while output >= 0 && input &- starts[output] <= reach {
                let (tap, rest) = (input &- starts[output]).quotientAndRemainder(dividingBy: step)
                if rest == 0 { body(output, tap) }
                // Where windows are many more than taps, those between two taps are passed over.
                output = rest == 0 || step < 64 ? output &- 1 : lastStart(starts, input &- (tap &+ 1) &* step)
            }
        case .spread(let stride, let padding):
            var output = input &* stride &- padding
            for tap in 0..<taps {
                if output >= 0 && output < outputSize { body(output, tap) }
                output &+= step
            }
        }
    }

    /// The last output whose window starts at or before `input`; -1 where all start behind it.
    @inline(__always)
    private func lastStart(_ starts: UnsafePointer<Int>, _ input: Int) -> Int {
        var (low, high) = (0, outputSize)
        while low < high {
            let middle = (low &+ high) / 2
            if starts[middle] <= input { low = middle &+ 1 } else { high = middle }
        }
        return low &- 1
    }
}
