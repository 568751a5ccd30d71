package import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNOps

/// Modules as JSON and back: {"type": "ReLU"}, {"type": "Sequential", "modules": [...]}; other keys are the arguments.
package enum Architecture {
    /// Brackets that one nested module takes.
    private static let depthLimit = 2 * Container.maximumDepth + 8

    /// The architecture of a module, or an error where a part of it is a host's own type.
    package static func text(of module: Module) throws -> String {
        try module.expectMemoryForTexts()
        return try json(of: module).text(depthLimit: depthLimit)
    }

    package static func isComplete(_ module: Module) -> Bool {
        module.arguments != nil && builders[module.typeName] != nil && module.parts.allSatisfy(isComplete)
    }

    private static func json(of module: Module) throws -> JSON {
        guard let arguments = module.arguments, builders[module.typeName] != nil else {
            throw SCNError(.unsupported, "architecture: \(module.typeName) is not one of the library's own types")
        }
        var entries: [(key: String, value: JSON)] = [("type", .string(module.typeName))] + arguments
        if let norm = (module as? any ProductLayer)?.spectralNorm {
            entries.append(("spectral_norm", norm.arguments))
        }
        if module is Container || module is InferenceNetwork {
            entries.append(("modules", .array(try module.parts.map(json))))
        }
        return .object(entries)
    }

    /// A new module, its parameters initialised from the generator.
    package static func build(_ text: String) throws -> Module { try build(Storage(text.utf8)) }

    /// The same from text in UTF-8.
    package static func build(_ text: Storage<UInt8>) throws -> Module {
        let document = try JSONDocument(text, depthLimit: depthLimit)
        // A spectral norm is an object too.
        let count = document.objectCount
        try require(
            count <= 2 * Container.maximumOccurrences, .format,
            "\(count) objects, more than a network of \(Container.maximumOccurrences) modules has")
        try expectMemory(count, times: bytesOfModule, "a network of up to \(count) modules")
        return try build(document.root)
    }

    /// More than a module of few parameters takes, with its names in lists of state; parameters not counted.
    private static let bytesOfModule = 3000

    private static func build(_ json: JSONValue) throws -> Module {
        let type = try json.string("type")
        guard let builder = builders[type] else {
            throw SCNError(.format, "type: \"\(type.prefix(60))\" is no module of this library")
        }
        let module = try builder(json)
        if json.find("leakiness") != nil, let layer = module as? any ProductLayer {
            try layer.setLeakiness(json.double("leakiness"))
        }
        if let norm = json.find("spectral_norm") {
            try module.addSpectralNorm(
                powerIterations: norm.count("n_power_iterations", 1), epsilon: norm.real("epsilon", 1e-12),
                norm: norm.real("norm", 1))
        }
        return module
    }

    /// A new module like `module`, some arguments changed and some left out, its state initialised anew.
    static func remade(
        _ module: Module, changing changes: [String: JSON] = [:], without dropped: Set<String> = []
    ) throws -> Module {
        guard case .object(let entries) = try json(of: module) else { preconditionFailure("a module is an object") }
        let kept = entries.filter { !dropped.contains($0.key) }
        return try build(JSON.object(kept.map { ($0.key, changes[$0.key] ?? $0.value) }).text(depthLimit: depthLimit))
    }

    private static func children(_ json: JSONValue) throws -> [Module] { try json.array("modules").map(build) }

    /// The names of all types that a text may have.
    package static var types: Set<String> { Set(builders.keys) }

    private static let builders: [String: @Sendable (JSONValue) throws -> Module] = [
        "Sequential": { try Sequential(children($0)) },
        "CheckpointedSequential": { try CheckpointedSequential(children($0)) },
        "ConcatTable": { try ConcatTable(children($0)) },
        "InferenceNetwork": { try InferenceNetwork(children($0)) },
        "AddTable": { _ in AddTable() },
        "JoinTable": { _ in JoinTable() },
        "Identity": { _ in Identity() },
        "VerboseIdentity": { _ in VerboseIdentity() },
        "AddCoords": { _ in AddCoords() },
        "Flatten": { _ in Flatten() },
        "InputLayer": {
            try InputLayer(
                dimension: $0.int("dimension"), spatialSize: $0.size("spatial_size"), mode: $0.inputMode("mode"))
        },
        "BLInputLayer": {
            try BLInputLayer(
                dimension: $0.int("dimension"), spatialSize: $0.size("spatial_size"), mode: $0.inputMode("mode"))
        },
        "BLOutputLayer": { try BLOutputLayer(dimension: $0.int("dimension")) },
        "DenseToSparse": { try DenseToSparse(dimension: $0.int("dimension")) },
        "Sparsify": {
            try Sparsify(
                dimension: $0.int("dimension"), in: $0.int("in"), activation: $0.sparsifyActivation("activation"))
        },
        "SparsifyFCS": { try SparsifyFCS(dimension: $0.int("dimension")) },
        "PermutohedralSubmanifoldConvolution": {
            try PermutohedralSubmanifoldConvolution(
                dimension: $0.int("dimension"), in: $0.int("in"), out: $0.int("out"), bias: $0.flag("bias", false),
                groups: $0.count("groups", 1))
        },
        "ShapeContext": {
            try ShapeContext(dimension: $0.int("dimension"), in: $0.int("in"), filterSize: $0.size("filter_size", 3))
        },
        "OutputLayer": { try OutputLayer(dimension: $0.int("dimension")) },
        "SparseToDense": { try SparseToDense(dimension: $0.int("dimension"), planes: $0.int("planes")) },
        "SubmanifoldConvolution": {
            try SubmanifoldConvolution(
                dimension: $0.int("dimension"), in: $0.int("in"), out: $0.int("out"),
                filterSize: $0.size("filter_size"), bias: $0.flag("bias", false), groups: $0.count("groups", 1),
                dilation: $0.size("dilation", 1))
        },
        "Convolution": { try strided(Convolution.self, $0) },
        "Deconvolution": { try strided(Deconvolution.self, $0) },
        "FullConvolution": { try strided(FullConvolution.self, $0) },
        "RandomizedStrideConvolution": { try strided(RandomizedStrideConvolution.self, $0) },
        "NetworkInNetwork": {
            try NetworkInNetwork(in: $0.int("in"), out: $0.int("out"), bias: $0.flag("bias", false))
        },
        "Linear": { try Linear(in: $0.int("in"), out: $0.int("out"), bias: $0.flag("bias", true)) },
        "MaxPooling": { try pooling(MaxPooling.self, $0) },
        "AveragePooling": { try pooling(AveragePooling.self, $0) },
        "UnPooling": { try pooling(UnPooling.self, $0) },
        "RandomizedStrideMaxPooling": { try pooling(RandomizedStrideMaxPooling.self, $0) },
        "FractionalMaxPooling": { try FractionalMaxPooling.build($0) },
        "GlobalSumPooling": { try GlobalPoolingLayer(dimension: $0.int("dimension"), .sum) },
        "GlobalAveragePooling": { try GlobalPoolingLayer(dimension: $0.int("dimension"), .average) },
        "GlobalMaxPooling": { try GlobalPoolingLayer(dimension: $0.int("dimension"), .max) },
        "BatchNormalization": {
            try BatchNormalization(
                planes: $0.int("planes"), epsilon: $0.real("epsilon", 1e-4), momentum: $0.real("momentum", 0.99),
                affine: $0.flag("affine", true), leakiness: $0.real("leakiness", 1))
        },
        "MeanOnlyBNLeakyReLU": {
            try MeanOnlyBNLeakyReLU(
                planes: $0.int("planes"), affine: $0.flag("affine", true), leakiness: $0.real("leakiness", 1),
                momentum: $0.real("momentum", 0.99))
        },
        "SparseGroupNorm": {
            try SparseGroupNorm(
                groups: $0.int("groups"), planes: $0.int("planes"), epsilon: $0.real("epsilon", 1e-5))
        },
        "ReLU": { _ in try ActivationLayer(.relu) },
        "LeakyReLU": { try ActivationLayer(.leakyReLU(Float($0.real("leak", 1.0 / 3)))) },
        "ELU": { _ in try ActivationLayer(.elu) },
        "SELU": { _ in try ActivationLayer(.selu) },
        "Tanh": { _ in try ActivationLayer(.tanh) },
        "Sigmoid": { _ in try ActivationLayer(.sigmoid) },
        "Dropout": { try Dropout(p: $0.real("p", 0.5)) },
        "BatchwiseDropout": { try BatchwiseDropout(p: $0.real("p", 0.5)) },
    ]
}

private func strided<Layer: StridedConvolutionLayer>(_ type: Layer.Type, _ json: JSONValue) throws -> Layer {
    try Layer(
        dimension: json.int("dimension"), in: json.int("in"), out: json.int("out"),
        filterSize: json.size("filter_size"), stride: json.size("stride"), bias: json.flag("bias", false),
        groups: json.count("groups", 1), padding: json.size("padding", 0), dilation: json.size("dilation", 1))
}

private func pooling<Layer: PoolingLayer>(_ type: Layer.Type, _ json: JSONValue) throws -> Layer {
    try Layer(
        dimension: json.int("dimension"), poolSize: json.size("pool_size"), poolStride: json.size("pool_stride"),
        featuresToDrop: json.count("features_to_drop", 0), padding: json.size("padding", 0),
        dilation: json.size("dilation", 1))
}

/// Arguments, with the default that holds where the key is absent.
extension JSONValue {
    func size(_ key: String, _ absent: Int? = nil) throws -> Size {
        if let absent, find(key) == nil { return Size(absent) }
        if try self[key].kind == .integer { return Size(try int(key)) }
        return Size(try ints(key))
    }

    fileprivate func inputMode(_ key: String) throws -> InputMode {
        guard let mode = InputMode(rawValue: try int(key)) else {
            throw SCNError(.format, "\(key): is \(try int(key)), expected 0 ... 4")
        }
        return mode
    }

    fileprivate func sparsifyActivation(_ key: String) throws -> Sparsify.Activation? {
        if find(key) == nil || find(key)?.kind == .null { return nil }
        guard let activation = Sparsify.Activation(rawValue: try string(key)) else {
            throw SCNError(
                .format, "\(key): is \"\(try string(key).prefix(60))\", expected sigmoid or fakeGradHardSigmoid")
        }
        return activation
    }

    fileprivate func flag(_ key: String, _ absent: Bool) throws -> Bool { find(key) == nil ? absent : try bool(key) }
    fileprivate func count(_ key: String, _ absent: Int) throws -> Int { find(key) == nil ? absent : try int(key) }
    fileprivate func real(_ key: String, _ absent: Double) throws -> Double {
        find(key) == nil ? absent : try double(key)
    }
}
