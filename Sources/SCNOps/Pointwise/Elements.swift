internal import CSCNKernels
package import SCNCore

/// Sums, products and rearrangements of whole matrices.
package enum Elements {
    /// result = a + b, of one shape; in place allowed.
    package static func add(_ a: Matrix, _ b: Matrix, into result: Matrix) throws(SCNError) {
        let (x, y, z) = try checked(a, b, result)
        try Kernels.forElements(a.count) { $0.add(x + $1, y + $1, $2, z + $1) }
    }

    /// result = a * b, element by element.
    package static func multiply(_ a: Matrix, _ b: Matrix, into result: Matrix) throws(SCNError) {
        let (x, y, z) = try checked(a, b, result)
        try Kernels.forElements(a.count) { $0.multiply(x + $1, y + $1, $2, z + $1) }
    }

    /// result = a * factor.
    package static func scale(_ a: Matrix, by factor: Float, into result: Matrix) throws(SCNError) {
        let (x, _, z) = try checked(a, a, result)
        try Kernels.forElements(a.count) { $0.scale(x + $1, factor, $2, z + $1) }
    }

    /// The sum of all elements, accumulated in double.
    package static func sum(_ a: Matrix) throws(SCNError) -> Float {
        let base = a.pointer
        return Float(
            try reduce(a.count) { _, range in
                var sum = 0.0
                for index in range { sum += Double(base[index]) }
                return sum
            })
    }

    package static func sumOfSquares(_ a: Matrix) throws(SCNError) -> Double {
        let kernels = try Kernels.table()
        let base = a.pointer
        return try reduce(a.count) { _, range in kernels.sum_of_squares(base + range.lowerBound, Int64(range.count)) }
    }

    /// Writes the planes of `sources` side by side into result; all have result's rows.
    package static func join(_ sources: [Matrix], into result: Matrix) throws(SCNError) {
        try checkJoin(sources, result)
        try forEachPart(result, sources) { kernels, rows, planes, joined, part in
            kernels.copy_rows(rows, part, planes, joined, Int64(result.planes), planes)
        }
    }

    /// The reverse of `join`: cuts the planes of `source` into the results.
    package static func split(_ source: Matrix, into results: [Matrix]) throws(SCNError) {
        try checkJoin(results, source)
        try forEachPart(source, results) { kernels, rows, planes, joined, part in
            kernels.copy_rows(rows, joined, Int64(source.planes), part, planes, planes)
        }
    }

    /// The sum of `part` over chunks whose bounds depend on `count` alone, added in order.
    static func reduce(_ count: Int, _ part: (_ chunk: Int, _ range: Range<Int>) -> Double) throws(SCNError) -> Double {
        let size = Kernels.elementChunk
        let partial = try Storage<Double>(count: Parallel.chunkCount(count, size: size))
        let base = partial.pointer
        Parallel.forEachChunk(count, size: size) { chunk, range in base[chunk] = part(chunk, range) }
        return partial.buffer.reduce(0, +)
    }

    private typealias Pointers = (UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>)

    private static func checked(_ a: Matrix, _ b: Matrix, _ result: Matrix) throws(SCNError) -> Pointers {
        try b.requireSameShape(as: a, "b")
        try result.requireSameShape(as: a, "result")
        return (UnsafePointer(a.pointer), UnsafePointer(b.pointer), result.pointer)
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
        let kernels = try Kernels.table()
        Parallel.forEachChunk(joined.rows, size: 1024) { _, range in
            var column = joined.pointer + range.lowerBound * joined.planes
            for part in parts {
                copy(
                    kernels, Int64(range.count), Int64(part.planes), column,
                    part.pointer + range.lowerBound * part.planes)
                column += part.planes
            }
        }
    }
}
