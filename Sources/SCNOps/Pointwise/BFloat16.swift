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

    /// Rows of operands of one shape as loops of float32 take them: where they are, or in scratch.
    struct FloatRows {
        let kernels: scn_kernel_table
        /// The number of the chunk, of those that depend on shapes and types alone.
        let chunk: Int
        let rows: Int
        let planes: Int
        /// The operands that were given, in their order.
        let a, b, c: UnsafePointer<Float>
        /// Where the result goes; the first operand's place where none is wanted.
        let result: UnsafeMutablePointer<Float>

        var elements: Int64 { Int64(rows * planes) }
    }

    /// Runs loops of float32 over rows of up to three operands and of a result, all of one shape, of which any may be
    /// bfloat16: a chunk of such is in scratch meanwhile, near the core.
    ///
    /// - Parameters:
    ///   - operands: Each under the name that an error gives it; nil is left out.
    ///   - chunkRows: Rows of a chunk, where that shows in what `body` makes of them.
    static func forRowsAsFloat32(
        _ operands: KeyValuePairs<String, Matrix?>, into result: Matrix? = nil, chunkRows: Int? = nil,
        _ body: (FloatRows) -> Void
    ) throws(SCNError) {
        let kernels = try Kernels.converting(operands)
        _ = try Kernels.converting(["result": result])
        var given: (a: Matrix?, b: Matrix?, c: Matrix?) = (nil, nil, nil)
        for (name, operand) in operands {
            guard let operand else { continue }
            if let first = given.a { try operand.requireSameShape(as: first, name) }
            switch given {
            case (nil, _, _): given.a = operand
            case (_, nil, _): given.b = operand
            default: given.c = operand
            }
        }
        guard let a = given.a else { return }
        try result?.requireSameShape(as: a, "result")
        let planes = a.planes
        if a.count == 0 { return }
        let places = [given.a, given.b, given.c, result].filter { $0?.type == .bfloat16 }.count
        let isConverted = places > 0
        let elements = isConverted ? ChunkSizes.convertedElements : ChunkSizes.elements
        let size = min(a.rows, chunkRows ?? max(1, elements / planes))
        let lanes = min(Parallel.threadCount, Parallel.chunkCount(a.rows, size: size))
        let part = size * planes
        let scratch =
            isConverted
            ? try Storage<Float>(count: checkedProduct([lanes, places, part], "the scratch of a conversion")) : nil
        Parallel.forEachChunk(a.rows, size: size, lanes: lanes) { lane, chunk, range in
            let (start, count) = (range.lowerBound * planes, range.count * planes)
            var taken = lane * places
            func place() -> UnsafeMutablePointer<Float> {
                defer { taken += 1 }
                return scratch!.pointer + taken * part
            }
            func widened(_ matrix: Matrix) -> UnsafePointer<Float> {
                if matrix.type == .float32 { return UnsafePointer(matrix.pointer + start) }
                let place = place()
                kernels.widen_bfloat16(matrix.halves + start, Int64(count), place)
                return UnsafePointer(place)
            }
            let first = widened(a)
            let second = given.b.map { widened($0) } ?? first
            let third = given.c.map { widened($0) } ?? first
            let target =
                switch result?.type {
                case nil: UnsafeMutablePointer(mutating: first)
                case .bfloat16: place()
                default: result!.pointer + start
                }
            body(
                FloatRows(
                    kernels: kernels, chunk: chunk, rows: range.count, planes: planes, a: first, b: second, c: third,
                    result: target))
            if let result, result.type == .bfloat16 {
                kernels.round_to_bfloat16(target, Int64(count), result.halves + start)
            }
        }
        withExtendedLifetime(scratch) {}
    }

    /// The same for loops over elements, however long the rows are: `planes` is 1.
    static func forElementsAsFloat32(
        _ a: Matrix, _ others: KeyValuePairs<String, Matrix> = [:], into result: Matrix, _ body: (FloatRows) -> Void
    ) throws(SCNError) {
        for (name, operand) in others { try operand.requireSameShape(as: a, name) }
        try result.requireSameShape(as: a, "result")
        func column(_ matrix: Matrix) -> Matrix { matrix.reshaped(rows: matrix.count, planes: 1) }
        let second = others.first.map { column($0.value) }
        let third = others.dropFirst().first.map { column($0.value) }
        try forRowsAsFloat32(
            ["input": column(a), others.first?.key ?? "": second, others.dropFirst().first?.key ?? "": third],
            into: column(result), body)
    }

    /// Runs `body`, which writes float32, into `result`, where its rounding goes if it is bfloat16.
    static func rounding(_ result: Matrix, _ body: (Matrix) throws(SCNError) -> Void) throws(SCNError) {
        if result.type == .float32 { return try body(result) }
        let floats = try Matrix(rows: result.rows, planes: result.planes)
        try body(floats)
        try convert(floats, into: result)
    }

    /// Whether one of them is bfloat16.
    static func areConverted(_ matrices: Matrix?...) -> Bool { matrices.contains { $0?.type == .bfloat16 } }
}

/// Chunks of rows of a matrix, which is float32 or bfloat16, as loops of float32 read or write them: in their place, or
/// in scratch that each lane has.
struct FloatChunks: @unchecked Sendable {
    private let matrix: Matrix
    private let kernels: scn_kernel_table
    private let most: Int
    private let scratch: Storage<Float>

    /// `rows`: the most of a chunk.
    init(_ matrix: Matrix, rows: Int, lanes: Int, _ kernels: scn_kernel_table) throws(SCNError) {
        (self.matrix, self.kernels) = (matrix, kernels)
        most = matrix.type == .float32 ? 0 : rows
        scratch = try Storage(count: checkedProduct([lanes, most, matrix.planes], "the scratch of a conversion"))
    }

    /// The values of these rows.
    func values(_ range: Range<Int>, _ lane: Int) -> UnsafePointer<Float> {
        let place = place(range, lane)
        if matrix.type == .bfloat16 {
            kernels.widen_bfloat16(
                matrix.halves + range.lowerBound * matrix.planes, Int64(range.count * matrix.planes), place)
        }
        return UnsafePointer(place)
    }

    /// Where to write these rows; `finish` brings them to where they belong.
    func place(_ range: Range<Int>, _ lane: Int) -> UnsafeMutablePointer<Float> {
        matrix.type == .float32
            ? matrix.pointer + range.lowerBound * matrix.planes : scratch.pointer + lane * most * matrix.planes
    }

    func finish(_ range: Range<Int>, _ lane: Int) {
        if matrix.type == .float32 { return }
        kernels.round_to_bfloat16(
            place(range, lane), Int64(range.count * matrix.planes), matrix.halves + range.lowerBound * matrix.planes)
    }
}
