public import CSCN
internal import Glibc
internal import SCNCore
internal import SCNFiles
internal import SCNNN

@_cdecl("scn_checkpoint_save") @implementation
public func scn_checkpoint_save(
    _ path: UnsafePointer<CChar>?, _ module: OpaquePointer?, _ optimizer: OpaquePointer?
) -> scn_status {
    status {
        try Checkpoint.save(
            try SCNABI.module(module), optimizer: try optional(optimizer), to: try file(path))
    }
}

@_cdecl("scn_checkpoint_open") @implementation
public func scn_checkpoint_open(_ path: UnsafePointer<CChar>?, _ module: HandleOut) -> scn_status {
    produceModule(module) { try Checkpoint.open(try file(path)) }
}

@_cdecl("scn_checkpoint_restore") @implementation
public func scn_checkpoint_restore(
    _ path: UnsafePointer<CChar>?, _ module: OpaquePointer?, _ optimizer: OpaquePointer?
) -> scn_status {
    status {
        try Checkpoint.restore(
            try SCNABI.module(module), optimizer: try optional(optimizer), from: try file(path))
    }
}

private func named(
    _ names: UnsafePointer<UnsafePointer<CChar>?>?, _ tensors: UnsafePointer<OpaquePointer?>?, _ count: Int64
) throws -> [Checkpoint.Named] {
    let tensors = try handles(tensors, count, "tensors") { try denseTensor($0, $1) }
    let hosts = try elements(names, count, "names")
    var bytes = 0
    for name in hosts { bytes += name.map { strlen($0) } ?? 0 }
    try expectMemory(bytes, times: 4, "\(count) names")
    var named: [Checkpoint.Named] = []
    for (index, name) in hosts.enumerated() { named.append((try text(name, "names[\(index)]"), tensors[index])) }
    return named
}

@_cdecl("scn_checkpoint_save_named") @implementation
public func scn_checkpoint_save_named(
    _ path: UnsafePointer<CChar>?, _ names: UnsafePointer<UnsafePointer<CChar>?>?,
    _ tensors: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ optimizer: OpaquePointer?
) -> scn_status {
    status {
        try Checkpoint.save(
            try named(names, tensors, count), optimizer: try optional(optimizer), to: try file(path))
    }
}

@_cdecl("scn_checkpoint_restore_named") @implementation
public func scn_checkpoint_restore_named(
    _ path: UnsafePointer<CChar>?, _ names: UnsafePointer<UnsafePointer<CChar>?>?,
    _ tensors: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ optimizer: OpaquePointer?
) -> scn_status {
    status {
        try Checkpoint.restore(
            try named(names, tensors, count), optimizer: try optional(optimizer), from: try file(path))
    }
}

/// The optimizer of a handle, or nil for NULL where the host may leave it out.
private func optional(_ handle: OpaquePointer?) throws(SCNError) -> Optimizer? {
    handle == nil ? nil : try optimizer(handle)
}

/// A path of the host: bytes, which need not be UTF-8.
private func file(_ path: UnsafePointer<CChar>?) throws(SCNError) -> FilePath {
    try FilePath(try required(path, "path"))
}
