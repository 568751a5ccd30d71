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
        try map.forward(
            try matrix(features, "features", mayBeRounded: true), into: try matrix(result, "result", mayBeRounded: true)
        )
    }
}

@_cdecl("scn_input_backward") @implementation
public func scn_input_backward(_ geometry: OpaquePointer?, _ gradient: Host, _ result: HostResult) -> scn_status {
    status {
        let map = try inputMap(try SCNABI.geometry(geometry))
        try map.backward(
            try matrix(gradient, "gradient", mayBeRounded: true), into: try matrix(result, "result", mayBeRounded: true)
        )
    }
}

@_cdecl("scn_output_forward") @implementation
public func scn_output_forward(_ geometry: OpaquePointer?, _ features: Host, _ result: HostResult) -> scn_status {
    status {
        let map = try inputMap(try SCNABI.geometry(geometry))
        try map.outputForward(
            try matrix(features, "features", mayBeRounded: true), into: try matrix(result, "result", mayBeRounded: true)
        )
    }
}

@_cdecl("scn_output_backward") @implementation
public func scn_output_backward(_ geometry: OpaquePointer?, _ gradient: Host, _ result: HostResult) -> scn_status {
    status {
        let map = try inputMap(try SCNABI.geometry(geometry))
        try map.outputBackward(
            try matrix(gradient, "gradient", mayBeRounded: true), into: try matrix(result, "result", mayBeRounded: true)
        )
    }
}

@_cdecl("scn_convolution_forward") @implementation
public func scn_convolution_forward(
    _ rulebook: OpaquePointer?, _ input: Host, _ weight: UnsafePointer<Float>?, _ bias: UnsafePointer<Float>?,
    _ groups: Int64, _ result: HostResult
) -> scn_status {
    scn_convolution_forward_in_layout(rulebook, input, weight, SCN_WEIGHT_OFFSETS_FIRST, bias, groups, result)
}

@_cdecl("scn_convolution_forward_in_layout") @implementation
public func scn_convolution_forward_in_layout(
    _ rulebook: OpaquePointer?, _ input: Host, _ weight: UnsafePointer<Float>?, _ layout: scn_weight_layout,
    _ bias: UnsafePointer<Float>?, _ groups: Int64, _ result: HostResult
) -> scn_status {
    status {
        let rules = try SCNABI.rulebook(rulebook)
        let input = try matrix(input, "input", mayBeRounded: true)
        let result = try matrix(result, "result", mayBeRounded: true)
        let layout = try weightLayout(layout)
        let weight = try convolutionWeight(weight, rules, groups, input.planes, result.planes, "weight")
        try ConvolutionOperation.forward(
            rules, input: input, weight: weight, layout: layout,
            bias: try optionalVector(bias, result.planes, "bias"), groups: Int(groups), into: result)
    }
}

private func weightLayout(_ layout: scn_weight_layout) throws(SCNError) -> WeightLayout {
    switch layout {
    case SCN_WEIGHT_OFFSETS_FIRST: .offsetsFirst
    case SCN_WEIGHT_OUTPUTS_FIRST: .outputsFirst
    default: throw SCNError(.invalidArgument, "layout: is \(layout.rawValue), expected a value of scn_weight_layout")
    }
}

/// A host's weight of a convolution, of the size that the planes say.
private func convolutionWeight(
    _ weight: UnsafePointer<Float>?, _ rules: Rulebook, _ groups: Int64, _ inPlanes: Int, _ outPlanes: Int,
    _ name: String
) throws(SCNError) -> Matrix {
    let weight = try required(weight, name)
    let shape = try ConvolutionShape(
        volume: rules.volume, groups: Int(groups), inPlanes: inPlanes, outPlanes: outPlanes)
    return try matrix(weight, shape.weightRows, shape.weightPlanes, name)
}

@_cdecl("scn_convolution_backward_input") @implementation
public func scn_convolution_backward_input(
    _ rulebook: OpaquePointer?, _ gradient: Host, _ weight: UnsafePointer<Float>?, _ groups: Int64,
    _ result: HostResult
) -> scn_status {
    scn_convolution_backward_input_in_layout(rulebook, gradient, weight, SCN_WEIGHT_OFFSETS_FIRST, groups, result)
}

@_cdecl("scn_convolution_backward_input_in_layout") @implementation
public func scn_convolution_backward_input_in_layout(
    _ rulebook: OpaquePointer?, _ gradient: Host, _ weight: UnsafePointer<Float>?, _ layout: scn_weight_layout,
    _ groups: Int64, _ result: HostResult
) -> scn_status {
    status {
        let rules = try SCNABI.rulebook(rulebook)
        let gradient = try matrix(gradient, "gradient", mayBeRounded: true)
        let result = try matrix(result, "result", mayBeRounded: true)
        let layout = try weightLayout(layout)
        let weight = try convolutionWeight(weight, rules, groups, result.planes, gradient.planes, "weight")
        try ConvolutionOperation.backwardInput(
            rules, gradient: gradient, weight: weight, layout: layout, groups: Int(groups), into: result)
    }
}

@_cdecl("scn_convolution_backward_weight") @implementation
public func scn_convolution_backward_weight(
    _ rulebook: OpaquePointer?, _ input: Host, _ gradient: Host, _ groups: Int64,
    _ weight_result: UnsafeMutablePointer<Float>?, _ bias_result: UnsafeMutablePointer<Float>?
) -> scn_status {
    scn_convolution_backward_weight_in_layout(
        rulebook, input, gradient, SCN_WEIGHT_OFFSETS_FIRST, groups, weight_result, bias_result)
}

@_cdecl("scn_convolution_backward_weight_in_layout") @implementation
public func scn_convolution_backward_weight_in_layout(
    _ rulebook: OpaquePointer?, _ input: Host, _ gradient: Host, _ layout: scn_weight_layout, _ groups: Int64,
    _ weight_result: UnsafeMutablePointer<Float>?, _ bias_result: UnsafeMutablePointer<Float>?
) -> scn_status {
    status {
        let rules = try SCNABI.rulebook(rulebook)
        let input = try matrix(input, "input", mayBeRounded: true)
        let gradient = try matrix(gradient, "gradient", mayBeRounded: true)
        let layout = try weightLayout(layout)
        let weightResult = try weight_result.map {
            try convolutionWeight($0, rules, groups, input.planes, gradient.planes, "weight_result")
        }
        try ConvolutionOperation.backwardWeight(
            rules, input: input, gradient: gradient, groups: Int(groups), weightResult: weightResult, layout: layout,
            biasResult: try optionalVector(bias_result, gradient.planes, "bias_result"))
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
            try SCNABI.rulebook(rulebook), input: try matrix(input, "input", mayBeRounded: true),
            featuresToDrop: Int(features_to_drop),
            into: try matrix(result, "result", mayBeRounded: true))
    }
}

@_cdecl("scn_max_pooling_backward") @implementation
public func scn_max_pooling_backward(
    _ rulebook: OpaquePointer?, _ input: Host, _ output: Host, _ gradient: Host, _ features_to_drop: Int64,
    _ result: HostResult
) -> scn_status {
    status {
        try MaxPoolingOperation.backward(
            try SCNABI.rulebook(rulebook), input: try matrix(input, "input", mayBeRounded: true),
            output: try matrix(output, "output", mayBeRounded: true),
            gradient: try matrix(gradient, "gradient", mayBeRounded: true), featuresToDrop: Int(features_to_drop),
            into: try matrix(result, "result", mayBeRounded: true))
    }
}

@_cdecl("scn_average_pooling_forward") @implementation
public func scn_average_pooling_forward(
    _ rulebook: OpaquePointer?, _ input: Host, _ features_to_drop: Int64, _ result: HostResult
) -> scn_status {
    sumForward(rulebook, input, features_to_drop, result, SumPoolingOperation.volumeShare)
}

@_cdecl("scn_average_pooling_backward") @implementation
public func scn_average_pooling_backward(
    _ rulebook: OpaquePointer?, _ gradient: Host, _ features_to_drop: Int64, _ result: HostResult
) -> scn_status {
    sumBackward(rulebook, gradient, features_to_drop, result, SumPoolingOperation.volumeShare)
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
            rules, input: try matrix(input, "input", mayBeRounded: true), featuresToDrop: Int(dropped),
            factor: factor(rules),
            into: try matrix(result, "result", mayBeRounded: true))
    }
}

private func sumBackward(
    _ rulebook: OpaquePointer?, _ gradient: Host, _ dropped: Int64, _ result: HostResult, _ factor: (Rulebook) -> Double
) -> scn_status {
    status {
        let rules = try SCNABI.rulebook(rulebook)
        try SumPoolingOperation.backward(
            rules, gradient: try matrix(gradient, "gradient", mayBeRounded: true), featuresToDrop: Int(dropped),
            factor: factor(rules),
            into: try matrix(result, "result", mayBeRounded: true))
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

@_cdecl("scn_linear_forward") @implementation
public func scn_linear_forward(
    _ input: Host, _ weight: UnsafePointer<Float>?, _ weight_is_transposed: Int32, _ bias: UnsafePointer<Float>?,
    _ result: HostResult
) -> scn_status {
    status {
        let (input, result) = (
            try matrix(input, "input", mayBeRounded: true), try matrix(result, "result", mayBeRounded: true)
        )
        let isTransposed = try boolean(weight_is_transposed, "weight_is_transposed")
        let weight = try linearWeight(weight, input.planes, result.planes, isTransposed, "weight")
        try LinearOperation.forward(
            input, weight: weight, weightIsTransposed: isTransposed, roundsWeight: input.type == .bfloat16,
            bias: try optionalVector(bias, result.planes, "bias"), into: result)
    }
}

private func linearWeight(
    _ weight: UnsafePointer<Float>?, _ inPlanes: Int, _ outPlanes: Int, _ isTransposed: Bool, _ name: String
) throws(SCNError) -> Matrix {
    try matrix(
        try required(weight, name), isTransposed ? outPlanes : inPlanes, isTransposed ? inPlanes : outPlanes, name)
}

@_cdecl("scn_linear_backward_input") @implementation
public func scn_linear_backward_input(
    _ gradient: Host, _ weight: UnsafePointer<Float>?, _ weight_is_transposed: Int32, _ result: HostResult
) -> scn_status {
    status {
        let (gradient, result) = (
            try matrix(gradient, "gradient", mayBeRounded: true), try matrix(result, "result", mayBeRounded: true)
        )
        let isTransposed = try boolean(weight_is_transposed, "weight_is_transposed")
        try LinearOperation.backwardInput(
            gradient, weight: try linearWeight(weight, result.planes, gradient.planes, isTransposed, "weight"),
            weightIsTransposed: isTransposed, into: result)
    }
}

@_cdecl("scn_linear_backward_weight") @implementation
public func scn_linear_backward_weight(
    _ input: Host, _ gradient: Host, _ weight_is_transposed: Int32, _ weight_result: UnsafeMutablePointer<Float>?,
    _ bias_result: UnsafeMutablePointer<Float>?
) -> scn_status {
    status {
        let (input, gradient) = (
            try matrix(input, "input", mayBeRounded: true), try matrix(gradient, "gradient", mayBeRounded: true)
        )
        let isTransposed = try boolean(weight_is_transposed, "weight_is_transposed")
        let weightResult = try weight_result.map {
            try linearWeight($0, input.planes, gradient.planes, isTransposed, "weight_result")
        }
        try LinearOperation.backwardWeight(
            input: input, gradient: gradient, weightIsTransposed: isTransposed, weightResult: weightResult,
            biasResult: try optionalVector(bias_result, gradient.planes, "bias_result"))
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
        let result = try matrix(UnsafePointer(result), 1, Int(count), "result")
        try SparseToDenseOperation.forward(
            try siteSet(geometry, sites), input: try matrix(input, "input"), into: result)
    }
}

@_cdecl("scn_sparse_to_dense_backward") @implementation
public func scn_sparse_to_dense_backward(
    _ geometry: OpaquePointer?, _ sites: Int32, _ gradient: UnsafePointer<Float>?, _ count: Int64, _ result: HostResult
) -> scn_status {
    status {
        try SparseToDenseOperation.backward(
            try siteSet(geometry, sites), gradient: try matrix(gradient, 1, Int(count), "gradient"),
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
                logits, labels: labels.baseAddress ?? none,
                classWeights: try optionalVector(class_weights, logits.planes, "class_weights"),
                ignoreIndex: ignore_index, gradient: gradient)
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
        let targets = try matrix(targets, logits.rows, logits.planes, "targets")
        let gradient = try gradient_result.map { try matrix($0, "gradient_result") }
        return try BinaryCrossEntropyOperation.forward(logits, targets: targets, gradient: gradient)
    }
}

private func siteSet(_ handle: OpaquePointer?, _ sites: Int32, _ name: String) throws(SCNError) -> SiteSet {
    let geometry: Geometry = try Handles.object(handle, .geometry, name)
    return geometry.sites(try siteSetID(geometry, sites))
}
