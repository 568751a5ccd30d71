package import SCNCore
package import SCNGeometry

/// Between the rows of points, in the order in which the host gave them, and the sites that they fall on.
extension InputMap {
    /// result [sites, planes]: each site's rows combined as the mode says; features [rows, planes].
    package func forward(_ features: Matrix, into result: Matrix) throws(SCNError) {
        try check(rows: features, "features", sites: result, "result")
        let planes = features.planes
        forEachSite { site, rows in
            let target = result.pointer + site * planes
            target.update(from: features.pointer + Int(rows[0]) * planes, count: planes)
            guard rows.count > 1 else { return }
            for row in rows.dropFirst() {
                let source = features.pointer + Int(row) * planes
                for p in 0..<planes { target[p] += source[p] }
            }
            if mode == .mean {
                let share = 1 / Float(rows.count)
                for p in 0..<planes { target[p] *= share }
            }
        }
    }

    /// result [rows, planes]: the gradient by the features, from gradient [sites, planes].
    package func backward(_ gradient: Matrix, into result: Matrix) throws(SCNError) {
        try check(rows: result, "result", sites: gradient, "gradient")
        spread(gradient, into: result, dividing: mode == .mean)
    }

    /// result [rows, planes]: each row gets its site's vector; in modes 1 and 2 the winners only, the others and padding zeros.
    package func outputForward(_ features: Matrix, into result: Matrix) throws(SCNError) {
        try check(rows: result, "result", sites: features, "features")
        spread(features, into: result, dividing: false)
    }

    /// result [sites, planes]: the gradient by the features, from gradient [rows, planes].
    package func outputBackward(_ gradient: Matrix, into result: Matrix) throws(SCNError) {
        try check(rows: gradient, "gradient", sites: result, "result")
        let planes = gradient.planes
        forEachSite { site, rows in
            let target = result.pointer + site * planes
            target.update(repeating: 0, count: planes)
            for row in rows {
                let source = gradient.pointer + Int(row) * planes
                for p in 0..<planes { target[p] += source[p] }
            }
        }
    }

    private func spread(_ source: Matrix, into result: Matrix, dividing: Bool) {
        let planes = source.planes
        let (siteOfRow, starts, winners) = (siteOfRow.pointer, starts.pointer, rows.pointer)
        let mode = mode
        // Row by row: scattered reads overlap better than scattered writes.
        Parallel.forEachChunk(rowCount, size: 2048) { _, range in
            for row in range {
                let target = result.pointer + row * planes
                let site = Int(siteOfRow[row])
                let counts =
                    switch mode {
                    case .first: site >= 0 && Int(winners[Int(starts[site])]) == row
                    case .last: site >= 0 && Int(winners[Int(starts[site + 1]) - 1]) == row
                    default: site >= 0
                    }
                guard counts else {
                    target.update(repeating: 0, count: planes)
                    continue
                }
                target.update(from: source.pointer + site * planes, count: planes)
                if dividing {
                    let share = 1 / Float(starts[site + 1] - starts[site])
                    for p in 0..<planes { target[p] *= share }
                }
            }
        }
        withExtendedLifetime(self) {}
    }

    /// Calls `body` with each site and the rows that count there: all of them, or the winner alone.
    private func forEachSite(_ body: (_ site: Int, _ rows: UnsafeBufferPointer<Int32>) -> Void) {
        let (starts, rows, mode) = (starts.pointer, rows.pointer, mode)
        Parallel.forEachChunk(siteCount, size: 1024) { _, range in
            for site in range {
                var (begin, end) = (Int(starts[site]), Int(starts[site + 1]))
                if mode == .first { end = begin + 1 }
                if mode == .last { begin = end - 1 }
                body(site, UnsafeBufferPointer(start: rows + begin, count: end - begin))
            }
        }
        withExtendedLifetime(self) {}
    }

    private func check(rows: Matrix, _ rowsName: String, sites: Matrix, _ sitesName: String) throws(SCNError) {
        try rows.requireShape(rowCount, rows.planes, rowsName)
        try sites.requireShape(siteCount, rows.planes, sitesName)
    }
}
