internal import SCNCore

/// The output sites along one axis whose windows cover an input site, and the tap under which each reads it.
///
/// Solves `input = output * stride - padding + tap * dilation` for (tap, output): with g the greatest common divisor of
/// stride and dilation, the taps are those of one residue class modulo stride / g.
struct AxisWindows: BitwiseCopyable {
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
    /// Outputs that the window moves back in that.
    private let outputStep: Int

    init(_ filter: FilterGeometry, axis: Int, outputSize: Int, padding: Int) {
        size = filter.size[axis]
        stride = filter.stride[axis]
        self.padding = padding
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
        outputStep = dilation / a
    }

    /// No input site is under more windows than this.
    var most: Int { min((size - 1) / tapStep + 1, outputSize) }

    /// Calls `body(output, tap)` for each window that covers `input`, the last window first.
    @inline(__always)
    func forEach(_ input: Int, _ body: (_ output: Int, _ tap: Int) -> Void) {
        var (tap, output) = first(input)
        while tap < size && output >= 0 {
            body(output, tap)
            tap &+= tapStep
            output &-= outputStep
        }
    }

    /// The number of windows that cover `input`.
    func count(of input: Int) -> Int {
        let (tap, output) = first(input)
        return tap < size && output >= 0 ? min((size - 1 - tap) / tapStep, output / outputStep) + 1 : 0
    }

    /// The window with the least tap that covers `input`; tap or output are out of range where there is none.
    @inline(__always)
    private func first(_ input: Int) -> (tap: Int, output: Int) {
        let place = input + padding
        var output = place / stride
        var tap = place - output * stride
        if dilation != 1 {
            tap = firstTap(place)
            if tap < size { output = (place - tap * dilation) / stride }
        }
        if output >= outputSize && tap < size {
            // Too small a tap belongs to a window beyond the last output.
            let steps = (output - outputSize) / outputStep + 1
            if steps > (size - 1 - tap) / tapStep { return (size, -1) }
            tap += steps * tapStep
            output -= steps * outputStep
        }
        return (tap, output)
    }

    /// The least tap, whatever the output, or one beyond the last where there is none.
    private func firstTap(_ place: Int) -> Int {
        if place % divisor != 0 { return size }
        let product = (place / divisor % modulus).multipliedFullWidth(by: inverse)
        let tap = modulus.dividingFullWidth(product).remainder
        return tap < size && tap * dilation <= place ? tap : size
    }
}
