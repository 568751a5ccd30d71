internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Shared base of poolings of a fixed window: their arguments.
public class PoolingLayer: Module {
    /// The number of coordinates of a site, the batch index not counted.
    public let dimension: Int
    /// Leaves out the first planes.
    public let featuresToDrop: Int
    let filter: FilterGeometry

    class var layerType: LayerType { preconditionFailure("overridden by every subclass") }

    /// The type of such a layer.
    static func layerType(
        _ name: String, _ documentation: String, make: @escaping @Sendable (Arguments) throws -> Module
    ) -> LayerType {
        LayerType(name, documentation, poolingArguments, make: make)
    }

    private static let poolingArguments: [LayerArgument] = [
        .dimension, .size("pool_size", "The window along each axis.", label: "size"),
        .size("pool_stride", "Steps from window to window.", label: "stride"), .featuresToDrop, .padding, .dilation,
        .roundDown,
    ]

    /// Sizes are one number for all axes, or one an axis; `featuresToDrop` leaves out the first planes. `roundDown`:
    /// the last places of a field may lie under no window where there is neither padding nor dilation.
    public convenience init(
        dimension: Int, poolSize: Size, poolStride: Size, featuresToDrop: Int = 0, padding: Size = 0,
        dilation: Size = 1, roundDown: Bool = false
    ) throws {
        try self.init(
            Arguments(
                Self.layerType,
                [
                    "dimension": .integer(dimension), "pool_size": poolSize.argument,
                    "pool_stride": poolStride.argument, "features_to_drop": .integer(featuresToDrop),
                    "padding": padding.argument, "dilation": dilation.argument, "round_down": .bool(roundDown),
                ]))
    }

    required init(_ arguments: Arguments) throws {
        dimension = arguments.integer("dimension")
        featuresToDrop = arguments.integer("features_to_drop")
        filter = try stridedFilter(arguments, "pool_size", "pool_stride")
        super.init(madeWith: arguments)
    }

    package override var takesBFloat16: Bool { true }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try filter.inputSize(of: outputSize)
    }
}

/// Average pooling: the sum under the window divided by the filter volume, so that inactive sites count as zeros.
public final class AveragePooling: PoolingLayer {
    override class var layerType: LayerType { type }
    private static let type = layerType(
        "AveragePooling",
        "The sum under the window divided by the window's volume: sites without features count as zero."
    ) { try AveragePooling($0) }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        let (output, rulebook) = try sparse.geometry.strided(sparse.siteSetID, filter)
        return .sparse(
            try sparse.sumPooled(
                rulebook, to: output, dropping: featuresToDrop, factor: 1 / Double(filter.volume), for: typeName))
    }
}

/// The earlier convolution or pooling with the same window that led to these sites, reversed: each of its input sites
/// gets the sum of the vectors of the windows over it.
public final class UnPooling: PoolingLayer {
    override class var layerType: LayerType { type }
    private static let type = layerType(
        "UnPooling",
        "The matching earlier convolution or pooling, reversed: each of its input sites gets the sum over its windows."
    ) { try UnPooling($0) }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        let (output, rulebook) = try sparse.geometry.reverse(sparse.siteSetID, filter)
        return .sparse(
            try sparse.sumPooled(rulebook, to: output, dropping: featuresToDrop, factor: 1, for: typeName))
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try filter.outputSize(of: outputSize)
    }
}

extension SparseTensor {
    func sumPooled(
        _ rulebook: Rulebook, to output: SiteSetID, dropping dropped: Int, factor: Double, for module: String
    ) throws -> SparseTensor {
        let values = features.values
        try requirePlanes(beyond: dropped, for: module)
        let result = try Matrix(rows: rulebook.outputCount, planes: values.planes - dropped, type: values.type)
        try SumPoolingOperation.forward(rulebook, input: values, featuresToDrop: dropped, factor: factor, into: result)
        let features = Tape.result(matrix: result, inputs: [features]) { gradient in
            let byInput = try Matrix(rows: values.rows, planes: values.planes, type: values.type)
            try SumPoolingOperation.backward(
                rulebook, gradient: gradient, featuresToDrop: dropped, factor: factor, into: byInput)
            return [.fresh(byInput)]
        }
        return try SparseTensor(features: features, geometry: geometry, sites: output)
    }

    /// Throws where a pooling that leaves out the first planes would leave none.
    func requirePlanes(beyond dropped: Int, for module: String) throws(SCNError) {
        try require(
            dropped == 0 || dropped < planes, .shape,
            "input: has \(counted(planes, .plane)), expected more than the \(dropped) that \(module) drops")
    }
}
