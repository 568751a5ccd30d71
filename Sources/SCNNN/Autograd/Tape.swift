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
    /// What `backward` found for leaves that are none of the inputs; asked for once after it.
    fileprivate var others: (() -> [Tape.LeafGradient])?
    /// One more than the deepest input: sorting by it puts every operation after those it depends on.
    fileprivate let depth: Int
    /// The pass from this operation's result that failed, and the gradient that it began with.
    fileprivate var unfinished: (pass: BackwardPass, gradient: Matrix)?

    init(inputs: [Tensor], others: (() -> [Tape.LeafGradient])?, backward: @escaping Backward) {
        self.inputs = inputs
        self.others = others
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
            node.others = nil
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

    /// A leaf that requires a gradient, and one that came for it.
    typealias LeafGradient = (leaf: Tensor, gradient: Gradient)

    /// The result of an operation on `inputs`; records `backward` where an input requires a gradient.
    static func result(
        shape: [Int], values: Matrix, inputs: [Tensor], others: (() -> [LeafGradient])? = nil,
        backward: @escaping TapeNode.Backward
    ) -> Tensor {
        let result = Tensor(shape: shape, values: values)
        if isRecording && inputs.contains(where: \.requiresGradient) {
            result.requiresGradient = true
            result.node = TapeNode(inputs: inputs, others: others, backward: backward)
        }
        return result
    }

    static func result(matrix: Matrix, inputs: [Tensor], backward: @escaping TapeNode.Backward) -> Tensor {
        result(shape: [matrix.rows, matrix.planes], values: matrix, inputs: inputs, backward: backward)
    }
}

extension Tensor {
    /// Runs the backward pass from this tensor. Gradients accumulate in the leaves that require one.
    ///
    /// The record is used up, and leaves change, only if the pass succeeds; after a failure, the same call resumes the
    /// pass.
    ///
    /// - Parameter gradient: Row-major, with as many elements as this tensor. Pass nil for a tensor of one element,
    ///   which means 1.
    public func backward(gradient: [Float]? = nil) throws {
        guard let gradient else {
            try require(
                count == 1, .shape, "gradient: none given for a tensor of \(count) elements; only one needs none")
            return try backward(Matrix(rows: values.rows, planes: values.planes, [1]))
        }
        try gradient.withUnsafeBufferPointer { try backward(gradient: $0) }
    }

    /// Runs the backward pass from this tensor, with a gradient that is copied from a buffer.
    public func backward(gradient: UnsafeBufferPointer<Float>) throws {
        try require(
            gradient.count == count, .shape, "gradient: has \(counted(gradient.count, .element)), expected \(count)")
        try backward(Matrix(rows: values.rows, planes: values.planes, gradient))
    }

    /// The same with the gradient in a matrix, whose elements stay as they are from now on.
    package func backward(_ gradient: Matrix) throws {
        try require(
            requiresGradient, .state, "backward: nothing was recorded for this tensor, no input requires a gradient")
        try Transaction.run {
            let pass = try Tape.unfinishedPass(from: self, gradient) ?? BackwardPass(from: [(self, gradient)])
            do {
                try Tape.add(try ForwardCounts.uncounted { try pass.finish() })
            } catch {
                node?.unfinished = (pass, gradient)
                throw error
            }
        }
    }
}

extension Tape {
    /// Adds gradients to those that leaves have.
    static func add(_ gradients: [LeafGradient]) throws {
        try meeting.withLock { _ in
            let sums = try gradients.map { leaf, arrived in
                arrived.isFresh || leaf.gradientValues != nil ? arrived.matrix : try arrived.matrix.copy()
            }
            for ((leaf, _), sum) in zip(gradients, sums) {
                if let before = leaf.gradientValues {
                    try Elements.add(before, sum.reshaped(rows: before.rows, planes: before.planes), into: before)
                } else {
                    leaf.gradientValues = sum.reshaped(rows: leaf.values.rows, planes: leaf.values.planes)
                }
            }
        }
    }

    /// The pass from `root` that failed, where it began with the same gradient.
    fileprivate static func unfinishedPass(from root: Tensor, _ gradient: Matrix) -> BackwardPass? {
        meeting.withLock { _ in
            guard let node = root.node, let unfinished = node.unfinished else { return nil }
            if unfinished.gradient.hasOtherBits(than: gradient) { return nil }
            node.unfinished = nil
            return unfinished.pass
        }
    }
}

/// A backward pass on its way. It lets go of each record, and of the features that it holds, as soon as it was used;
/// where it fails, it can go on from there.
final class BackwardPass {
    /// What a pass needs of one operation; nothing else keeps it alive once it was taken.
    private struct Record {
        let result: ObjectIdentifier
        let inputs: [Tensor]
        let backward: TapeNode.Backward
        let others: (() -> [Tape.LeafGradient])?
    }

    /// Those that are left, the next one last.
    private var records: [Record] = []
    private var arriving: [ObjectIdentifier: Gradient] = [:]
    private var leaves: [Tensor] = []

    /// The pass from all `roots` together.
    init(from roots: [(tensor: Tensor, gradient: Matrix)]) throws {
        let wanted = roots.filter(\.tensor.requiresGradient)
        records = try Self.takeRecords(below: wanted.map(\.tensor))
        for (tensor, gradient) in wanted { try arrive([(tensor, .shared(gradient))]) }
    }

    /// Runs what is left; returns the gradients by the leaves that require one.
    func finish() throws -> [Tape.LeafGradient] {
        while let record = records.last {
            if let arrived = arriving.removeValue(forKey: record.result) {
                do {
                    let gradients = try record.backward(arrived.matrix)
                    precondition(gradients.count == record.inputs.count)
                    let found = zip(record.inputs, gradients).compactMap { input, gradient in
                        gradient.flatMap { input.requiresGradient ? (input, $0) : nil }
                    }
                    try arrive(found + (record.others?() ?? []))
                } catch {
                    arriving[record.result] = arrived
                    throw error
                }
            }
            records.removeLast()
        }
        return leaves.map { ($0, arriving[ObjectIdentifier($0)]!) }
    }

    /// Adds gradients to what has arrived, in the type of each tensor; where there is no memory for that, none of them.
    private func arrive(_ gradients: [Tape.LeafGradient]) throws {
        let gradients = try gradients.map { tensor, gradient in
            let type = tensor.values.type
            return (tensor, gradient.matrix.type == type ? gradient : .fresh(try gradient.matrix.converted(to: type)))
        }
        var isFresh: [ObjectIdentifier: Bool] = [:]
        let targets = try gradients.map { tensor, gradient -> Matrix? in
            let key = ObjectIdentifier(tensor)
            let before = isFresh[key] ?? arriving[key]?.isFresh
            isFresh[key] = before == nil ? gradient.isFresh : true
            guard before == false else { return nil }
            let matrix = gradient.matrix
            return try Matrix(rows: matrix.rows, planes: matrix.planes, type: matrix.type)
        }
        for ((tensor, new), target) in zip(gradients, targets) {
            let key = ObjectIdentifier(tensor)
            if let before = arriving[key]?.matrix {
                let sum = (target ?? before).reshaped(rows: before.rows, planes: before.planes)
                try Elements.add(before, new.matrix.reshaped(rows: before.rows, planes: before.planes), into: sum)
                arriving[key] = .fresh(sum)
            } else {
                if tensor.node == nil { leaves.append(tensor) }
                arriving[key] = new
            }
        }
    }

    /// Takes the records of all operations that the roots depend on, or of none where one of them is gone; the last is
    /// first.
    private static func takeRecords(below roots: [Tensor]) throws -> [Record] {
        try Tape.meeting.withLock { _ in
            let operations = operations(below: roots)
            let records = operations.compactMap { tensor -> Record? in
                guard let node = tensor.node, let backward = node.backward else { return nil }
                return Record(
                    result: ObjectIdentifier(tensor), inputs: node.inputs, backward: backward, others: node.others)
            }
            try require(
                records.count == operations.count, .state,
                "backward: the record was used up by an earlier backward pass, or one with another gradient failed on it"
            )
            for tensor in operations {
                tensor.node?.backward = nil
                tensor.node?.others = nil
                tensor.node?.inputs = []
            }
            return records.reversed()
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
}
