public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

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
        let values = try elements(data, count, "data")
        return Geometry(
            try InputSites.dense(
                spatialSize: size, values: values.baseAddress ?? UnsafePointer(nowhere), samples: Int(batch_size),
                planes: Int(planes)), inputMap: nil)
    }
}

nonisolated(unsafe) private let voxelizeDefaults = scn_voxelize_options(
    struct_size: MemoryLayout<scn_voxelize_options>.size, reduction: SCN_VOXEL_MEAN, seed: nil, origin: nil,
    batch: nil, batch_size: 0, spatial_size: nil)

@_cdecl("scn_voxelize") @implementation
public func scn_voxelize(
    _ dimension: Int32, _ points: UnsafeRawPointer?, _ type: scn_point_type, _ rows: Int64,
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
            try coordinates(points, type, rows, dimension), rows: Int(rows), size: try axes(voxel_size, "voxel_size"),
            origin: options.origin == nil ? nil : try axes(options.origin, "origin"),
            batch: batch.map { $0.baseAddress ?? options.batch! }, batchSize: Int(options.batch_size),
            spatialSize: options.spatial_size == nil ? nil : try sizes(options.spatial_size, dimension, "spatial_size"),
            reduction: reduction, seed: options.seed?.pointee)
    }
}

private func coordinates(
    _ points: UnsafeRawPointer?, _ type: scn_point_type, _ rows: Int64, _ dimension: Int32
) throws(SCNError) -> PointCoordinates {
    let count = Int64(try checkedProduct([Int(rows), Int(dimension)], "points"))
    let none = UnsafeRawPointer(nowhere)
    switch type {
    case SCN_POINT_FLOAT32:
        let points = try elements(points?.assumingMemoryBound(to: Float.self), count, "points")
        return .float32(points.baseAddress ?? none.assumingMemoryBound(to: Float.self))
    case SCN_POINT_FLOAT64:
        let points = try elements(points?.assumingMemoryBound(to: Double.self), count, "points")
        return .float64(points.baseAddress ?? none.assumingMemoryBound(to: Double.self))
    default: throw SCNError(.invalidArgument, "type: is \(type.rawValue), expected 0 or 1")
    }
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

@_cdecl("scn_shape_context_forward") @implementation
public func scn_shape_context_forward(_ rulebook: OpaquePointer?, _ input: Host, _ result: HostResult) -> scn_status {
    status {
        try ShapeContextOperation.forward(
            try SCNABI.rulebook(rulebook), input: try matrix(input, "input"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_shape_context_backward") @implementation
public func scn_shape_context_backward(
    _ rulebook: OpaquePointer?, _ gradient: Host, _ result: HostResult
) -> scn_status {
    status {
        try ShapeContextOperation.backward(
            try SCNABI.rulebook(rulebook), gradient: try matrix(gradient, "gradient"),
            into: try matrix(result, "result"))
    }
}
