internal import CSCNKernels
package import SCNCore

/// Sums, products and rearrangements of whole matrices.
package enum Elements {
    /// result = a + b, of one shape, each float32 or bfloat16; in place allowed.
    package static func add(_ a: Matrix, _ b: Matrix, into result: Matrix) throws(SCNError) {
        if a.type == .bfloat16 && b.type == .bfloat16 && result.type == .bfloat16 {
            // Without scratch: gradients that meet are added where no memory may be asked for.
            let kernels = try Kernels.converting([:])
            try b.requireSameShape(as: a, "b")
            try result.requireSameShape(as: a, "result")
            return Parallel.forEachChunk(a.count, size: ChunkSizes.elements) { _, range in
                let start = range.lowerBound
                kernels.add_bfloat16(a.halves + start, b.halves + start, Int64(range.count), result.halves + start)
            }
        }
        try forElementsAsFloat32(a, ["b": b], into: result) { rows in
            rows.kernels.add(rows.a, rows.b, rows.elements, rows.result)
        }
    }

    /// result = a * b, element by element.
    package static func multiply(_ a: Matrix, _ b: Matrix, into result: Matrix) throws(SCNError) {
        try Kernels.forElements(["a": a, "b": b, "result": result]) { kernels, start, count in
            kernels.multiply(a.pointer + start, b.pointer + start, count, result.pointer + start)
        }
    }

    /// result = a / b, element by element.
    package static func divide(_ a: Matrix, by b: Matrix, into result: Matrix) throws(SCNError) {
        try Kernels.forElements(["a": a, "b": b, "result": result]) { kernels, start, count in
            kernels.quotients(a.pointer + start, b.pointer + start, count, result.pointer + start)
        }
    }

    /// result = a * factor.
    package static func scale(_ a: Matrix, by factor: Float, into result: Matrix) throws(SCNError) {
        try Kernels.forElements(["a": a, "result": result]) { kernels, start, count in
            kernels.scale(a.pointer + start, factor, count, result.pointer + start)
        }
    }

    /// result = a > 0 ? 1 : 0.
    package static func step(_ a: Matrix, into result: Matrix) throws(SCNError) {
        try Kernels.forElements(["a": a, "result": result]) { kernels, start, count in
            kernels.step(a.pointer + start, count, result.pointer + start)
        }
    }

    /// The sum of all elements, accumulated in double.
    package static func sum(_ a: Matrix) throws(SCNError) -> Float {
        try Kernels.requireFitting(["a": a])
        let base = a.pointer
        return Float(
            try reduce(a.count) { range in
                var sum = 0.0
                for index in range { sum += Double(base[index]) }
                return sum
            })
    }

    package static func sumOfSquares(_ a: Matrix) throws(SCNError) -> Double {
        let kernels = try Kernels.fitting(["a": a])
        return try reduce(a.count) { range in
            kernels.sum_of_squares(a.pointer + range.lowerBound, Int64(range.count))
        }
    }

    /// Every element of the result gets the value.
    package static func fill(_ result: Matrix, with value: Float) throws(SCNError) {
        try Kernels.forElements(["result": result]) { _, start, count in
            (result.pointer + start).update(repeating: value, count: Int(count))
        }
    }

    /// Writes the planes of `sources` side by side into result; all have result's rows and are, as it is, float32 or
    /// bfloat16.
    package static func join(_ sources: [Matrix], into result: Matrix) throws(SCNError) {
        try checkJoin(sources, result)
        if areHalves(sources, result) {
            return forEachPartOfHalves(result, sources) { rows, joined, width, part, planes in
                for row in 0..<rows {
                    (joined + row * width).update(from: part + row * planes, count: planes)
                }
            }
        }
        try forEachPart(result, sources) { kernels, rows, planes, joined, part in
            kernels.copy_rows(rows, part, planes, joined, Int64(result.planes), planes)
        }
    }

    /// The reverse of `join`: cuts the planes of `source` into the results; all are, as it is, float32 or bfloat16.
    package static func split(_ source: Matrix, into results: [Matrix]) throws(SCNError) {
        try checkJoin(results, source)
        if areHalves(results, source) {
            return forEachPartOfHalves(source, results) { rows, joined, width, part, planes in
                for row in 0..<rows {
                    (part + row * planes).update(from: joined + row * width, count: planes)
                }
            }
        }
        try forEachPart(source, results) { kernels, rows, planes, joined, part in
            kernels.copy_rows(rows, joined, Int64(source.planes), part, planes, planes)
        }
    }

    /// Writes the rows of `sources` one after the other into result; all have result's planes.
    package static func stack(_ sources: [Matrix], into result: Matrix) throws(SCNError) {
        try forEachStacked(sources, result) { kernels, count, stacked, part in
            kernels.copy_rows(1, part, count, stacked, count, count)
        }
    }

    /// The reverse of `stack`: cuts the rows of `source` into the results.
    package static func unstack(_ source: Matrix, into results: [Matrix]) throws(SCNError) {
        try forEachStacked(results, source) { kernels, count, stacked, part in
            kernels.copy_rows(1, stacked, count, part, count, count)
        }
    }

    /// The sum of `part` over chunks whose bounds depend on `count` alone, added in order.
    static func reduce(_ count: Int, _ part: (Range<Int>) -> Double) throws(SCNError) -> Double {
        let size = ChunkSizes.elements
        let partial = try Storage<Double>(count: Parallel.chunkCount(count, size: size))
        let base = partial.pointer
        Parallel.forEachChunk(count, size: size) { chunk, range in base[chunk] = part(range) }
        return partial.reduce(0, +)
    }

    private static func checkJoin(_ parts: [Matrix], _ joined: Matrix) throws(SCNError) {
        for (index, part) in parts.enumerated() {
            try part.requireShape(joined.rows, part.planes, "tensor \(index)")
        }
        let planes = parts.reduce(0) { $0 + $1.planes }
        try joined.requireShape(joined.rows, planes, "result")
    }

    private static func forEachPart(
        _ joined: Matrix, _ parts: [Matrix],
        _ copy: (
            _ kernels: scn_kernel_table, _ rows: Int64, _ planes: Int64, _ joined: UnsafeMutablePointer<Float>,
            _ part: UnsafeMutablePointer<Float>
        ) -> Void
    ) throws(SCNError) {
        let kernels = try fitting(joined, parts)
        if joined.count == 0 { return }
        Parallel.forEachChunk(joined.rows, size: ChunkSizes.rows) { _, range in
            var column = joined.pointer + range.lowerBound * joined.planes
            for part in parts {
                copy(
                    kernels, Int64(range.count), Int64(part.planes), column,
                    part.pointer + range.lowerBound * part.planes)
                column += part.planes
            }
        }
    }

    private static func areHalves(_ parts: [Matrix], _ joined: Matrix) -> Bool {
        joined.type == .bfloat16 && parts.allSatisfy { $0.type == .bfloat16 }
    }

    private static func forEachPartOfHalves(
        _ joined: Matrix, _ parts: [Matrix],
        _ copy: (
            _ rows: Int, _ joined: UnsafeMutablePointer<UInt16>, _ width: Int, _ part: UnsafeMutablePointer<UInt16>,
            _ planes: Int
        ) -> Void
    ) {
        if joined.count == 0 { return }
        Parallel.forEachChunk(joined.rows, size: ChunkSizes.rows) { _, range in
            var column = joined.halves + range.lowerBound * joined.planes
            for part in parts {
                copy(range.count, column, joined.planes, part.halves + range.lowerBound * part.planes, part.planes)
                column += part.planes
            }
        }
    }

    private static func forEachStacked(
        _ parts: [Matrix], _ stacked: Matrix,
        _ copy: (
            _ kernels: scn_kernel_table, _ count: Int64, _ stacked: UnsafeMutablePointer<Float>,
            _ part: UnsafeMutablePointer<Float>
        ) -> Void
    ) throws(SCNError) {
        for (index, part) in parts.enumerated() {
            try part.requireShape(part.rows, stacked.planes, "tensor \(index)")
        }
        try stacked.requireShape(parts.reduce(0) { $0 + $1.rows }, stacked.planes, "result")
        let kernels = try fitting(stacked, parts)
        var first = 0
        for part in parts {
            let target = stacked.pointer + first
            Parallel.forEachChunk(part.count, size: ChunkSizes.elements) { _, range in
                copy(kernels, Int64(range.count), target + range.lowerBound, part.pointer + range.lowerBound)
            }
            first += part.count
        }
    }

    private static func fitting(_ whole: Matrix, _ parts: [Matrix]) throws(SCNError) -> scn_kernel_table {
        for (index, part) in parts.enumerated() { try Kernels.requireFitting(["tensor \(index)": part]) }
        return try Kernels.fitting(["result": whole])
    }
}
