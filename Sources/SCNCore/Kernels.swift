package import CSCNKernels
internal import CSCNSupport

/// The float loops of the instruction set in use.
package enum Kernels {
    /// Tests put a table here to run every instruction set in one process; nil chooses by cpu and `SCN_ISA`.
    nonisolated(unsafe) package static var override: UnsafePointer<scn_kernel_table>?

    package static func table() throws(SCNError) -> scn_kernel_table {
        if let override { return override.pointee }
        guard let table = scn_kernels() else {
            throw SCNError(.unsupported, String(cString: scn_kernels_error()))
        }
        if let error = scn_pool_error() { throw SCNError(.unsupported, String(cString: error)) }
        return table.pointee
    }

    /// "avx512", or what is wrong with `SCN_ISA`.
    package static var description: String {
        guard let table = override ?? scn_kernels() else { return String(cString: scn_kernels_error()) }
        return String(cString: table.pointee.name)
    }

    /// Elements that one call of an element-by-element kernel gets: large enough to hide the call.
    package static let elementChunk = 1 << 14

    /// Runs `body` over all elements in chunks, on all threads.
    package static func forElements(
        _ count: Int, _ body: (_ table: scn_kernel_table, _ start: Int, _ count: Int64) -> Void
    ) throws(SCNError) {
        let table = try table()
        Parallel.forEachChunk(count, size: elementChunk) { _, range in
            body(table, range.lowerBound, Int64(range.count))
        }
    }
}
