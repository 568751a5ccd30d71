package import SCNCore

/// The places that sites may have: `lower ..< lower + size` on each axis.
package struct Field: Hashable, Sendable {
    /// The least coordinate on each axis.
    package let lower: [Int]
    /// The number of places along each axis, at least 1.
    package let size: [Int]
    /// Whether this is no more than a box around the sites, which widens with what layers make of them.
    package let isUnbounded: Bool
    /// The field that a program named, where some sites lie outside of it: strided layers leave these out. This one is
    /// then a box around all of them.
    package let nominal: Places?

    /// `lower ..< lower + size` on each axis.
    package struct Places: Hashable, Sendable {
        package let lower: [Int]
        package let size: [Int]
    }

    package var dimension: Int { size.count }

    /// What programs see: where the field that they named begins and how large it is, or this one.
    package var shown: Places { nominal ?? Places(lower: lower, size: size) }

    /// Whether programs see a field without bounds.
    package var isShownUnbounded: Bool { isUnbounded && nominal == nil }

    /// A field that begins at 0 where `lower` is nil. Throws where a size is below 1, or a coordinate has no 64 bits.
    package init(
        lower: [Int]? = nil, size: [Int], isUnbounded: Bool = false, nominal: Places? = nil
    ) throws(SCNError) {
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
        self.nominal = nominal
    }

    /// The field whose first and last places on each axis are known.
    init(first: [Int128], last: [Int128], isUnbounded: Bool, nominal: Places? = nil) throws(SCNError) {
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
        try self.init(lower: lower, size: size, isUnbounded: isUnbounded, nominal: nominal)
    }

    /// The last place on an axis.
    func last(_ axis: Int) -> Int { lower[axis] + (size[axis] - 1) }

    /// Whether all places of another field are in this one.
    func contains(_ other: Field) -> Bool {
        lower.indices.allSatisfy { lower[$0] <= other.lower[$0] && last($0) >= other.last($0) }
    }

    /// Whether a site, its coordinates first, lies outside of the field that a program named.
    @inline(__always)
    static func isOutside(_ site: UnsafePointer<Int64>, _ places: Places) -> Bool {
        for axis in places.size.indices
        where UInt64(bitPattern: site[axis] &- Int64(places.lower[axis])) >= UInt64(places.size[axis]) { return true }
        return false
    }

    /// The least field that holds both. Throws a shape error where both have bounds, be it for programs alone, and
    /// differ; `name` is what the error calls the other.
    func united(with other: Field, _ name: String) throws(SCNError) -> Field {
        if self == other { return self }
        try require(
            dimension == other.dimension && (isShownUnbounded || other.isShownUnbounded || shown == other.shown),
            .shape, "\(name): has \(other.spatialText), expected \(spatialText)")
        return try Field(
            first: lower.indices.map { Int128(min(lower[$0], other.lower[$0])) },
            last: lower.indices.map { Int128(max(last($0), other.last($0))) }, isUnbounded: true,
            nominal: isShownUnbounded || other.isShownUnbounded ? nil : shown)
    }

    /// "spatial size [4, 5]", and from where it does not begin at 0.
    var spatialText: String {
        if isShownUnbounded { return "an unbounded field of dimension \(dimension)" }
        return "spatial size \(shown.size)" + (shown.lower.allSatisfy { $0 == 0 } ? "" : " from \(shown.lower)")
    }
}

/// floor(a / b) for b above 0.
func floorQuotient(_ a: Int128, _ b: Int128) -> Int128 {
    let (quotient, rest) = a.quotientAndRemainder(dividingBy: b)
    return rest < 0 ? quotient - 1 : quotient
}
