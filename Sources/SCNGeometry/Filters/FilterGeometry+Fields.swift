package import SCNCore

/// Where the results of strided filters lie, in fields that begin anywhere.
extension FilterGeometry {
    /// The field of the result. Windows begin at multiples of the stride, less the padding, so that a site at -1 with
    /// stride 2 belongs to -1.
    ///
    /// Of a bounded field, its size is that of `outputSize(of:)`, once the field begins at a multiple of the stride. An
    /// unbounded one has every window that can meet a site.
    package func outputField(of field: Field) throws(SCNError) -> Field {
        if kind.keepsSites { return field }
        if field.isUnbounded {
            var (first, last): ([Int128], [Int128]) = ([], [])
            for axis in size.indices {
                let (stride, start) = (Int128(stride[axis]), Int128(field.lower[axis]) + Int128(padding[axis]))
                // The first window that ends behind the first place, or the one that begins there at the latest.
                let reaching = -floorQuotient(Int128(try extent(axis)) - 1 - start, stride)
                first.append(min(reaching, floorQuotient(start, stride)))
                last.append(floorQuotient(start + Int128(field.size[axis]) - 1, stride))
                try require(
                    start + Int128(field.size[axis]) - first[axis] * stride <= Int128(Int.max), .overflow,
                    "sites: lie in \(field.lower[axis]) ... \(field.last(axis)) on axis \(axis), with padding "
                        + "\(padding[axis]) more than 64 bits hold")
            }
            return try Field(first: first, last: last, isUnbounded: true)
        }
        var (lower, widened) = (field.lower, field.size)
        for axis in size.indices {
            let start = floorQuotient(Int128(field.lower[axis]), Int128(stride[axis]))
            lower[axis] = Int(start)
            let places = Int128(field.size[axis]) + Int128(field.lower[axis]) - start * Int128(stride[axis])
            guard let places = Int(exactly: places) else {
                throw SCNError(
                    .overflow,
                    "spatial_size: is \(field.size[axis]) on axis \(axis), with stride \(stride[axis]) more than 64 "
                        + "bits hold")
            }
            widened[axis] = places
        }
        return try Field(lower: lower, size: outputSize(of: widened))
    }

    /// The field of a full convolution's result: output = input * stride - padding + tap * dilation.
    package func inputField(of field: Field) throws(SCNError) -> Field {
        if kind.keepsSites { return field }
        var (first, last): ([Int128], [Int128]) = ([], [])
        let bounded = field.isUnbounded ? nil : try inputSize(of: field.size)
        for axis in size.indices {
            let start = Int128(field.lower[axis]) * Int128(stride[axis])
            if let bounded {
                first.append(start)
                last.append(start + Int128(bounded[axis]) - 1)
            } else {
                let way = Int128(field.size[axis] - 1) * Int128(stride[axis])
                first.append(start - Int128(padding[axis]))
                last.append(start - Int128(padding[axis]) + way + Int128(try extent(axis)) - 1)
            }
        }
        let nominal: Field.Places? =
            if let places = field.nominal {
                try inputField(of: Field(lower: places.lower, size: places.size)).shown
            } else {
                nil
            }
        return try Field(first: first, last: last, isUnbounded: field.isUnbounded, nominal: nominal)
    }

    /// The padding of windows that count from where `output`, the output's field, begins, over places that count from
    /// where the input's field begins; at least 0.
    func placedPadding(_ axis: Int, input: Field, output: Field) -> Int {
        let way = Int128(input.lower[axis]) - Int128(output.lower[axis]) * Int128(stride[axis])
        return Int(Int128(padding[axis]) + way)
    }

    /// Where each place of the input lies in exactly one window, and in one of the output's: what to add to it, so that
    /// division by the stride gives the window's place. Else nil.
    func tiling(from input: Field, to output: Field) -> [Int]? {
        guard size == stride, zip(size, dilation).allSatisfy({ $0 == 1 || $1 == 1 }) else { return nil }
        var rests: [Int] = []
        for axis in size.indices {
            let rest = placedPadding(axis, input: input, output: output)
            let last = (Int128(input.size[axis]) - 1 + Int128(rest)) / Int128(stride[axis])
            if last >= Int128(output.size[axis]) { return nil }
            rests.append(rest)
        }
        return rests
    }
}
