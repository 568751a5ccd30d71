public import CSCN
internal import SCNCore
internal import SCNGeometry

/// The place of a site set in a field that the host describes.
struct HostField {
    let dimension: Int
    /// Nil where the field has no bounds.
    let spatialSize: [Int]?
    let lower: [Int]?
    let keepsOutside: Bool

    init(_ pointer: UnsafePointer<scn_field>?) throws(SCNError) {
        let host = try options(
            try required(pointer, "field"),
            scn_field(
                struct_size: MemoryLayout<scn_field>.size, dimension: 0, spatial_size: nil, lower: nil,
                keep_outside: 0), "field")
        try requireDimension(host.dimension)
        dimension = Int(host.dimension)
        spatialSize =
            host.spatial_size == nil ? nil : try sizes(host.spatial_size, host.dimension, "field.spatial_size")
        lower = host.lower == nil ? nil : try sizes(host.lower, host.dimension, "field.lower")
        keepsOutside = try boolean(host.keep_outside, "field.keep_outside")
    }
}

@_cdecl("scn_geometry_create_in_field") @implementation
public func scn_geometry_create_in_field(
    _ field: UnsafePointer<scn_field>?, _ coordinates: UnsafePointer<Int64>?, _ rows: Int64, _ columns: Int32,
    _ batch_size: Int64, _ mode: scn_input_mode, _ geometry: HandleOut
) -> scn_status {
    produce(geometry, "geometry", .geometry) {
        let field = try HostField(field)
        let mode = try inputMode(mode)
        try require(batch_size >= 0, .invalidArgument, "batch_size: is \(batch_size), expected at least 0")
        let (sites, map) = try withSites(coordinates, rows, columns, field.dimension) { source in
            try InputSites.build(
                dimension: field.dimension, spatialSize: field.spatialSize, lower: field.lower,
                keepsOutside: field.keepsOutside, coordinates: source, rows: Int(rows), columns: Int(columns),
                batchSize: Int(batch_size), mode: mode)
        }
        return Geometry(sites, inputMap: map)
    }
}

@_cdecl("scn_geometry_field") @implementation
public func scn_geometry_field(
    _ geometry: OpaquePointer?, _ sites: Int32, _ lower: UnsafeMutablePointer<Int64>?,
    _ is_unbounded: UnsafeMutablePointer<Int32>?
) -> scn_status {
    is_unbounded?.pointee = 0
    return status {
        let field = try siteSet(geometry, sites).field
        let (target, isUnbounded) = (try required(lower, "lower"), try required(is_unbounded, "is_unbounded"))
        for (axis, first) in field.shown.lower.enumerated() { target[axis] = Int64(first) }
        isUnbounded.pointee = field.isShownUnbounded ? 1 : 0
    }
}

@_cdecl("scn_geometry_add_sites") @implementation
public func scn_geometry_add_sites(
    _ geometry: OpaquePointer?, _ field: UnsafePointer<scn_field>?, _ coordinates: UnsafePointer<Int64>?,
    _ rows: Int64, _ columns: Int32, _ sites: UnsafeMutablePointer<Int32>?
) -> scn_status {
    store(sites, "sites", zero: 0) {
        let geometry = try SCNABI.geometry(geometry)
        let input = geometry.sites(geometry.input)
        let field = field == nil ? nil : try HostField(field)
        try require(
            field == nil || field?.dimension == input.dimension, .shape,
            "field: has dimension \(field?.dimension ?? 0), expected \(input.dimension)")
        let (chosen, _) = try withSites(coordinates, rows, columns, input.dimension) { source in
            try InputSites.build(
                dimension: input.dimension, spatialSize: field?.spatialSize, lower: field?.lower,
                keepsOutside: field?.keepsOutside ?? false, coordinates: source, rows: Int(rows), columns: Int(columns),
                batchSize: input.batchSize, mode: .first)
        }
        return Int32(geometry.add(chosen).index)
    }
}

@_cdecl("scn_geometry_floor") @implementation
public func scn_geometry_floor(
    _ geometry: OpaquePointer?, _ sites: Int32, _ stride: UnsafePointer<Int64>?,
    _ output_sites: UnsafeMutablePointer<Int32>?
) -> scn_status {
    store(output_sites, "output_sites", zero: 0) {
        let geometry = try SCNABI.geometry(geometry)
        let set = geometry.sites(try siteSetID(geometry, sites))
        return Int32(geometry.add(try set.floored(by: try sizes(stride, Int32(set.dimension), "stride"))).index)
    }
}

@_cdecl("scn_geometry_combine") @implementation
public func scn_geometry_combine(
    _ geometry: OpaquePointer?, _ a: Int32, _ b: Int32, _ combination: scn_site_combination,
    _ output_sites: UnsafeMutablePointer<Int32>?
) -> scn_status {
    store(output_sites, "output_sites", zero: 0) {
        let geometry = try SCNABI.geometry(geometry)
        let (first, second) = (
            geometry.sites(try siteSetID(geometry, a, "a")), geometry.sites(try siteSetID(geometry, b, "b"))
        )
        let combined: SiteSet
        switch combination {
        case SCN_SITES_UNION: combined = try SiteUnion(first, second).sites
        case SCN_SITES_INTERSECTION: combined = try first.sites(where: first.rows(in: second), areFound: true)
        case SCN_SITES_DIFFERENCE: combined = try first.sites(where: first.rows(in: second), areFound: false)
        default:
            throw SCNError(.invalidArgument, "combination: is \(combination.rawValue), expected 0 ... 2")
        }
        return Int32(geometry.add(combined).index)
    }
}

@_cdecl("scn_geometry_find_rows") @implementation
public func scn_geometry_find_rows(
    _ geometry: OpaquePointer?, _ sites: Int32, _ coordinates: UnsafePointer<Int64>?, _ count: Int64,
    _ columns: Int32, _ rows: UnsafeMutablePointer<Int64>?
) -> scn_status {
    status {
        let set = try siteSet(geometry, sites)
        let found = try withSites(coordinates, count, columns, set.dimension, countName: "count") { source in
            try set.rows(ofCoordinates: source, count: Int(count), columns: Int(columns))
        }
        try write(found, to: rows)
    }
}

@_cdecl("scn_geometry_match_sites") @implementation
public func scn_geometry_match_sites(
    _ geometry: OpaquePointer?, _ sites: Int32, _ other_geometry: OpaquePointer?, _ other_sites: Int32,
    _ rows: UnsafeMutablePointer<Int64>?, _ capacity: Int64
) -> scn_status {
    status {
        let (set, other) = (try siteSet(geometry, sites), try siteSet(other_geometry, other_sites))
        try require(
            capacity >= Int64(set.count), .shape, "capacity: is \(capacity), expected at least \(set.count)")
        try write(try set.rows(in: other), to: rows)
    }
}

@_cdecl("scn_geometry_between") @implementation
public func scn_geometry_between(
    _ geometry: OpaquePointer?, _ input_sites: Int32, _ output_sites: Int32, _ relation: UnsafePointer<scn_relation>?,
    _ rulebook: HandleOut
) -> scn_status {
    produce(rulebook, "rulebook", .rulebook) {
        let geometry = try SCNABI.geometry(geometry)
        let input = try siteSetID(geometry, input_sites, "input_sites")
        let output = try siteSetID(geometry, output_sites, "output_sites")
        return try geometry.between(input, output, siteRelation(relation))
    }
}

@_cdecl("scn_geometry_covering") @implementation
public func scn_geometry_covering(
    _ geometry: OpaquePointer?, _ sites: Int32, _ relation: UnsafePointer<scn_relation>?,
    _ output_sites: UnsafeMutablePointer<Int32>?, _ rulebook: HandleOut
) -> scn_status {
    output_sites?.pointee = 0
    return produce(rulebook, "rulebook", .rulebook) {
        let outputSites = try required(output_sites, "output_sites")
        let geometry = try SCNABI.geometry(geometry)
        let (output, rules) = try geometry.covering(try siteSetID(geometry, sites), siteRelation(relation))
        outputSites.pointee = Int32(output.index)
        return rules
    }
}

@_cdecl("scn_filter_offsets") @implementation
public func scn_filter_offsets(
    _ filter: UnsafePointer<scn_filter>?, _ shape: scn_filter_shape, _ offsets: UnsafeMutablePointer<Int64>?,
    _ capacity: Int64, _ volume: UnsafeMutablePointer<Int64>?
) -> scn_status {
    store(volume, "volume", zero: 0) {
        let host = try HostFilter(filter)
        let form = try FilterGeometry.strided(
            size: host.size, stride: host.size.map { _ in 1 }, padding: host.padding, dilation: host.dilation)
        guard let shape = SiteRelation.Shape(rawValue: Int(shape.rawValue)) else {
            throw SCNError(.invalidArgument, "shape: is \(shape.rawValue), expected 0 ... 2")
        }
        let made = try SiteRelation.offsets(form, shape)
        try require(capacity >= 0, .invalidArgument, "capacity: is \(capacity), expected at least 0")
        if capacity > 0 || offsets != nil {
            try require(
                capacity >= Int64(made.count), .shape, "capacity: is \(capacity), expected at least \(made.count)")
            let target = try required(offsets, "offsets")
            for (index, offset) in made.enumerated() { target[index] = Int64(offset) }
        }
        return Int64(made.count / host.size.count)
    }
}

/// Calls `body` with coordinates [rows, columns], which may be NULL where there are none.
private func withSites<R>(
    _ coordinates: UnsafePointer<Int64>?, _ rows: Int64, _ columns: Int32, _ dimension: Int,
    countName: String = "rows", _ body: (UnsafePointer<Int64>) throws -> R
) throws -> R {
    try require(rows >= 0, .invalidArgument, "\(countName): is \(rows), expected at least 0")
    try require(
        columns == Int32(dimension) || columns == Int32(dimension) + 1, .shape,
        "columns: is \(columns), expected \(dimension) or \(dimension + 1)")
    let count = try checkedProduct([Int(rows), Int(columns)], "coordinates")
    let source = try elements(coordinates, Int64(count), "coordinates")
    return try withUnsafePointer(to: Int64(0)) { none in try body(source.baseAddress ?? none) }
}

private func write(_ found: Storage<Int32>, to rows: UnsafeMutablePointer<Int64>?) throws {
    if found.count == 0 { return }
    let target = try required(rows, "rows")
    for index in 0..<found.count { target[index] = Int64(found[index]) }
}

private func siteRelation(_ pointer: UnsafePointer<scn_relation>?) throws(SCNError) -> SiteRelation {
    let host = try options(
        try required(pointer, "relation"),
        scn_relation(
            struct_size: MemoryLayout<scn_relation>.size, dimension: 0, volume: 0, offsets: nil, input_stride: nil,
            output_stride: nil), "relation")
    try requireDimension(host.dimension)
    try require(
        host.volume >= 0 && host.volume <= Int64(SiteRelation.longestList), .invalidArgument,
        "relation.volume: is \(host.volume), expected 0 ... \(SiteRelation.longestList)")
    func axes(_ pointer: UnsafePointer<Int64>?, _ name: String) throws(SCNError) -> [Int]? {
        pointer == nil ? nil : try sizes(pointer, host.dimension, name)
    }
    let offsets = try elements(host.offsets, host.volume * Int64(host.dimension), "relation.offsets")
    return try SiteRelation(
        dimension: Int(host.dimension), offsets: offsets.map(Int.init),
        inputStride: axes(host.input_stride, "relation.input_stride"),
        outputStride: axes(host.output_stride, "relation.output_stride"))
}
