public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

@_cdecl("scn_geometry_create") @implementation
public func scn_geometry_create(
    _ dimension: Int32, _ spatial_size: UnsafePointer<Int64>?, _ coordinates: UnsafePointer<Int64>?, _ rows: Int64,
    _ columns: Int32, _ batch_size: Int64, _ mode: scn_input_mode, _ geometry: HandleOut
) -> scn_status {
    produce(geometry, "geometry", .geometry) {
        let size = try sizes(spatial_size, dimension, "spatial_size")
        try require(rows >= 0, .invalidArgument, "rows: is \(rows), expected at least 0")
        try require(
            columns == dimension || columns == dimension + 1, .shape,
            "columns: is \(columns), expected \(dimension) or \(dimension + 1)")
        try require(batch_size >= 0, .invalidArgument, "batch_size: is \(batch_size), expected at least 0")
        let count = try checkedProduct([Int(rows), Int(columns)], "coordinates")
        let source = try elements(coordinates, Int64(count), "coordinates")
        let mode = try inputMode(mode)
        let (sites, map) = try withUnsafePointer(to: Int64(0)) { none in
            try InputSites.build(
                dimension: Int(dimension), spatialSize: size, coordinates: source.baseAddress ?? none,
                rows: Int(rows), columns: Int(columns), batchSize: Int(batch_size), mode: mode)
        }
        return Geometry(sites, inputMap: map)
    }
}

@_cdecl("scn_geometry_create_batched") @implementation
public func scn_geometry_create_batched(
    _ dimension: Int32, _ spatial_size: UnsafePointer<Int64>?, _ coordinates: UnsafePointer<Int64>?,
    _ batch_size: Int64, _ length: Int64, _ mode: scn_input_mode, _ geometry: HandleOut
) -> scn_status {
    produce(geometry, "geometry", .geometry) {
        let size = try sizes(spatial_size, dimension, "spatial_size")
        for (value, name) in [(batch_size, "batch_size"), (length, "length")] {
            try require(value >= 0, .invalidArgument, "\(name): is \(value), expected at least 0")
        }
        let mode = try inputMode(mode)
        let count = try checkedProduct([Int(batch_size), Int(length), Int(dimension)], "coordinates")
        let source = try elements(coordinates, Int64(count), "coordinates")
        let (sites, map) = try withUnsafePointer(to: Int64(0)) { none in
            try InputSites.buildBatched(
                dimension: Int(dimension), spatialSize: size, coordinates: source.baseAddress ?? none,
                samples: Int(batch_size), length: Int(length), mode: mode)
        }
        return Geometry(sites, inputMap: map)
    }
}

@_cdecl("scn_geometry_create_dense") @implementation
public func scn_geometry_create_dense(
    _ dimension: Int32, _ spatial_size: UnsafePointer<Int64>?, _ data: UnsafePointer<Float>?, _ batch_size: Int64,
    _ planes: Int64, _ count: Int64, _ geometry: HandleOut
) -> scn_status {
    produce(geometry, "geometry", .geometry) {
        let size = try sizes(spatial_size, dimension, "spatial_size")
        for (value, name) in [(batch_size, "batch_size"), (planes, "planes")] {
            try require(value >= 0, .invalidArgument, "\(name): is \(value), expected at least 0")
        }
        for (axis, length) in size.enumerated() {
            try require(
                length >= 1, .invalidArgument, "spatial_size: is \(length) on axis \(axis), expected at least 1")
        }
        // Zeros last, so that a product that overflows before its zero is still an error.
        let sizes = size + [Int(batch_size), Int(planes)]
        _ = try checkedProduct(sizes.map { max(1, $0) }, "data")
        let expected = try checkedProduct(sizes, "data")
        try require(count == Int64(expected), .shape, "count: is \(count), expected \(expected)")
        let values = try matrix(data, 1, expected, "data")
        return Geometry(
            try InputSites.dense(
                spatialSize: size, values: values, samples: Int(batch_size), planes: Int(planes)), inputMap: nil)
    }
}

nonisolated(unsafe) private let voxelizeDefaults = scn_voxelize_options(
    struct_size: MemoryLayout<scn_voxelize_options>.size, reduction: SCN_VOXEL_MEAN, seed: nil, origin: nil,
    batch: nil, batch_size: 0, spatial_size: nil)

@_cdecl("scn_voxelize") @implementation
public func scn_voxelize(
    _ dimension: Int32, _ points: UnsafeRawPointer?, _ type: scn_element_type, _ rows: Int64,
    _ voxel_size: UnsafePointer<Double>?, _ options: UnsafePointer<scn_voxelize_options>?, _ geometry: HandleOut
) -> scn_status {
    produce(geometry, "geometry", .geometry) {
        try requireDimension(dimension)
        let options = try SCNABI.options(options, voxelizeDefaults)
        guard let reduction = VoxelReduction(rawValue: Int(options.reduction.rawValue)) else {
            throw SCNError(.invalidArgument, "reduction: is \(options.reduction.rawValue), expected 0 ... 4")
        }
        func axes(_ pointer: UnsafePointer<Double>?, _ name: String) throws(SCNError) -> [Double] {
            Array(try elements(pointer, Int64(dimension), name))
        }
        try require(
            options.batch_size >= 0, .invalidArgument, "batch_size: is \(options.batch_size), expected at least 0")
        try require(rows >= 0, .invalidArgument, "rows: is \(rows), expected at least 0")
        let batch = options.batch == nil ? nil : try elements(options.batch, rows, "batch", countName: "rows")
        return try Voxels.geometry(
            try pointCoordinates(points, type, rows, dimension), rows: Int(rows),
            size: try axes(voxel_size, "voxel_size"),
            origin: options.origin == nil ? nil : try axes(options.origin, "origin"),
            batch: batch.map { $0.baseAddress ?? options.batch! }, batchSize: Int(options.batch_size),
            spatialSize: options.spatial_size == nil ? nil : try sizes(options.spatial_size, dimension, "spatial_size"),
            reduction: reduction, seed: options.seed?.pointee)
    }
}

func pointCoordinates(
    _ points: UnsafeRawPointer?, _ type: scn_element_type, _ rows: Int64, _ dimension: Int32
) throws(SCNError) -> PointCoordinates {
    let count = Int64(try checkedProduct([Int(rows), Int(dimension)], "points"))
    let none = UnsafeRawPointer(nowhere)
    switch type {
    case SCN_FLOAT32:
        let points = try elements(points?.assumingMemoryBound(to: Float.self), count, "points")
        return .float32(points.baseAddress ?? none.assumingMemoryBound(to: Float.self))
    case SCN_FLOAT64:
        let points = try elements(points?.assumingMemoryBound(to: Double.self), count, "points")
        return .float64(points.baseAddress ?? none.assumingMemoryBound(to: Double.self))
    default:
        throw SCNError(
            .unsupported, "points: have elements of type \(type.rawValue), expected SCN_FLOAT32 or SCN_FLOAT64")
    }
}

@_cdecl("scn_geometry_retain") @implementation
public func scn_geometry_retain(_ geometry: OpaquePointer?) -> scn_status {
    status { try Handles.retain(geometry, .geometry) }
}

@_cdecl("scn_geometry_release") @implementation
public func scn_geometry_release(_ geometry: OpaquePointer?) -> scn_status {
    status { try Handles.release(geometry, .geometry) }
}

@_cdecl("scn_geometry_dimension") @implementation
public func scn_geometry_dimension(_ geometry: OpaquePointer?, _ dimension: UnsafeMutablePointer<Int32>?) -> scn_status
{
    store(dimension, "dimension", zero: 0) { Int32(try inputSites(geometry).dimension) }
}

@_cdecl("scn_geometry_batch_size") @implementation
public func scn_geometry_batch_size(
    _ geometry: OpaquePointer?, _ batch_size: UnsafeMutablePointer<Int64>?
) -> scn_status {
    store(batch_size, "batch_size", zero: 0) { Int64(try inputSites(geometry).batchSize) }
}

@_cdecl("scn_geometry_input_row_count") @implementation
public func scn_geometry_input_row_count(_ geometry: OpaquePointer?, _ rows: UnsafeMutablePointer<Int64>?) -> scn_status
{
    store(rows, "rows", zero: 0) { Int64(try inputMap(try SCNABI.geometry(geometry)).rowCount) }
}

@_cdecl("scn_geometry_row_sites") @implementation
public func scn_geometry_row_sites(
    _ geometry: OpaquePointer?, _ sites: UnsafeMutablePointer<Int64>?, _ capacity: Int64
) -> scn_status {
    status {
        let map = try inputMap(try SCNABI.geometry(geometry))
        try write(map.rowCount, to: sites, "sites", capacity) { Int64(map.siteOfRow.pointer[$0]) }
    }
}

@_cdecl("scn_geometry_row_counts") @implementation
public func scn_geometry_row_counts(
    _ geometry: OpaquePointer?, _ counts: UnsafeMutablePointer<Int64>?, _ capacity: Int64
) -> scn_status {
    status {
        let map = try inputMap(try SCNABI.geometry(geometry))
        let starts = map.starts.pointer
        try write(map.siteCount, to: counts, "counts", capacity) { starts[$0 + 1] - starts[$0] }
    }
}

private func write(
    _ count: Int, to target: UnsafeMutablePointer<Int64>?, _ name: String, _ capacity: Int64,
    _ element: (Int) -> Int64
) throws {
    try require(capacity >= Int64(count), .shape, "capacity: is \(capacity), expected at least \(count)")
    if count == 0 { return }
    let target = try required(target, name)
    for index in 0..<count { target[index] = element(index) }
}

@_cdecl("scn_geometry_site_count") @implementation
public func scn_geometry_site_count(
    _ geometry: OpaquePointer?, _ sites: Int32, _ count: UnsafeMutablePointer<Int64>?
) -> scn_status {
    store(count, "count", zero: 0) { Int64(try siteSet(geometry, sites).count) }
}

@_cdecl("scn_geometry_spatial_size") @implementation
public func scn_geometry_spatial_size(
    _ geometry: OpaquePointer?, _ sites: Int32, _ spatial_size: UnsafeMutablePointer<Int64>?
) -> scn_status {
    status {
        let set = try siteSet(geometry, sites)
        let target = try required(spatial_size, "spatial_size")
        for (axis, size) in set.field.shown.size.enumerated() { target[axis] = Int64(size) }
    }
}

@_cdecl("scn_geometry_coordinates") @implementation
public func scn_geometry_coordinates(
    _ geometry: OpaquePointer?, _ sites: Int32, _ coordinates: UnsafeMutablePointer<Int64>?, _ capacity: Int64
) -> scn_status {
    status {
        let set = try siteSet(geometry, sites)
        let count = set.count * (set.dimension + 1)
        try require(capacity >= Int64(count), .shape, "capacity: is \(capacity), expected at least \(count)")
        if count > 0 { set.coordinates(into: try required(coordinates, "coordinates")) }
    }
}

@_cdecl("scn_geometry_find_sites") @implementation
public func scn_geometry_find_sites(
    _ geometry: OpaquePointer?, _ spatial_size: UnsafePointer<Int64>?, _ sites: UnsafeMutablePointer<Int32>?
) -> scn_status {
    store(sites, "sites", zero: 0) {
        let geometry = try SCNABI.geometry(geometry)
        let size = try sizes(spatial_size, Int32(geometry.sites(geometry.input).dimension), "spatial_size")
        let found = geometry.siteSets(spatialSize: size)
        try require(
            found.count == 1, .state,
            "spatial_size: \(found.isEmpty ? "no site set has" : "\(found.count) site sets have") size \(size)")
        return Int32(found[0].index)
    }
}

@_cdecl("scn_geometry_submanifold") @implementation
public func scn_geometry_submanifold(
    _ geometry: OpaquePointer?, _ sites: Int32, _ filter: UnsafePointer<scn_filter>?, _ rulebook: HandleOut
) -> scn_status {
    produce(rulebook, "rulebook", .rulebook) {
        let geometry = try SCNABI.geometry(geometry)
        let sites = try siteSetID(geometry, sites)
        let filter = try HostFilter(filter)
        try require(
            filter.stride == nil && filter.padding == nil, .invalidArgument,
            "filter: a submanifold convolution has no stride and no padding, expected NULL")
        return try geometry.submanifold(sites, .submanifold(size: filter.size, dilation: filter.dilation))
    }
}

@_cdecl("scn_geometry_permutohedral") @implementation
public func scn_geometry_permutohedral(
    _ geometry: OpaquePointer?, _ sites: Int32, _ rulebook: HandleOut
) -> scn_status {
    produce(rulebook, "rulebook", .rulebook) {
        let geometry = try SCNABI.geometry(geometry)
        let sites = try siteSetID(geometry, sites)
        return try geometry.submanifold(sites, .permutohedral(dimension: geometry.sites(sites).dimension))
    }
}

@_cdecl("scn_geometry_strided") @implementation
public func scn_geometry_strided(
    _ geometry: OpaquePointer?, _ sites: Int32, _ filter: UnsafePointer<scn_filter>?,
    _ output_sites: UnsafeMutablePointer<Int32>?, _ rulebook: HandleOut
) -> scn_status {
    produceRulebook(geometry, sites, filter, output_sites, rulebook) { try $0.strided($1, $2) }
}

@_cdecl("scn_geometry_full") @implementation
public func scn_geometry_full(
    _ geometry: OpaquePointer?, _ sites: Int32, _ filter: UnsafePointer<scn_filter>?,
    _ output_sites: UnsafeMutablePointer<Int32>?, _ rulebook: HandleOut
) -> scn_status {
    produceRulebook(geometry, sites, filter, output_sites, rulebook) { try $0.full($1, $2) }
}

@_cdecl("scn_geometry_randomized") @implementation
public func scn_geometry_randomized(
    _ geometry: OpaquePointer?, _ sites: Int32, _ filter: UnsafePointer<scn_filter>?,
    _ output_sites: UnsafeMutablePointer<Int32>?, _ rulebook: HandleOut
) -> scn_status {
    produceRulebook(geometry, sites, filter, output_sites, rulebook) { try $0.randomized($1, $2) }
}

@_cdecl("scn_geometry_fractional") @implementation
public func scn_geometry_fractional(
    _ geometry: OpaquePointer?, _ sites: Int32, _ options: UnsafePointer<scn_fractional_options>?,
    _ is_regular: Int32, _ output_sites: UnsafeMutablePointer<Int32>?, _ rulebook: HandleOut
) -> scn_status {
    output_sites?.pointee = 0
    return produce(rulebook, "rulebook", .rulebook) {
        let outputSites = try required(output_sites, "output_sites")
        let geometry = try SCNABI.geometry(geometry)
        let sites = try siteSetID(geometry, sites)
        let (windows, _) = try fractionalWindows(options, Int32(geometry.sites(sites).dimension))
        let isRegular = try boolean(is_regular, "is_regular")
        let (output, rules) = try geometry.fractional(sites, windows, isRegular: isRegular)
        outputSites.pointee = Int32(output.index)
        return rules
    }
}

private func produceRulebook(
    _ geometry: OpaquePointer?, _ sites: Int32, _ filter: UnsafePointer<scn_filter>?,
    _ outputSites: UnsafeMutablePointer<Int32>?, _ rulebook: HandleOut,
    _ find: (Geometry, SiteSetID, FilterGeometry) throws -> (SiteSetID, Rulebook)
) -> scn_status {
    outputSites?.pointee = 0
    return produce(rulebook, "rulebook", .rulebook) {
        let outputSites = try required(outputSites, "output_sites")
        let geometry = try SCNABI.geometry(geometry)
        let sites = try siteSetID(geometry, sites)
        let host = try HostFilter(filter)
        let filter = try FilterGeometry.strided(
            size: host.size, stride: host.stride ?? host.size.map { _ in 1 }, padding: host.padding,
            dilation: host.dilation, roundsDown: host.roundsDown)
        let (output, rules) = try find(geometry, sites, filter)
        outputSites.pointee = Int32(output.index)
        return rules
    }
}

@_cdecl("scn_geometry_reverse") @implementation
public func scn_geometry_reverse(
    _ geometry: OpaquePointer?, _ sites: Int32, _ filter: UnsafePointer<scn_filter>?,
    _ output_sites: UnsafeMutablePointer<Int32>?, _ rulebook: HandleOut
) -> scn_status {
    produceRulebook(geometry, sites, filter, output_sites, rulebook) { try $0.reverse($1, $2) }
}

@_cdecl("scn_geometry_subset") @implementation
public func scn_geometry_subset(
    _ geometry: OpaquePointer?, _ sites: Int32, _ keep: UnsafePointer<UInt8>?, _ count: Int64,
    _ output_sites: UnsafeMutablePointer<Int32>?, _ rulebook: HandleOut
) -> scn_status {
    output_sites?.pointee = 0
    return produce(rulebook, "rulebook", .rulebook) {
        let outputSites = try required(output_sites, "output_sites")
        let geometry = try SCNABI.geometry(geometry)
        let sites = try siteSetID(geometry, sites)
        let expected = geometry.sites(sites).count
        try require(count == Int64(expected), .shape, "count: is \(count), expected \(expected), the number of sites")
        let keep = try elements(keep, count, "keep")
        let (output, rules) = try withUnsafePointer(to: UInt8(0)) { none in
            try geometry.subset(sites, keeping: keep.baseAddress ?? none)
        }
        outputSites.pointee = Int32(output.index)
        return rules
    }
}

@_cdecl("scn_rulebook_retain") @implementation
public func scn_rulebook_retain(_ rulebook: OpaquePointer?) -> scn_status {
    status { try Handles.retain(rulebook, .rulebook) }
}

@_cdecl("scn_rulebook_release") @implementation
public func scn_rulebook_release(_ rulebook: OpaquePointer?) -> scn_status {
    status { try Handles.release(rulebook, .rulebook) }
}

@_cdecl("scn_rulebook_sizes") @implementation
public func scn_rulebook_sizes(
    _ rulebook: OpaquePointer?, _ volume: UnsafeMutablePointer<Int64>?, _ rules: UnsafeMutablePointer<Int64>?,
    _ input_rows: UnsafeMutablePointer<Int64>?, _ output_rows: UnsafeMutablePointer<Int64>?
) -> scn_status {
    for out in [volume, rules, input_rows, output_rows] { out?.pointee = 0 }
    return status {
        let book = try SCNABI.rulebook(rulebook)
        volume?.pointee = Int64(book.volume)
        rules?.pointee = Int64(book.ruleCount)
        input_rows?.pointee = Int64(book.inputCount)
        output_rows?.pointee = Int64(book.outputCount)
    }
}

@_cdecl("scn_rulebook_rules") @implementation
public func scn_rulebook_rules(
    _ rulebook: OpaquePointer?, _ offsets: UnsafeMutablePointer<UnsafePointer<Int64>?>?,
    _ input_rows: UnsafeMutablePointer<UnsafePointer<Int32>?>?,
    _ output_rows: UnsafeMutablePointer<UnsafePointer<Int32>?>?
) -> scn_status {
    offsets?.pointee = nil
    input_rows?.pointee = nil
    output_rows?.pointee = nil
    return status {
        let book = try SCNABI.rulebook(rulebook)
        let offsets = try required(offsets, "offsets")
        let inputRows = try required(input_rows, "input_rows")
        let outputRows = try required(output_rows, "output_rows")
        offsets.pointee = UnsafePointer(book.offsets.pointer)
        inputRows.pointee = UnsafePointer(book.inputRows.pointer)
        outputRows.pointee = UnsafePointer(book.outputRows.pointer)
    }
}

/// A filter of the host, its NULLs still nil.
struct HostFilter {
    let size: [Int]
    let stride, padding, dilation: [Int]?
    let roundsDown: Bool

    init(_ pointer: UnsafePointer<scn_filter>?) throws(SCNError) {
        let host = try options(
            try required(pointer, "filter"),
            scn_filter(
                struct_size: MemoryLayout<scn_filter>.size, dimension: 0, size: nil, stride: nil, padding: nil,
                dilation: nil, rounds_down: 0), "filter")
        func axes(_ pointer: UnsafePointer<Int64>?, _ name: String) throws(SCNError) -> [Int]? {
            pointer == nil ? nil : try sizes(pointer, host.dimension, name)
        }
        size = try sizes(host.size, host.dimension, "filter.size")
        stride = try axes(host.stride, "filter.stride")
        padding = try axes(host.padding, "filter.padding")
        dilation = try axes(host.dilation, "filter.dilation")
        roundsDown = try boolean(host.rounds_down, "filter.rounds_down")
    }
}

func inputMap(_ geometry: Geometry) throws(SCNError) -> InputMap {
    guard let map = geometry.inputMap else {
        throw SCNError(.state, "geometry: was not made from the rows of an input")
    }
    return map
}

func siteSet(_ handle: OpaquePointer?, _ sites: Int32) throws(SCNError) -> SiteSet {
    let geometry = try geometry(handle)
    return geometry.sites(try siteSetID(geometry, sites))
}

@_cdecl("scn_rulebook_reversed") @implementation
public func scn_rulebook_reversed(_ rulebook: OpaquePointer?, _ reversed: HandleOut) -> scn_status {
    produce(reversed, "reversed", .rulebook) { try SCNABI.rulebook(rulebook).reversed }
}

private func inputSites(_ handle: OpaquePointer?) throws(SCNError) -> SiteSet {
    let geometry = try geometry(handle)
    return geometry.sites(geometry.input)
}
