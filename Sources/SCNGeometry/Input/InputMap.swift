package import SCNCore

/// Which rows of the host's input lie at which site.
package final class InputMap: @unchecked Sendable {
    package let mode: InputMode
    /// The sites are the segments; a row without one is padding, and every site has a row.
    package var segments: Segments { Segments(ofRow: siteOfRow, starts: starts, rows: rows) }

    /// Samples x rows of each, where the rows came like that, filled up with padding.
    package let rectangle: (samples: Int, length: Int)?

    /// The site of each input row, -1 where the row is padding: [rowCount].
    package let siteOfRow: Storage<Int32>
    /// The rows of site i are `rows[starts[i] ..< starts[i + 1]]`, in input order: [siteCount + 1] and [rows without
    /// padding].
    package let starts: Storage<Int64>
    package let rows: Storage<Int32>
    package var rowCount: Int { siteOfRow.count }
    package var siteCount: Int { starts.count - 1 }

    init(
        mode: InputMode, siteOfRow: Storage<Int32>, starts: Storage<Int64>, rows: Storage<Int32>,
        rectangle: (samples: Int, length: Int)? = nil
    ) {
        self.mode = mode
        self.siteOfRow = siteOfRow
        self.starts = starts
        self.rows = rows
        self.rectangle = rectangle
    }
}
