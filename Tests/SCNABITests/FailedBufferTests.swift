import CSCN
import CSCNSupport
import SCNTestSupport
import Testing

/// Functions over the caller's buffers: where an allocation fails, no element of a result has been written.
@Suite(.exclusive) struct FailedBufferTests {
    /// Buffers of a call: what it reads, and what it writes.
    private final class Buffers {
        private var owned: [UnsafeMutableBufferPointer<Float>] = []
        private var results: [UnsafeMutableBufferPointer<Float>] = []
        private var numbers = Numbers()

        deinit { for buffer in owned { buffer.deallocate() } }

        private func make(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
            let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: max(1, count))
            for index in buffer.indices { buffer[index] = Float(numbers.below(1000)) / 500 - 1 }
            owned.append(buffer)
            return buffer
        }

        func vector(_ count: Int) -> UnsafeMutablePointer<Float> { make(count).baseAddress! }

        func vectorResult(_ count: Int) -> UnsafeMutablePointer<Float> {
            results.append(make(count))
            return results.last!.baseAddress!
        }

        func matrix(_ rows: Int64, _ planes: Int64) -> scn_matrix {
            over(vector(Int(rows * planes)), rows, planes)
        }

        func result(_ rows: Int64, _ planes: Int64) -> scn_matrix {
            over(vectorResult(Int(rows * planes)), rows, planes)
        }

        private func over(_ data: UnsafeMutablePointer<Float>, _ rows: Int64, _ planes: Int64) -> scn_matrix {
            scn_matrix(
                struct_size: MemoryLayout<scn_matrix>.size, type: SCN_FLOAT32, data: data, rows: rows, planes: planes,
                row_stride: 0)
        }

        var written: [[UInt32]] { results.map { $0.map(\.bitPattern) } }
    }

    private func failEach(
        in name: String, atLeast allocations: Int = 1, sourceLocation: SourceLocation = #_sourceLocation,
        _ call: (Buffers) -> () -> scn_status
    ) {
        let reference = Buffers()
        must(call(reference)())
        for index in 0... {
            let buffers = Buffers()
            let prepared = call(buffers)
            let before = buffers.written
            scn_memory_fail_after(Int64(index))
            let status = prepared()
            scn_memory_fail_after(-1)
            if status == SCN_OK {
                #expect(index >= allocations, "\(name) asked for \(index) blocks", sourceLocation: sourceLocation)
                return
            }
            guard status == SCN_ERROR_MEMORY else {
                Issue.record("\(name): \(String(cString: scn_last_error()))", sourceLocation: sourceLocation)
                return
            }
            #expect(buffers.written == before, "\(name), allocation \(index)", sourceLocation: sourceLocation)
            must(prepared(), sourceLocation)
            #expect(buffers.written == reference.written, "\(name), \(index)", sourceLocation: sourceLocation)
        }
    }

    @Test func dense() {
        failEach(in: "linear", atLeast: 0) { buffers in
            var (input, result) = (buffers.matrix(300, 40), buffers.result(300, 50))
            let (weight, bias) = (buffers.vector(2000), buffers.vector(50))
            return { scn_linear_forward(&input, weight, 0, bias, &result) }
        }
        failEach(in: "linear, by the weight") { buffers in
            var (input, gradient) = (buffers.matrix(9000, 40), buffers.matrix(9000, 50))
            let (weight, bias) = (buffers.vectorResult(2000), buffers.vectorResult(50))
            return { scn_linear_backward_weight(&input, &gradient, 0, weight, bias) }
        }
        failEach(in: "cross entropy", atLeast: 0) { buffers in
            var (logits, gradient) = (buffers.matrix(30, 5), buffers.result(30, 5))
            let (labels, loss) = ((0..<30).map { Int64($0 % 5) }, buffers.vector(1))
            return { scn_cross_entropy_forward(&logits, labels, nil, -100, loss, &gradient) }
        }
        failEach(in: "binary cross entropy", atLeast: 0) { buffers in
            var (logits, gradient) = (buffers.matrix(30, 5), buffers.result(30, 5))
            let (targets, loss) = (buffers.vector(150), buffers.vector(1))
            for index in 0..<150 { targets[index] = abs(targets[index]) }
            return { scn_binary_cross_entropy_forward(&logits, targets, loss, &gradient) }
        }
    }

    @Test func norms() {
        failEach(in: "batch norm") { buffers in
            var (input, result) = (buffers.matrix(900, 7), buffers.result(900, 7))
            let vectors = (0..<4).map { _ in buffers.vectorResult(7) }
            for plane in 0..<7 { vectors[1][plane] = 1 }
            return {
                scn_batch_norm_forward_training(
                    &input, nil, nil, vectors[0], vectors[1], nil, vectors[2], vectors[3], &result)
            }
        }
        failEach(in: "batch norm, backward") { buffers in
            var (input, output) = (buffers.matrix(900, 7), buffers.matrix(900, 7))
            var (gradient, result) = (buffers.matrix(900, 7), buffers.result(900, 7))
            let (mean, deviation) = (buffers.vector(7), buffers.vector(7))
            let (weight, byWeight, byBias) = (buffers.vector(7), buffers.vectorResult(7), buffers.vectorResult(7))
            return {
                scn_batch_norm_backward_training(
                    &input, &output, &gradient, weight, mean, deviation, nil, byWeight, byBias, &result)
            }
        }
        failEach(in: "mean-only norm") { buffers in
            var (input, result) = (buffers.matrix(900, 7), buffers.result(900, 7))
            let (bias, mean) = (buffers.vector(7), buffers.vectorResult(7))
            return { scn_mean_only_norm_forward_training(&input, bias, mean, 0.9, 0.5, &result) }
        }
        failEach(in: "mean-only norm, backward", atLeast: 0) { buffers in
            var (output, gradient) = (buffers.matrix(900, 7), buffers.matrix(900, 7))
            var result = buffers.result(900, 7)
            let byBias = buffers.vectorResult(7)
            return { scn_mean_only_norm_backward(&output, &gradient, 1, 0.5, byBias, &result) }
        }
    }

    @Test func onSegments() {
        // One segment of many rows, some of few, and rows of none.
        let map: [Int64] = (0..<5000).map { (row: Int64) in
            if row % 7 == 6 { return -1 }
            return row % 2 == 0 ? 0 : row % 30
        }
        for reduction in [SCN_SEGMENT_SUM, SCN_SEGMENT_MEAN, SCN_SEGMENT_MAX] {
            failEach(in: "reduce") { buffers in
                var (input, result) = (buffers.matrix(5000, 5), buffers.result(30, 5))
                return { scn_segment_reduce_forward(map, reduction, &input, &result) }
            }
            failEach(in: "reduce, backward") { buffers in
                var (input, output) = (buffers.matrix(5000, 5), buffers.matrix(30, 5))
                var (gradient, result) = (buffers.matrix(30, 5), buffers.result(5000, 5))
                return { scn_segment_reduce_backward(map, reduction, &input, &output, &gradient, &result) }
            }
        }
        failEach(in: "softmax") { buffers in
            var (input, result) = (buffers.matrix(5000, 5), buffers.result(5000, 5))
            return { scn_segment_softmax_forward(map, 30, &input, &result) }
        }
        failEach(in: "softmax, backward") { buffers in
            var (output, gradient) = (buffers.matrix(5000, 5), buffers.matrix(5000, 5))
            var result = buffers.result(5000, 5)
            return { scn_segment_softmax_backward(map, 30, &output, &gradient, &result) }
        }
        failEach(in: "gather") { buffers in
            var (vectors, result) = (buffers.matrix(30, 5), buffers.result(5000, 5))
            return { scn_segment_gather_forward(map, &vectors, &result) }
        }
        failEach(in: "pad") { buffers in
            var (input, result) = (buffers.matrix(5000, 5), buffers.result(30, 20))
            return { scn_segment_pad_forward(map, 4, &input, nil, &result) }
        }
        failEach(in: "pad, backward") { buffers in
            var (gradient, result) = (buffers.matrix(30, 20), buffers.result(5000, 5))
            return { scn_segment_pad_backward(map, 4, &gradient, &result) }
        }
    }

    @Test func onSites() {
        let world = World()
        var count: Int64 = 0
        must(scn_geometry_site_count(world.geometry, 0, &count))
        let rows = count
        var rulebook: OpaquePointer?
        [Int64](repeating: 3, count: 2).withUnsafeBufferPointer { size in
            var filter = scn_filter(
                struct_size: MemoryLayout<scn_filter>.size, dimension: 2, size: size.baseAddress, stride: nil,
                padding: nil, dilation: nil, rounds_down: 0)
            must(scn_geometry_submanifold(world.geometry, 0, &filter, &rulebook))
        }
        defer { must(scn_rulebook_release(rulebook)) }
        failEach(in: "input", atLeast: 0) { buffers in
            var (features, result) = (buffers.matrix(60, 5), buffers.result(rows, 5))
            return { scn_input_forward(world.geometry, &features, &result) }
        }
        failEach(in: "output, backward", atLeast: 0) { buffers in
            var (gradient, result) = (buffers.matrix(60, 5), buffers.result(rows, 5))
            return { scn_output_backward(world.geometry, &gradient, &result) }
        }
        failEach(in: "convolution") { buffers in
            var (input, result) = (buffers.matrix(rows, 8), buffers.result(rows, 20))
            let (weight, bias) = (buffers.vector(9 * 160), buffers.vector(20))
            return { scn_convolution_forward(rulebook, &input, weight, bias, 1, &result) }
        }
        failEach(in: "convolution, by the input") { buffers in
            var (gradient, result) = (buffers.matrix(rows, 20), buffers.result(rows, 8))
            let weight = buffers.vector(9 * 160)
            return { scn_convolution_backward_input(rulebook, &gradient, weight, 1, &result) }
        }
        failEach(in: "convolution, by the weight") { buffers in
            var (input, gradient) = (buffers.matrix(rows, 8), buffers.matrix(rows, 20))
            let (weight, bias) = (buffers.vectorResult(9 * 160), buffers.vectorResult(20))
            return { scn_convolution_backward_weight(rulebook, &input, &gradient, 1, weight, bias) }
        }
        for groups in [1, 2] as [Int64] {
            let of = "outputs first, \(groups) groups"
            failEach(in: "convolution, \(of)") { buffers in
                var (input, result) = (buffers.matrix(rows, 8), buffers.result(rows, 20))
                let (weight, bias) = (buffers.vector(9 * 160), buffers.vector(20))
                return {
                    scn_convolution_forward_in_layout(
                        rulebook, &input, weight, SCN_WEIGHT_OUTPUTS_FIRST, bias, groups, &result)
                }
            }
            failEach(in: "convolution, by the weight, \(of)") { buffers in
                var (input, gradient) = (buffers.matrix(rows, 8), buffers.matrix(rows, 20))
                let (weight, bias) = (buffers.vectorResult(9 * 160 / Int(groups)), buffers.vectorResult(20))
                return {
                    scn_convolution_backward_weight_in_layout(
                        rulebook, &input, &gradient, SCN_WEIGHT_OUTPUTS_FIRST, groups, weight, bias)
                }
            }
        }
        failEach(in: "average pooling", atLeast: 0) { buffers in
            var (input, result) = (buffers.matrix(rows, 8), buffers.result(rows, 8))
            return { scn_average_pooling_forward(rulebook, &input, 0, &result) }
        }
        failEach(in: "max pooling, backward", atLeast: 0) { buffers in
            var (input, output) = (buffers.matrix(rows, 8), buffers.matrix(rows, 8))
            var (gradient, result) = (buffers.matrix(rows, 8), buffers.result(rows, 8))
            return { scn_max_pooling_backward(rulebook, &input, &output, &gradient, 0, &result) }
        }
        for pooling in [SCN_GLOBAL_SUM, SCN_GLOBAL_AVERAGE, SCN_GLOBAL_MAX] {
            failEach(in: "global pooling", atLeast: 0) { buffers in
                var (input, result) = (buffers.matrix(rows, 8), buffers.result(3, 8))
                return { scn_global_pooling_forward(world.geometry, 0, pooling, &input, &result) }
            }
        }
        failEach(in: "group norm", atLeast: 0) { buffers in
            var (input, result) = (buffers.matrix(rows, 8), buffers.result(rows, 8))
            let (mean, deviation) = (buffers.vectorResult(6), buffers.vectorResult(6))
            return {
                scn_group_norm_forward(world.geometry, 0, &input, nil, nil, 2, 1e-5, mean, deviation, &result)
            }
        }
        failEach(in: "group norm, backward", atLeast: 0) { buffers in
            var (input, gradient) = (buffers.matrix(rows, 8), buffers.matrix(rows, 8))
            var result = buffers.result(rows, 8)
            let (mean, deviation) = (buffers.vector(6), buffers.vector(6))
            let (weight, byWeight, byBias) = (buffers.vector(8), buffers.vectorResult(8), buffers.vectorResult(8))
            return {
                scn_group_norm_backward(
                    world.geometry, 0, &input, &gradient, weight, 2, mean, deviation, byWeight, byBias, &result)
            }
        }
        failEach(in: "compare") { buffers in
            var (x, y) = (buffers.matrix(rows, 8), buffers.matrix(rows, 8))
            var (byX, byY) = (buffers.result(rows, 8), buffers.result(rows, 8))
            let loss = buffers.vector(1)
            return {
                scn_compare_sparse_forward(world.geometry, 0, &x, world.geometry, 0, &y, loss, &byX, &byY)
            }
        }
    }
}
