package import SCNCore

/// How a safetensors file names the type of a tensor's elements, which may be one that no matrix has.
package struct SafetensorsType: Equatable, Sendable {
    package let name: String

    package init(name: String) { self.name = name }

    /// The name of the type of a matrix's elements.
    package init(_ type: ElementType) {
        switch type {
        case .float32: name = "F32"
        case .float64: name = "F64"
        case .bfloat16: name = "BF16"
        }
    }

    /// Bits of one element, or nil for a name that the format did not define when this was written.
    package var bits: Int? {
        switch name {
        case "F4": 4
        case "F6_E2M3", "F6_E3M2": 6
        case "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E5M2FNUZ", "F8_E4M3FNUZ": 8
        case "I16", "U16", "F16", "BF16": 16
        case "I32", "U32", "F32": 32
        case "I64", "U64", "F64", "C64": 64
        default: nil
        }
    }

    /// Bits of a tensor whose elements have `bits` each; sizes whose product overflows are refused beside a 0 too.
    static func bits(
        _ bits: Int, times shape: [Int], _ what: @autoclosure () -> String
    ) throws(SCNError) -> Int {
        let product = try checkedProduct(shape.filter { $0 != 0 } + [bits], what())
        return shape.contains(0) ? 0 : product
    }
}
