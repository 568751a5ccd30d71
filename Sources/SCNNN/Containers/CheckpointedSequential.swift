internal import SCNCore
internal import SCNOps

/// A `Sequential` that keeps its input alone and computes what lies between again in the backward pass (Chen et al.,
/// "Training deep nets with sublinear memory cost", 2016).
///
/// Results and gradients are those of a `Sequential`, bit by bit: the second computation draws the same random numbers
/// and starts from the same running statistics; what it changes is put back. ``ForwardCounts`` does not count it. It
/// may stand anywhere in a network, also inside another one.
public final class CheckpointedSequential: Sequential {
    static let type = LayerType(
        container: "CheckpointedSequential",
        "A Sequential that keeps its input alone and computes what lies between again in the backward pass."
    ) { try CheckpointedSequential($0) }

    override class var containerType: LayerType? { type }

    public override func forward(_ input: Value) throws -> Value {
        guard Tape.isRecording, let replay = try replay(input) else { return try super.forward(input) }
        Tape.isRecording = false
        defer { Tape.isRecording = true }
        let output = try super.forward(input)
        Tape.isRecording = true
        return try record(input, output, replay)
    }

    // In functions of their own, so that their variables do not wait on the stack for what runs inside.

    /// What a second run needs; nil where no gradient is wanted.
    @inline(never) private func replay(_ input: Value) throws -> Replay? {
        let replay = try Replay(of: self)
        return (input.tensors + replay.parameters).contains(where: \.requiresGradient) ? replay : nil
    }

    @inline(never) private func record(_ input: Value, _ output: Value, _ replay: Replay) throws -> Value {
        let parameters = replay.parameters
        let inputs = input.tensors + parameters
        let arrived = Arrived(count: output.tensors.count)
        // All results lead to this one record, which the backward pass reaches after those of the results.
        let hub = Tape.result(
            shape: [0], values: try Matrix(rows: 1, planes: 0), inputs: inputs, others: { arrived.others }
        ) { [self] _ in
            let (pass, leaves) = try arrived.pass ?? secondRun(replay, input, arrived)
            arrived.pass = (pass, leaves)
            arrived.others = []
            var found: [ObjectIdentifier: Gradient] = [:]
            let known = Set((leaves + parameters).map(ObjectIdentifier.init))
            for (leaf, gradient) in try pass.finish() {
                let key = ObjectIdentifier(leaf)
                if known.contains(key) { found[key] = gradient } else { arrived.others.append((leaf, gradient)) }
            }
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

    /// Computes the results again; returns the backward pass over that, not begun, and what stands for the input in it.
    private func secondRun(
        _ replay: Replay, _ input: Value, _ arrived: Arrived
    ) throws -> (pass: BackwardPass, leaves: [Tensor]) {
        let leaves = input.tensors.map { tensor in
            Tensor(shape: tensor.shape, values: tensor.values, requiresGradient: tensor.requiresGradient)
        }
        var next = leaves.makeIterator()
        let copy = try input.mapTensors { _ in next.next()! }
        let again = try replay.again { try super.forward(copy) }.tensors
        try require(
            again.map(\.count) == arrived.counts, .state,
            "backward: \(typeName) computed results of another shape than before; was it changed meanwhile?")
        return (try arrived.begin(again), leaves)
    }
}

/// The gradients by the results of a checkpointed run, as they come in; they go with the record.
private final class Arrived {
    var gradients: [Matrix?]
    var counts: [Int]
    /// The pass over the second run, once that was made.
    var pass: (pass: BackwardPass, leaves: [Tensor])?
    /// Gradients by leaves that a module of the host's brought in without naming them.
    var others: [Tape.LeafGradient] = []

    init(count: Int) {
        gradients = Array(repeating: nil, count: count)
        counts = Array(repeating: 0, count: count)
    }

    /// The pass over the results that a gradient came for. It lets go of those gradients as it goes, so they are its
    /// alone.
    func begin(_ results: [Tensor]) throws -> BackwardPass {
        let roots = zip(results, gradients).compactMap { tensor, gradient in gradient.map { (tensor, $0) } }
        let pass = try BackwardPass(from: roots)
        gradients = Array(repeating: nil, count: gradients.count)
        return pass
    }
}

/// What a run of a module depends on beside its input and its parameters, to run it once more in the same way.
private final class Replay {
    /// Those that require a gradient, each once.
    let parameters: [Tensor]
    private let modes: [(module: Module, isTraining: Bool)]
    private let buffers: [(buffer: Tensor, values: Matrix)]
    private let random: Random
    private let precision = Autocast.precision

    /// Before the first run, within the same call.
    init(of module: Module) throws {
        var seen: Set<ObjectIdentifier> = []
        parameters = module.parameters.filter { $0.requiresGradient && seen.insert(ObjectIdentifier($0)).inserted }
        modes = module.distinctModules.map { ($0, $0.isTraining) }
        buffers = try modes.flatMap(\.module.ownState).filter { !$0.isParameter }.map {
            ($0.tensor, try $0.tensor.values.copy())
        }
        random = Generator.withRandom { $0 }
    }

    /// Runs `body`, recorded, as if it were the first time, and leaves modes, buffers and generator as they are now.
    func again<R>(_ body: () throws -> R) throws -> R {
        let changed = modes.filter { $0.module.isTraining != $0.isTraining }
        let wasRecording = Tape.isRecording
        defer {
            for (module, wasTraining) in changed { module.isTraining = !wasTraining }
            Tape.isRecording = wasRecording
        }
        return try Transaction.runAndPutBack(drawingFrom: random) {
            for (module, wasTraining) in changed { module.isTraining = wasTraining }
            for (buffer, values) in buffers where buffer.values.hasOtherBits(than: values) {
                try Transaction.willChange(buffer.values)
                buffer.values.update(from: values)
            }
            Tape.isRecording = true
            return try Autocast.with(precision) { try ForwardObserver.whileUnobserved(body) }
        }
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
