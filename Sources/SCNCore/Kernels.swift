package import CSCNKernels
internal import CSCNSupport

/// Where operations get the float loops that fit their operands.
package enum Kernels {
    /// Tests put a table here to run every instruction set in one process; nil chooses by cpu and `SCN_ISA`.
    nonisolated(unsafe) package static var override: UnsafePointer<scn_kernel_table>?

    /// The loops for operands of these element types, of the instruction set in use.
    ///
    /// - Parameter operands: what the operation reads and writes, each under the name that an error gives it.
    /// - Throws: `unsupported` where there are none.
    package static func fitting(_ operands: KeyValuePairs<String, Matrix?>) throws(SCNError) -> scn_kernel_table {
        try requireFitting(operands)
        if let override { return override.pointee }
        guard let table = scn_kernels() else {
            throw SCNError(.unsupported, String(cString: scn_kernels_error()))
        }
        if let error = scn_pool_error() { throw SCNError(.unsupported, String(cString: error)) }
        return table.pointee
    }

    /// Throws as `fitting` does where an operand's elements are none that loops are written for: all are for float32.
    package static func requireFitting(_ operands: KeyValuePairs<String, Matrix?>) throws(SCNError) {
        for (name, operand) in operands {
            guard let operand, operand.type != .float32 else { continue }
            throw SCNError(
                .unsupported, "\(name): has elements of type \(operand.type), expected \(ElementType.float32)")
        }
    }

    /// Tests put products of bfloat16 here, or nil for none; without either, cpu and `SCN_ISA` choose.
    nonisolated(unsafe) package static var bfloat16Override: UnsafePointer<scn_bfloat16_products>??

    /// The products of bfloat16 that this cpu has instructions for; nil where those of float32 take their place.
    package static var bfloat16Products: UnsafePointer<scn_bfloat16_products>? { bfloat16Override ?? scn_bfloat16() }

    /// What multiplies bfloat16: "by amx", or "as float32" where no instruction does.
    package static var bfloat16Description: String {
        bfloat16Products.map { "by \(String(cString: $0.pointee.name))" } ?? "as float32"
    }

    /// The loops over keys of sites, of the instruction set in use. Sites have no error of a wrong `SCN_ISA`.
    package static var forKeys: scn_kernel_table { (override ?? scn_kernels() ?? scn_kernels_at(0)!).pointee }

    /// The loops of the instruction set in use, for operands that are float32 or bfloat16, which the caller turns into
    /// float32 for them.
    package static func converting(_ operands: KeyValuePairs<String, Matrix?>) throws(SCNError) -> scn_kernel_table {
        for (name, operand) in operands {
            guard let operand, operand.type != .float32 && operand.type != .bfloat16 else { continue }
            throw SCNError(
                .unsupported,
                "\(name): has elements of type \(operand.type), expected \(ElementType.float32) or "
                    + "\(ElementType.bfloat16)")
        }
        return try fitting([:])
    }

    /// "avx512", or what is wrong with `SCN_ISA`.
    package static var description: String {
        guard let table = override ?? scn_kernels() else { return String(cString: scn_kernels_error()) }
        return String(cString: table.pointee.name)
    }

    /// Runs `body` over all elements of operands of one shape, in chunks, on all threads.
    package static func forElements(
        _ operands: KeyValuePairs<String, Matrix?>,
        _ body: (_ kernels: scn_kernel_table, _ start: Int, _ count: Int64) -> Void
    ) throws(SCNError) {
        let kernels = try fitting(operands)
        guard let first = operands.first?.value else { return }
        for (name, operand) in operands { try operand?.requireSameShape(as: first, name) }
        Parallel.forEachChunk(first.count, size: ChunkSizes.elements) { _, range in
            body(kernels, range.lowerBound, Int64(range.count))
        }
    }
}
