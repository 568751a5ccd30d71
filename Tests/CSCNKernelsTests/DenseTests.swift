import CSCNKernels
import Testing

@Suite struct DenseTests {
    @Test(arguments: [0, 1, 2, 5, 100]) func productsMatchLoops(rows: Int) {
        #expect(scn_dense_products_at_once(1) == 1)
        for inPlanes in [0, 1, 3, 16, 33] {
            for outPlanes in [0, 1, 7, 32] {
                var numbers = Numbers(state: UInt64(rows + inPlanes + outPlanes))
                let x = numbers.floats(rows * inPlanes)
                let w = numbers.floats(inPlanes * outPlanes)
                let start = numbers.floats(rows * outPlanes)
                let input = Buffer(x)
                let (n, i, o) = (Int64(rows), Int64(inPlanes), Int64(outPlanes))
                for isTransposed in [false, true] {
                    for adds in [false, true] {
                        let output = Buffer(start)
                        let weight = Buffer(w)
                        scn_dense_product(
                            input.pointer, n, i, weight.pointer, isTransposed ? 1 : 0, output.pointer, o, adds ? 1 : 0)
                        let expected = (0..<rows * outPlanes).map { index in
                            (0..<inPlanes).reduce(adds ? Double(start[index]) : 0) { sum, i in
                                let (row, o) = (index / outPlanes, index % outPlanes)
                                let value = w[isTransposed ? o * inPlanes + i : i * outPlanes + o]
                                return sum + Double(x[row * inPlanes + i]) * Double(value)
                            }
                        }
                        #expect(worstError(output.values, expected) < 1e-5)
                        #expect(output.guardsAreIntact)
                    }
                }
                let product = Buffer([Float](repeating: .nan, count: inPlanes * outPlanes))
                scn_dense_product_of_columns(input.pointer, n, i, Buffer(start).pointer, o, product.pointer)
                let expected = (0..<inPlanes * outPlanes).map { index in
                    (0..<rows).reduce(0.0) { sum, row in
                        let value = Double(start[row * outPlanes + index % outPlanes])
                        return sum + Double(x[row * inPlanes + index / outPlanes]) * value
                    }
                }
                #expect(worstError(product.values, expected) < 1e-5)
                #expect(product.guardsAreIntact)
            }
        }
    }

    @Test(arguments: Table.all) func rowsOfATableMatchLoops(table: Table) {
        for (inPlanes, outPlanes) in [(1, 1), (3, 16), (16, 37), (33, 5), (64, 64), (37, 160)] {
            for rows in [0, 1, 2, 5, 100, 600] {
                var numbers = Numbers(state: UInt64(rows + inPlanes))
                let x = numbers.floats(rows * inPlanes)
                let w = numbers.floats(inPlanes * outPlanes)
                let bias = numbers.floats(outPlanes)
                let g = numbers.floats(rows * outPlanes)
                let (n, i, o, gap) = (Int64(rows), Int64(inPlanes), Int64(outPlanes), 3)
                let packed = Buffer(count: Int(table.kernels.convolution_packed_size(i, o)))
                table.kernels.convolution_pack(w, i, o, o, 1, packed.pointer)
                let stride = outPlanes + gap
                let spread = { (values: [Float], rows: Int) in
                    Buffer(values, rows: rows, planes: outPlanes, stride: stride)
                }
                let output = spread([Float](repeating: .nan, count: rows * outPlanes), rows)
                let gradient = spread(w, inPlanes)
                table.kernels.dense_rows(x, i, n, i, packed.pointer, bias, 1, output.pointer, Int64(stride), o)
                table.kernels.dense_weight_gradient(x, i, n, i, g, o, o, gradient.pointer, Int64(stride))
                var products = (0..<rows * outPlanes).map { Double(bias[$0 % outPlanes]) }
                var sums = w.map(Double.init)
                for row in 0..<rows {
                    for i in 0..<inPlanes {
                        let value = Double(x[row * inPlanes + i])
                        for o in 0..<outPlanes {
                            products[row * outPlanes + o] += value * Double(w[i * outPlanes + o])
                            sums[i * outPlanes + o] += value * Double(g[row * outPlanes + o])
                        }
                    }
                }
                #expect(worstError(output.matrix(rows: rows, planes: outPlanes, stride: stride), products) < 1e-5)
                #expect(worstError(gradient.matrix(rows: inPlanes, planes: outPlanes, stride: stride), sums) < 1e-4)
                #expect(output.gapsAreIntact(rows: rows, planes: outPlanes, stride: stride))
                #expect(output.guardsAreIntact && gradient.guardsAreIntact)
                // A row by itself has the same bits.
                if rows == 0 { continue }
                let alone = Buffer(count: outPlanes)
                let last = rows - 1
                table.kernels.dense_rows(
                    Array(x[last * inPlanes..<rows * inPlanes]), i, 1, i, packed.pointer, bias, 1, alone.pointer, o, o)
                let whole = output.matrix(rows: rows, planes: outPlanes, stride: stride).suffix(outPlanes)
                #expect(alone.values.map(\.bitPattern) == whole.map(\.bitPattern))
            }
        }
    }
}
