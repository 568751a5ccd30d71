public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNOps

@_cdecl("scn_average_pooling_forward") @implementation
public func scn_average_pooling_forward(
    _ rulebook: OpaquePointer?, _ input: Host, _ features_to_drop: Int64, _ result: HostResult
) -> scn_status {
    sumForward(rulebook, input, features_to_drop, result) { 1 / Double($0.volume) }
}

@_cdecl("scn_average_pooling_backward") @implementation
public func scn_average_pooling_backward(
    _ rulebook: OpaquePointer?, _ gradient: Host, _ features_to_drop: Int64, _ result: HostResult
) -> scn_status {
    sumBackward(rulebook, gradient, features_to_drop, result) { 1 / Double($0.volume) }
}

@_cdecl("scn_unpooling_forward") @implementation
public func scn_unpooling_forward(
    _ rulebook: OpaquePointer?, _ input: Host, _ features_to_drop: Int64, _ result: HostResult
) -> scn_status {
    sumForward(rulebook, input, features_to_drop, result) { _ in 1 }
}

@_cdecl("scn_unpooling_backward") @implementation
public func scn_unpooling_backward(
    _ rulebook: OpaquePointer?, _ gradient: Host, _ features_to_drop: Int64, _ result: HostResult
) -> scn_status {
    sumBackward(rulebook, gradient, features_to_drop, result) { _ in 1 }
}

private func sumForward(
    _ rulebook: OpaquePointer?, _ input: Host, _ dropped: Int64, _ result: HostResult, _ factor: (Rulebook) -> Double
) -> scn_status {
    status {
        let rules = try SCNABI.rulebook(rulebook)
        try SumPoolingOperation.forward(
            rules, input: try matrix(input, "input"), featuresToDrop: Int(dropped), factor: factor(rules),
            into: try matrix(result, "result"))
    }
}

private func sumBackward(
    _ rulebook: OpaquePointer?, _ gradient: Host, _ dropped: Int64, _ result: HostResult, _ factor: (Rulebook) -> Double
) -> scn_status {
    status {
        let rules = try SCNABI.rulebook(rulebook)
        try SumPoolingOperation.backward(
            rules, gradient: try matrix(gradient, "gradient"), featuresToDrop: Int(dropped), factor: factor(rules),
            into: try matrix(result, "result"))
    }
}

@_cdecl("scn_global_pooling_forward") @implementation
public func scn_global_pooling_forward(
    _ geometry: OpaquePointer?, _ sites: Int32, _ pooling: scn_global_pooling, _ input: Host, _ result: HostResult
) -> scn_status {
    status {
        let set = try siteSet(geometry, sites)
        try globalPooling(pooling).forward(set, input: try matrix(input, "input"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_global_pooling_backward") @implementation
public func scn_global_pooling_backward(
    _ geometry: OpaquePointer?, _ sites: Int32, _ pooling: scn_global_pooling, _ input: Host, _ output: Host,
    _ gradient: Host, _ result: HostResult
) -> scn_status {
    status {
        let set = try siteSet(geometry, sites)
        try globalPooling(pooling).backward(
            set, input: try matrix(input, "input"), output: try matrix(output, "output"),
            gradient: try matrix(gradient, "gradient"), into: try matrix(result, "result"))
    }
}
