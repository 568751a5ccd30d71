internal import SCNCore

extension Tensor {
    /// A parameter drawn from N(0, variance) by the shared generator.
    static func normalParameter(_ shape: [Int], variance: Double) throws(SCNError) -> Tensor {
        let (rows, planes) = try rowsAndPlanes(shape)
        let values = try Matrix(rows: rows, planes: planes)
        let deviation = variance.squareRoot()
        let (base, count) = (values.pointer, values.count)
        Generator.withRandom { random in
            for index in 0..<count { base[index] = Float(random.normal() * deviation) }
        }
        return Tensor(shape: shape, values: values, requiresGradient: true)
    }

    /// A parameter drawn uniformly from -bound ... bound by the shared generator.
    static func uniformParameter(_ shape: [Int], bound: Double) throws(SCNError) -> Tensor {
        let (rows, planes) = try rowsAndPlanes(shape)
        let values = try Matrix(rows: rows, planes: planes)
        let (base, count) = (values.pointer, values.count)
        Generator.withRandom { random in
            for index in 0..<count { base[index] = Float((2 * random.uniform() - 1) * bound) }
        }
        return Tensor(shape: shape, values: values, requiresGradient: true)
    }

    static func parameter(_ shape: [Int], filledWith value: Float) throws(SCNError) -> Tensor {
        let tensor = try buffer(shape, filledWith: value)
        tensor.requiresGradient = true
        return tensor
    }

    static func buffer(_ shape: [Int], filledWith value: Float) throws(SCNError) -> Tensor {
        let (rows, planes) = try rowsAndPlanes(shape)
        let values = try Matrix(rows: rows, planes: planes)
        values.pointer.update(repeating: value, count: values.count)
        return Tensor(shape: shape, values: values)
    }
}
