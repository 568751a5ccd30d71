public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN

@_cdecl("scn_tensor_features") @implementation
public func scn_tensor_features(_ tensor: OpaquePointer?, _ features: HandleOut) -> scn_status {
    produceTensor(features, "features") {
        switch try value(tensor) {
        case .sparse(let sparse): return .dense(sparse.features)
        case .points(let points): return .dense(points.features)
        case .dense, .table: throw SCNError(.shape, "tensor: expected a sparse tensor or points")
        }
    }
}

@_cdecl("scn_tensor_with_features") @implementation
public func scn_tensor_with_features(
    _ sparse: OpaquePointer?, _ features: OpaquePointer?, _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        .sparse(try sparseTensor(sparse, "sparse").with(features: try denseTensor(features, "features")))
    }
}

@_cdecl("scn_tensor_geometry") @implementation
public func scn_tensor_geometry(
    _ sparse: OpaquePointer?, _ geometry: HandleOut, _ sites: UnsafeMutablePointer<Int32>?
) -> scn_status {
    sites?.pointee = 0
    return produce(geometry, "geometry", .geometry) {
        let sites = try required(sites, "sites")
        let tensor = try sparseTensor(in: keptValue(sparse, "sparse"), "sparse")
        // Taken in anew where the call that made the tensor was put back.
        sites.pointee = Int32(tensor.geometry.add(tensor.geometry.sites(tensor.siteSetID)).index)
        return tensor.geometry
    }
}

func checkedIndex(_ index: Int64, _ count: Int) throws(SCNError) -> Int {
    try require(
        index >= 0 && index < Int64(count), .invalidArgument, "index: is \(index), expected 0 ... \(count - 1)")
    return Int(index)
}

@_cdecl("scn_sparse_create") @implementation
public func scn_sparse_create(
    _ geometry: OpaquePointer?, _ sites: Int32, _ features: OpaquePointer?, _ sparse: HandleOut
) -> scn_status {
    produceTensor(sparse, "sparse") {
        let geometry = try SCNABI.geometry(geometry)
        return .sparse(
            try SparseTensor(
                features: try denseTensor(features, "features"), geometry: geometry,
                sites: try siteSetID(geometry, sites)))
    }
}

@_cdecl("scn_tensor_mask") @implementation
public func scn_tensor_mask(_ sparse: OpaquePointer?, _ mask: HandleOut) -> scn_status {
    produce(mask, "mask", .tensor) { try sparseTensor(sparse, "sparse").mask.map { TensorBox(.dense($0)) } }
}
