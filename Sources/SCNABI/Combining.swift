public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

@_cdecl("scn_append_tensors") @implementation
public func scn_append_tensors(
    _ tensors: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        .sparse(try SparseTensor.appending(try handles(tensors, count, "tensors") { try sparseTensor($0, $1) }))
    }
}

@_cdecl("scn_compare_sparse") @implementation
public func scn_compare_sparse(_ x: OpaquePointer?, _ y: OpaquePointer?, _ loss: HandleOut) -> scn_status {
    produceTensor(loss, "loss") {
        .dense(try Loss.compareSparse(try sparseTensor(x, "x"), try sparseTensor(y, "y")))
    }
}

@_cdecl("scn_compare_sparse_forward") @implementation
public func scn_compare_sparse_forward(
    _ x_geometry: OpaquePointer?, _ x_sites: Int32, _ x: Host, _ y_geometry: OpaquePointer?, _ y_sites: Int32,
    _ y: Host, _ loss: UnsafeMutablePointer<Float>?, _ x_result: HostResult, _ y_result: HostResult
) -> scn_status {
    store(loss, "loss", zero: 0) {
        let sets = (try siteSet(x_geometry, x_sites, "x_geometry"), try siteSet(y_geometry, y_sites, "y_geometry"))
        let (x, y) = (try matrix(x, "x"), try matrix(y, "y"))
        let (byX, byY) = (
            try x_result.map { try matrix($0, "x_result") }, try y_result.map { try matrix($0, "y_result") }
        )
        for (result, source, name) in [(byX, x, "x_result"), (byY, y, "y_result")] {
            try result?.requireSameShape(as: source, name)
        }
        let union = try SiteUnion(sets.0, sets.1)
        let differences = try Matrix(rows: union.count, planes: x.planes)
        let value = try SparseComparison.forward(x, y, union: union, differences: differences)
        try SparseComparison.backward(differences: differences, gradient: 1, union: union, byX: byX, byY: byY)
        return value
    }
}

@_cdecl("scn_add_coords_create") @implementation
public func scn_add_coords_create(_ module: HandleOut) -> scn_status { produceModule(module) { AddCoords() } }

@_cdecl("scn_verbose_identity_create") @implementation
public func scn_verbose_identity_create(_ module: HandleOut) -> scn_status {
    produceModule(module) { VerboseIdentity() }
}

@_cdecl("scn_checkpointed_sequential_create") @implementation
public func scn_checkpointed_sequential_create(
    _ children: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try CheckpointedSequential(handles(children, count, "children") { try SCNABI.module($0, $1) })
    }
}

@_cdecl("scn_module_reweight") @implementation
public func scn_module_reweight(_ module: OpaquePointer?, _ input: OpaquePointer?, _ output: HandleOut) -> scn_status {
    fit(output) { try SCNABI.module(module).reweight(value(input, "input")) }
}

@_cdecl("scn_module_rebias") @implementation
public func scn_module_rebias(_ module: OpaquePointer?, _ input: OpaquePointer?, _ output: HandleOut) -> scn_status {
    fit(output) { try SCNABI.module(module).rebias(value(input, "input")) }
}

private func fit(_ output: HandleOut, _ body: () throws -> Value) -> scn_status {
    guard output != nil else { return status { _ = try body() } }
    return produceTensor(output, "output", body)
}

@_cdecl("scn_spectral_norm") @implementation
public func scn_spectral_norm(
    _ module: OpaquePointer?, _ n_power_iterations: Int64, _ epsilon: Double, _ norm: Double
) -> scn_status {
    status {
        try SCNABI.module(module).addSpectralNorm(
            powerIterations: Int(n_power_iterations), epsilon: epsilon, norm: norm)
    }
}

private func siteSet(_ handle: OpaquePointer?, _ sites: Int32, _ name: String) throws(SCNError) -> SiteSet {
    let geometry: Geometry = try Handles.object(handle, .geometry, name)
    return geometry.sites(try siteSetID(geometry, sites))
}
