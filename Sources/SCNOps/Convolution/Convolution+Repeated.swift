internal import CSCNKernels
internal import SCNCore
internal import SCNGeometry

/// Convolution over rules whose output rows repeat within a filter offset, which a fused pass cannot cut among threads:
/// the way back through windows that are displaced at random.
extension ConvolutionOperation {
    /// The products of some rules at a time, in parallel, then added rule after rule.
    static func runRepeated(
        _ rules: Rulebook, _ kernels: scn_kernel_table, input: Matrix, weight: PackedWeights, bias: Matrix?,
        leakiness: Float, into result: Matrix
    ) throws(SCNError) {
        let (volume, groups) = (weight.volume, weight.groups)
        let (inPerGroup, outPerGroup) = (weight.inPerGroup, weight.outPerGroup)
        let (packed, packedSize) = (weight.pointer, weight.offsetSize)
        let (offsets, inputRows, outputRows) = (
            rules.offsets.pointer, rules.inputRows.pointer, rules.outputRows.pointer
        )
        let span = ChunkSizes.repeatedRules
        let size = max(span, ChunkSizes.waitingProducts / result.planes)
        let products = try Matrix(rows: min(size, max(1, rules.ruleCount)), planes: result.planes)
        let consecutive = try Storage<Int32>(0..<Int32(clamping: products.rows))
        let consecutiveRows = consecutive.pointer
        for row in 0..<result.rows {
            let target = result.pointer + row * result.planes
            if let bias {
                target.update(from: bias.pointer, count: result.planes)
            } else {
                target.update(repeating: 0, count: result.planes)
            }
        }
        for k in 0..<volume {
            for first in stride(from: Int(offsets[k]), to: Int(offsets[k + 1]), by: size) {
                let count = min(size, Int(offsets[k + 1]) - first)
                Parallel.forEachChunk(count, size: span) { _, range in
                    // A convolution of one offset whose output rows are the rules of this span.
                    var ends = (Int64(0), Int64(range.count))
                    var cursor = Int64(0)
                    withUnsafePointer(to: &ends) { ends in
                        ends.withMemoryRebound(to: Int64.self, capacity: 2) { ends in
                            var part = scn_rules(
                                volume: 1, offsets: ends, input_rows: inputRows + first + range.lowerBound,
                                output_rows: consecutiveRows)
                            kernels.convolution_rows(
                                &part, 0, Int64(range.count), input.pointer, Int64(input.planes), Int64(groups),
                                Int64(inPerGroup), packed + k * packedSize, nil, 1, products.row(range.lowerBound),
                                Int64(result.planes), Int64(outPerGroup), &cursor)
                        }
                    }
                }
                kernels.add_rows(
                    Int64(count), consecutiveRows, outputRows + first, products.pointer, Int64(result.planes),
                    result.pointer, Int64(result.planes), Int64(result.planes), 1)
            }
        }
        if leakiness != 1 { try Activation.leakyReLU(leakiness).forward(result, into: result) }
        withExtendedLifetime((consecutive, products, input, result, rules, weight)) {}
    }

    /// The gradient by the weight: a filter offset belongs to one thread.
    static func backwardWeightRepeated(
        _ rules: Rulebook, _ kernels: scn_kernel_table, input: Matrix, gradient: Matrix, shape: ConvolutionShape,
        weightResult: Matrix
    ) {
        let (offsets, inputRows, outputRows) = (
            rules.offsets.pointer, rules.inputRows.pointer, rules.outputRows.pointer
        )
        let total = weightResult.pointer
        let ofOffset = shape.inPlanes * shape.outPerGroup
        total.update(repeating: 0, count: shape.weightCount)
        Parallel.forEach(rules.volume) { k in
            let first = Int(offsets[k])
            kernels.convolution_weight_gradient(
                offsets[k + 1] - offsets[k], inputRows + first, outputRows + first, input.pointer,
                Int64(input.planes), Int64(shape.groups), Int64(shape.inPerGroup), gradient.pointer,
                Int64(gradient.planes), Int64(shape.outPerGroup), total + k * ofOffset, Int64(shape.outPerGroup))
        }
        withExtendedLifetime((rules, input, gradient, weightResult)) {}
    }
}
