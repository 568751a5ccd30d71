internal import CSCNKernels
package import SCNCore

/// Between float32 and bfloat16: to the nearest, to even where two are; NaN stays NaN.
extension Matrix {
    /// The same elements in the given type, float32 or bfloat16; itself where they are of that type.
    package func converted(to type: ElementType) throws(SCNError) -> Matrix {
        if type == self.type { return self }
        let result = try Matrix(rows: rows, planes: planes, type: type)
        try Elements.convert(self, into: result)
        return result
    }
}

extension Elements {
    /// result, of a's shape: its elements in the type of the result, each float32 or bfloat16.
    package static func convert(_ a: Matrix, into result: Matrix) throws(SCNError) {
        let kernels = try Kernels.converting(["a": a, "result": result])
        try result.requireSameShape(as: a, "result")
        if a.type == result.type { return result.update(from: a) }
        Parallel.forEachChunk(a.count, size: ChunkSizes.elements) { _, range in
            let (start, count) = (range.lowerBound, Int64(range.count))
            if a.type == .float32 {
                kernels.round_to_bfloat16(a.pointer + start, count, result.halves + start)
            } else {
                kernels.widen_bfloat16(a.halves + start, count, result.pointer + start)
            }
        }
    }

    /// Runs loops of float32 over rows of `a`, `b` and the result, of one shape, of which any may be bfloat16: a chunk
    /// of such is in scratch meanwhile, near the core.
    static func forRowsAsFloat32(
        _ a: Matrix, _ b: Matrix? = nil, into result: Matrix,
        _ body: (
            _ kernels: scn_kernel_table, _ rows: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
            _ result: UnsafeMutablePointer<Float>
        ) -> Void
    ) throws(SCNError) {
        let kernels = try Kernels.converting(["a": a, "b": b, "result": result])
        try b?.requireSameShape(as: a, "b")
        try result.requireSameShape(as: a, "result")
        let planes = a.planes
        if a.count == 0 { return }
        let chunkRows = max(1, ChunkSizes.convertedElements / planes)
        let lanes = min(Parallel.threadCount, Parallel.chunkCount(a.rows, size: chunkRows))
        let part = chunkRows * planes
        let scratch = try Storage<Float>(count: checkedProduct([lanes, 3, part], "the scratch of a conversion"))
        Parallel.forEachChunk(a.rows, size: chunkRows, lanes: lanes) { lane, _, range in
            let (start, count) = (range.lowerBound * planes, range.count * planes)
            let base = scratch.pointer + lane * 3 * part
            func widened(_ matrix: Matrix, _ place: UnsafeMutablePointer<Float>) -> UnsafePointer<Float> {
                if matrix.type == .float32 { return UnsafePointer(matrix.pointer + start) }
                kernels.widen_bfloat16(matrix.halves + start, Int64(count), place)
                return UnsafePointer(place)
            }
            let first = widened(a, base)
            let second = b.map { widened($0, base + part) } ?? first
            let target = result.type == .float32 ? result.pointer + start : base + 2 * part
            body(kernels, range.count, first, second, target)
            if result.type == .bfloat16 { kernels.round_to_bfloat16(target, Int64(count), result.halves + start) }
        }
        withExtendedLifetime(scratch) {}
    }

    /// Whether one of them is bfloat16.
    static func areConverted(_ matrices: Matrix?...) -> Bool { matrices.contains { $0?.type == .bfloat16 } }
}
