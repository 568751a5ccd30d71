/// How much of a loop a thread takes at a time, and how much scratch a loop may have: all such numbers, each with its
/// reason.
///
/// Handing a chunk to a thread takes about a microsecond, so a chunk takes tens of them; and there are many more chunks
/// than threads wherever a loop is long, so that the threads end together. A result does not depend on a chunk's size,
/// but for the last bits of the sums under `Reduction`.
package enum ChunkSizes {
    /// Elements of an element-by-element loop: 64 KB of float32, which stay near the core.
    package static let elements = 1 << 14
    /// Elements of bfloat16 that are float32 in scratch for a while: up to four operands of 16 KB stay near the core.
    package static let convertedElements = 1 << 12
    /// Rows that are copied, or gathered from anywhere, with all their planes.
    package static let rows = 1 << 10
    /// Samples, each of which has few rows where there are many samples.
    package static let samples = 1 << 6
    /// Rows of a dense product: OpenBLAS is given that many at a time, and its bits change with their number.
    package static let denseRows = 1 << 8

    // Sites and points: loops over integers.

    /// Sites in loops of a few instructions each.
    package static let keys = 1 << 14
    /// Sites in loops that turn coordinates into keys, divide by sizes or draw numbers.
    package static let sites = 1 << 12
    /// Points in space, each divided by the size of a voxel on each axis.
    package static let points = 1 << 13
    /// Steps of a merge between two requests for room: the room of what matches is asked for in advance.
    package static let merging = 1 << 12
    /// Steps of a merge from which on finding where to cut it in four takes less time than is won.
    package static let stepsWorthFourMerges = 1 << 7
    /// Sites whose coordinates are decoded into scratch at a time, 88 KB in ten dimensions.
    package static let decoding = 1 << 10
    /// Sites of a piece that has a cursor for each tap of an axis.
    package static let tapped = 1 << 13
    /// Keys of a piece that lists are merged in: its keys and ranks stay near the core.
    package static let merged = 1 << 13
    /// Pieces that lists are merged in, at most: each finds its place in each list.
    package static let mostMergedPieces = 256
    /// Keys that each list has in a piece on average, at least: fewer cost less than finding the piece's place in the
    /// list.
    package static let mergedOfEachList = 8
    /// Keys that are looked at for each piece, to cut the lists where the pieces have about the same number of keys.
    package static let samplesOfPiece = 16
    /// Keys of a chunk of a sort: each chunk has counters of its own for all digits.
    package static let sorted = 1 << 15
    /// Chunks of a sort, at most, so that their counters stay near the core.
    package static let mostSorted = 8
    /// Keys from which on digits of 11 bits are worth their 2048 counters; below, digits have 8.
    package static let widelySorted = 1 << 12
    /// Sites from which on the rules of related windows are found in one more piece.
    package static let related = 1 << 12
    /// Pieces that those rules are found in, at most: each has a cursor for each filter offset.
    package static let mostRelatedPieces = 16
    /// Steps of merges that take longer than waking a thread.
    package static let stepsWorthAThread = 1 << 14
    /// Pieces that the filter offsets of a rulebook between two site sets are cut into where they are many.
    package static let matchedPieces = 64

    // Convolutions and poolings: loops over rules.

    /// Multiply-adds that take longer than waking a thread.
    package static let productsWorthAThread = 1 << 21
    /// As many multiply-adds as a rule takes the time of for a plane out, however few planes in there are.
    package static let leastProductsOfAPlane = 8
    /// Rows of a convolution that one thread takes, at least: fewer would leave its tiles half empty.
    package static let leastConvolvedRows = 32
    /// Spans of rows for each thread, so that all end together where rows have unlike numbers of rules.
    package static let spansPerThread = 8
    /// Weights that are packed at a time.
    package static let packedWeights = 1 << 16
    /// Floats of a weight gradient's scratch, 64 MB: large weights are cut into fewer spans.
    package static let weightGradientScratch = 1 << 24
    /// Products that wait to be added where output rows repeat within a filter offset, 4 MB.
    package static let waitingProducts = 1 << 20
    /// Rules of a span of those, and their least number at a time.
    package static let repeatedRules = 1 << 6
    /// Floats of a span of output rows that a pooling writes, 128 KB, which leaves room for what is read.
    package static let pooledElements = 1 << 15
    /// Rows of a span of a pooling, at least and at most: all filter offsets pass over each.
    package static let pooledRows = 1 << 8...1 << 12
    /// Rows of a tile of such a span: what they receive stays nearest to the core while all offsets pass over them.
    package static let pooledTileRows = 1 << 6
    /// Rows of a tile, whose rules are sorted by row before their inputs are added in double.
    package static let summedRows = 1 << 10
    /// Rules of a tile, 64 KB.
    package static let summedRules = 1 << 13
    /// Rows of a sample, or of a segment, that a thread pools at a time.
    package static let sampleRows = 1 << 11
    /// Segments and rows of them that a thread combines, unless the last of these segments has many rows; no more than
    /// `sampleRows`.
    package static let segmentSteps = 1 << 11

    /// Sums over rows, cut at rows that depend on their number alone, so that the number of threads does not show.
    package struct Reduction: Sendable {
        private let leastRows: Int
        private let mostChunks: Int

        fileprivate init(leastRows: Int, mostChunks: Int) {
            self.leastRows = leastRows
            self.mostChunks = mostChunks
        }

        /// The rows of a chunk of a sum over `count` rows.
        package func rows(_ count: Int) -> Int { max(leastRows, (count + mostChunks - 1) / mostChunks) }
    }

    /// Means and deviations of planes, and gradients by them: two doubles a plane and chunk.
    package static let moments = Reduction(leastRows: 256, mostChunks: 256)
    /// Sums of planes: a double a plane and chunk.
    package static let columnSums = Reduction(leastRows: 1024, mostChunks: 64)
    /// Gradients by the weight of a dense product: a weight of scratch for each chunk.
    package static let denseWeightGradient = Reduction(leastRows: 1024, mostChunks: 16)
    /// Gradients by the weight of a convolution of so many weights, which may be none: a weight of scratch for each
    /// chunk but the first.
    package static func convolutionWeightGradient(weights: Int) -> Reduction {
        Reduction(leastRows: 1024, mostChunks: min(32, max(1, weightGradientScratch / max(1, weights))))
    }
}
