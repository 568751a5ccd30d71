internal import CSCNSupport
internal import SCNCore
internal import SCNFiles
internal import SCNOps

/// Returns its input.
public final class Identity: Module {
    static let layerType = LayerType("Identity", "Returns its input.") { _ in Identity() }

    /// A module without arguments.
    public override init() { super.init(madeWith: Arguments(noneOf: Self.layerType)) }

    package override var takesBFloat16: Bool { true }

    public override func forward(_ input: Value) throws -> Value { input }
}

/// Prints what passes through it to standard output, and returns it.
public final class VerboseIdentity: Module {
    static let layerType = LayerType("VerboseIdentity", "Prints what passes through it, and returns it.") { _ in
        VerboseIdentity()
    }

    /// A module without arguments.
    public override init() { super.init(madeWith: Arguments(noneOf: Self.layerType)) }

    public override func forward(_ input: Value) throws -> Value {
        input.description.withCString(scn_print_line)
        return input
    }
}

/// Adds the tensors of a table: the same sites, the same planes.
public final class AddTable: Module {
    static let layerType = LayerType("AddTable", "Adds the tensors of a table: the same sites, the same planes.") { _ in
        AddTable()
    }

    /// A module without arguments.
    public override init() { super.init(madeWith: Arguments(noneOf: Self.layerType)) }

    package override var takesBFloat16: Bool { true }

    public override func forward(_ input: Value) throws -> Value {
        let values = try input.nonEmptyTable(for: typeName)
        var sum = values[0]
        for (index, value) in values.enumerated().dropFirst() {
            switch (sum, value) {
            case (.dense(let first), .dense(let other)):
                try requireShape(other.shape, first.shape, index)
            case (.sparse(let first), .sparse(let other)):
                try other.requireSameSites(as: first, "tensor \(index)")
                try requireShape(other.features.shape, first.features.shape, index)
            default:
                throw SCNError(
                    .shape, "tensor \(index): is \(value.kind), expected what the first is, \(values[0].kind)")
            }
            sum = try sum + value
        }
        return sum
    }

    private func requireShape(_ shape: [Int], _ first: [Int], _ index: Int) throws(SCNError) {
        try require(shape == first, .shape, "tensor \(index): has shape \(shape), expected \(first) as the first")
    }
}

/// Puts the planes of the tensors of a table side by side: the same sites.
public final class JoinTable: Module {
    static let layerType = LayerType(
        "JoinTable", "Puts the planes of the tensors of a table side by side: the same sites."
    ) { _ in JoinTable() }

    /// A module without arguments.
    public override init() { super.init(madeWith: Arguments(noneOf: Self.layerType)) }

    package override var takesBFloat16: Bool { true }

    public override func forward(_ input: Value) throws -> Value {
        let values = try input.nonEmptyTable(for: typeName)
        let tensors = try values.map { try $0.sparse(for: typeName) }
        for (index, tensor) in tensors.enumerated().dropFirst() {
            try tensor.requireSameSites(as: tensors[0], "tensor \(index)")
        }
        let result = try Tensor.joined(tensors.map(\.features))
        return .sparse(try tensors[0].with(features: result))
    }
}

extension Tensor {
    /// The planes of matrices of as many rows side by side.
    static func joined(_ parts: [Tensor]) throws -> Tensor {
        let widths = parts.map(\.values.planes)
        let planes = widths.reduce(into: (sum: 0, overflow: false)) { total, width in
            let (sum, overflow) = total.sum.addingReportingOverflow(width)
            total = (sum, total.overflow || overflow)
        }
        try require(!planes.overflow, .overflow, "planes: the joined planes overflow 64 bits")
        let rows = parts[0].values.rows
        let type: ElementType = parts.allSatisfy { $0.values.type == .bfloat16 } ? .bfloat16 : .float32
        let joined = try Matrix(rows: rows, planes: planes.sum, type: type)
        try Elements.join(parts.map { part throws(SCNError) in try part.values.converted(to: type) }, into: joined)
        return Tape.result(matrix: joined, inputs: parts) { gradient in
            let results = try widths.map { try Matrix(rows: rows, planes: $0, type: type) }
            try Elements.split(gradient, into: results)
            return results.map { .fresh($0) }
        }
    }
}

/// Flattens a dense tensor [n, ...] into a matrix [n, rest].
public final class Flatten: Module {
    static let layerType = LayerType("Flatten", "Flattens a dense tensor [n, ...] into a matrix [n, rest].") { _ in
        Flatten()
    }

    /// A module without arguments.
    public override init() { super.init(madeWith: Arguments(noneOf: Self.layerType)) }

    public override func forward(_ input: Value) throws -> Value {
        guard case .dense(let tensor) = input, let rows = tensor.shape.first else {
            throw input.mismatch(typeName, "a dense tensor of rank 1 or more")
        }
        // Beside an axis of size 0, the other sizes can be any.
        let planes = try checkedProduct(tensor.shape.dropFirst(), "a row of a tensor of shape \(tensor.shape)")
        return .dense(try tensor.reshaped([rows, planes]))
    }
}

extension Value {
    fileprivate func nonEmptyTable(for module: String) throws(SCNError) -> [Value] {
        guard case .table(let values) = self else { throw mismatch(module, "a table") }
        try require(!values.isEmpty, .shape, "input: is an empty table, expected at least one tensor for \(module)")
        return values
    }
}
