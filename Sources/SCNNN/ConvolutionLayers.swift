internal import SCNCore
package import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// What submanifold convolution, convolution and deconvolution share: weight [volume, groups, in / groups, out / groups],
/// initialised N(0, 2 * groups / (in * volume)), and an optional bias [out], zeros at first.
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
    var leakiness = 1.0
    var keptWeights: KeptWeights?
    var spectralNorm: SpectralNorm?

    /// `variance` of the weights at first: 2 * groups / (in * volume) where it is nil.
    init(
        _ dimension: Int, _ inPlanes: Int, _ outPlanes: Int, _ filter: FilterGeometry, bias: Bool, groups: Int,
        variance: Double? = nil
    ) throws {
        shape = try ConvolutionShape(
            volume: filter.volume, groups: groups, inPlanes: inPlanes, outPlanes: outPlanes)
        self.dimension = dimension
        self.inPlanes = inPlanes
        self.outPlanes = outPlanes
        self.groups = groups
        self.filter = filter
        let variance = variance ?? 2 * Double(groups) / (Double(inPlanes) * Double(shape.volume))
        weight = try .normalParameter(
            [shape.volume, groups, inPlanes / groups, outPlanes / groups], variance: variance)
        self.bias = bias ? try .parameter([outPlanes], filledWith: 0) : nil
    }

    public override var ownState: [StateEntry] { productState }

    public override var summary: String {
        var parts = ["\(inPlanes) -> \(outPlanes)", "filter \(describe(filter.size))"]
        if filter.kind == .strided { parts.append("stride \(describe(filter.stride))") }
        if filter.padding.contains(where: { $0 != 0 }) { parts.append("padding \(describe(filter.padding))") }
        if filter.dilation.contains(where: { $0 != 1 }) { parts.append("dilation \(describe(filter.dilation))") }
        if groups > 1 { parts.append("groups \(groups)") }
        if bias != nil { parts.append("bias") }
        parts += activationSummary
        return parts.joined(separator: ", ")
    }

    package override var arguments: [(key: String, value: JSON)]? {
        var result: [(key: String, value: JSON)] = [
            ("dimension", .integer(dimension)), ("in", .integer(inPlanes)), ("out", .integer(outPlanes)),
            ("filter_size", .sizes(filter.size)), ("bias", .bool(bias != nil)), ("groups", .integer(groups)),
            ("dilation", .sizes(filter.dilation)),
        ]
        if filter.kind == .strided {
            result += [("stride", .sizes(filter.stride)), ("padding", .sizes(filter.padding))]
        }
        return result + activationArguments
    }

    func outPlane(ofWeight index: Int) -> Int { shape.outPlane(ofWeight: index) }

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
        let values = sparse.features.values
        let factor = try currentWeight()
        let result = try Matrix(rows: rulebook.outputCount, planes: outPlanes)
        let pack = { try ConvolutionOperation.pack(factor.values.pointer, self.shape) }
        try ConvolutionOperation.forward(
            rulebook, input: values, weight: try keptWeights?.weights(of: factor, pack: pack) ?? pack(),
            bias: self.bias?.values.pointer, leakiness: Float(leakiness), into: result)
        let inputs = [sparse.features, factor] + (bias.map { [$0] } ?? [])
        let wanted = inputs.map(\.requiresGradient)
        let (weight, groups) = (factor.values, groups)
        let behindActivation = activationGradient(result)
        let features = Tape.result(matrix: result, inputs: inputs) { gradient in
            let gradient = try behindActivation(gradient)
            var gradients: [Gradient?] = Array(repeating: nil, count: wanted.count)
            if wanted[0] {
                let byInput = try Matrix(rows: values.rows, planes: values.planes)
                try ConvolutionOperation.backwardInput(
                    rulebook, gradient: gradient, weight: weight.pointer, groups: groups, into: byInput)
                gradients[0] = .fresh(byInput)
            }
            if wanted.dropFirst().contains(true) {
                let byWeight = wanted[1] ? try Matrix(rows: weight.rows, planes: weight.planes) : nil
                let byBias = wanted.count > 2 && wanted[2] ? try Matrix(rows: 1, planes: gradient.planes) : nil
                try ConvolutionOperation.backwardWeight(
                    rulebook, input: values, gradient: gradient, groups: groups, weightResult: byWeight?.pointer,
                    biasResult: byBias?.pointer)
                gradients[1] = byWeight.map { .fresh($0) }
                if let byBias { gradients[2] = .fresh(byBias) }
            }
            return gradients
        }
        return .sparse(try SparseTensor(features: features, geometry: sparse.geometry, sites: output))
    }
}

/// A convolution whose output sites are its input sites (Graham and van der Maaten, "Submanifold Sparse Convolutional
/// Networks", 2017): offset k of the filter reads site + (k - size / 2) * dilation.
public final class SubmanifoldConvolution: ConvolutionLayer {
    /// `groups` divides the planes in and out. Sizes are one number for all axes, or one an axis.
    public init(
        dimension: Int, in inPlanes: Int, out outPlanes: Int, filterSize: Size, bias: Bool = false, groups: Int = 1,
        dilation: Size = 1
    ) throws {
        let filter = try FilterGeometry.submanifold(
            size: filterSize.axes(dimension, "filter_size"), dilation: dilation.axes(dimension, "dilation"))
        try super.init(dimension, inPlanes, outPlanes, filter, bias: bias, groups: groups)
    }

    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        (input.siteSetID, try input.geometry.submanifold(input.siteSetID, filter))
    }
}

/// What convolution and deconvolution share: input = output * stride - padding + k * dilation, where the deconvolution's output
/// takes the input's part.
public class StridedConvolutionLayer: ConvolutionLayer {
    /// `groups` divides the planes in and out. Sizes are one number for all axes, or one an axis.
    public required init(
        dimension: Int, in inPlanes: Int, out outPlanes: Int, filterSize: Size, stride: Size, bias: Bool = false,
        groups: Int = 1, padding: Size = 0, dilation: Size = 1
    ) throws {
        let filter = try stridedFilter(dimension, filterSize, stride, padding, dilation)
        try super.init(dimension, inPlanes, outPlanes, filter, bias: bias, groups: groups)
    }
}

/// A convolution that makes a site active where any input lies under the filter.
public final class Convolution: StridedConvolutionLayer {
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
    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        let (output, rulebook) = try input.geometry.reverse(input.siteSetID, filter)
        return (output, rulebook)
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try filter.outputSize(of: outputSize)
    }
}

/// A convolution that makes a site active wherever the filter reaches from an input: output = input * stride - padding +
/// k * dilation. The size is (in - 1) * stride + dilation * (filter - 1) + 1 - 2 * padding.
public final class FullConvolution: StridedConvolutionLayer {
    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        try input.geometry.full(input.siteSetID, filter)
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try filter.outputSize(of: outputSize)
    }
}

/// A convolution whose windows are displaced at random in training: along each axis the steps are a shuffle of stride - 1,
/// stride + 1 and stride, a third of the windows each. In evaluation it is ``Convolution``.
///
/// The displacement is drawn once for a site set and a filter, and shared by all layers of that filter; each pass in training
/// takes one number from the generator.
public final class RandomizedStrideConvolution: StridedConvolutionLayer {
    override func rules(_ input: SparseTensor) throws -> (output: SiteSetID, rulebook: Rulebook) {
        try input.geometry.strided(input.siteSetID, filter, isRandomized: isTraining)
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try filter.inputSize(of: outputSize)
    }
}

func stridedFilter(_ dimension: Int, _ size: Size, _ stride: Size, _ padding: Size, _ dilation: Size) throws
    -> FilterGeometry
{
    try FilterGeometry.strided(
        size: size.axes(dimension, "filter_size"), stride: stride.axes(dimension, "filter_stride"),
        padding: padding.axes(dimension, "padding"), dilation: dilation.axes(dimension, "dilation"))
}
