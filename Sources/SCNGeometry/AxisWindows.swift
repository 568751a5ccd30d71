internal import SCNCore

/// The output sites along one axis whose windows cover an input site, and the tap under which each reads it.
///
/// Solves `input = output * stride - padding + tap * dilation` for (tap, output): with g the greatest common divisor of
/// stride and dilation, the taps are those of one residue class modulo stride / g.
struct AxisWindows {
    private let size: Int
    private let stride: Int
    private let padding: Int
    private let dilation: Int
    private let outputSize: Int
    private let divisor: Int
    /// stride / divisor
    private let modulus: Int
    /// Of dilation / divisor.
    private let inverse: Int
    /// The way from one tap to the next, or to beyond the last.
    private let tapStep: Int

    init(_ filter: FilterGeometry, axis: Int, outputSize: Int) {
        size = filter.size[axis]
        stride = filter.stride[axis]
        padding = filter.padding[axis]
        dilation = filter.dilation[axis]
        self.outputSize = outputSize
        var (a, b) = (stride, dilation)
        // Extended Euclid: previous * dilation = a and coefficient * dilation = b, modulo stride.
        var (previous, coefficient) = (0, 1)
        while b != 0 {
            let quotient = a / b
            (a, b) = (b, a - quotient * b)
            (previous, coefficient) = (coefficient, previous - quotient * coefficient)
        }
        divisor = a
        modulus = stride / a
        let residue = previous % modulus
        inverse = residue < 0 ? residue + modulus : residue
        tapStep = min(modulus, size)
    }

    /// No input site is under more windows than this.
    var most: Int { min((size - 1) / tapStep + 1, outputSize) }

    /// Writes (tap, output) of each window that covers `input` and returns their number.
    @inline(__always)
    func windows(of input: Int, taps: UnsafeMutablePointer<Int>, outputs: UnsafeMutablePointer<Int>) -> Int {
        let place = input + padding
        var tap = firstTap(place)
        // A tap too small belongs to a window beyond the last output.
        let excess = place - (outputSize - 1) * stride
        if tap < size && excess > tap * dilation {
            let least = (excess - 1) / dilation + 1
            if least >= size { return 0 }
            tap += ((least - tap - 1) / tapStep + 1) * tapStep
        }
        var count = 0
        while tap < size && tap * dilation <= place {
            taps[count] = tap
            outputs[count] = (place - tap * dilation) / stride
            count += 1
            tap += tapStep
        }
        return count
    }

    /// The least tap, whatever the output, or one beyond the last where there is none.
    @inline(__always)
    private func firstTap(_ place: Int) -> Int {
        if dilation == 1 { return place % stride }
        if place % divisor != 0 { return size }
        let product = (place / divisor % modulus).multipliedFullWidth(by: inverse)
        return modulus.dividingFullWidth(product).remainder
    }
}
