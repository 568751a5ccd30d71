internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// Between the rows of points, in the order in which the host gave them, and the sites that they fall on.
extension InputMap {
    /// result [sites, planes]: each site's rows combined as the mode says; features [rows, planes].
    package func forward(_ features: Matrix, into result: Matrix) throws(SCNError) {
        try check(rows: features, "features", sites: result, "result")
        try combine(features, mode == .mean ? SCN_MEAN_OF_ROWS : SCN_SUM_OF_ROWS, into: result)
    }

    /// result [rows, planes]: the gradient by the features, from gradient [sites, planes].
    package func backward(_ gradient: Matrix, into result: Matrix) throws(SCNError) {
        try check(rows: result, "result", sites: gradient, "gradient")
        try spread(gradient, into: result, dividing: mode == .mean)
    }

    /// result [rows, planes]: each row gets its site's vector; in modes 1 and 2 the winners only, the others and padding zeros.
    package func outputForward(_ features: Matrix, into result: Matrix) throws(SCNError) {
        try check(rows: result, "result", sites: features, "features")
        try spread(features, into: result, dividing: false)
    }

    /// result [sites, planes]: the gradient by the features, from gradient [rows, planes].
    package func outputBackward(_ gradient: Matrix, into result: Matrix) throws(SCNError) {
        try check(rows: gradient, "gradient", sites: result, "result")
        try combine(gradient, SCN_SUM_OF_ROWS, into: result)
    }

    /// target[site]: of the rows that count there, all of them or the winner alone; sums and means are added in double.
    private func combine(_ source: Matrix, _ all: scn_site_rows, into target: Matrix) throws(SCNError) {
        let kernels = try Kernels.table()
        let planes = source.planes
        let which =
            switch mode {
            case .first: SCN_FIRST_ROW
            case .last: SCN_LAST_ROW
            default: all
            }
        Parallel.forEachChunk(siteCount, size: 1024) { _, range in
            kernels.combine_site_rows(
                Int64(range.count), starts.pointer + range.lowerBound, rows.pointer, which, source.pointer,
                Int64(planes), target.pointer + range.lowerBound * planes)
        }
        withExtendedLifetime((self, source, target)) {}
    }

    private func spread(_ source: Matrix, into result: Matrix, dividing: Bool) throws(SCNError) {
        let kernels = try Kernels.table()
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
                let shared = source.pointer + site * planes
                let count = dividing ? starts[site + 1] - starts[site] : 1
                if count > 1 {
                    kernels.divide(shared, Float(count), Int64(planes), target)
                } else {
                    target.update(from: shared, count: planes)
                }
            }
        }
        withExtendedLifetime(self) {}
    }

    private func check(rows: Matrix, _ rowsName: String, sites: Matrix, _ sitesName: String) throws(SCNError) {
        try rows.requireShape(rowCount, rows.planes, rowsName)
        try sites.requireShape(siteCount, rows.planes, sitesName)
    }
}
