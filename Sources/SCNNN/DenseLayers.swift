internal import SCNCore
package import SCNFiles
internal import SCNOps

/// What the two dense products share; weights differ in their layout and initialisation.
public class DenseLayer: Module, ProductLayer {
    /// The planes of the input.
    public let inPlanes: Int
    /// The planes of the result.
    public let outPlanes: Int
    /// [in, out], or [out, in] for ``Linear``.
    public internal(set) var weight: Tensor
    /// What is added to each row, [out]; nil without.
    public let bias: Tensor?
    private let weightIsTransposed: Bool
    var leakiness = 1.0
    var keptWeights: KeptWeights?
    var spectralNorm: SpectralNorm?

    init(_ inPlanes: Int, _ outPlanes: Int, weight: Tensor, bias: Tensor?, weightIsTransposed: Bool) {
        self.inPlanes = inPlanes
        self.outPlanes = outPlanes
        self.weight = weight
        self.bias = bias
        self.weightIsTransposed = weightIsTransposed
    }

    static func checkPlanes(_ inPlanes: Int, _ outPlanes: Int) throws(SCNError) {
        for (value, name) in [(inPlanes, "in_planes"), (outPlanes, "out_planes")] {
            try require(value >= 1, .invalidArgument, "\(name): is \(value), expected at least 1")
            try require(value <= Int(Int32.max), .overflow, "\(name): is \(value), expected at most \(Int32.max)")
        }
        _ = try checkedProduct([inPlanes, outPlanes, 4], "the weight")
    }

    public override var ownState: [StateEntry] { productState }

    public override var summary: String {
        (["\(inPlanes) -> \(outPlanes)"] + (bias == nil ? [] : ["bias"]) + activationSummary).joined(separator: ", ")
    }

    package override var arguments: [(key: String, value: JSON)]? {
        [("in", .integer(inPlanes)), ("out", .integer(outPlanes)), ("bias", .bool(bias != nil))] + activationArguments
    }

    func outPlane(ofWeight index: Int) -> Int { weightIsTransposed ? index / inPlanes : index % outPlanes }

    /// The product over the last axis.
    func apply(_ tensor: Tensor) throws -> Tensor {
        try require(
            tensor.shape.last == inPlanes, .shape,
            "input: \(typeName) got shape \(tensor.shape), expected \(inPlanes) on the last axis")
        let (values, factor) = (tensor.values, try currentWeight())
        let result = try Matrix(rows: values.rows, planes: outPlanes)
        let packed = try keptWeights?.weights(of: factor) {
            try LinearOperation.pack(
                factor.values.pointer, inPlanes: inPlanes, outPlanes: outPlanes,
                weightIsTransposed: self.weightIsTransposed)
        }
        try LinearOperation.forward(
            values, weight: factor.values.pointer, weightIsTransposed: self.weightIsTransposed, packed: packed,
            bias: self.bias?.values.pointer, leakiness: Float(leakiness), into: result)
        let inputs = [tensor, factor] + (bias.map { [$0] } ?? [])
        let wanted = inputs.map(\.requiresGradient)
        let (weight, weightIsTransposed) = (factor.values, weightIsTransposed)
        let shape = tensor.shape.dropLast() + [outPlanes]
        let behindActivation = activationGradient(result)
        return Tape.result(shape: Array(shape), values: result, inputs: inputs) { gradient in
            let gradient = try behindActivation(gradient)
            var gradients: [Gradient?] = Array(repeating: nil, count: wanted.count)
            if wanted[0] {
                let byInput = try Matrix(rows: values.rows, planes: values.planes)
                try LinearOperation.backwardInput(
                    gradient, weight: weight.pointer, weightIsTransposed: weightIsTransposed, into: byInput)
                gradients[0] = .fresh(byInput)
            }
            if wanted.dropFirst().contains(true) {
                let byWeight = wanted[1] ? try Matrix(rows: weight.rows, planes: weight.planes) : nil
                let byBias = wanted.count > 2 && wanted[2] ? try Matrix(rows: 1, planes: gradient.planes) : nil
                try LinearOperation.backwardWeight(
                    input: values, gradient: gradient, weightIsTransposed: weightIsTransposed,
                    weightResult: byWeight?.pointer, biasResult: byBias?.pointer)
                gradients[1] = byWeight.map { .fresh($0) }
                if let byBias { gradients[2] = .fresh(byBias) }
            }
            return gradients
        }
    }
}

/// A 1 x 1 convolution of sparse tensors: weight [in, out], initialised N(0, 2 / in).
public final class NetworkInNetwork: DenseLayer {
    /// A layer from `inPlanes` to `outPlanes` planes, each at least 1.
    public init(in inPlanes: Int, out outPlanes: Int, bias: Bool = false) throws {
        try Self.checkPlanes(inPlanes, outPlanes)
        super.init(
            inPlanes, outPlanes, weight: try .normalParameter([inPlanes, outPlanes], variance: 2 / Double(inPlanes)),
            bias: bias ? try .parameter([outPlanes], filledWith: 0) : nil, weightIsTransposed: false)
    }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, planes: inPlanes)
        return .sparse(try sparse.with(features: try apply(sparse.features)))
    }
}

/// A linear layer over the last axis of a dense tensor, or the planes of a sparse one: weight [out, in]; weight and bias
/// are initialised uniformly in -1 / sqrt(in) ... 1 / sqrt(in).
public final class Linear: DenseLayer {
    /// A layer from `inPlanes` to `outPlanes` planes, each at least 1.
    public init(in inPlanes: Int, out outPlanes: Int, bias: Bool = true) throws {
        try Self.checkPlanes(inPlanes, outPlanes)
        let bound = 1 / Double(inPlanes).squareRoot()
        super.init(
            inPlanes, outPlanes, weight: try .uniformParameter([outPlanes, inPlanes], bound: bound),
            bias: bias ? try .uniformParameter([outPlanes], bound: bound) : nil, weightIsTransposed: true)
    }

    public override func forward(_ input: Value) throws -> Value { try input.mapTensor(typeName, apply) }
}
