internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Shared base of convolutions: weight [volume, groups, in / groups, out / groups],
/// initialized N(0, 2 * groups / (in * volume)), and an optional bias [out], zeros at first.
public class ConvolutionLayer: Module, ProductLayer {
    /// The number of coordinates of a site, the batch index not counted.
    public let dimension: Int
    /// The planes of the input.
    public let inPlanes: Int
    /// The planes of the result.
    public let outPlanes: Int
    /// Groups of planes that see only one another.
    public let groups: Int
    /// The filter, [volume, groups, in / groups, out / groups].
    public internal(set) var weight: Tensor
    /// What is added to each row, [out]; nil without.
    public let bias: Tensor?
    let filter: FilterGeometry
    let shape: ConvolutionShape
    /// Whether sums are divided by how many inputs the filter meets.
    public let isNormalized: Bool
    var leakiness: Double
    var types = ProductTypes()
    var packedWeightCache: PackedWeightCache?
    var spectralNorm: SpectralNorm?

    /// `volume`: how many offsets the filter has, all of its box where it is nil; `variance` of the weights at first: 2
    /// * groups / (in * volume) where it is nil.
    init(
        _ arguments: Arguments, _ filter: FilterGeometry, volume: Int? = nil, variance: Double? = nil
    ) throws {
        dimension = arguments.integer("dimension")
        inPlanes = arguments.integer("in_planes")
        outPlanes = arguments.integer("out_planes")
        groups = arguments.integer("groups")
        shape = try ConvolutionShape(
            volume: volume ?? filter.volume, groups: groups, inPlanes: inPlanes, outPlanes: outPlanes)
        self.filter = filter
        isNormalized = arguments.flag("normalized")
        leakiness = arguments.real("leakiness")
        let variance = variance ?? 2 * Double(groups) / (Double(inPlanes) * Double(shape.volume))
        weight = try .normalParameter(
            [shape.volume, groups, inPlanes / groups, outPlanes / groups], variance: variance)
        bias = arguments.flag("bias") ? try .parameter([outPlanes], filledWith: 0) : nil
        super.init(madeWith: arguments)
    }

    static let convolutionState = [
        LayerType.State.parameter(
            "weight", "[volume, groups, in_planes / groups, out_planes / groups]",
            "N(0, 2 * groups / (in_planes * volume))"),
        .parameter("bias", "[out_planes]", "zeros", where: "bias"),
    ]
    static let checks = [LayerType.divides("groups", "in_planes", "out_planes")]

    public override var ownState: [StateEntry] { productState }

    func outPlane(ofWeight index: Int) -> Int { shape.outPlane(ofWeight: index) }

    package override var takesBFloat16: Bool { !isNormalized }
    var summedPlanes: Int { inPlanes / groups }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try requireDimension(outputSize, dimension)
    }

    /// The rules for these sites, and the sites of the result.
    func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        preconditionFailure("overridden by every subclass")
    }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension, planes: inPlanes)
        let (output, rulebook) = try rules(sparse)
        return try along(rulebook, sparse, to: output)
    }

    /// The convolution of a sparse tensor along a rulebook that ends at a site set.
    func along(_ rulebook: Rulebook, _ sparse: SparseTensor, to output: SiteSetID) throws -> Value {
        let (factor, types) = (try currentWeight(), currentTypes)
        let factors = rulebook.outputRowsAscend ? types.factors : .float32
        let pack = { try ConvolutionOperation.pack(factor.values, self.shape, as: factors) }
        let packed = try (factors == types.factors ? packedWeightCache : nil)?.weights(of: factor, pack: pack) ?? pack()
        let features =
            if isNormalized {
                try sparse.features.convolved(rulebook, weight: factor, packed: packed, bias: nil)
                    .divided(
                        byRows: Tensor(matrix: RowQuotients.occupancy(rulebook)), bias: bias,
                        behindActivation: activationGradient, leakiness: Float(leakiness))
            } else {
                try sparse.features.convolved(
                    rulebook, weight: factor, packed: packed, bias: bias, leakiness: Float(leakiness),
                    as: types.result, behindActivation: activationGradient)
            }
        return .sparse(try SparseTensor(features: features, geometry: sparse.geometry, sites: output))
    }
}

/// A convolution whose output sites are its input sites (Graham and van der Maaten, "Submanifold Sparse Convolutional
/// Networks", 2017): offset k of the filter reads site + (k - size / 2) * dilation.
public final class SubmanifoldConvolution: ConvolutionLayer {
    static let layerType = LayerType(
        "SubmanifoldConvolution",
        "A convolution whose sites stay: filter offset k reads site + (k - size / 2) * dilation.",
        [
            .dimension, .inPlanes, .outPlanes,
            .size("filter_size", "The filter along each axis.", label: "filter"), .bias(false), .groups, .dilation,
            .normalized, .activation,
        ], checks: checks, state: convolutionState
    ) { try SubmanifoldConvolution($0) }

    /// `groups` divides the planes in and out. Sizes are one number for all axes, or one an axis. `normalized`: whether
    /// to divide sums by how many inputs the filter meets.
    public convenience init(
        dimension: Int, in inPlanes: Int, out outPlanes: Int, filterSize: Size, bias: Bool = false, groups: Int = 1,
        dilation: Size = 1, normalized: Bool = false
    ) throws {
        try self.init(
            Arguments(
                Self.layerType,
                [
                    "dimension": .integer(dimension), "in_planes": .integer(inPlanes),
                    "out_planes": .integer(outPlanes),
                    "filter_size": filterSize.argument, "bias": .bool(bias), "groups": .integer(groups),
                    "dilation": dilation.argument, "normalized": .bool(normalized),
                ]))
    }

    init(_ arguments: Arguments) throws {
        try super.init(
            arguments, .submanifold(size: arguments.sizes("filter_size"), dilation: arguments.sizes("dilation")))
    }

    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        (input.siteSetID, try input.geometry.submanifold(input.siteSetID, filter))
    }
}

/// Shared base of convolutions that change the sites: input = output * stride - padding + k * dilation, where the
/// deconvolution's output takes the input's part.
public class StridedConvolutionLayer: ConvolutionLayer {
    class var layerType: LayerType { preconditionFailure("overridden by every subclass") }

    /// The type of such a layer.
    static func layerType(
        _ name: String, _ documentation: String, make: @escaping @Sendable (Arguments) throws -> Module
    ) -> LayerType {
        LayerType(name, documentation, stridedArguments, checks: checks, state: convolutionState, make: make)
    }

    private static let stridedArguments: [LayerArgument] = [
        .dimension, .inPlanes, .outPlanes, .size("filter_size", "The filter along each axis.", label: "filter"),
        .size("filter_stride", "Steps from window to window.", former: ["stride"], label: "stride"), .bias(false),
        .groups, .padding, .dilation, .roundDown, .normalized, .activation,
    ]

    /// `groups` divides the planes in and out. Sizes are one number for all axes, or one an axis. `roundDown`: the last
    /// places of a field may lie under no window where there is neither padding nor dilation. `normalized`: whether to
    /// divide sums by how many inputs the filter meets.
    public convenience init(
        dimension: Int, in inPlanes: Int, out outPlanes: Int, filterSize: Size, stride: Size, bias: Bool = false,
        groups: Int = 1, padding: Size = 0, dilation: Size = 1, roundDown: Bool = false, normalized: Bool = false
    ) throws {
        try self.init(
            Arguments(
                Self.layerType,
                [
                    "dimension": .integer(dimension), "in_planes": .integer(inPlanes),
                    "out_planes": .integer(outPlanes),
                    "filter_size": filterSize.argument, "filter_stride": stride.argument, "bias": .bool(bias),
                    "groups": .integer(groups), "padding": padding.argument, "dilation": dilation.argument,
                    "round_down": .bool(roundDown), "normalized": .bool(normalized),
                ]))
    }

    required init(_ arguments: Arguments) throws {
        try super.init(arguments, stridedFilter(arguments, "filter_size", "filter_stride"))
    }
}

/// A convolution that makes a site active where any input lies under the filter.
public final class Convolution: StridedConvolutionLayer {
    override class var layerType: LayerType { type }
    private static let type = layerType(
        "Convolution", "A convolution with a site wherever any input lies under the filter."
    ) { try Convolution($0) }

    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        try input.geometry.strided(input.siteSetID, filter)
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try filter.inputSize(of: outputSize)
    }
}

/// The earlier convolution or pooling with the same filter that led to these sites, reversed: its result has that one's
/// input sites.
public final class Deconvolution: StridedConvolutionLayer {
    override class var layerType: LayerType { type }
    private static let type = layerType(
        "Deconvolution",
        "The matching earlier convolution or pooling, reversed: its input sites become those of the result."
    ) { try Deconvolution($0) }

    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        let (output, rulebook) = try input.geometry.reverse(input.siteSetID, filter)
        return (output, rulebook)
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try filter.outputSize(of: outputSize)
    }
}

/// A convolution that makes a site active wherever the filter reaches from an input: output = input * stride -
/// padding + k * dilation. The size is (in - 1) * stride + dilation * (filter - 1) + 1 - 2 * padding.
public final class FullConvolution: StridedConvolutionLayer {
    override class var layerType: LayerType { type }
    private static let type = layerType(
        "FullConvolution", "A transposed, generative convolution: a site wherever the filter reaches from an input."
    ) { try FullConvolution($0) }

    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        try input.geometry.full(input.siteSetID, filter)
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try filter.outputSize(of: outputSize)
    }
}

/// A convolution whose windows are displaced at random in training: along each axis the steps are a shuffle of stride -
/// 1, stride + 1 and stride, a third of the windows each. In evaluation it is ``Convolution``.
///
/// The displacement is drawn once for a site set and a filter, and shared by all layers of that filter; each pass in
/// training takes one number from the generator.
public final class RandomizedStrideConvolution: StridedConvolutionLayer {
    override class var layerType: LayerType { type }
    private static let type = layerType(
        "RandomizedStrideConvolution",
        "In training a convolution whose windows are displaced at random; in evaluation a Convolution."
    ) { try RandomizedStrideConvolution($0) }

    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        try input.geometry.strided(input.siteSetID, filter, isRandomized: isTraining)
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try filter.inputSize(of: outputSize)
    }
}

/// The filter that the arguments of a convolution or pooling describe.
func stridedFilter(_ arguments: Arguments, _ size: String, _ stride: String) throws(SCNError) -> FilterGeometry {
    try .strided(
        size: arguments.sizes(size), stride: arguments.sizes(stride), padding: arguments.sizes("padding"),
        dilation: arguments.sizes("dilation"), roundsDown: arguments.flag("round_down"))
}
