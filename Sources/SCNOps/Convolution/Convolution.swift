internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// The sizes of a convolution's weight, [volume, groups, in / groups, out / groups]: as a matrix, volume * in rows of
/// out / groups planes.
package struct ConvolutionShape {
    package let volume: Int
    package let groups: Int
    package let inPlanes: Int
    package let outPlanes: Int

    package init(volume: Int, groups: Int, inPlanes: Int, outPlanes: Int) throws(SCNError) {
        for (value, name) in [(groups, "groups"), (inPlanes, "in_planes"), (outPlanes, "out_planes")] {
            try require(value >= 1, .invalidArgument, "\(name): is \(value), expected at least 1")
        }
        try require(
            inPlanes % groups == 0 && outPlanes % groups == 0, .invalidArgument,
            "groups: is \(groups), expected a divisor of \(inPlanes) planes in and \(outPlanes) out")
        _ = try checkedProduct([volume, inPlanes, outPlanes, 4], "the weight of a convolution")
        for (value, name) in [(inPlanes, "in_planes"), (outPlanes, "out_planes")] {
            try require(value <= Int(Int32.max), .overflow, "\(name): is \(value), expected at most \(Int32.max)")
        }
        self.volume = volume
        self.groups = groups
        self.inPlanes = inPlanes
        self.outPlanes = outPlanes
    }

    var inPerGroup: Int { inPlanes / groups }
    var outPerGroup: Int { outPlanes / groups }
    package var weightRows: Int { volume * inPlanes }
    package var weightPlanes: Int { outPerGroup }
    var weightCount: Int { weightRows * weightPlanes }
    /// The output plane of element (volume, group, in, out) of the weight.
    package func outPlane(ofWeight index: Int) -> Int {
        index / (inPerGroup * outPerGroup) % groups * outPerGroup + index % outPerGroup
    }
}

/// Convolution over a rulebook: submanifold, strided, or (with the rulebook reversed) deconvolution.
///
/// Weights are as ``ConvolutionShape`` says. Each output row gets, offset after offset, the sum of its rules in one
/// order, so results are bitwise the same for any number of threads.
package enum ConvolutionOperation {
    /// result [rules.outputCount, out] = bias [out] + sum over the rules of input [rules.inputCount, in] * weight, and
    /// then y > 0 ? y : leakiness * y; 1 is no activation. The weight is multiplied as the input's type; input and
    /// result are each float32 or bfloat16.
    package static func forward(
        _ rules: Rulebook, input: Matrix, weight: Matrix, layout: WeightLayout = .offsetsFirst, bias: Matrix?,
        groups: Int, leakiness: Float = 1, into result: Matrix
    ) throws(SCNError) {
        let shape = try ConvolutionShape(
            volume: rules.volume, groups: groups, inPlanes: input.planes, outPlanes: result.planes)
        // Before the weight is read: where a host has the shapes wrong, it may be shorter than they say.
        try requireRows(rules, input, result)
        let packed = try pack(weight, layout: layout, shape, as: factors(rules, input))
        try forward(rules, input: input, weight: packed, bias: bias, leakiness: leakiness, into: result)
    }

    /// What to multiply rows of this type as: where output rows repeat, only float32 has loops.
    private static func factors(_ rules: Rulebook, _ rows: Matrix) throws(SCNError) -> ElementType {
        _ = try Kernels.converting(["input": rows])
        return rules.outputRowsAscend ? rows.type : .float32
    }

    /// The same with weights packed before, as whose type features are multiplied. Input and result are each float32 or
    /// bfloat16; sums, bias and activation are float32. Output rows must not repeat within an offset where the weights
    /// are bfloat16.
    package static func forward(
        _ rules: Rulebook, input: Matrix, weight: PackedWeights, bias: Matrix?, leakiness: Float = 1,
        into result: Matrix
    ) throws(SCNError) {
        try requireRows(rules, input, result)
        try run(rules, input: input, weight: weight, bias: bias, leakiness: leakiness, into: result)
        ForwardCounts.add(
            rules: rules.ruleCount, products: rules.ruleCount,
            weights: weight.inPerGroup * weight.outPerGroup * weight.groups, results: result.count)
    }

    private static func requireRows(_ rules: Rulebook, _ input: Matrix, _ result: Matrix) throws(SCNError) {
        try input.requireShape(rules.inputCount, input.planes, "input")
        try result.requireShape(rules.outputCount, result.planes, "result")
    }

    /// Weights for the forward pass; `type`: what to multiply as.
    package static func pack(
        _ weight: Matrix, layout: WeightLayout = .offsetsFirst, _ shape: ConvolutionShape,
        as type: ElementType = .float32
    ) throws(SCNError) -> PackedWeights {
        try weight.requireShape(shape.weightRows, shape.weightPlanes, "weight")
        let (weight, layout) = try layout.readable(weight, shape)
        let strides = layout.strides(shape)
        return try PackedWeights(
            weight, volume: shape.volume, groups: shape.groups, inPerGroup: shape.inPerGroup,
            outPerGroup: shape.outPerGroup, offsetStride: strides.offset, inStride: strides.input,
            outStride: strides.output, type: type)
    }

    /// result [rules.inputCount, in]: the gradient by the input, from gradient [rules.outputCount, out], as whose type
    /// the weight is multiplied. Both are each float32 or bfloat16.
    package static func backwardInput(
        _ rules: Rulebook, gradient: Matrix, weight: Matrix, layout: WeightLayout = .offsetsFirst, groups: Int,
        into result: Matrix
    ) throws(SCNError) {
        let shape = try ConvolutionShape(
            volume: rules.volume, groups: groups, inPlanes: result.planes, outPlanes: gradient.planes)
        try gradient.requireShape(rules.outputCount, gradient.planes, "gradient")
        try result.requireShape(rules.inputCount, result.planes, "result")
        try weight.requireShape(shape.weightRows, shape.weightPlanes, "weight")
        _ = try Kernels.converting(["gradient": gradient])
        let (weight, layout) = try layout.readable(weight, shape)
        let strides = layout.strides(shape)
        let transposed = try PackedWeights(
            weight, volume: shape.volume, groups: groups, inPerGroup: shape.outPerGroup,
            outPerGroup: shape.inPerGroup, offsetStride: strides.offset, inStride: strides.output,
            outStride: strides.input, type: factors(rules.reversed, gradient))
        try run(rules.reversed, input: gradient, weight: transposed, bias: nil, leakiness: 1, into: result)
    }

    /// The fused pass that both directions share.
    private static func run(
        _ rules: Rulebook, input: Matrix, weight: PackedWeights, bias: Matrix?, leakiness: Float, into result: Matrix
    ) throws(SCNError) {
        _ = try Kernels.fitting(["bias": bias])
        try bias?.requireShape(1, result.planes, "bias")
        try weight.require(volume: rules.volume, inPlanes: input.planes, outPlanes: result.planes)
        _ = try Kernels.converting(["input": input, "result": result])
        let input = try input.converted(to: weight.type)
        if let products = weight.products {
            try require(
                rules.outputRowsAscend, .unsupported,
                "rules: have output rows that repeat within an offset, expected weights packed as float32")
            return try runRounded(
                rules, products, input: input, weight: weight, bias: bias, leakiness: leakiness, into: result)
        }
        let sums = result.type == .float32 ? result : try Matrix(rows: result.rows, planes: result.planes)
        try runFloat32(
            rules, input: input.converted(to: .float32), weight: weight, bias: bias, leakiness: leakiness, into: sums)
        if result.type == .bfloat16 { try Elements.convert(sums, into: result) }
    }

    /// Output rows of a span, which may be cut anywhere: a row's sum is the same in every cut.
    private static func spanRows(_ rules: Rulebook, _ weight: PackedWeights) -> Int {
        let rows = rules.outputCount
        let products =
            max(weight.inPerGroup, ChunkSizes.leastProductsOfAPlane) * weight.outPerGroup * weight.groups
        let work = max(1, rules.ruleCount / max(1, rows)) * products
        let smallest = max(ChunkSizes.leastConvolvedRows, ChunkSizes.productsWorthAThread / work)
        let spans = ChunkSizes.spansPerThread * Parallel.threadCount
        return max(smallest, Parallel.chunkCount(rows, size: spans))
    }

    /// The pass of bfloat16 by instructions that multiply it.
    private static func runRounded(
        _ rules: Rulebook, _ products: UnsafePointer<scn_bfloat16_products>, input: Matrix, weight: PackedWeights,
        bias: Matrix?, leakiness: Float, into result: Matrix
    ) throws(SCNError) {
        let spanRows = spanRows(rules, weight)
        let spans = Parallel.chunkCount(rules.outputCount, size: spanRows)
        let lanes = min(spans, Parallel.threadCount)
        let cursors = try Storage<Int64>(count: checkedProduct([lanes, weight.volume], "the cursors of a convolution"))
        let scratch = try weight.scratch(products, lanes: lanes)
        let cursorBase = cursors.pointer
        try rules.withKernelRules { kernelRules in
            Parallel.forEachChunk(rules.outputCount, size: spanRows, lanes: lanes) { lane, _, range in
                products.pointee.convolution_rows(
                    kernelRules, Int64(range.lowerBound), Int64(range.upperBound), input.halves, Int64(input.planes),
                    Int64(weight.groups), Int64(weight.inPerGroup), weight.address, bias?.pointer, leakiness,
                    result.output(atRow: 0), Int64(result.planes), Int64(weight.outPerGroup),
                    cursorBase + lane * weight.volume, scratch.address(lane))
            }
        }
        withExtendedLifetime((weight, cursors, scratch, input, result)) {}
    }

    private static func runFloat32(
        _ rules: Rulebook, input: Matrix, weight: PackedWeights, bias: Matrix?, leakiness: Float, into result: Matrix
    ) throws(SCNError) {
        let kernels = try Kernels.fitting(["input": input, "result": result])
        let (volume, groups) = (weight.volume, weight.groups)
        let (inPerGroup, outPerGroup) = (weight.inPerGroup, weight.outPerGroup)
        let packedWeights = weight.pointer

        if !rules.outputRowsAscend {
            return try runRepeated(
                rules, kernels, input: input, weight: weight, bias: bias, leakiness: leakiness, into: result)
        }

        let rows = rules.outputCount
        let spanRows = spanRows(rules, weight)
        let cursors = try Storage<Int64>(
            count: checkedProduct([Parallel.chunkCount(rows, size: spanRows), volume], "the cursors of a convolution"))
        let cursorBase = cursors.pointer
        try rules.withKernelRules { kernelRules in
            Parallel.forEachChunk(rows, size: spanRows) { span, range in
                kernels.convolution_rows(
                    kernelRules, Int64(range.lowerBound), Int64(range.upperBound), input.pointer, Int64(input.planes),
                    Int64(groups), Int64(inPerGroup), packedWeights, bias?.pointer, leakiness, result.pointer,
                    Int64(result.planes), Int64(outPerGroup), cursorBase + span * volume)
            }
        }
        withExtendedLifetime((weight, cursors, input, result)) {}
    }

    /// weightResult, laid out as the weight, and biasResult [out]: the gradients by weight and bias, nil where not
    /// wanted, in float32. Input and gradient are each float32 or bfloat16, and both rounded to that where one is.
    package static func backwardWeight(
        _ rules: Rulebook, input: Matrix, gradient: Matrix, groups: Int, weightResult: Matrix?,
        layout: WeightLayout = .offsetsFirst, biasResult: Matrix?
    ) throws(SCNError) {
        let shape = try ConvolutionShape(
            volume: rules.volume, groups: groups, inPlanes: input.planes, outPlanes: gradient.planes)
        try input.requireShape(rules.inputCount, input.planes, "input")
        try gradient.requireShape(rules.outputCount, gradient.planes, "gradient")
        try weightResult?.requireShape(shape.weightRows, shape.weightPlanes, "weight_result")
        _ = try Kernels.converting(["input": input, "gradient": gradient])
        try Kernels.requireFitting(["weight_result": weightResult, "bias_result": biasResult])
        guard let weightResult else {
            if let biasResult { try ColumnSums.compute(gradient, into: biasResult) }
            return
        }
        if layout == .offsetsFirst {
            return try addProducts(
                rules, input, gradient, shape, offsetStride: shape.inPlanes * shape.outPerGroup, into: weightResult,
                biasResult: biasResult)
        }
        // With fewer planes than a vector has lanes, gradients of reversed rules are slow, and a copy takes no time.
        let leastPlanes = 16
        if groups == 1 && input.planes >= leastPlanes && rules.inputRowsAscend && rules.outputRowsAscend {
            // Transposed, its matrices are rows of those of the reversed rules, which have as many rows a matrix as
            // there are output planes.
            let transposed = try ConvolutionShape(
                volume: rules.volume, groups: 1, inPlanes: gradient.planes, outPlanes: input.planes)
            return try addProducts(
                rules.reversed, gradient, input, transposed, offsetStride: input.planes,
                rowStride: rules.volume * input.planes, into: weightResult, biasResult: biasResult,
                biasIsOfInput: true)
        }
        let matrices = try Matrix(rows: weightResult.rows, planes: weightResult.planes)
        try addProducts(
            rules, input, gradient, shape, offsetStride: shape.inPlanes * shape.outPerGroup, into: matrices,
            biasResult: biasResult)
        WeightLayout.forEachElement(shape) { (offsetsFirst, outputsFirst) in
            weightResult.pointer[outputsFirst] = matrices.pointer[offsetsFirst]
        }
    }

    /// For each filter offset the sum over its rules of input row times output row, as matrices that begin offsetStride
    /// apart and whose rows do rowStride, nil for rows without gaps; and the column sums of the output, or the input.
    private static func addProducts(
        _ rules: Rulebook, _ input: Matrix, _ output: Matrix, _ shape: ConvolutionShape, offsetStride: Int,
        rowStride: Int? = nil, into weightResult: Matrix, biasResult: Matrix?, biasIsOfInput: Bool = false
    ) throws(SCNError) {
        let rowStride = rowStride ?? shape.outPerGroup
        if Elements.areConverted(input, output) {
            let (halfInput, halfOutput) = (try input.converted(to: .bfloat16), try output.converted(to: .bfloat16))
            if let products = shape.roundedProducts, rules.outputRowsAscend {
                return try addRounded(
                    rules, products, halfInput, halfOutput, shape, offsetStride: offsetStride, rowStride: rowStride,
                    into: weightResult, biasOf: biasIsOfInput ? halfInput : halfOutput, biasResult)
            }
            return try addProducts(
                rules, halfInput.converted(to: .float32), halfOutput.converted(to: .float32), shape,
                offsetStride: offsetStride, rowStride: rowStride, into: weightResult, biasResult: biasResult,
                biasIsOfInput: biasIsOfInput)
        }
        let kernels = try Kernels.fitting(["input": input, "gradient": output])
        let gradient = biasIsOfInput ? input : output
        if !rules.outputRowsAscend {
            if let biasResult { try ColumnSums.compute(gradient, into: biasResult) }
            return backwardWeightRepeated(
                rules, kernels, input: input, gradient: output, shape: shape, weightResult: weightResult)
        }

        try addSpans(rules, shape, biasOf: gradient, weightResult, biasResult) {
            kernelRules, rows, _, target, cursors in
            kernels.convolution_weight_gradient_rows(
                kernelRules, Int64(rows.lowerBound), Int64(rows.upperBound), input.pointer, Int64(input.planes),
                Int64(shape.groups), Int64(shape.inPerGroup), output.pointer, Int64(output.planes),
                Int64(shape.outPerGroup), target, Int64(offsetStride), Int64(rowStride), cursors)
        }
        withExtendedLifetime((input, output)) {}
    }

    /// Both of bfloat16.
    private static func addRounded(
        _ rules: Rulebook, _ products: UnsafePointer<scn_bfloat16_products>, _ input: Matrix, _ output: Matrix,
        _ shape: ConvolutionShape, offsetStride: Int, rowStride: Int, into weightResult: Matrix,
        biasOf gradient: Matrix, _ biasResult: Matrix?
    ) throws(SCNError) {
        let lanes = Parallel.threadCount
        let size = products.pointee.scratch_size(
            Int64(shape.volume), Int64(shape.groups), Int64(shape.inPerGroup), Int64(shape.outPerGroup))
        let scratch = try LaneScratch(size: Int(size), lanes: lanes)
        try addSpans(rules, shape, biasOf: gradient, weightResult, biasResult) {
            kernelRules, rows, lane, target, cursors in
            products.pointee.convolution_weight_gradient_rows(
                kernelRules, Int64(rows.lowerBound), Int64(rows.upperBound), input.halves, Int64(input.planes),
                Int64(shape.groups), Int64(shape.inPerGroup), output.halves, Int64(output.planes),
                Int64(shape.outPerGroup), target, Int64(offsetStride), Int64(rowStride), cursors,
                scratch.address(lane))
        }
        withExtendedLifetime((scratch, input, output)) {}
    }

    /// Spans of rows, which depend on shapes alone, and the sum of what `body` adds for each: the first into the
    /// result, the others into scratch of bounded size.
    private static func addSpans(
        _ rules: Rulebook, _ shape: ConvolutionShape, biasOf gradient: Matrix, _ weightResult: Matrix,
        _ biasResult: Matrix?,
        _ body: (
            _ rules: UnsafePointer<scn_rules>, _ rows: Range<Int>, _ lane: Int, _ target: UnsafeMutablePointer<Float>,
            _ cursors: UnsafeMutablePointer<Int64>
        ) -> Void
    ) throws(SCNError) {
        let (volume, weightCount) = (rules.volume, shape.weightCount)
        let spanRows = ChunkSizes.convolutionWeightGradient(weights: weightCount).rows(rules.outputCount)
        let spans = Parallel.chunkCount(rules.outputCount, size: spanRows)
        let partial = try Storage<Float>(
            count: checkedProduct([max(0, spans - 1), weightCount], "the scratch of a weight gradient"), zeroed: true)
        let lanes = Parallel.threadCount
        let cursors = try Storage<Int64>(count: checkedProduct([lanes, volume], "the cursors of a convolution"))
        // The last that asks for memory comes before the first that writes.
        if let biasResult { try ColumnSums.compute(gradient, into: biasResult) }
        let total = weightResult.pointer
        total.update(repeating: 0, count: weightCount)

        let (partialBase, cursorBase) = (partial.pointer, cursors.pointer)
        try rules.withKernelRules { kernelRules in
            Parallel.forEachChunk(rules.outputCount, size: spanRows, lanes: lanes) { lane, span, rows in
                let target = span == 0 ? total : partialBase + (span - 1) * weightCount
                body(kernelRules, rows, lane, target, cursorBase + lane * volume)
            }
        }
        try Kernels.forElements(["weight_result": weightResult]) { kernels, start, count in
            for span in 1..<max(1, spans) {
                let part = partialBase + (span - 1) * weightCount
                kernels.add(total + start, part + start, count, total + start)
            }
        }
        withExtendedLifetime((partial, cursors, weightResult)) {}
    }
}

extension ConvolutionShape {
    /// The loops that multiply bfloat16 for groups of so many planes; nil where those of float32 do.
    var roundedProducts: UnsafePointer<scn_bfloat16_products>? {
        groups > 1 && min(inPerGroup, outPerGroup) < 16 ? nil : Kernels.bfloat16Products
    }
}

extension Rulebook {
    /// Calls `body` with the rules as the kernels take them.
    func withKernelRules(_ body: (UnsafePointer<scn_rules>) throws(SCNError) -> Void) throws(SCNError) {
        let rules = scn_rules(
            volume: Int64(volume), offsets: offsets.pointer, input_rows: inputRows.pointer,
            output_rows: outputRows.pointer)
        try withUnsafePointer(to: rules) { (rules) throws(SCNError) in try body(rules) }
        withExtendedLifetime(self) {}
    }
}
