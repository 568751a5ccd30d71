internal import CSCNSupport
internal import SCNCore
internal import SCNOps

extension Tensor {
    /// A parameter drawn from N(0, variance) by the shared generator.
    static func normalParameter(_ shape: [Int], variance: Double) throws(SCNError) -> Tensor {
        let deviation = variance.squareRoot()
        return try state(shape, requiresGradient: true) { RandomFill.normal($0, deviation: deviation) }
    }

    /// A parameter drawn uniformly from -bound ... bound by the shared generator.
    static func uniformParameter(_ shape: [Int], bound: Double) throws(SCNError) -> Tensor {
        try state(shape, requiresGradient: true) { RandomFill.uniform($0, bound: bound) }
    }

    static func parameter(_ shape: [Int], filledWith value: Float) throws(SCNError) -> Tensor {
        try state(shape, requiresGradient: true) { values throws(SCNError) in
            try Elements.fill(values, with: value)
        }
    }

    static func buffer(_ shape: [Int], filledWith value: Float) throws(SCNError) -> Tensor {
        try state(shape, requiresGradient: false) { values throws(SCNError) in
            try Elements.fill(values, with: value)
        }
    }

    /// A buffer with the values of a parameter.
    static func buffer(copyOf parameter: Tensor) throws(SCNError) -> Tensor {
        try state(parameter.shape, requiresGradient: false) { $0.update(from: parameter.values) }
    }

    /// What all parameters and buffers of modules are made by: where state is deferred, nothing is allocated and drawn.
    private static func state(
        _ shape: [Int], requiresGradient: Bool, _ fill: (Matrix) throws(SCNError) -> Void
    ) throws(SCNError) -> Tensor {
        let (rows, planes) = try rowsAndPlanes(shape)
        if let deferred = DeferredState.current {
            let storage = Storage<Float>(absent: rows * planes)
            let tensor = Tensor(
                shape: shape, values: Matrix(rows: rows, planes: planes, storage: storage),
                requiresGradient: requiresGradient)
            try deferred.note(tensor)
            return tensor
        }
        let values = try Matrix(rows: rows, planes: planes)
        try fill(values)
        return Tensor(shape: shape, values: values, requiresGradient: requiresGradient)
    }
}

/// The parameters and buffers of modules that are built without them: they know their shapes, and have no memory until
/// ``allocate()``.
final class DeferredState {
    private var tensors: [Tensor] = []
    private let limit: Int

    private init(limit: Int) { self.limit = limit }

    /// Builds a module whose parameters are neither allocated nor drawn, at most `limit` of them: what a file has
    /// tensors.
    static func of<M: Module>(limit: Int = .max, _ build: () throws -> M) throws -> (module: M, state: DeferredState) {
        let state = DeferredState(limit: limit)
        let before = scn_deferred_state_get()
        defer { scn_deferred_state_set(before) }
        scn_deferred_state_set(Unmanaged.passUnretained(state).toOpaque())
        return try withExtendedLifetime(state) { (try build(), state) }
    }

    /// The one that this thread builds with.
    static var current: DeferredState? {
        scn_deferred_state_get().map { Unmanaged<DeferredState>.fromOpaque($0).takeUnretainedValue() }
    }

    fileprivate func note(_ tensor: Tensor) throws(SCNError) {
        try require(
            tensors.count < limit, .format,
            "more than \(limit) parameters and buffers, where the file has \(limit) tensors")
        tensors.append(tensor)
    }

    /// Gives all of them memory, with undefined content.
    func allocate() throws(SCNError) {
        for tensor in tensors {
            tensor.values = try Matrix(rows: tensor.values.rows, planes: tensor.values.planes)
        }
    }
}
