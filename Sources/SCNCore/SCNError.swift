/// What went wrong, in words that name the argument, what it was and what was expected.
public struct SCNError: Error, CustomStringConvertible, Sendable {
    /// The kinds of failure; raw values are those of `scn_status` in `scn.h`.
    public enum Kind: Int32, Sendable {
        /// A value out of its range.
        case invalidArgument = 1
        /// A matrix or tensor of another shape than the operation needs.
        case shape = 2
        /// A site that is negative, out of range, duplicate, or of the wrong dimension.
        case coordinate = 3
        /// A handle that is NULL, released, or of another kind.
        case handle = 4
        /// Memory that the system does not have.
        case memory = 5
        /// A size that does not fit the integers that hold it.
        case overflow = 6
        /// The file system refused.
        case file = 7
        /// A file whose content is not what it should be.
        case format = 8
        /// A call that is valid at another time (a second backward pass, a deconvolution without its convolution).
        case state = 9
        /// What this library, or this cpu, cannot do.
        case unsupported = 10
        /// A defect of this library.
        case `internal` = 11
    }

    /// What kind of failure.
    public let kind: Kind
    /// The argument, what it was and what was expected.
    public let message: String
    // One pointer, so that the error is returned in registers.
    private let place: Place?

    /// Where in a network an error happened, as far as it has come out of that.
    private final class Place: Sendable {
        /// The module that the error left last.
        let module: ObjectIdentifier
        /// The path of child indices from there to the module that threw, "2.0"; empty for itself.
        let path: String
        /// The message without the path.
        let reason: String

        init(_ module: ObjectIdentifier, _ path: String, _ reason: String) {
            self.module = module
            self.path = path
            self.reason = reason
        }
    }

    /// An error of a kind, with its message.
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
        place = nil
    }

    private init(_ kind: Kind, at place: Place) {
        self.kind = kind
        self.place = place
        message = place.path.isEmpty ? place.reason : "\(place.reason) (in module \(place.path))"
    }

    /// The error as it leaves a module of these parts: its message then ends with the path to the one that threw.
    package func leaving(_ module: AnyObject, parts: [AnyObject]) -> SCNError {
        let index = place.flatMap { place in parts.firstIndex { ObjectIdentifier($0) == place.module } }
        var path = ""
        if let place, let index { path = place.path.isEmpty ? "\(index)" : "\(index).\(place.path)" }
        return SCNError(kind, at: Place(ObjectIdentifier(module), path, place?.reason ?? message))
    }

    /// The message.
    public var description: String { message }
}

extension SCNError: Equatable {
    /// Whether both are of one kind and say the same.
    public static func == (one: SCNError, other: SCNError) -> Bool {
        one.kind == other.kind && one.message == other.message
    }
}

/// Throws `SCNError(kind, message)` unless `condition` holds.
@inlinable
package func require(
    _ condition: Bool, _ kind: SCNError.Kind = .invalidArgument, _ message: @autoclosure () -> String
) throws(SCNError) {
    if !condition { throw SCNError(kind, message()) }
}

/// What messages count.
package enum Counted: String {
    case axis, column, element, entry, plane, row

    fileprivate var plural: String {
        switch self {
        case .axis: "axes"
        case .entry: "entries"
        default: rawValue + "s"
        }
    }
}

/// "1 row", "2 rows", "0 entries".
package func counted(_ count: Int, _ noun: Counted) -> String { "\(count) \(count == 1 ? noun.rawValue : noun.plural)" }

/// Throws unless `value` is above 0 also as a `Float` with all its digits, which it will be: denormal numbers lose
/// some, and hosts may have them flushed to zero.
package func requirePositive(_ value: Double, _ name: String) throws(SCNError) {
    let least = Float.leastNormalMagnitude
    try require(
        value >= Double(least) && Float(value).isFinite, .invalidArgument,
        "\(name): is \(value), expected \(least) ... \(Float.greatestFiniteMagnitude)")
}

/// Throws unless `value` is at least 0 and finite, also as a `Float`.
package func requireAtLeastZero(
    _ value: Double, _ name: String, _ kind: SCNError.Kind = .invalidArgument
) throws(SCNError) {
    try require(
        value >= 0 && Float(value).isFinite, kind,
        "\(name): is \(value), expected 0 ... \(Float.greatestFiniteMagnitude)")
}

/// The product of sizes, or an overflow error that names `what`.
@inlinable
package func checkedProduct(_ sizes: some Sequence<Int>, _ what: @autoclosure () -> String) throws(SCNError) -> Int {
    var product = 1
    for size in sizes {
        let (result, overflow) = product.multipliedReportingOverflow(by: size)
        if overflow { throw SCNError(.overflow, "\(what()) has more elements than 64 bits can count") }
        product = result
    }
    return product
}
