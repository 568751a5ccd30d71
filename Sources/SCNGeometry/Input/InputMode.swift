/// What becomes of several input rows at one site.
public enum InputMode: Int, Sendable, CaseIterable {
    /// There are none: a duplicate is an error.
    case unique = 0
    /// The last row wins.
    case last = 1
    /// The first row wins.
    case first = 2
    /// The sum of the rows.
    case sum = 3
    /// The mean of the rows.
    case mean = 4
}
