package import SCNCore

/// Which rows of the host's input lie at which site.
package final class InputMap: @unchecked Sendable {
    package let mode: InputMode
    /// The site of each input row: [rowCount].
    package let siteOfRow: Storage<Int32>
    /// The rows of site i are `rows[starts[i] ..< starts[i + 1]]`, in input order: [siteCount + 1] and [rowCount].
    package let starts: Storage<Int64>
    package let rows: Storage<Int32>

    package var rowCount: Int { rows.count }
    package var siteCount: Int { starts.count - 1 }

    init(mode: InputMode, siteOfRow: Storage<Int32>, starts: Storage<Int64>, rows: Storage<Int32>) {
        self.mode = mode
        self.siteOfRow = siteOfRow
        self.starts = starts
        self.rows = rows
    }
}
