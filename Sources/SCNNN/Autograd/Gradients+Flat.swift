public import SCNCore

/// Gradients as one flat array, as what adds them up over processes wants them.
///
/// The array has the gradient of each parameter after that of the one before, row-major. A parameter that is listed
/// twice has its place where it comes first; one that requires no gradient has none.
extension Gradients {
    /// The number of elements of the flat array.
    public static func count(_ parameters: [Tensor]) throws(SCNError) -> Int {
        var total = 0
        for parameter in try trained(parameters) {
            let (sum, overflow) = total.addingReportingOverflow(parameter.count)
            try require(!overflow, .overflow, "parameters: have more elements than 64 bits can count")
            total = sum
        }
        return total
    }

    /// Copies the gradients into `flat`, of ``count(_:)`` elements; zeros where a parameter has none yet.
    public static func copy(_ parameters: [Tensor], into flat: UnsafeMutableBufferPointer<Float>) throws(SCNError) {
        try requireCount(flat.count, parameters)
        var rest = flat[...]
        for parameter in try trained(parameters) {
            let place = UnsafeMutableBufferPointer(rebasing: rest.prefix(parameter.count))
            if let gradient = parameter.gradientValues {
                _ = place.update(fromContentsOf: gradient.buffer)
            } else {
                place.update(repeating: 0)
            }
            rest = rest.dropFirst(parameter.count)
        }
    }

    /// Overwrites the gradients with `flat`, of ``count(_:)`` elements. Every parameter has a gradient then; nothing
    /// has changed where this throws.
    public static func set(_ parameters: [Tensor], from flat: UnsafeBufferPointer<Float>) throws(SCNError) {
        try requireCount(flat.count, parameters)
        let trained = try trained(parameters)
        var gradients: [Matrix] = []
        for parameter in trained {
            if let gradient = parameter.gradientValues {
                gradients.append(gradient)
            } else {
                gradients.append(try Matrix(rows: parameter.values.rows, planes: parameter.values.planes))
            }
        }
        var rest = flat[...]
        for (parameter, gradient) in zip(trained, gradients) {
            _ = gradient.buffer.update(fromContentsOf: rest.prefix(parameter.count))
            parameter.gradientValues = gradient
            rest = rest.dropFirst(parameter.count)
        }
    }

    /// The parameters that have a place in the flat array, each once.
    private static func trained(_ parameters: [Tensor]) throws(SCNError) -> [Tensor] {
        var seen: Set<ObjectIdentifier> = []
        var result: [Tensor] = []
        for (index, parameter) in parameters.enumerated() {
            try require(
                parameter.isLeaf, .invalidArgument, "parameters: number \(index) is the result of an operation")
            if parameter.requiresGradient && seen.insert(ObjectIdentifier(parameter)).inserted {
                result.append(parameter)
            }
        }
        return result
    }

    private static func requireCount(_ given: Int, _ parameters: [Tensor]) throws(SCNError) {
        let expected = try count(parameters)
        try require(given == expected, .shape, "gradients: has \(counted(given, .element)), expected \(expected)")
    }
}
