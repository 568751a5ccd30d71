internal import SCNCore
internal import SCNOps

extension Tensor {
    /// The sum of two tensors of one shape.
    public static func + (a: Tensor, b: Tensor) throws -> Tensor {
        try b.requireShape(of: a, "b")
        let type: ElementType = a.values.type == b.values.type ? a.values.type : .float32
        let sum = try Matrix(rows: a.values.rows, planes: a.values.planes, type: type)
        try Elements.add(a.values, b.values, into: sum)
        return Tape.result(shape: a.shape, values: sum, inputs: [a, b]) { [.shared($0), .shared($0)] }
    }

    /// The product of two tensors of one shape, element by element.
    public static func * (a: Tensor, b: Tensor) throws -> Tensor {
        try b.requireShape(of: a, "b")
        let product = try Matrix(rows: a.values.rows, planes: a.values.planes)
        try Elements.multiply(a.values, b.values, into: product)
        let (left, right) = (a.values, b.values)
        let (leftWanted, rightWanted) = (a.requiresGradient, b.requiresGradient)
        return Tape.result(shape: a.shape, values: product, inputs: [a, b]) { gradient in
            func times(_ other: Matrix) throws -> Gradient {
                let result = try Matrix(rows: other.rows, planes: other.planes)
                try Elements.multiply(gradient, other, into: result)
                return .fresh(result)
            }
            return [leftWanted ? try times(right) : nil, rightWanted ? try times(left) : nil]
        }
    }

    /// The quotient of two tensors of one shape, element by element, as floating-point numbers have it.
    public static func / (a: Tensor, b: Tensor) throws -> Tensor {
        try b.requireShape(of: a, "b")
        let (left, right) = (a.values, b.values)
        let quotient = try Matrix(rows: left.rows, planes: left.planes)
        try Elements.divide(left, by: right, into: quotient)
        let (leftWanted, rightWanted) = (a.requiresGradient, b.requiresGradient)
        return Tape.result(shape: a.shape, values: quotient, inputs: [a, b]) { gradient in
            let byLeft = try Matrix(rows: left.rows, planes: left.planes)
            try Elements.divide(gradient, by: right, into: byLeft)
            let byRight = rightWanted ? try Matrix(rows: left.rows, planes: left.planes) : nil
            if let byRight {
                // -gradient * a / b^2.
                try Elements.multiply(byLeft, quotient, into: byRight)
                try Elements.scale(byRight, by: -1, into: byRight)
            }
            return [leftWanted ? .fresh(byLeft) : nil, byRight.map { .fresh($0) }]
        }
    }

    /// Every element times `factor`.
    public static func * (a: Tensor, factor: Float) throws -> Tensor {
        func scaled(_ matrix: Matrix) throws -> Matrix {
            let result = try Matrix(rows: matrix.rows, planes: matrix.planes)
            try Elements.scale(matrix, by: factor, into: result)
            return result
        }
        return Tape.result(shape: a.shape, values: try scaled(a.values), inputs: [a]) { [.fresh(try scaled($0))] }
    }

    /// The sum of all elements, of rank 0.
    public func sum() throws -> Tensor {
        let total = try Matrix(rows: 1, planes: 1, [Elements.sum(values)])
        let (rows, planes) = (values.rows, values.planes)
        return Tape.result(shape: [], values: total, inputs: [self]) { gradient in
            let result = try Matrix(rows: rows, planes: planes)
            try Elements.fill(result, with: gradient.onlyElement)
            return [.fresh(result)]
        }
    }

    /// The same elements in another shape; one size may be -1 and is inferred.
    public func reshaped(_ wanted: [Int]) throws -> Tensor {
        var shape = wanted
        let unknown = shape.indices.filter { shape[$0] == -1 }
        try require(unknown.count <= 1, .shape, "shape: \(wanted) has more than one -1")
        if let axis = unknown.first {
            shape[axis] = 1
            let (rows, planes) = try Self.rowsAndPlanes(shape)
            let rest = rows * planes
            try require(
                rest > 0 && count % rest == 0, .shape, "shape: \(count) elements do not divide into \(wanted)")
            shape[axis] = count / rest
        }
        let (rows, planes) = try Self.rowsAndPlanes(shape)
        try require(
            rows * planes == count, .shape,
            "shape: \(wanted) has \(counted(rows * planes, .element)), expected \(count)")
        let (oldRows, oldPlanes) = (values.rows, values.planes)
        return Tape.result(
            shape: shape, values: values.reshaped(rows: rows, planes: planes), inputs: [self]
        ) { [.shared($0.reshaped(rows: oldRows, planes: oldPlanes))] }
    }

    private func requireShape(of other: Tensor, _ name: String) throws(SCNError) {
        try require(shape == other.shape, .shape, "\(name): has shape \(shape), expected \(other.shape)")
    }
}

extension Value {
    /// The sum of two dense tensors of one shape, or of two sparse ones on the same sites.
    public static func + (a: Value, b: Value) throws -> Value { try combine(a, b, "add") { try $0 + $1 } }
    /// The product, element by element; the same demands.
    public static func * (a: Value, b: Value) throws -> Value { try combine(a, b, "multiply") { try $0 * $1 } }

    private static func combine(
        _ a: Value, _ b: Value, _ name: String, _ body: (Tensor, Tensor) throws -> Tensor
    ) throws -> Value {
        switch (a, b) {
        case (.dense(let a), .dense(let b)):
            return .dense(try body(a, b))
        case (.sparse(let a), .sparse(let b)):
            try b.requireSameSites(as: a, "b")
            return .sparse(try a.with(features: try body(a.features, b.features)))
        default:
            throw SCNError(
                .shape, "b: is \(b.kind) beside \(a.kind), expected two dense or two sparse tensors for \(name)")
        }
    }
}
