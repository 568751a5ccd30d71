internal import SCNCore
internal import SCNOps

extension Module {
    /// Scales and shifts every layer with weight and bias (convolutions and products) so that each plane of what it
    /// makes of `input` has mean 0 and deviation 1 there (Salimans and Kingma, "Weight normalization", 2016), in the
    /// order in which the input flows through, in `Sequential`s and `ConcatTable`s at any depth. Nothing is recorded.
    ///
    /// Weights of planes without deviation stay, and so do those that have a spectral norm. Running statistics are
    /// updated as by a forward pass. Where it throws, nothing is changed.
    /// - Returns: what the module makes of the input afterwards.
    @discardableResult
    public func reweight(_ input: Value) throws -> Value { try fitted(to: input, scales: true) }

    /// The same for the biases alone: mean 0.
    @discardableResult
    public func rebias(_ input: Value) throws -> Value { try fitted(to: input, scales: false) }

    private func fitted(to input: Value, scales: Bool) throws -> Value {
        try Transaction.run { try Tape.withoutRecording { try fit(input, scales) } }
    }

    private func fit(_ input: Value, _ scales: Bool) throws -> Value {
        do { return try fitNow(input, scales) } catch { throw placed(error) }
    }

    private func fitNow(_ input: Value, _ scales: Bool) throws -> Value {
        if self is Sequential { return try children.reduce(input) { try $1.fit($0, scales) } }
        if self is ConcatTable { return try ConcatTable.table(children.map { try $0.fit(input, scales) }) }
        if let layer = self as? any ProductLayer, let bias = layer.bias {
            try layer.fit(bias, to: try forward(input), scales && layer.spectralNorm == nil)
        }
        return try forward(input)
    }
}

extension ProductLayer {
    /// Fits the layer to what it makes of some input.
    fileprivate func fit(_ bias: Tensor, to output: Value, _ scales: Bool) throws {
        guard let values = output.tensor?.values, values.rows > 0 else { return }
        let changed = scales ? [bias, weight] : [bias]
        for tensor in changed { try Transaction.willChange(tensor.values) }
        try PlaneFitting.fit(
            values, bias: bias.values, weight: scales ? weight.values : nil, outPlane: outPlane(ofWeight:))
        for tensor in changed { tensor.values.storage.noteChange() }
    }
}
