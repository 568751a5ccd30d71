public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

func pooling(_ pooling: scn_pooling) throws(SCNError) -> Pooling {
    guard let known = Pooling(rawValue: Int(pooling.rawValue)) else {
        throw SCNError(.invalidArgument, "pooling: is \(pooling.rawValue), expected 0 ... 4")
    }
    return known
}

@_cdecl("scn_pooling_forward") @implementation
public func scn_pooling_forward(
    _ rulebook: OpaquePointer?, _ pooling: scn_pooling, _ input: Host, _ result: HostResult
) -> scn_status {
    status {
        try SCNABI.pooling(pooling).forward(
            try SCNABI.rulebook(rulebook), input: try matrix(input, "input"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_pooling_backward") @implementation
public func scn_pooling_backward(
    _ rulebook: OpaquePointer?, _ pooling: scn_pooling, _ input: Host, _ output: Host, _ gradient: Host,
    _ result: HostResult
) -> scn_status {
    status {
        try SCNABI.pooling(pooling).backward(
            try SCNABI.rulebook(rulebook), input: try matrix(input, "input"), output: try matrix(output, "output"),
            gradient: try matrix(gradient, "gradient"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_weighted_sum_forward") @implementation
public func scn_weighted_sum_forward(
    _ rulebook: OpaquePointer?, _ weights: Host, _ input: Host, _ result: HostResult
) -> scn_status {
    status {
        try WeightedSums.forward(
            try SCNABI.rulebook(rulebook), weights: try matrix(weights, "weights"),
            input: try matrix(input, "input"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_weighted_sum_backward_input") @implementation
public func scn_weighted_sum_backward_input(
    _ rulebook: OpaquePointer?, _ weights: Host, _ gradient: Host, _ result: HostResult
) -> scn_status {
    status {
        try WeightedSums.backwardInput(
            try SCNABI.rulebook(rulebook), weights: try matrix(weights, "weights"),
            gradient: try matrix(gradient, "gradient"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_weighted_sum_backward_weights") @implementation
public func scn_weighted_sum_backward_weights(
    _ rulebook: OpaquePointer?, _ input: Host, _ gradient: Host, _ result: HostResult
) -> scn_status {
    status {
        try WeightedSums.backwardWeights(
            try SCNABI.rulebook(rulebook), input: try matrix(input, "input"),
            gradient: try matrix(gradient, "gradient"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_geometry_interpolation") @implementation
public func scn_geometry_interpolation(
    _ geometry: OpaquePointer?, _ sites: Int32, _ points: UnsafeRawPointer?, _ type: scn_element_type, _ rows: Int64,
    _ batch: UnsafePointer<Int64>?, _ rulebook: HandleOut
) -> scn_status {
    produce(rulebook, "rulebook", .rulebook) {
        let set = try siteSet(geometry, sites)
        try require(rows >= 0, .invalidArgument, "rows: is \(rows), expected at least 0")
        let points = try pointCoordinates(points, type, rows, Int32(set.dimension))
        let samples = batch == nil ? nil : try elements(batch, rows, "batch", countName: "rows")
        return try Rulebook.interpolation(set, points, rows: Int(rows), batch: samples?.baseAddress)
    }
}

@_cdecl("scn_interpolation_weights") @implementation
public func scn_interpolation_weights(
    _ rulebook: OpaquePointer?, _ points: UnsafeRawPointer?, _ type: scn_element_type, _ rows: Int64,
    _ dimension: Int32, _ rescaled: Int32, _ result: HostResult
) -> scn_status {
    status {
        try interpolation(rulebook, points, type, rows, dimension, rescaled)
            .weights(into: try matrix(result, "result"))
    }
}

@_cdecl("scn_interpolation_backward") @implementation
public func scn_interpolation_backward(
    _ rulebook: OpaquePointer?, _ points: UnsafeRawPointer?, _ type: scn_element_type, _ rows: Int64,
    _ dimension: Int32, _ rescaled: Int32, _ gradient: Host, _ result: HostResult
) -> scn_status {
    status {
        try interpolation(rulebook, points, type, rows, dimension, rescaled)
            .backward(gradient: try matrix(gradient, "gradient"), into: try matrix(result, "result"))
    }
}

private func interpolation(
    _ rulebook: OpaquePointer?, _ points: UnsafeRawPointer?, _ type: scn_element_type, _ rows: Int64,
    _ dimension: Int32, _ rescaled: Int32
) throws(SCNError) -> Interpolation {
    let rules = try SCNABI.rulebook(rulebook)
    try requireDimension(dimension)
    // Before the points are read: where a host has the rulebook wrong, they may be fewer.
    try require(
        rows == Int64(rules.outputCount), .shape,
        "rows: is \(rows), expected \(rules.outputCount), the rulebook's output rows")
    return try Interpolation(
        rules, try pointCoordinates(points, type, rows, dimension), rows: Int(rows), dimension: Int(dimension),
        isRescaled: try boolean(rescaled, "rescaled"))
}

@_cdecl("scn_tensor_convolve") @implementation
public func scn_tensor_convolve(
    _ features: OpaquePointer?, _ rulebook: OpaquePointer?, _ weight: OpaquePointer?, _ bias: OpaquePointer?,
    _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        .dense(
            try tensor(features, "features").convolved(
                try SCNABI.rulebook(rulebook), weight: try denseTensor(weight, "weight"),
                bias: bias == nil ? nil : try denseTensor(bias, "bias")))
    }
}

@_cdecl("scn_tensor_convolve_normalized") @implementation
public func scn_tensor_convolve_normalized(
    _ features: OpaquePointer?, _ rulebook: OpaquePointer?, _ weight: OpaquePointer?, _ bias: OpaquePointer?,
    _ site_weights: OpaquePointer?, _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        .dense(
            try tensor(features, "features").convolved(
                try SCNABI.rulebook(rulebook), weight: try denseTensor(weight, "weight"),
                bias: bias == nil ? nil : try denseTensor(bias, "bias"),
                normalizedBy: site_weights == nil ? nil : try denseTensor(site_weights, "site_weights")))
    }
}

@_cdecl("scn_tensor_pool") @implementation
public func scn_tensor_pool(
    _ features: OpaquePointer?, _ rulebook: OpaquePointer?, _ pooling: scn_pooling, _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        .dense(
            try tensor(features, "features").pooled(
                try SCNABI.rulebook(rulebook), try SCNABI.pooling(pooling)))
    }
}

@_cdecl("scn_tensor_sum_along") @implementation
public func scn_tensor_sum_along(
    _ features: OpaquePointer?, _ rulebook: OpaquePointer?, _ weights: OpaquePointer?, _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        .dense(
            try tensor(features, "features").summed(
                try SCNABI.rulebook(rulebook), weights: try denseTensor(weights, "weights")))
    }
}

@_cdecl("scn_tensor_interpolate") @implementation
public func scn_tensor_interpolate(
    _ sparse: OpaquePointer?, _ points: OpaquePointer?, _ batch: UnsafePointer<Int64>?, _ rescaled: Int32,
    _ result: HandleOut
) -> scn_status {
    produceTensor(result, "result") {
        let positions = try denseTensor(points, "points")
        let rows = Int64(positions.shape.first ?? 1)
        let samples = batch == nil ? nil : try elements(batch, rows, "batch", countName: "rows")
        return .dense(
            try sparseTensor(sparse, "sparse").interpolated(
                at: positions, batch: samples?.baseAddress, isRescaled: try boolean(rescaled, "rescaled")))
    }
}
