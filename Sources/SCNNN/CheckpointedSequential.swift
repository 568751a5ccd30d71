internal import SCNCore
internal import SCNOps

/// A `Sequential` that keeps its input alone and computes what lies between again in the backward pass (Chen et al.,
/// "Training deep nets with sublinear memory cost", 2016).
///
/// Results and gradients are those of a `Sequential`, bit by bit: the second computation draws the same random numbers and
/// starts from the same running statistics, which it leaves as they are. ``ForwardCounts`` does not count it. It may stand
/// anywhere in a network, also inside another one.
public final class CheckpointedSequential: Sequential {
    public override func forward(_ input: Value) throws -> Value {
        var seen: Set<ObjectIdentifier> = []
        let parameters = self.parameters.filter { $0.requiresGradient && seen.insert(ObjectIdentifier($0)).inserted }
        let inputs = input.tensors + parameters
        guard Tape.isRecording, inputs.contains(where: \.requiresGradient) else { return try applyChildren(input) }
        let replay = try Replay(of: self)
        let output = try replay.firstRun { try Tape.withoutRecording { try applyChildren(input) } }
        let arrived = Arrived(count: output.tensors.count)

        // All results lead to this one record, which the backward pass reaches after those of the results.
        let hub = Tape.result(shape: [0], values: try Matrix(rows: 1, planes: 0), inputs: inputs) { [self] _ in
            let leaves = input.tensors.map { tensor in
                Tensor(shape: tensor.shape, values: tensor.values, requiresGradient: tensor.requiresGradient)
            }
            var next = leaves.makeIterator()
            let copy = try input.mapTensors { _ in next.next()! }
            let again = try replay.again { try applyChildren(copy) }.tensors
            try require(
                again.map(\.count) == arrived.counts, .state,
                "backward: \(typeName) computed results of another shape than before; was it changed meanwhile?")
            var found: [ObjectIdentifier: Gradient] = [:]
            var others: [(leaf: Tensor, gradient: Gradient)] = []
            let known = Set((leaves + parameters).map(ObjectIdentifier.init))
            for (leaf, gradient) in try Tape.gradients(from: arrived.take(for: again)) {
                let key = ObjectIdentifier(leaf)
                if known.contains(key) { found[key] = gradient } else { others.append((leaf, gradient)) }
            }
            // Leaves that a module of the host's brought in without naming them.
            try Tape.add(others)
            return (leaves + parameters).map { found[ObjectIdentifier($0)] }
        }
        var index = 0
        return try output.mapTensors { tensor in
            defer { index += 1 }
            let (place, values) = (index, tensor.values)
            arrived.counts[place] = values.count
            let empty = hub.values
            return Tape.result(shape: tensor.shape, values: values, inputs: [hub]) { gradient in
                arrived.gradients[place] = gradient
                return [.shared(empty)]
            }
        }
    }

    private func applyChildren(_ input: Value) throws -> Value { try super.forward(input) }
}

/// The gradients by the results of a checkpointed run, as they come in.
private final class Arrived {
    var gradients: [Matrix?]
    var counts: [Int]

    init(count: Int) {
        gradients = Array(repeating: nil, count: count)
        counts = Array(repeating: 0, count: count)
    }

    /// The gradients with the results that they belong to; they are let go of here, since the pass frees each after its use.
    func take(for results: [Tensor]) -> [(tensor: Tensor, gradient: Matrix)] {
        defer { gradients = Array(repeating: nil, count: gradients.count) }
        return zip(results, gradients).compactMap { tensor, gradient in gradient.map { (tensor, $0) } }
    }
}

/// What a run of a module depends on beside its input and its parameters, to run it once more in the same way.
private final class Replay {
    private let modes: [(module: Module, isTraining: Bool)]
    private let buffers: [(buffer: Tensor, values: Matrix)]
    private let random: Random

    init(of module: Module) throws {
        modes = module.distinctModules.map { ($0, $0.isTraining) }
        buffers = try modes.flatMap(\.module.ownState).filter { !$0.isParameter }.map {
            ($0.tensor, try $0.tensor.values.copy())
        }
        random = Generator.state
    }

    /// Runs `body` with a stream of its own, which is the shared generator's where no other thread draws meanwhile.
    func firstRun<R>(_ body: () throws -> R) throws -> R {
        var stream = random
        let result = try Generator.withStream(&stream, body)
        Generator.withRandom { if $0 == random { $0 = stream } }
        return result
    }

    /// Runs `body`, recorded, as if it were the first time, and leaves modes, buffers and generator as they are now.
    func again<R>(_ body: () throws -> R) throws -> R {
        let changed = modes.filter { $0.module.isTraining != $0.isTraining }
        let moved = try buffers.filter { $0.buffer.values.hasOtherBits(than: $0.values) }.map {
            (buffer: $0.buffer, before: $0.values, now: try $0.buffer.values.copy())
        }
        let wasRecording = Tape.isRecording
        defer {
            for (module, wasTraining) in changed { module.isTraining = !wasTraining }
            // What was not moved before may be moved by this run.
            let present = Dictionary(moved.map { (ObjectIdentifier($0.buffer), $0.now) }) { first, _ in first }
            for (buffer, before) in buffers {
                let values = present[ObjectIdentifier(buffer)] ?? before
                if buffer.values.hasOtherBits(than: values) {
                    buffer.values.pointer.update(from: values.pointer, count: values.count)
                }
            }
            Tape.isRecording = wasRecording
        }
        for (module, wasTraining) in changed { module.isTraining = wasTraining }
        for (buffer, before, _) in moved { buffer.values.pointer.update(from: before.pointer, count: before.count) }
        Tape.isRecording = true
        var stream = random
        return try Generator.withStream(&stream) { try ForwardObserver.whileUnobserved(body) }
    }
}

extension Matrix {
    fileprivate func hasOtherBits(than other: Matrix) -> Bool {
        let (a, b) = (UnsafePointer(pointer), UnsafePointer(other.pointer))
        return (0..<count).contains { a[$0].bitPattern != b[$0].bitPattern }
    }
}

extension Module {
    /// This module and all inside it, each once.
    fileprivate var distinctModules: [Module] {
        var found: [Module] = []
        var seen: Set<ObjectIdentifier> = []
        var pending: [Module] = [self]
        while let module = pending.popLast() {
            guard seen.insert(ObjectIdentifier(module)).inserted else { continue }
            found.append(module)
            pending.append(contentsOf: module.children)
        }
        return found
    }
}
