internal import SCNCore

/// The order of a convolution's weights in memory.
package enum WeightLayout {
    /// [volume, groups, in / groups, out / groups]
    case offsetsFirst
    /// [out, volume, in / groups], as in spconv
    case outputsFirst

    /// How far apart the elements of a weight lie along each axis, where there is one group.
    func strides(_ shape: ConvolutionShape) -> (offset: Int, input: Int, output: Int) {
        switch self {
        case .offsetsFirst: (shape.inPerGroup * shape.outPerGroup * shape.groups, shape.outPerGroup, 1)
        case .outputsFirst: (shape.inPerGroup, 1, shape.volume * shape.inPerGroup)
        }
    }

    /// A weight as loops take it that know several groups with `offsetsFirst` alone: reordered, or as it is.
    func readable(_ weight: Matrix, _ shape: ConvolutionShape) throws(SCNError) -> (weight: Matrix, layout: Self) {
        if self == .offsetsFirst || shape.groups == 1 { return (weight, self) }
        let copy = try Matrix(rows: weight.rows, planes: weight.planes)
        Self.forEachElement(shape) { (offsetsFirst, outputsFirst) in
            copy.pointer[offsetsFirst] = weight.pointer[outputsFirst]
        }
        return (copy, .offsetsFirst)
    }

    /// Calls `body` with where each element is in either layout.
    static func forEachElement(
        _ shape: ConvolutionShape, _ body: (_ offsetsFirst: Int, _ outputsFirst: Int) -> Void
    ) {
        var offsetsFirst = 0
        for k in 0..<shape.volume {
            for group in 0..<shape.groups {
                for i in 0..<shape.inPerGroup {
                    for o in 0..<shape.outPerGroup {
                        let row = (group * shape.outPerGroup + o) * shape.volume + k
                        body(offsetsFirst, row * shape.inPerGroup + i)
                        offsetsFirst += 1
                    }
                }
            }
        }
    }
}
