internal import SCNCore
internal import SCNFiles
public import SCNGeometry
internal import SCNOps

/// Shared base of layers that turn points into a sparse tensor.
public class PointsLayer: SpatialLayer {
    /// The size of the field along each axis; nil for a field without bounds.
    public let spatialSize: [Int]?
    /// What becomes of rows that name one site.
    public let mode: InputMode

    class var layerType: LayerType { preconditionFailure("overridden by every subclass") }

    /// The type of such a layer; `field` has what it takes beside the dimension and the mode.
    static func layerType(
        _ name: String, _ documentation: String, _ field: [LayerArgument] = [spatialSize],
        checks: [LayerType.Check] = [], make: @escaping @Sendable (Arguments) throws -> Module
    ) -> LayerType {
        LayerType(
            name, documentation,
            [.dimension, field[0], modeArgument] + field.dropFirst(), checks: checks, make: make)
    }

    private static let spatialSize = LayerArgument.size(
        "spatial_size", "The size of the field along each axis.", label: "spatial size")
    private static let modeArgument = LayerArgument(
        "mode", .number(0...4),
        "What becomes of rows that name one site: 0: an error, 1: the last wins, 2: the first wins, 3: their sum, "
            + "4: their mean.", fallback: .integer(3))

    /// A layer for points of the given dimension within the given size.
    public convenience init(dimension: Int, spatialSize: Size, mode: InputMode = .sum) throws {
        try self.init(
            madeWith: Arguments(
                Self.layerType,
                [
                    "dimension": .integer(dimension), "spatial_size": spatialSize.argument,
                    "mode": .integer(mode.rawValue),
                ]))
    }

    required override init(madeWith arguments: Arguments) {
        spatialSize = arguments.optionalSizes("spatial_size")
        mode = InputMode(rawValue: arguments.integer("mode")) ?? .sum
        super.init(madeWith: arguments)
    }

    public override var summary: String { "\(super.summary), \(mode)" }
}

/// Turns points into a sparse tensor: sorts the sites, and combines the rows that fall on one site as the mode says.
public final class InputLayer: PointsLayer {
    override class var layerType: LayerType { type }
    private static let type = layerType(
        "InputLayer", "Turns points into a sparse tensor: sorts the sites, and combines rows that fall on one site.",
        [
            LayerArgument(
                "spatial_size", .sizes(minimum: 1),
                "The size of the field along each axis; null for a field without bounds, where coordinates may be "
                    + "negative and strides round down.", isNullable: true, display: .labeled("spatial size")),
            LayerArgument(
                "lower", .sizes(minimum: .min), "Where the field begins on each axis; null for zeros.",
                fallback: .null, isAddition: true, display: .labeled("from")),
            LayerArgument(
                "keep_outside", .flag,
                "Whether sites may lie outside of the field, as in SparseConvNet: layers that keep sites keep them, "
                    + "strided ones leave them out; else such a site is an error.", fallback: .bool(false),
                isAddition: true),
        ],
        checks: [LayerType.isField("spatial_size", "lower")]
    ) { InputLayer(madeWith: $0) }

    /// A layer for points in a field from `lower` on, or, where `spatialSize` is nil, in one without bounds: there
    /// coordinates may be negative, and strides round down toward minus infinity. `keepsOutside`: whether sites may lie
    /// outside of the field: layers that keep sites keep them, strided ones leave them out.
    public convenience init(
        dimension: Int, spatialSize: Size?, lower: Size?, mode: InputMode = .sum, keepsOutside: Bool = false
    ) throws {
        try self.init(
            madeWith: Arguments(
                Self.layerType,
                [
                    "dimension": .integer(dimension), "spatial_size": spatialSize?.argument ?? .null,
                    "lower": lower?.argument ?? .null, "mode": .integer(mode.rawValue),
                    "keep_outside": .bool(keepsOutside),
                ]))
    }

    /// Where the field begins on each axis; nil for zeros, and for a field without bounds.
    public var lower: [Int]? { arguments?.optionalSizes("lower") }

    /// Whether sites may lie outside of the field.
    public var keepsOutside: Bool { arguments?.flag("keep_outside") ?? false }

    public override func forward(_ input: Value) throws -> Value {
        guard case .points(let points) = input, points.length == nil else {
            throw input.mismatch(typeName, "points")
        }
        // No coordinates do not say how many columns they have.
        let columns = points.rows == 0 && points.columns == 0 ? dimension : points.columns
        let (sites, map) = try InputSites.build(
            dimension: dimension, spatialSize: spatialSize, lower: lower, keepsOutside: keepsOutside,
            coordinates: points.coordinates.pointer, rows: points.rows, columns: columns, batchSize: points.batchSize,
            mode: mode)
        let geometry = Geometry(sites, inputMap: map)
        return .sparse(try geometry.enter(points.features))
    }
}

extension Geometry {
    /// The features of the rows that this geometry was made of, [rows, planes] or in another shape of as many rows,
    /// combined at each site as its input map says.
    func enter(_ features: Tensor) throws -> SparseTensor {
        guard let map = inputMap else { throw SCNError(.state, "geometry: was not made from the rows of an input") }
        let planes = features.shape.last ?? 1
        let rows = features.values.reshaped(rows: map.rowCount, planes: planes)
        let result = try Matrix(rows: map.siteCount, planes: planes)
        try map.forward(rows, into: result)
        let combined = Tape.result(matrix: result, inputs: [features]) { gradient in
            let byFeatures = try Matrix(rows: map.rowCount, planes: planes)
            try map.backward(gradient, into: byFeatures)
            return [.fresh(byFeatures)]
        }
        return try SparseTensor(features: combined, geometry: self, sites: input)
    }
}

/// Gives every row of the input layer's points the vector of its site: dense [rows, planes]. In modes 1 and 2 only the
/// winning row gets it, the others zeros.
public final class OutputLayer: SpatialLayer {
    static let layerType = LayerType(
        "OutputLayer", "Gives every row of the input layer's points the vector of its site: a matrix [rows, planes].",
        [.dimension]
    ) { OutputLayer(madeWith: $0) }

    /// A layer for sites of the given dimension, 1 ... 10.
    public convenience init(dimension: Int) throws {
        try self.init(madeWith: Arguments(Self.layerType, ["dimension": .integer(dimension)]))
    }

    package override var takesBFloat16: Bool { true }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        guard let map = sparse.geometry.inputMap, sparse.siteSetID == sparse.geometry.input else {
            throw SCNError(.state, "input: has other sites than the input layer made, expected those for OutputLayer")
        }
        let (values, type) = (sparse.features.values, sparse.features.values.type)
        let result = try Matrix(rows: map.rowCount, planes: values.planes, type: type)
        try map.outputForward(values, into: result)
        return .dense(
            Tape.result(matrix: result, inputs: [sparse.features]) { gradient in
                let byFeatures = try Matrix(rows: values.rows, planes: values.planes, type: type)
                try map.outputBackward(gradient, into: byFeatures)
                return [.fresh(byFeatures)]
            })
    }
}

/// Makes a dense tensor [batch, planes, ...spatial size], zeros where there is no site.
public final class SparseToDense: SpatialLayer {
    /// Of the input, and of the result; an input without sites may have any.
    public let planes: Int

    static let layerType = LayerType(
        "SparseToDense", "Makes a dense tensor [batch, planes, ...spatial size], zeros where there is no site.",
        [.dimension, .planes("The planes of input and result; an input without sites may have any.")]
    ) { SparseToDense(madeWith: $0) }

    /// A layer for sparse tensors of the given dimension and planes.
    public convenience init(dimension: Int, planes: Int) throws {
        try self.init(
            madeWith: Arguments(Self.layerType, ["dimension": .integer(dimension), "planes": .integer(planes)]))
    }

    override init(madeWith arguments: Arguments) {
        planes = arguments.integer("planes")
        super.init(madeWith: arguments)
    }

    public override func forward(_ input: Value) throws -> Value {
        let sparse = try input.sparse(for: typeName, dimension: dimension)
        let (sites, values) = (sparse.sites, sparse.features.values)
        try require(
            sites.count == 0 || values.planes == planes, .shape,
            "input: has \(counted(values.planes, .plane)), expected \(planes) for SparseToDense")
        let shape = [sites.batchSize, planes] + sites.field.shown.size
        let count = try SparseToDenseOperation.count(sites, planes: planes)
        let width = shape.last ?? 1
        let result = try Matrix(rows: count / width, planes: width)
        let input = sites.count == 0 ? try Matrix(rows: 0, planes: planes) : values
        try SparseToDenseOperation.forward(sites, input: input, into: result)
        return .dense(
            Tape.result(shape: shape, values: result, inputs: [sparse.features]) { gradient in
                let byFeatures = try Matrix(rows: values.rows, planes: values.planes)
                if values.rows == 0 { return [.fresh(byFeatures)] }
                try SparseToDenseOperation.backward(sites, gradient: gradient, into: byFeatures)
                return [.fresh(byFeatures)]
            })
    }
}
