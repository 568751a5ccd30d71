import SCNCore
import SCNGeometry
import SCNOps
import SCNTestSupport
import Testing

@testable import SCNNN

@Suite(.exclusive) struct ArchitectureTests {
    /// One of every type, with arguments that are not the defaults.
    static func everything() throws -> [Module] {
        [
            try InputLayer(dimension: 2, spatialSize: [7, 9], mode: .mean),
            try OutputLayer(dimension: 3), try SparseToDense(dimension: 4, planes: 5), Identity(), AddTable(),
            JoinTable(), Flatten(),
            try BLInputLayer(dimension: 2, spatialSize: [7, 9], mode: .first), try BLOutputLayer(dimension: 2),
            try DenseToSparse(dimension: 3), try Sparsify(dimension: 2, in: 3),
            try Sparsify(dimension: 2, in: 3, activation: .fakeGradHardSigmoid), try SparsifyFCS(dimension: 1),
            try PermutohedralSubmanifoldConvolution(dimension: 3, in: 4, out: 6, bias: true, groups: 2),
            try ConvolutionOnto(
                dimension: 2, in: 4, out: 6, filterSize: [3, 5], bias: true, groups: 2, shape: .cross, dilation: 2,
                inputStride: [1, 2], outputStride: 3, normalized: true),
            try ShapeContext(dimension: 2, in: 3, filterSize: [3, 2]),
            try SubmanifoldConvolution(
                dimension: 3, in: 4, out: 6, filterSize: [3, 2, 1], bias: true, groups: 2, dilation: [1, 2, 3]),
            try Convolution(
                dimension: 2, in: 4, out: 6, filterSize: [3, 2], stride: [2, 1], bias: true, groups: 2,
                padding: [1, 0], dilation: [2, 1]),
            try Deconvolution(
                dimension: 2, in: 4, out: 6, filterSize: [3, 2], stride: [2, 1], bias: false, groups: 2,
                padding: [0, 1], dilation: [1, 2]),
            try NetworkInNetwork(in: 3, out: 4, bias: true), try NetworkInNetwork(in: 3, out: 4),
            try Linear(in: 3, out: 4), try Linear(in: 3, out: 4, bias: false),
            try MaxPooling(
                dimension: 2, poolSize: [3, 2], poolStride: [2, 3], featuresToDrop: 1, padding: [1, 0],
                dilation: [1, 2]),
            try AveragePooling(
                dimension: 2, poolSize: [3, 2], poolStride: [2, 3], featuresToDrop: 1, padding: [1, 0]),
            try UnPooling(dimension: 2, poolSize: [3, 2], poolStride: [2, 3], dilation: [1, 2]),
            try RandomizedStrideMaxPooling(dimension: 1, poolSize: 3, poolStride: 2, featuresToDrop: 2),
            try FractionalMaxPooling(dimension: 2, .ratio([1.5, 1.25]), poolSize: [3, 2], featuresToDrop: 1),
            try FractionalMaxPooling(dimension: 2, .outputSize([5, 7]), poolSize: nil, isPseudorandom: false),
            try GlobalPoolingLayer(dimension: 2, .sum), try GlobalPoolingLayer(dimension: 3, .average),
            try GlobalPoolingLayer(dimension: 4, .max),
            try FullConvolution(
                dimension: 2, in: 4, out: 6, filterSize: [3, 2], stride: [2, 1], bias: true, groups: 2),
            try RandomizedStrideConvolution(
                dimension: 2, in: 4, out: 6, filterSize: [3, 2], stride: [2, 1], bias: true, groups: 2,
                padding: [1, 0]),
            try BatchNormalization(planes: 3, epsilon: 1e-5, momentum: 0.75, affine: false, leakiness: 0.333),
            try BatchNormalization(planes: 2), try ActivationLayer(.relu), try ActivationLayer(.leakyReLU(0.1)),
            try ActivationLayer(.elu), try ActivationLayer(.selu), try ActivationLayer(.tanh),
            try ActivationLayer(.sigmoid), try ActivationLayer(.gelu), try ActivationLayer(.silu),
            try ActivationLayer(.hardSwish), try ActivationLayer(.softplus), try PReLU(planes: 3, leak: 0.125),
            try PReLU(),
            try InstanceNorm(planes: 3, epsilon: 1e-3, affine: false), try LayerNorm(planes: 4, affine: false),
            try InstanceNorm(planes: 2), try LayerNorm(planes: 2, epsilon: 1e-4), try Dropout(p: 0.3),
            try BatchwiseDropout(p: 0.2), VerboseIdentity(),
            AddCoords(), try MeanOnlyBNLeakyReLU(planes: 3, affine: false, leakiness: 0.25, momentum: 0.5),
            try SparseGroupNorm(groups: 2, planes: 6, epsilon: 1e-3), try CheckpointedSequential([Identity()]),
            try ConcatTable([Sequential([Identity()]), Sequential()]),
            try InferenceNetwork([NetworkInNetwork(in: 2, out: 3), Dropout(p: 0.1)]),
        ]
    }

    static func types(_ module: Module) -> Set<String> {
        module.parts.reduce(into: [module.typeName]) { $0.formUnion(types($1)) }
    }

    @Test func everyTypeComesBack() throws {
        let net = try Sequential(Self.everything())
        #expect(Self.types(net) == Set(LayerType.all.map(\.name)))
        #expect(Architecture.isComplete(net))
        let text = try Architecture.text(of: net)
        let built = try Architecture.build(text)
        #expect(try Architecture.text(of: built) == text)
        #expect(built.description == net.description)
        #expect(built.state.map(\.name) == net.state.map(\.name))
        #expect(built.state.map(\.tensor.shape) == net.state.map(\.tensor.shape))
        #expect(built.isTraining)
        for module in net.children {
            let alone = try Architecture.text(of: module)
            #expect(text.contains(alone.trimmingSuffix()))
            #expect(try Architecture.text(of: Architecture.build(alone)) == alone)
        }
    }

    @Test func absentArgumentsHaveTheirDefaults() throws {
        func same(_ text: String, _ module: Module) throws {
            #expect(try Architecture.text(of: Architecture.build(text)) == Architecture.text(of: module))
        }
        try same(
            #"{"type":"SubmanifoldConvolution","dimension":2,"in":1,"out":2,"filter_size":3}"#,
            SubmanifoldConvolution(dimension: 2, in: 1, out: 2, filterSize: 3))
        try same(
            #"{"type":"Convolution","dimension":2,"in":1,"out":2,"filter_size":3,"stride":[2,1]}"#,
            Convolution(dimension: 2, in: 1, out: 2, filterSize: 3, stride: [2, 1]))
        try same(
            #"{"type":"MaxPooling","dimension":1,"pool_size":3,"pool_stride":2}"#,
            MaxPooling(dimension: 1, poolSize: 3, poolStride: 2))
        try same(
            #"{"type":"FractionalMaxPooling","dimension":2,"ratio":1.5}"#,
            FractionalMaxPooling(dimension: 2, .ratio([1.5])))
        try same(#"{"type":"BatchNormalization","planes":2}"#, BatchNormalization(planes: 2))
        try same(#"{"type":"Linear","in":1,"out":2}"#, Linear(in: 1, out: 2))
        try same(#"{"type":"NetworkInNetwork","in":1,"out":2}"#, NetworkInNetwork(in: 1, out: 2))
        let leaky = try Architecture.build(#"{"type":"LeakyReLU"}"#) as? ActivationLayer
        #expect(leaky?.activation == .leakyReLU(1.0 / 3))
        try same(#"{"type":"Dropout"}"#, Dropout())
        try same(#"{"type":"BatchwiseDropout"}"#, BatchwiseDropout())
        try same(#"{"type":"MeanOnlyBNLeakyReLU","planes":2}"#, MeanOnlyBNLeakyReLU(planes: 2))
        try same(#"{"type":"SparseGroupNorm","groups":2,"planes":4}"#, SparseGroupNorm(groups: 2, planes: 4))
        try same(#"{"type":"Sparsify","dimension":2,"in":1}"#, Sparsify(dimension: 2, in: 1))
        try same(#"{"type":"ShapeContext","dimension":2,"in":1}"#, ShapeContext(dimension: 2, in: 1))
    }

    @Test(arguments: [
        "", "{}", "[]", "3", #"{"type":3}"#, #"{"type":"Module"}"#, #"{"type":"Sequential"}"#,
        #"{"type":"Sequential","modules":{}}"#, #"{"type":"Sequential","modules":[{"type":"No"}]}"#,
        #"{"type":"InputLayer","dimension":2,"spatial_size":[3,3],"mode":5}"#,
        #"{"type":"InputLayer","dimension":2,"spatial_size":[3],"mode":0}"#,
        #"{"type":"Linear","in":1}"#, #"{"type":"Linear","in":1.5,"out":1}"#, #"{"type":"Linear","in":-1,"out":1}"#,
        #"{"type":"Linear","in":1e300,"out":1}"#, #"{"type":"Linear","in":9223372036854775807,"out":2}"#,
        #"{"type":"Dropout","p":2}"#, #"{"type":"BatchNormalization","planes":1,"affine":1}"#,
        #"{"type":"SubmanifoldConvolution","dimension":2,"in":1,"out":2,"filter_size":[3,0]}"#,
        #"{"type":"Sparsify","dimension":2,"in":1,"activation":"no"}"#,
        #"{"type":"BLInputLayer","dimension":1,"spatial_size":3,"mode":9}"#,
        #"{"type":"LeakyReLU","leak":1e300}"#,
        #"{"type":"FractionalMaxPooling","dimension":2}"#,
        #"{"type":"FractionalMaxPooling","dimension":3,"ratio":[1.5,1.5]}"#,
        #"{"type":"FractionalMaxPooling","dimension":1,"ratio":[1.5],"output_size":[3]}"#,
        #"{"type":"FractionalMaxPooling","dimension":1,"ratio":[1.5],"sequence":"other"}"#,
        #"{"type":"FractionalMaxPooling","dimension":1,"ratio":[0.5]}"#,
        #"{"type":"GlobalMaxPooling","dimension":0}"#, #"{"type":"AveragePooling","dimension":2,"pool_size":3}"#,
    ])
    func otherTextIsAnError(text: String) {
        #expect(throws: SCNError.self) { try Architecture.build(text) }
    }

    /// What version 0.1 wrote, and SparseConvNet's own names, name the same arguments.
    @Test func otherNamesAreRead() throws {
        let expected = try Architecture.text(
            of: Convolution(
                dimension: 2, in: 4, out: 6, filterSize: [3, 2], stride: [2, 1], bias: true, groups: 2,
                padding: [1, 0], dilation: [2, 1]))
        for text in [
            #"{"type":"Convolution","dimension":2,"in":4,"out":6,"filter_size":[3,2],"bias":true,"groups":2,"#
                + #""dilation":[2,1],"stride":[2,1],"padding":[1,0]}"#,
            #"{"type":"Convolution","dimension":2,"nIn":4,"nOut":6,"filter_size":[3,2],"filter_stride":[2,1],"#
                + #""bias":true,"groups":2,"padding":[1,0],"dilation":[2,1]}"#,
        ] {
            #expect(try Architecture.text(of: Architecture.build(text)) == expected)
        }
        #expect(
            try Architecture.text(of: Architecture.build(#"{"type":"BatchNormalization","nPlanes":3,"eps":0.5}"#))
                == Architecture.text(of: BatchNormalization(planes: 3, epsilon: 0.5)))
    }

    @Test(arguments: [
        (#"{"type":"Linear","nIn":0,"nOut":1}"#, "nIn: is 0, expected at least 1"),
        (#"{"type":"Linear","in_planes":0,"nOut":1}"#, "in_planes: is 0, expected at least 1"),
        (#"{"type":"Linear","nIn":4}"#, "out_planes: is missing, which a Linear needs"),
        (#"{"type":"Linear","nIn":4,"in":4,"nOut":1}"#, "in: is given twice"),
        (#"{"type":"Linear","nIn":4,"nOut":1,"outs":1}"#, "'outs': is no argument of Linear"),
        (#"{"type":"Linear","nIn":4,"nOut":1,"bias":1}"#, "bias: is 1, expected true or false"),
        (#"{"type":"Linear","nIn":"4","nOut":1}"#, "nIn: is the string '4', expected an integer"),
        (
            #"{"type":"SubmanifoldConvolution","dimension":2,"nIn":4,"nOut":3,"filter_size":3,"groups":2}"#,
            "groups: is 2, expected a divisor of nOut, 3"
        ),
        (
            #"{"type":"SubmanifoldConvolution","dimension":2,"nIn":4,"nOut":4,"filter_size":[3,0]}"#,
            "filter_size: is 0 on axis 1, expected at least 1"
        ),
        (
            #"{"type":"MaxPooling","dimension":2,"pool_size":3,"pool_stride":[2]}"#,
            "pool_stride: has 1 entry, expected 2"
        ),
        (#"{"type":"MaxPooling","dimension":11,"pool_size":3,"pool_stride":2}"#, "dimension: is 11, expected 1 ... 10"),
        (#"{"type":"Dropout","p":1.5}"#, "p: is 1.5, expected 0 ... 1"),
        (
            #"{"type":"FractionalMaxPooling","dimension":2}"#,
            "ratio: is missing as output_size is, expected one of the two"
        ),
        (
            #"{"type":"FractionalMaxPooling","dimension":2,"ratio":2,"sequence":"none"}"#,
            "sequence: is 'none', expected 'pseudorandom' or 'random'"
        ),
        (#"{"type":"No"}"#, "type: is 'No', expected a module of this library"),
    ])
    func messagesNameTheArgumentAsItWasGiven(text: String, message: String) {
        #expect(thrownError { _ = try Architecture.build(text) }?.message == message)
    }

    @Test func theTableNamesTheStateOfEveryType() throws {
        for module in try Self.everything() where !(module is Container) && !(module is InferenceNetwork) {
            let arguments = try #require(module.arguments)
            let expected = arguments.type.state.filter { $0.condition.map(arguments.flag) ?? true }
            let suffix = (module as? Sparsify)?.activation == nil ? "net." : "net.0."
            let names = expected.map { $0.name.hasPrefix("net.") ? suffix + $0.name.dropFirst(4) : $0.name }
            #expect(module.ownState.map(\.name) == names, "\(module.typeName)")
            #expect(module.ownState.map(\.isParameter) == expected.map(\.isParameter), "\(module.typeName)")
        }
    }

    @Test func completedArchitecturesAreThoseOfModules() throws {
        for module in try Self.everything() {
            let text = try Architecture.text(of: module)
            #expect(try Architecture.completed(Storage(text.utf8)) == text)
        }
        // Nothing is allocated: no machine has this weight.
        let large = #"{"type":"NetworkInNetwork","nIn":1000000,"nOut":1000000000}"#
        #expect(try Architecture.completed(Storage(large.utf8)).contains("1000000000"))
    }

    @Test func namesOfArgumentsAreUnambiguous() {
        for type in LayerType.all {
            let names = type.arguments.flatMap { Set([$0.key, $0.sparseConvNetName] + $0.formerKeys) }
            #expect(Set(names).count == names.count, "\(type.name)")
            #expect(Set(names).isDisjoint(with: ["type", "modules", "spectral_norm"]))
            #expect(!type.documentation.isEmpty && type.arguments.allSatisfy { !$0.documentation.isEmpty })
        }
    }

    @Test func nestingHasALimit() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: #"{"type":"Sequential","modules":["#, count: depth) + #"{"type":"Identity"}"#
                + String(repeating: "]}", count: depth)
        }
        #expect(thrownError { _ = try Architecture.build(nested(255)) } == nil)
        for depth in [256, 300, 10_000, 100_000] {
            #expect(throws: SCNError.self) { try Architecture.build(nested(depth)) }
        }
    }

    /// A short text stands for many modules: they are counted while they are made, not when all are there.
    @Test func networksByNameCountAsTheirModules() throws {
        let network =
            #"{"type":"SparseVggNet","dimension":1,"in_planes":1,"layers":""#
            + Array(repeating: "MP", count: 60_000).joined(separator: " ") + #""}"#
        #expect(thrownError { _ = try Architecture.build(network) } == nil)
        let several =
            #"{"type":"Sequential","modules":["# + Array(repeating: network, count: 3).joined(separator: ",")
            + "]}"
        let error = thrownError { _ = try Architecture.build(several) }
        #expect(error?.kind == .format)
        #expect(error?.message == "modules: are more than 100000, expected no more in a network")
    }

    @Test func filesNameLayersAlone() throws {
        let text = #"{"type":"Sequential","modules":[{"type":"UNet","dimension":2,"reps":1,"nPlanes":[2]}]}"#
        #expect(thrownError { _ = try Architecture.build(Storage(text.utf8)) } == nil)
        let error = thrownError { _ = try Architecture.build(Storage(text.utf8), isFromFile: true) }
        #expect(error?.message == "type: is 'UNet', expected a module of this library")
    }

    @Test func hostsTypesAreRefused() throws {
        final class Custom: Module {}
        let net = try Sequential([Identity(), Custom()])
        #expect(!Architecture.isComplete(net))
        #expect(thrownError { _ = try Architecture.text(of: net) }?.kind == .unsupported)
    }
}

extension String {
    /// Without the line break that may end a text.
    fileprivate func trimmingSuffix() -> String { last == "\n" ? String(dropLast()) : self }
}
