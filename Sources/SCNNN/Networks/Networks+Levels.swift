internal import SCNCore

/// Shared base of networks with a way down to coarser levels and up again: blocks at each level, and between levels
/// strided convolutions down.
struct Levels {
    let dimension: Int
    let repetitions: Int
    let planes: [Int]
    let inPlanes: Int
    let blocks: Blocks
    let downsampleSize: Size
    let downsampleStride: Size

    init(
        dimension: Int, repetitions: Int, planes: [Int], downsampleSize: Size, downsampleStride: Size, inPlanes: Int?,
        blocks: Blocks
    ) throws {
        try Networks.checkLevels(repetitions: repetitions, planes: planes, inPlanes: inPlanes)
        self.dimension = dimension
        self.repetitions = repetitions
        self.planes = planes
        self.inPlanes = inPlanes ?? planes[0]
        self.blocks = blocks
        self.downsampleSize = downsampleSize
        self.downsampleStride = downsampleStride
    }

    /// The network from the finest level down.
    ///
    /// - Parameters:
    ///   - up: the modules that lead from a level's planes, the second number, up to those of the level above.
    ///   - join: adds to a level's network what joins the way down and up, its last argument, with what the level had.
    ///   - end: adds to the coarsest level's network what follows its blocks.
    func network(
        up: (_ width: Int, _ below: Int) throws -> [Module],
        join: (_ net: Sequential, _ width: Int, _ below: Sequential) throws -> Void,
        end: (_ net: Sequential, _ width: Int) throws -> Void = { _, _ in }
    ) throws -> Sequential {
        func level(_ planes: ArraySlice<Int>, _ inPlanes: Int) throws -> Sequential {
            let width = planes.first!
            let net = try Sequential()
            try blocks.add(repetitions, to: net, inPlanes, width)
            guard let next = planes.dropFirst().first else {
                try end(net, width)
                return net
            }
            let down = try [
                blocks.normalized(width),
                Convolution(
                    dimension: dimension, in: width, out: next, filterSize: downsampleSize, stride: downsampleStride),
                level(planes.dropFirst(), next),
            ]
            try join(net, width, Sequential(down + up(width, next)))
            return net
        }
        return try level(planes[...], inPlanes)
    }

    /// Copies a level up to the sites of the one above.
    func unpooling() throws -> Module {
        try UnPooling(dimension: dimension, poolSize: downsampleSize, poolStride: downsampleStride)
    }
}
