import CSCNKernels
import Testing

@Suite struct DenseTests {
    @Test(arguments: [0, 1, 2, 5, 100]) func productsMatchLoops(rows: Int) {
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
}
