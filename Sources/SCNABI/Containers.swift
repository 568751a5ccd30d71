public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

@_cdecl("scn_sequential_create") @implementation
public func scn_sequential_create(
    _ children: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ module: HandleOut
) -> scn_status {
    produceModule(module) { try Sequential(SCNABI.children(children, count)) }
}

@_cdecl("scn_checkpointed_sequential_create") @implementation
public func scn_checkpointed_sequential_create(
    _ children: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ module: HandleOut
) -> scn_status {
    produceModule(module) {
        try CheckpointedSequential(handles(children, count, "children") { try SCNABI.module($0, $1) })
    }
}

@_cdecl("scn_concat_table_create") @implementation
public func scn_concat_table_create(
    _ children: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ module: HandleOut
) -> scn_status {
    produceModule(module) { try ConcatTable(SCNABI.children(children, count)) }
}

@_cdecl("scn_add_table_create") @implementation
public func scn_add_table_create(_ module: HandleOut) -> scn_status { produceModule(module) { AddTable() } }

@_cdecl("scn_join_table_create") @implementation
public func scn_join_table_create(_ module: HandleOut) -> scn_status { produceModule(module) { JoinTable() } }

@_cdecl("scn_identity_create") @implementation
public func scn_identity_create(_ module: HandleOut) -> scn_status { produceModule(module) { Identity() } }

@_cdecl("scn_verbose_identity_create") @implementation
public func scn_verbose_identity_create(_ module: HandleOut) -> scn_status {
    produceModule(module) { VerboseIdentity() }
}

@_cdecl("scn_add_coords_create") @implementation
public func scn_add_coords_create(_ module: HandleOut) -> scn_status { produceModule(module) { AddCoords() } }

@_cdecl("scn_module_add") @implementation
public func scn_module_add(_ container: OpaquePointer?, _ child: OpaquePointer?) -> scn_status {
    status {
        let parent = try module(container, "container")
        guard let parent = parent as? Container else {
            throw SCNError(.invalidArgument, "container: is a \(parent.typeName), expected a Sequential or ConcatTable")
        }
        try parent.add(try module(child, "child"))
    }
}

@_cdecl("scn_module_child_count") @implementation
public func scn_module_child_count(_ module: OpaquePointer?, _ count: UnsafeMutablePointer<Int64>?) -> scn_status {
    store(count, "count", zero: 0) { Int64(try SCNABI.module(module).children.count) }
}

@_cdecl("scn_module_child") @implementation
public func scn_module_child(_ module: OpaquePointer?, _ index: Int64, _ child: HandleOut) -> scn_status {
    produceModule(child, "child") {
        let children = try SCNABI.module(module).children
        return children[try checkedIndex(index, children.count)]
    }
}

private func children(_ children: UnsafePointer<OpaquePointer?>?, _ count: Int64) throws -> [Module] {
    try handles(children, count, "children") { try module($0, $1) }
}
