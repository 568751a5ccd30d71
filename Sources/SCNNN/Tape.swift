internal import CSCNSupport
package import SCNCore
internal import SCNOps

/// A gradient that flows back; `isFresh` where nobody else refers to its elements, so that they may be overwritten.
package struct Gradient {
    let matrix: Matrix
    let isFresh: Bool

    static func fresh(_ matrix: Matrix) -> Gradient { Gradient(matrix: matrix, isFresh: true) }
    static func shared(_ matrix: Matrix) -> Gradient { Gradient(matrix: matrix, isFresh: false) }
}

/// One recorded operation: where its gradient goes, and how it gets there.
final class TapeNode {
    /// The gradients by `inputs`, in their order, from the gradient by the result. Captures matrices, not tensors.
    typealias Backward = (Matrix) throws -> [Gradient?]

    fileprivate(set) var inputs: [Tensor]
    /// Nil once a backward pass has taken it.
    fileprivate var backward: Backward?
    /// One more than the deepest input: sorting by it puts every operation after those it depends on.
    fileprivate let depth: Int

    init(inputs: [Tensor], backward: @escaping Backward) {
        self.inputs = inputs
        self.backward = backward
        depth = 1 + (inputs.lazy.map { $0.node?.depth ?? 0 }.max() ?? 0)
    }

    // Long chains are taken apart one by one: releasing them link by link would overflow the stack.
    deinit {
        var pending = inputs
        inputs = []
        while var tensor = pending.popLast() {
            guard isKnownUniquelyReferenced(&tensor), var node = tensor.node else { continue }
            tensor.node = nil
            guard isKnownUniquelyReferenced(&node) else { continue }
            pending.append(contentsOf: node.inputs)
            node.inputs = []
            node.backward = nil
        }
    }
}

/// Recording of operations and the backward pass over them.
public enum Tape {
    /// Whether the calling thread records operations.
    public static var isRecording: Bool {
        get { scn_gradient_recording_get() != 0 }
        set { scn_gradient_recording_set(newValue ? 1 : 0) }
    }

    /// Backward passes on several threads may meet in shared operations and in the leaves.
    fileprivate static let meeting = Locked(())

    /// Runs `body` without recording.
    public static func withoutRecording<R>(_ body: () throws -> R) rethrows -> R {
        let before = isRecording
        isRecording = false
        defer { isRecording = before }
        return try body()
    }

    /// The result of an operation on `inputs`; records `backward` where an input requires a gradient.
    static func result(
        shape: [Int], values: Matrix, inputs: [Tensor], backward: @escaping TapeNode.Backward
    ) -> Tensor {
        let result = Tensor(shape: shape, values: values)
        if isRecording && inputs.contains(where: \.requiresGradient) {
            result.requiresGradient = true
            result.node = TapeNode(inputs: inputs, backward: backward)
        }
        return result
    }

    static func result(matrix: Matrix, inputs: [Tensor], backward: @escaping TapeNode.Backward) -> Tensor {
        result(shape: [matrix.rows, matrix.planes], values: matrix, inputs: inputs, backward: backward)
    }
}

extension Tensor {
    /// Runs the backward pass from this tensor; gradients add up in the leaves that require one.
    ///
    /// The record is used up, also where the pass fails; leaves change only where it succeeds.
    /// - Parameter gradient: row-major, as many elements as this tensor; nil for a tensor of one element, meaning 1.
    public func backward(gradient: [Float]? = nil) throws {
        guard let gradient else {
            try require(
                count == 1, .shape, "gradient: none given for a tensor of \(count) elements; only one needs none")
            return try backward(Matrix(rows: values.rows, planes: values.planes, [1]))
        }
        try require(
            gradient.count == count, .shape, "gradient: has \(gradient.count) elements, expected \(count)")
        try backward(Matrix(rows: values.rows, planes: values.planes, gradient))
    }

    package func backward(_ gradient: Matrix) throws {
        try require(
            requiresGradient, .state, "backward: nothing was recorded for this tensor, no input requires a gradient")
        try Tape.add(Tape.gradients(from: [(self, gradient)]))
    }
}

extension Tape {
    /// Runs the backward pass from all `roots` together; returns the gradients by the leaves that require one.
    static func gradients(
        from roots: consuming [(tensor: Tensor, gradient: Matrix)]
    ) throws -> [(leaf: Tensor, gradient: Gradient)] {
        var arriving: [ObjectIdentifier: Gradient] = [:]
        var leaves: [Tensor] = []
        func arrive(at tensor: Tensor, _ gradient: Gradient) throws {
            let key = ObjectIdentifier(tensor)
            let before = arriving[key]
            if tensor.node == nil && before == nil { leaves.append(tensor) }
            arriving[key] = try sum(before, gradient)
        }
        let wanted = roots.filter(\.tensor.requiresGradient)
        for (tensor, gradient) in wanted { try arrive(at: tensor, .shared(gradient)) }
        // The last first, so that what a record holds goes as soon as it was used.
        var records = Array(try takeRecords(below: wanted.map(\.tensor)).reversed())
        while let record = records.popLast() {
            guard let arrived = arriving.removeValue(forKey: record.result) else { continue }
            let gradients = try record.backward(arrived.matrix)
            precondition(gradients.count == record.inputs.count)
            for (input, gradient) in zip(record.inputs, gradients) where input.requiresGradient {
                if let gradient { try arrive(at: input, gradient) }
            }
        }
        return leaves.map { ($0, arriving[ObjectIdentifier($0)]!) }
    }

    /// Adds gradients to those that leaves have.
    static func add(_ gradients: [(leaf: Tensor, gradient: Gradient)]) throws {
        try meeting.withLock { _ in
            let sums = try gradients.map { leaf, arrived in
                arrived.isFresh || leaf.gradientValues != nil ? arrived.matrix : try arrived.matrix.copy()
            }
            for ((leaf, _), sum) in zip(gradients, sums) {
                if let before = leaf.gradientValues {
                    try Elements.add(before, sum.reshaped(rows: before.rows, planes: before.planes), into: before)
                } else {
                    leaf.gradientValues = sum
                }
            }
        }
    }

    /// What a pass needs of one operation; nothing else keeps it alive once it was taken.
    private struct Record {
        let result: ObjectIdentifier
        let inputs: [Tensor]
        let backward: TapeNode.Backward
    }

    /// Takes the records of all operations that the roots depend on, or of none where one of them is gone.
    private static func takeRecords(below roots: [Tensor]) throws -> [Record] {
        try meeting.withLock { _ in
            let operations = operations(below: roots)
            let records = operations.compactMap { tensor -> Record? in
                guard let node = tensor.node, let backward = node.backward else { return nil }
                return Record(result: ObjectIdentifier(tensor), inputs: node.inputs, backward: backward)
            }
            try require(
                records.count == operations.count, .state,
                "backward: the record was used up by an earlier backward pass")
            for tensor in operations {
                tensor.node?.backward = nil
                tensor.node?.inputs = []
            }
            return records
        }
    }

    /// The results of operations that the roots depend on, themselves included, each before those it depends on.
    private static func operations(below roots: [Tensor]) -> [Tensor] {
        var found: [Tensor] = []
        var seen: Set<ObjectIdentifier> = []
        var pending = roots
        while let tensor = pending.popLast() {
            guard let node = tensor.node, seen.insert(ObjectIdentifier(tensor)).inserted else { continue }
            found.append(tensor)
            pending.append(contentsOf: node.inputs)
        }
        return found.sorted { $0.node!.depth > $1.node!.depth }
    }

    private static func sum(_ before: Gradient?, _ new: Gradient) throws -> Gradient {
        guard let before else { return new }
        let other = new.matrix.reshaped(rows: before.matrix.rows, planes: before.matrix.planes)
        let target =
            before.isFresh ? before.matrix : try Matrix(rows: before.matrix.rows, planes: before.matrix.planes)
        try Elements.add(before.matrix, other, into: target)
        return .fresh(target)
    }
}
