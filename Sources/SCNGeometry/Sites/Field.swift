package import SCNCore

/// The places that sites may have: `lower ..< lower + size` on each axis.
package struct Field: Hashable, Sendable {
    /// The least coordinate on each axis.
    package let lower: [Int]
    /// The number of places along each axis, at least 1.
    package let size: [Int]
    /// Whether this is no more than a box around the sites, which widens with what layers make of them.
    package let isUnbounded: Bool

    package var dimension: Int { size.count }

    /// A field that begins at 0 where `lower` is nil. Throws where a size is below 1, or a coordinate has no 64 bits.
    package init(lower: [Int]? = nil, size: [Int], isUnbounded: Bool = false) throws(SCNError) {
        try requireSpatialSize(size, dimension: lower?.count ?? size.count)
        let lower = lower ?? size.map { _ in 0 }
        for axis in size.indices {
            try require(
                !lower[axis].addingReportingOverflow(size[axis]).overflow, .overflow,
                "lower: is \(lower[axis]) on axis \(axis), with spatial size \(size[axis]) more than 64 bits hold")
        }
        self.lower = lower
        self.size = size
        self.isUnbounded = isUnbounded
    }

    /// The field whose first and last places on each axis are known.
    init(first: [Int128], last: [Int128], isUnbounded: Bool) throws(SCNError) {
        var (lower, size): ([Int], [Int]) = ([], [])
        for axis in first.indices {
            guard let start = Int(exactly: first[axis]), let count = Int(exactly: last[axis] - first[axis] + 1),
                !start.addingReportingOverflow(count).overflow
            else {
                throw SCNError(
                    .overflow,
                    "sites: would lie in \(first[axis]) ... \(last[axis]) on axis \(axis), more than 64 bits hold")
            }
            lower.append(start)
            size.append(count)
        }
        try self.init(lower: lower, size: size, isUnbounded: isUnbounded)
    }

    /// The last place on an axis.
    func last(_ axis: Int) -> Int { lower[axis] + (size[axis] - 1) }

    /// The least field that holds both. Throws a shape error where both are bounded and differ; `name` is what the
    /// error calls the other.
    func united(with other: Field, _ name: String) throws(SCNError) -> Field {
        if self == other { return self }
        try require(
            dimension == other.dimension && (isUnbounded || other.isUnbounded), .shape,
            "\(name): has \(other.spatialText), expected \(spatialText)")
        return try Field(
            first: lower.indices.map { Int128(min(lower[$0], other.lower[$0])) },
            last: lower.indices.map { Int128(max(last($0), other.last($0))) }, isUnbounded: true)
    }

    /// "spatial size [4, 5]", and from where it does not begin at 0.
    var spatialText: String {
        if isUnbounded { return "an unbounded field of dimension \(dimension)" }
        return "spatial size \(size)" + (lower.allSatisfy { $0 == 0 } ? "" : " from \(lower)")
    }
}

/// floor(a / b) for b above 0.
func floorQuotient(_ a: Int128, _ b: Int128) -> Int128 {
    let (quotient, rest) = a.quotientAndRemainder(dividingBy: b)
    return rest < 0 ? quotient - 1 : quotient
}
