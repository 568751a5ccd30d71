public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN

nonisolated(unsafe) private let inOrderDefaults = scn_voxelize_in_order_options(
    struct_size: MemoryLayout<scn_voxelize_in_order_options>.size, origin: nil, spatial_size: nil, batch: nil,
    max_voxels: -1, drop_outside: 0)

@_cdecl("scn_voxelize_in_order") @implementation
public func scn_voxelize_in_order(
    _ dimension: Int32, _ points: UnsafeRawPointer?, _ type: scn_element_type, _ rows: Int64,
    _ voxel_size: UnsafePointer<Double>?, _ options: UnsafePointer<scn_voxelize_in_order_options>?,
    _ voxel_of_point: UnsafeMutablePointer<Int64>?, _ place_of_point: UnsafeMutablePointer<Int64>?,
    _ coordinates: UnsafeMutablePointer<Int64>?, _ capacity: Int64, _ voxels: UnsafeMutablePointer<Int64>?
) -> scn_status {
    store(voxels, "voxels", zero: 0) {
        try requireDimension(dimension)
        let options = try SCNABI.options(options, inOrderDefaults)
        func axes(_ pointer: UnsafePointer<Double>?, _ name: String) throws(SCNError) -> [Double] {
            Array(try elements(pointer, Int64(dimension), name))
        }
        try require(
            options.max_voxels >= -1, .invalidArgument, "max_voxels: is \(options.max_voxels), expected at least -1")
        try require(rows >= 0, .invalidArgument, "rows: is \(rows), expected at least 0")
        let dropsOutside = try boolean(options.drop_outside, "drop_outside")
        let batch = options.batch == nil ? nil : try elements(options.batch, rows, "batch", countName: "rows")
        let found = try OrderedVoxels.sorted(
            try pointCoordinates(points, type, rows, dimension), rows: Int(rows),
            size: try axes(voxel_size, "voxel_size"),
            origin: options.origin == nil ? nil : try axes(options.origin, "origin"),
            spatialSize: options.spatial_size == nil ? nil : try sizes(options.spatial_size, dimension, "spatial_size"),
            batch: batch.map { $0.baseAddress ?? options.batch! },
            limit: options.max_voxels < 0 ? nil : Int(options.max_voxels), dropsOutside: dropsOutside)
        for (pointer, name) in [(voxel_of_point, "voxel_of_point"), (place_of_point, "place_of_point")] {
            if let pointer { _ = try elements(UnsafePointer(pointer), rows, name) }
        }
        if let coordinates {
            let count = found.count * (found.dimension + 1)
            try require(
                capacity >= Int64(count), .shape, "capacity: is \(capacity), expected at least \(count) for coordinates"
            )
            _ = try elements(UnsafePointer(coordinates), Int64(count), "coordinates")
            found.copyCoordinates(into: coordinates)
        }
        found.copyPoints(voxel: voxel_of_point, place: place_of_point)
        return Int64(found.count)
    }
}
