internal import SCNCore
internal import SCNFiles
internal import SCNOps

/// Shared base of the two dense products; weights differ in their layout and initialization.
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
    var leakiness: Double
    var types = ProductTypes()
    var packedWeightCache: PackedWeightCache?
    var spectralNorm: SpectralNorm?

    init(
        _ arguments: Arguments, weightIsTransposed: Bool,
        _ make: (_ inPlanes: Int, _ outPlanes: Int) throws -> (weight: Tensor, bias: Tensor?)
    ) throws {
        inPlanes = arguments.integer("in_planes")
        outPlanes = arguments.integer("out_planes")
        leakiness = arguments.real("leakiness")
        _ = try checkedProduct([inPlanes, outPlanes, 4], "the weight")
        (weight, bias) = try make(inPlanes, outPlanes)
        self.weightIsTransposed = weightIsTransposed
        super.init(madeWith: arguments)
    }

    public override var ownState: [StateEntry] { productState }
    package override var takesBFloat16: Bool { true }
    var summedPlanes: Int { inPlanes }

    func outPlane(ofWeight index: Int) -> Int { weightIsTransposed ? index / inPlanes : index % outPlanes }

    /// The product over the last axis.
    func apply(_ tensor: Tensor) throws -> Tensor {
        try require(
            tensor.shape.last == inPlanes, .shape,
            "input: has shape \(tensor.shape), expected \(inPlanes) on the last axis for \(typeName)")
        let (values, factor, types) = (tensor.values, try currentWeight(), currentTypes)
        let result = try Matrix(rows: values.rows, planes: outPlanes, type: types.result)
        let pack = {
            try LinearOperation.pack(
                factor.values, weightIsTransposed: self.weightIsTransposed, as: types.factors)
        }
        let packed = try packedWeightCache?.weights(of: factor, pack: pack) ?? pack()
        try LinearOperation.forward(
            values, weight: factor.values, weightIsTransposed: self.weightIsTransposed, packed: packed,
            bias: self.bias?.values, leakiness: Float(leakiness), into: result)
        let inputs = [tensor, factor] + (bias.map { [$0] } ?? [])
        let wanted = inputs.map(\.requiresGradient)
        let (weight, weightIsTransposed) = (factor.values, weightIsTransposed)
        let shape = tensor.shape.dropLast() + [outPlanes]
        let behindActivation = activationGradient(result)
        return Tape.result(shape: Array(shape), values: result, inputs: inputs) { gradient in
            let gradient = try behindActivation(gradient)
            var gradients: [Gradient?] = Array(repeating: nil, count: wanted.count)
            if wanted[0] {
                let byInput = try Matrix(rows: values.rows, planes: values.planes, type: values.type)
                try LinearOperation.backwardInput(
                    gradient, weight: weight, weightIsTransposed: weightIsTransposed, into: byInput)
                gradients[0] = .fresh(byInput)
            }
            if wanted.dropFirst().contains(true) {
                let byWeight = wanted[1] ? try Matrix(rows: weight.rows, planes: weight.planes) : nil
                let byBias = wanted.count > 2 && wanted[2] ? try Matrix(rows: 1, planes: gradient.planes) : nil
                try LinearOperation.backwardWeight(
                    input: values, gradient: gradient, weightIsTransposed: weightIsTransposed,
                    weightResult: byWeight, biasResult: byBias)
                gradients[1] = byWeight.map { .fresh($0) }
                if let byBias { gradients[2] = .fresh(byBias) }
            }
            return gradients
        }
    }
}

/// A 1 x 1 convolution of sparse tensors: weight [in, out], initialized N(0, 2 / in).
public final class NetworkInNetwork: DenseLayer {
    static let layerType = LayerType(
        "NetworkInNetwork", "A 1 x 1 convolution of sparse tensors.",
        [.inPlanes, .outPlanes, .bias(false), .activation],
        state: [
            .parameter("weight", "[in_planes, out_planes]", "N(0, 2 / in_planes)"),
            .parameter("bias", "[out_planes]", "zeros", where: "bias"),
        ]
    ) { try NetworkInNetwork($0) }

    /// A layer from `inPlanes` to `outPlanes` planes, each at least 1.
    public convenience init(in inPlanes: Int, out outPlanes: Int, bias: Bool = false) throws {
        try self.init(Self.layerType.products(inPlanes, outPlanes, bias))
    }

    init(_ arguments: Arguments) throws {
        try super.init(arguments, weightIsTransposed: false) { inPlanes, outPlanes in
            (
                try .normalParameter([inPlanes, outPlanes], variance: 2 / Double(inPlanes)),
                arguments.flag("bias") ? try .parameter([outPlanes], filledWith: 0) : nil
            )
        }
    }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, planes: inPlanes)
        return .sparse(try sparse.with(features: try apply(sparse.features)))
    }
}

/// A linear layer over the last axis of a dense tensor, or the planes of a sparse one: weight [out, in]; weight and
/// bias are initialized uniformly in -1 / sqrt(in) ... 1 / sqrt(in).
public final class Linear: DenseLayer {
    static let layerType = LayerType(
        "Linear", "A linear layer over the last axis of a dense tensor, or the planes of a sparse one.",
        [.inPlanes, .outPlanes, .bias(true), .activation],
        state: [
            .parameter("weight", "[out_planes, in_planes]", "uniform in -1 / sqrt(in_planes) ... 1 / sqrt(in_planes)"),
            .parameter(
                "bias", "[out_planes]", "uniform in -1 / sqrt(in_planes) ... 1 / sqrt(in_planes)", where: "bias"),
        ]
    ) { try Linear($0) }

    /// A layer from `inPlanes` to `outPlanes` planes, each at least 1.
    public convenience init(in inPlanes: Int, out outPlanes: Int, bias: Bool = true) throws {
        try self.init(Self.layerType.products(inPlanes, outPlanes, bias))
    }

    init(_ arguments: Arguments) throws {
        try super.init(arguments, weightIsTransposed: true) { inPlanes, outPlanes in
            let bound = 1 / Double(inPlanes).squareRoot()
            return (
                try .uniformParameter([outPlanes, inPlanes], bound: bound),
                arguments.flag("bias") ? try .uniformParameter([outPlanes], bound: bound) : nil
            )
        }
    }

    public override func forward(_ input: Value) throws -> Value { try input.mapTensor(typeName, apply) }
}

extension LayerType {
    /// The arguments of a dense product.
    fileprivate func products(_ inPlanes: Int, _ outPlanes: Int, _ bias: Bool) throws(SCNError) -> Arguments {
        try Arguments(
            self, ["in_planes": .integer(inPlanes), "out_planes": .integer(outPlanes), "bias": .bool(bias)])
    }
}
