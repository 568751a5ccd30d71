/// Convolution and max pooling over dense, zero-filled grids in double precision; imports no product code.
///
/// A site is its coordinates and then its sample; features are row-major, a row for each site.
package struct DenseFilter: Sendable {
    /// Filter tap, cell of the grid that is read, and row that is written.
    package typealias Read = (tap: Int, cell: Int, row: Int)

    package let isSubmanifold: Bool
    package let size: [Int]
    package let stride: [Int]
    package let padding: [Int]
    package let dilation: [Int]
    private let taps: [[Int]]

    package init(submanifold size: [Int], dilation: [Int]) {
        self.init(true, size, size.map { _ in 1 }, size.map { _ in 0 }, dilation)
    }

    package init(strided size: [Int], stride: [Int], padding: [Int], dilation: [Int]) {
        self.init(false, size, stride, padding, dilation)
    }

    private init(_ isSubmanifold: Bool, _ size: [Int], _ stride: [Int], _ padding: [Int], _ dilation: [Int]) {
        self.isSubmanifold = isSubmanifold
        self.size = size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        taps = Self.positions(size)
    }

    package var volume: Int { taps.count }

    package func outputSize(of input: [Int]) -> [Int] {
        if isSubmanifold { return input }
        return input.indices.map { axis in
            (input[axis] + 2 * padding[axis] - dilation[axis] * (size[axis] - 1) - 1) / stride[axis] + 1
        }
    }

    /// The sites of the result in (sample, coordinates) order: every cell of the output grid with an active one under
    /// it.
    package func outputSites(_ sites: [[Int]], inputSize: [Int], samples: Int) -> [[Int]] {
        if isSubmanifold { return sites }
        let active = Set(sites)
        let cells = Self.positions(outputSize(of: inputSize))
        return (0..<samples).flatMap { sample in
            cells.filter { cell in taps.contains { active.contains(input(of: cell, $0) + [sample]) } }
                .map { $0 + [sample] }
        }
    }

    /// All cells within a grid of `inputSize` that the filter reads for these outputs.
    package func reads(at outputSites: [[Int]], inputSize: [Int]) -> [Read] {
        var result: [Read] = []
        for (row, site) in outputSites.enumerated() {
            for (tap, position) in taps.enumerated() {
                let place = input(of: Array(site.dropLast()), position) + [site.last!]
                if let cell = Self.cell(place, inputSize) { result.append((tap, cell, row)) }
            }
        }
        return result
    }

    private func input(of output: [Int], _ tap: [Int]) -> [Int] {
        output.indices.map { axis in
            isSubmanifold
                ? output[axis] + (tap[axis] - size[axis] / 2) * dilation[axis]
                : output[axis] * stride[axis] - padding[axis] + tap[axis] * dilation[axis]
        }
    }

    /// All positions of a grid, row-major.
    package static func positions(_ size: [Int]) -> [[Int]] {
        size.reduce([[]]) { partial, count in partial.flatMap { head in (0..<count).map { head + [$0] } } }
    }

    /// The row-major number of a site's cell; nil outside of the grid.
    package static func cell(_ site: [Int], _ size: [Int]) -> Int? {
        var cell = site.last!
        for (position, size) in zip(site, size) {
            guard position >= 0 && position < size else { return nil }
            cell = cell * size + position
        }
        return cell
    }
}

/// Dense grids [samples, ...size, planes] and what moves between them and rows.
package enum DenseGrid {
    package static func filled(
        _ sites: [[Int]], _ features: [Double], planes: Int, size: [Int], samples: Int
    ) -> [Double] {
        var grid = [Double](repeating: 0, count: size.reduce(samples, *) * planes)
        for (row, site) in sites.enumerated() {
            let cell = DenseFilter.cell(site, size)!
            for p in 0..<planes { grid[cell * planes + p] = features[row * planes + p] }
        }
        return grid
    }

    package static func sampled(_ grid: [Double], at sites: [[Int]], planes: Int, size: [Int]) -> [Double] {
        sites.flatMap { site in
            let cell = DenseFilter.cell(site, size)!
            return grid[cell * planes..<(cell + 1) * planes]
        }
    }
}

/// The dense products of a convolution: weight [volume, groups, in / groups, out / groups].
package struct DenseConvolution: Sendable {
    package let groups: Int
    package let inPlanes: Int
    package let outPlanes: Int

    package init(groups: Int, inPlanes: Int, outPlanes: Int) {
        self.groups = groups
        self.inPlanes = inPlanes
        self.outPlanes = outPlanes
    }

    package func weightCount(_ volume: Int) -> Int { volume * inPlanes * (outPlanes / groups) }

    /// [rows, out] from a grid of in planes.
    package func forward(
        _ reads: [DenseFilter.Read], rows: Int, grid: [Double], weight: [Double], bias: [Double]?
    ) -> [Double] {
        var result = (0..<rows).flatMap { _ in bias ?? [Double](repeating: 0, count: outPlanes) }
        for read in reads { add(weight, read.tap, grid, read.cell, &result, read.row) }
        return result
    }

    /// The transposed filter: a grid of `cells` cells and out planes, from rows of in planes.
    package func transposed(
        _ reads: [DenseFilter.Read], cells: Int, rows: [Double], weight: [Double], bias: [Double]?
    ) -> [Double] {
        var grid = (0..<cells).flatMap { _ in bias ?? [Double](repeating: 0, count: outPlanes) }
        for read in reads { add(weight, read.tap, rows, read.row, &grid, read.cell) }
        return grid
    }

    private func add(
        _ weight: [Double], _ tap: Int, _ source: [Double], _ from: Int, _ target: inout [Double], _ to: Int
    ) {
        let (inPer, outPer) = (inPlanes / groups, outPlanes / groups)
        for i in 0..<inPlanes {
            let value = source[from * inPlanes + i]
            if value == 0 { continue }
            let first = to * outPlanes + i / inPer * outPer
            let base = (tap * inPlanes + i) * outPer
            for o in 0..<outPer { target[first + o] += value * weight[base + o] }
        }
    }
}

/// Max pooling of a dense grid whose inactive cells are zeros; the maximum starts at zero.
package enum DenseMaxPooling {
    package static func forward(
        _ reads: [DenseFilter.Read], rows: Int, grid: [Double], planes: Int, dropped: Int
    ) -> [Double] {
        let kept = planes - dropped
        var result = [Double](repeating: 0, count: rows * kept)
        for read in reads {
            for p in 0..<kept {
                result[read.row * kept + p] = max(result[read.row * kept + p], grid[read.cell * planes + dropped + p])
            }
        }
        return result
    }

    /// The gradient by the grid: every cell that equals the maximum gets it, a zero that ties with the initial one too.
    package static func backward(
        _ reads: [DenseFilter.Read], grid: [Double], output: [Double], gradient: [Double], planes: Int, dropped: Int
    ) -> [Double] {
        let kept = planes - dropped
        var result = [Double](repeating: 0, count: grid.count)
        for read in reads {
            for p in 0..<kept {
                let cell = read.cell * planes + dropped + p
                if grid[cell] == output[read.row * kept + p] { result[cell] += gradient[read.row * kept + p] }
            }
        }
        return result
    }
}
