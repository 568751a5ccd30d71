internal import CSCNKernels
package import SCNCore
package import SCNGeometry

/// Between the rows of points, in the order in which the host gave them, and the sites that they fall on.
extension InputMap {
    /// result [sites, planes]: each site's rows combined as the mode says; features [rows, planes].
    package func forward(_ features: Matrix, into result: Matrix) throws(SCNError) {
        try check(rows: features, "features", sites: result, "result")
        try segments.combine(features, counting(ofAllRows), into: result)
    }

    /// result [rows, planes]: the gradient by the features, from gradient [sites, planes].
    package func backward(_ gradient: Matrix, into result: Matrix) throws(SCNError) {
        try check(rows: result, "result", sites: gradient, "gradient")
        try segments.spread(gradient, counting(ofAllRows), into: result)
    }

    /// result [rows, planes]: each row gets its site's vector; in modes 1 and 2 the winners only, the others and
    /// padding zeros.
    package func outputForward(_ features: Matrix, into result: Matrix) throws(SCNError) {
        try check(rows: result, "result", sites: features, "features")
        try segments.spread(features, counting(SCN_SUM_OF_ROWS), into: result)
    }

    /// result [sites, planes]: the gradient by the features, from gradient [rows, planes].
    package func outputBackward(_ gradient: Matrix, into result: Matrix) throws(SCNError) {
        try check(rows: gradient, "gradient", sites: result, "result")
        try segments.combine(gradient, counting(SCN_SUM_OF_ROWS), into: result)
    }

    /// The winner in modes 1 and 2, `all` in the others.
    private func counting(_ all: scn_site_rows) -> scn_site_rows {
        switch mode {
        case .first: SCN_FIRST_ROW
        case .last: SCN_LAST_ROW
        default: all
        }
    }

    private var ofAllRows: scn_site_rows { mode == .mean ? SCN_MEAN_OF_ROWS : SCN_SUM_OF_ROWS }

    private func check(rows: Matrix, _ rowsName: String, sites: Matrix, _ sitesName: String) throws(SCNError) {
        try rows.requireShape(rowCount, rows.planes, rowsName)
        try sites.requireShape(siteCount, rows.planes, sitesName)
    }
}
