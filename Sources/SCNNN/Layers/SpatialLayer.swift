internal import SCNFiles

/// Shared base of layers for sites of one dimension that keep the spatial size or have nothing to do with one.
public class SpatialLayer: Module {
    /// The number of coordinates of a site, the batch index not counted.
    public let dimension: Int

    override init(madeWith arguments: Arguments) {
        dimension = arguments.integer("dimension")
        super.init(madeWith: arguments)
    }

    public override func inputSpatialSize(_ outputSize: [Int]) throws -> [Int] {
        try requireDimension(outputSize, dimension)
    }
}
