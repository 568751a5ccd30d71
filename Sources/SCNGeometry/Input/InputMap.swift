package import SCNCore

/// Which rows of the host's input lie at which site.
package final class InputMap: @unchecked Sendable {
    package let mode: InputMode
    /// The sites are the segments; a row without one is padding, and every site has a row.
    package let segments: Segments

    /// Samples x rows of each, where the rows came like that, filled up with padding.
    package let rectangle: (samples: Int, length: Int)?

    /// The site of each input row, -1 where the row is padding: [rowCount].
    package var siteOfRow: Storage<Int32> { segments.ofRow }
    /// The rows of site i are `rows[starts[i] ..< starts[i + 1]]`, in input order: [siteCount + 1] and [rows without
    /// padding].
    package var starts: Storage<Int64> { segments.starts }
    package var rows: Storage<Int32> { segments.rows }
    package var rowCount: Int { segments.rowCount }
    package var siteCount: Int { segments.count }

    init(
        mode: InputMode, siteOfRow: Storage<Int32>, starts: Storage<Int64>, rows: Storage<Int32>,
        rectangle: (samples: Int, length: Int)? = nil
    ) {
        self.mode = mode
        segments = Segments(ofRow: siteOfRow, starts: starts, rows: rows)
        self.rectangle = rectangle
    }
}
