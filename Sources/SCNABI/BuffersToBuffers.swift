public import CSCN
internal import SCNCore
internal import SCNGeometry
internal import SCNNN
internal import SCNOps

@_cdecl("scn_tensor_allocate") @implementation
public func scn_tensor_allocate(_ shape: UnsafePointer<Int64>?, _ rank: Int32, _ tensor: HandleOut) -> scn_status {
    produceTensor(tensor, "tensor") {
        let shape = try SCNABI.shape(shape, rank)
        let (rows, planes) = try Tensor.rowsAndPlanes(shape)
        return .dense(Tensor(shape: shape, values: try Matrix(rows: rows, planes: planes)))
    }
}

public typealias Host = UnsafePointer<scn_matrix>?
public typealias HostResult = UnsafeMutablePointer<scn_matrix>?

@_cdecl("scn_input_forward") @implementation
public func scn_input_forward(_ geometry: OpaquePointer?, _ features: Host, _ result: HostResult) -> scn_status {
    status {
        let map = try inputMap(try SCNABI.geometry(geometry))
        try map.forward(try matrix(features, "features"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_input_backward") @implementation
public func scn_input_backward(_ geometry: OpaquePointer?, _ gradient: Host, _ result: HostResult) -> scn_status {
    status {
        let map = try inputMap(try SCNABI.geometry(geometry))
        try map.backward(try matrix(gradient, "gradient"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_output_forward") @implementation
public func scn_output_forward(_ geometry: OpaquePointer?, _ features: Host, _ result: HostResult) -> scn_status {
    status {
        let map = try inputMap(try SCNABI.geometry(geometry))
        try map.outputForward(try matrix(features, "features"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_output_backward") @implementation
public func scn_output_backward(_ geometry: OpaquePointer?, _ gradient: Host, _ result: HostResult) -> scn_status {
    status {
        let map = try inputMap(try SCNABI.geometry(geometry))
        try map.outputBackward(try matrix(gradient, "gradient"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_convolution_forward") @implementation
public func scn_convolution_forward(
    _ rulebook: OpaquePointer?, _ input: Host, _ weight: UnsafePointer<Float>?, _ bias: UnsafePointer<Float>?,
    _ groups: Int64, _ result: HostResult
) -> scn_status {
    status {
        try ConvolutionOperation.forward(
            try SCNABI.rulebook(rulebook), input: try matrix(input, "input"), weight: try required(weight, "weight"),
            bias: bias, groups: Int(groups), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_convolution_backward_input") @implementation
public func scn_convolution_backward_input(
    _ rulebook: OpaquePointer?, _ gradient: Host, _ weight: UnsafePointer<Float>?, _ groups: Int64,
    _ result: HostResult
) -> scn_status {
    status {
        try ConvolutionOperation.backwardInput(
            try SCNABI.rulebook(rulebook), gradient: try matrix(gradient, "gradient"),
            weight: try required(weight, "weight"), groups: Int(groups), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_convolution_backward_weight") @implementation
public func scn_convolution_backward_weight(
    _ rulebook: OpaquePointer?, _ input: Host, _ gradient: Host, _ groups: Int64,
    _ weight_result: UnsafeMutablePointer<Float>?, _ bias_result: UnsafeMutablePointer<Float>?
) -> scn_status {
    status {
        try ConvolutionOperation.backwardWeight(
            try SCNABI.rulebook(rulebook), input: try matrix(input, "input"),
            gradient: try matrix(gradient, "gradient"), groups: Int(groups),
            weightResult: try required(weight_result, "weight_result"), biasResult: bias_result)
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

@_cdecl("scn_max_pooling_forward") @implementation
public func scn_max_pooling_forward(
    _ rulebook: OpaquePointer?, _ input: Host, _ features_to_drop: Int64, _ result: HostResult
) -> scn_status {
    status {
        try MaxPoolingOperation.forward(
            try SCNABI.rulebook(rulebook), input: try matrix(input, "input"), featuresToDrop: Int(features_to_drop),
            into: try matrix(result, "result"))
    }
}

@_cdecl("scn_max_pooling_backward") @implementation
public func scn_max_pooling_backward(
    _ rulebook: OpaquePointer?, _ input: Host, _ output: Host, _ gradient: Host, _ features_to_drop: Int64,
    _ result: HostResult
) -> scn_status {
    status {
        try MaxPoolingOperation.backward(
            try SCNABI.rulebook(rulebook), input: try matrix(input, "input"), output: try matrix(output, "output"),
            gradient: try matrix(gradient, "gradient"), featuresToDrop: Int(features_to_drop),
            into: try matrix(result, "result"))
    }
}

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

public typealias Vector = UnsafePointer<Float>?
public typealias VectorResult = UnsafeMutablePointer<Float>?

@_cdecl("scn_activation_forward") @implementation
public func scn_activation_forward(
    _ activation: scn_activation, _ parameter: Double, _ input: Host, _ result: HostResult
) -> scn_status {
    status {
        let activation = try SCNABI.activation(activation, parameter)
        try activation.forward(try matrix(input, "input"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_activation_backward") @implementation
public func scn_activation_backward(
    _ activation: scn_activation, _ parameter: Double, _ input: Host, _ output: Host, _ gradient: Host,
    _ result: HostResult
) -> scn_status {
    status {
        let activation = try SCNABI.activation(activation, parameter)
        try activation.backward(
            input: try matrix(input, "input"), output: try matrix(output, "output"),
            gradient: try matrix(gradient, "gradient"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_linear_forward") @implementation
public func scn_linear_forward(
    _ input: Host, _ weight: UnsafePointer<Float>?, _ weight_is_transposed: Int32, _ bias: UnsafePointer<Float>?,
    _ result: HostResult
) -> scn_status {
    status {
        try LinearOperation.forward(
            try matrix(input, "input"), weight: try required(weight, "weight"),
            weightIsTransposed: try boolean(weight_is_transposed, "weight_is_transposed"), bias: bias,
            into: try matrix(result, "result"))
    }
}

@_cdecl("scn_linear_backward_input") @implementation
public func scn_linear_backward_input(
    _ gradient: Host, _ weight: UnsafePointer<Float>?, _ weight_is_transposed: Int32, _ result: HostResult
) -> scn_status {
    status {
        try LinearOperation.backwardInput(
            try matrix(gradient, "gradient"), weight: try required(weight, "weight"),
            weightIsTransposed: try boolean(weight_is_transposed, "weight_is_transposed"),
            into: try matrix(result, "result"))
    }
}

@_cdecl("scn_linear_backward_weight") @implementation
public func scn_linear_backward_weight(
    _ input: Host, _ gradient: Host, _ weight_is_transposed: Int32, _ weight_result: UnsafeMutablePointer<Float>?,
    _ bias_result: UnsafeMutablePointer<Float>?
) -> scn_status {
    status {
        try LinearOperation.backwardWeight(
            input: try matrix(input, "input"), gradient: try matrix(gradient, "gradient"),
            weightIsTransposed: try boolean(weight_is_transposed, "weight_is_transposed"),
            weightResult: try required(weight_result, "weight_result"), biasResult: bias_result)
    }
}

@_cdecl("scn_add_forward") @implementation
public func scn_add_forward(_ a: Host, _ b: Host, _ result: HostResult) -> scn_status {
    status {
        try Elements.add(try matrix(a, "a"), try matrix(b, "b"), into: try matrix(result, "result"))
    }
}

@_cdecl("scn_join_forward") @implementation
public func scn_join_forward(_ inputs: Host, _ count: Int64, _ result: HostResult) -> scn_status {
    status { try Elements.join(try parts(inputs, count, "inputs"), into: try matrix(result, "result")) }
}

@_cdecl("scn_join_backward") @implementation
public func scn_join_backward(_ gradient: Host, _ results: Host, _ count: Int64) -> scn_status {
    status { try Elements.split(try matrix(gradient, "gradient"), into: try parts(results, count, "results")) }
}

/// Matrices whose planes go side by side: at least one, and no more planes than 64 bits count.
private func parts(_ pointer: Host, _ count: Int64, _ name: String) throws(SCNError) -> [Matrix] {
    let parts = try matrices(pointer, count, name)
    try require(!parts.isEmpty, .invalidArgument, "count: is 0, expected at least 1")
    var planes = 0
    for part in parts {
        let (sum, overflow) = planes.addingReportingOverflow(part.planes)
        try require(!overflow, .overflow, "\(name): their planes overflow 64 bits")
        planes = sum
    }
    return parts
}

@_cdecl("scn_sparse_to_dense_forward") @implementation
public func scn_sparse_to_dense_forward(
    _ geometry: OpaquePointer?, _ sites: Int32, _ input: Host, _ result: UnsafeMutablePointer<Float>?, _ count: Int64
) -> scn_status {
    status {
        let target = try elements(UnsafePointer(result), count, "result")
        try SparseToDenseOperation.forward(
            try siteSet(geometry, sites), input: try matrix(input, "input"),
            into: UnsafeMutableBufferPointer(mutating: target))
    }
}

@_cdecl("scn_sparse_to_dense_backward") @implementation
public func scn_sparse_to_dense_backward(
    _ geometry: OpaquePointer?, _ sites: Int32, _ gradient: UnsafePointer<Float>?, _ count: Int64, _ result: HostResult
) -> scn_status {
    status {
        try SparseToDenseOperation.backward(
            try siteSet(geometry, sites), gradient: try elements(gradient, count, "gradient"),
            into: try matrix(result, "result"))
    }
}

@_cdecl("scn_cross_entropy_forward") @implementation
public func scn_cross_entropy_forward(
    _ logits: Host, _ labels: UnsafePointer<Int64>?, _ class_weights: UnsafePointer<Float>?, _ ignore_index: Int64,
    _ loss: UnsafeMutablePointer<Float>?, _ gradient_result: HostResult
) -> scn_status {
    store(loss, "loss", zero: 0) {
        let logits = try matrix(logits, "logits")
        try require(logits.planes >= 1, .shape, "logits: has no planes, expected at least 1")
        let labels = try elements(labels, Int64(logits.rows), "labels")
        let gradient = try gradient_result.map { try matrix($0, "gradient_result") }
        return try withUnsafePointer(to: Int64(0)) { none in
            try CrossEntropyOperation.forward(
                logits, labels: labels.baseAddress ?? none, classWeights: class_weights, ignoreIndex: ignore_index,
                gradient: gradient)
        }
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

@_cdecl("scn_binary_cross_entropy_forward") @implementation
public func scn_binary_cross_entropy_forward(
    _ logits: Host, _ targets: UnsafePointer<Float>?, _ loss: UnsafeMutablePointer<Float>?,
    _ gradient_result: HostResult
) -> scn_status {
    store(loss, "loss", zero: 0) {
        let logits = try matrix(logits, "logits")
        let targets = try elements(targets, Int64(logits.count), "targets")
        let gradient = try gradient_result.map { try matrix($0, "gradient_result") }
        return try withUnsafePointer(to: Float(0)) { none in
            try BinaryCrossEntropyOperation.forward(
                logits, targets: targets.baseAddress ?? none, gradient: gradient)
        }
    }
}

private func siteSet(_ handle: OpaquePointer?, _ sites: Int32, _ name: String) throws(SCNError) -> SiteSet {
    let geometry: Geometry = try Handles.object(handle, .geometry, name)
    return geometry.sites(try siteSetID(geometry, sites))
}
