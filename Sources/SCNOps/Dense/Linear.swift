internal import CSCNKernels
package import SCNCore

/// Dense products over the planes: result = input * weight + bias.
///
/// OpenBLAS computes them, or, where the weights are few, it does not know this cpu's vectors, or the process has no
/// room for its buffer, the convolution's loops. Chunks of rows depend on shapes alone, since OpenBLAS's bits change
/// with the number of rows that it is given.
package enum LinearOperation {
    /// Tests choose the way here; nil asks what suits.
    nonisolated(unsafe) package static var usesOpenBLAS: Bool?

    /// The weights for the convolution's loops; nil where OpenBLAS computes and takes them as they are. `type`: what to
    /// multiply as.
    package static func pack(
        _ weight: Matrix, weightIsTransposed: Bool, as type: ElementType = .float32
    ) throws(SCNError) -> PackedWeights? {
        let kernels = try Kernels.fitting(["weight": weight])
        if type == .float32 && choosesOpenBLAS(kernels, weights: weight.count) { return nil }
        let (inPlanes, outPlanes) =
            weightIsTransposed ? (weight.planes, weight.rows) : (weight.rows, weight.planes)
        return try PackedWeights(
            weight, volume: 1, groups: 1, inPerGroup: inPlanes, outPerGroup: outPlanes, offsetStride: weight.count,
            inStride: weightIsTransposed ? 1 : outPlanes, outStride: weightIsTransposed ? inPlanes : 1, type: type)
    }

    /// result [n, out] from input [n, in] and weight [in, out] or, transposed, [out, in]; then y > 0 ? y : leakiness *
    /// y, 1 is no activation. `packed`: what `pack` made of the weight, where a caller keeps it, as whose type features
    /// are multiplied; `roundsWeight`: whether to multiply it as bfloat16 where it is not packed. Input and result are
    /// each float32 or bfloat16.
    package static func forward(
        _ input: Matrix, weight: Matrix, weightIsTransposed: Bool, packed: PackedWeights? = nil,
        roundsWeight: Bool = false, bias: Matrix?, leakiness: Float = 1, into result: Matrix
    ) throws(SCNError) {
        try product(
            input, weight: weight, weightIsTransposed: weightIsTransposed, packed: packed, roundsWeight: roundsWeight,
            bias: bias, leakiness: leakiness, into: result)
        ForwardCounts.add(products: input.rows, weights: input.planes * result.planes, results: result.count)
    }

    private static func product(
        _ input: Matrix, weight: Matrix, weightIsTransposed: Bool, packed: PackedWeights?, roundsWeight: Bool,
        bias: Matrix?, leakiness: Float, into result: Matrix
    ) throws(SCNError) {
        try check(input, result, names: ("input", "result"))
        let (inPlanes, outPlanes) = (input.planes, result.planes)
        try requireWeight(weight, inPlanes, outPlanes, weightIsTransposed, "weight")
        try bias?.requireShape(1, outPlanes, "bias")
        _ = try Kernels.converting(["input": input, "result": result])
        var packed = packed
        if packed == nil && roundsWeight {
            packed = try pack(weight, weightIsTransposed: weightIsTransposed, as: .bfloat16)
        }
        if let packed, packed.type == .bfloat16 {
            return try rounded(input, packed: packed, bias: bias, leakiness: leakiness, into: result)
        }
        let kernels = try Kernels.converting(["input": input, "result": result])
        try Kernels.requireFitting(["weight": weight, "bias": bias])
        let kept: PackedWeights?
        if let packed {
            kept = packed
        } else {
            kept = try pack(weight, weightIsTransposed: weightIsTransposed)
        }
        try kept?.require(volume: 1, inPlanes: inPlanes, outPlanes: outPlanes)
        let size = ChunkSizes.denseRows
        let chunks = Parallel.chunkCount(input.rows, size: size)
        let lanes = kept == nil ? lanesOfOpenBLAS(chunks) : min(Parallel.threadCount, chunks)
        let reading = try FloatChunks(input, rows: size, lanes: lanes, kernels)
        let writing = try FloatChunks(result, rows: size, lanes: lanes, kernels)
        let (packedWeight, weightPointer, bias) = (kept?.pointer, weight.pointer, bias?.pointer)
        Parallel.forEachChunk(input.rows, size: size, lanes: lanes) { lane, _, range in
            let (source, target) = (reading.values(range, lane), writing.place(range, lane))
            if let packedWeight {
                kernels.dense_rows(
                    source, Int64(inPlanes), Int64(range.count), Int64(inPlanes), packedWeight, bias, leakiness, target,
                    Int64(outPlanes), Int64(outPlanes))
            } else {
                if let bias {
                    for row in 0..<range.count { (target + row * outPlanes).update(from: bias, count: outPlanes) }
                }
                scn_dense_product(
                    source, Int64(range.count), Int64(inPlanes), weightPointer, weightIsTransposed ? 1 : 0, target,
                    Int64(outPlanes), bias == nil ? 0 : 1)
                if leakiness != 1 { kernels.leaky_relu(target, Int64(range.count * outPlanes), leakiness, target) }
            }
            writing.finish(range, lane)
        }
        withExtendedLifetime((kept, reading, writing)) {}
    }

    /// The product of bfloat16.
    private static func rounded(
        _ input: Matrix, packed: PackedWeights, bias: Matrix?, leakiness: Float, into result: Matrix
    ) throws(SCNError) {
        let kernels = try Kernels.converting(["input": input, "result": result])
        try Kernels.requireFitting(["bias": bias])
        let (inPlanes, outPlanes) = (input.planes, result.planes)
        try packed.require(volume: 1, inPlanes: inPlanes, outPlanes: outPlanes)
        let input = try input.converted(to: .bfloat16)
        guard let products = packed.products else {
            let sums = result.type == .float32 ? result : try Matrix(rows: result.rows, planes: result.planes)
            let widened = try input.converted(to: .float32)
            Parallel.forEachChunk(input.rows, size: ChunkSizes.denseRows) { _, range in
                kernels.dense_rows(
                    widened.row(range.lowerBound), Int64(inPlanes), Int64(range.count), Int64(inPlanes),
                    packed.pointer, bias?.pointer, leakiness, sums.row(range.lowerBound), Int64(outPlanes),
                    Int64(outPlanes))
            }
            if result.type == .bfloat16 { try Elements.convert(sums, into: result) }
            return withExtendedLifetime(packed) {}
        }
        let size = 4 * ChunkSizes.denseRows
        let lanes = min(Parallel.threadCount, Parallel.chunkCount(input.rows, size: size))
        let scratch = try packed.scratch(products, lanes: lanes)
        Parallel.forEachChunk(input.rows, size: size, lanes: lanes) { lane, _, range in
            products.pointee.dense_rows(
                input.halves + range.lowerBound * inPlanes, Int64(inPlanes), Int64(range.count), Int64(inPlanes),
                packed.address, bias?.pointer, leakiness, result.output(atRow: range.lowerBound), Int64(outPlanes),
                Int64(outPlanes), scratch.address(lane))
        }
        withExtendedLifetime((packed, scratch)) {}
    }

    /// result [n, in]: by the input, from gradient [n, out], as whose type the weight is multiplied. Both are each
    /// float32 or bfloat16.
    package static func backwardInput(
        _ gradient: Matrix, weight: Matrix, weightIsTransposed: Bool, into result: Matrix
    ) throws(SCNError) {
        try product(
            gradient, weight: weight, weightIsTransposed: !weightIsTransposed, packed: nil,
            roundsWeight: gradient.type == .bfloat16, bias: nil, leakiness: 1, into: result)
    }

    /// weightResult, shaped as the weight, and biasResult [out]: the gradients by weight and bias, nil where not
    /// wanted, in float32. Input and gradient are each float32 or bfloat16; the input is rounded where the gradient is.
    package static func backwardWeight(
        input: Matrix, gradient: Matrix, weightIsTransposed: Bool, weightResult: Matrix?, biasResult: Matrix?
    ) throws(SCNError) {
        try check(input, gradient, names: ("input", "gradient"))
        let kernels = try Kernels.converting(["input": input, "gradient": gradient])
        try Kernels.requireFitting(["weight_result": weightResult, "bias_result": biasResult])
        guard let weightResult else {
            if let biasResult { try ColumnSums.compute(gradient, into: biasResult) }
            return
        }
        try requireWeight(weightResult, input.planes, gradient.planes, weightIsTransposed, "weight_result")
        let (left, right) = weightIsTransposed ? (gradient, input) : (input, gradient)
        if gradient.type == .bfloat16 {
            guard let products = Kernels.bfloat16Products else {
                return try backwardWeight(
                    input: input.converted(to: .bfloat16).converted(to: .float32),
                    gradient: gradient.converted(to: .float32), weightIsTransposed: weightIsTransposed,
                    weightResult: weightResult, biasResult: biasResult)
            }
            let (left, right) = (try left.converted(to: .bfloat16), try right.converted(to: .bfloat16))
            let lanes = Parallel.threadCount
            let size = products.pointee.scratch_size(1, 1, Int64(left.planes), Int64(right.planes))
            let scratch = try LaneScratch(size: Int(size), lanes: lanes)
            try addChunks(left, right, lanes: lanes, biasOf: gradient, weightResult, biasResult) {
                lane, range, target in
                products.pointee.dense_weight_gradient(
                    left.halves + range.lowerBound * left.planes, Int64(left.planes), Int64(range.count),
                    Int64(left.planes), right.halves + range.lowerBound * right.planes, Int64(right.planes),
                    Int64(right.planes), target, Int64(right.planes), scratch.address(lane))
            }
            return withExtendedLifetime((left, right, scratch)) {}
        }
        let size = ChunkSizes.denseWeightGradient.rows(left.rows)
        let usesOpenBLAS = choosesOpenBLAS(kernels, weights: input.planes * gradient.planes)
        let lanes = usesOpenBLAS ? lanesOfOpenBLAS(Parallel.threadCount) : Parallel.threadCount
        let rows = min(size, left.rows)
        let (ofLeft, ofRight) = (
            try FloatChunks(left, rows: rows, lanes: lanes, kernels),
            try FloatChunks(right, rows: rows, lanes: lanes, kernels)
        )
        try addChunks(left, right, lanes: lanes, biasOf: gradient, weightResult, biasResult) { lane, range, target in
            let (a, b) = (ofLeft.values(range, lane), ofRight.values(range, lane))
            if usesOpenBLAS {
                scn_dense_product_of_columns(
                    a, Int64(range.count), Int64(left.planes), b, Int64(right.planes), target)
            } else {
                kernels.dense_weight_gradient(
                    a, Int64(left.planes), Int64(range.count), Int64(left.planes), b, Int64(right.planes),
                    Int64(right.planes), target, Int64(right.planes))
            }
        }
    }

    /// Chunks of rows, which depend on their number alone, and the sum of what `body` adds for each.
    private static func addChunks(
        _ left: Matrix, _ right: Matrix, lanes: Int, biasOf gradient: Matrix, _ weightResult: Matrix,
        _ biasResult: Matrix?, _ body: (_ lane: Int, _ range: Range<Int>, _ target: UnsafeMutablePointer<Float>) -> Void
    ) throws(SCNError) {
        let count = left.planes * right.planes
        let size = ChunkSizes.denseWeightGradient.rows(left.rows)
        let chunks = Parallel.chunkCount(left.rows, size: size)
        let partial = try Storage<Float>(
            count: checkedProduct([chunks, left.planes, right.planes], "the scratch of a weight gradient"),
            zeroed: true)
        let base = partial.pointer
        Parallel.forEachChunk(left.rows, size: size, lanes: lanes) { lane, chunk, range in
            body(lane, range, base + chunk * count)
        }
        // The last that asks for memory comes before the first that writes.
        if let biasResult { try ColumnSums.compute(gradient, into: biasResult) }
        let kernels = try Kernels.fitting(["weight_result": weightResult])
        let total = weightResult.pointer
        total.update(repeating: 0, count: count)
        for chunk in 0..<chunks { kernels.add(total, base + chunk * count, Int64(count), total) }
        withExtendedLifetime((left, right, partial, weightResult)) {}
    }

    private static func choosesOpenBLAS(_ kernels: scn_kernel_table, weights: Int) -> Bool {
        let suits = withUnsafePointer(to: kernels) { scn_dense_product_suits($0, Int64(weights)) != 0 }
        return (usesOpenBLAS ?? suits) && scn_dense_products_at_once(1) > 0
    }

    private static func requireWeight(
        _ weight: Matrix, _ inPlanes: Int, _ outPlanes: Int, _ isTransposed: Bool, _ name: String
    ) throws(SCNError) {
        try weight.requireShape(isTransposed ? outPlanes : inPlanes, isTransposed ? inPlanes : outPlanes, name)
    }

    private static func check(_ left: Matrix, _ right: Matrix, names: (String, String)) throws(SCNError) {
        try require(
            left.rows == right.rows, .shape,
            "\(names.1): has \(counted(right.rows, .row)), expected \(left.rows), as \(names.0) has")
        for (planes, name) in [(left.planes, names.0), (right.planes, names.1)] {
            try require(
                planes >= 1 && planes <= Int(Int32.max), .shape,
                "\(name): has \(counted(planes, .plane)), expected 1 ... \(Int32.max)")
        }
    }

    /// No more threads than OpenBLAS has buffers for: the others would wait.
    private static func lanesOfOpenBLAS(_ chunks: Int) -> Int {
        Int(scn_dense_products_at_once(Int32(min(chunks, Parallel.threadCount))))
    }
}
