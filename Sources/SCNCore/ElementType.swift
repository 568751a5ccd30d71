/// What the elements of a matrix are; raw values are those of `scn_element_type` in `scn.h`.
package enum ElementType: Int32, Sendable {
    /// IEEE 754 single precision.
    case float32 = 0
    /// IEEE 754 double precision, which the points of a cloud may have; no operation on matrices takes it.
    case float64 = 1
    /// The upper half of a float32: its exponents, and 8 bits of precision. Products add it up in float32.
    case bfloat16 = 2

    /// The bytes of an element.
    package var size: Int {
        switch self {
        case .float32: MemoryLayout<Float>.size
        case .float64: MemoryLayout<Double>.size
        case .bfloat16: MemoryLayout<UInt16>.size
        }
    }
}
