internal import SCNCore
package import SCNFiles

/// What layers share that are made for sites of one dimension, and keep the spatial size or have nothing to do with one.
public class SpatialLayer: Module {
    /// The number of coordinates of a site, the batch index not counted.
    public let dimension: Int

    /// A layer for sites of the given dimension, 1 ... 10.
    public init(dimension: Int) throws {
        _ = try Size(1).axes(dimension, "dimension")
        self.dimension = dimension
    }

    package override var arguments: [(key: String, value: JSON)]? { [("dimension", .integer(dimension))] }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try requireDimension(outputSize, dimension)
    }
}
