import SCNCore
import SCNNN
import SCNOps
import SCNTestSupport
import Testing

/// Parameters that want no gradient get none, the others that which they would get anyway, and no work is done in vain.
@Suite(.exclusive) struct FrozenParameterTests {
    /// The gradients of a layer's parameters where those with `names` alone want one, and the kernels that were called.
    private func gradients(
        _ layer: Module, _ value: Value, training names: Set<String>, byInput: Bool = true
    ) throws -> (found: [String: [Float]?], calls: KernelCalls) {
        let entries = layer.state.filter(\.isParameter)
        for entry in entries { try entry.tensor.setRequiresGradient(names.contains(entry.name)) }
        layer.zeroGradients()
        let input = try #require(value.tensor)
        input.zeroGradient()
        try input.setRequiresGradient(byInput)
        let output = try #require(try layer(value).tensor)
        var random = Random(seed: 5)
        let gradient = random.floats(output.count)
        let calls = try KernelCalls.count { try output.backward(gradient: gradient) }
        #expect((input.gradient != nil) == byInput)
        var found = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.tensor.gradient) })
        found["input"] = input.gradient
        return (found, calls)
    }

    /// Checks every choice of parameters; `calls`: what a choice's backward pass may call, beyond the first of a kind.
    private func check(
        _ layer: Module, _ value: Value, _ kind: String, sourceLocation: SourceLocation = #_sourceLocation,
        calls wanted: (_ names: Set<String>) -> (_ calls: KernelCalls) -> Bool
    ) throws {
        var random = Random(seed: 11)
        for entry in layer.state where entry.isParameter {
            try entry.tensor.update(from: random.floats(entry.tensor.count))
        }
        let names = Set(layer.state.filter(\.isParameter).map(\.name))
        let all = try gradients(layer, value, training: names).found
        for name in names { #expect(all[name]! != nil, sourceLocation: sourceLocation) }
        let choices: [Set<String>] = [names, []] + names.map { [$0] }
        for choice in choices {
            for byInput in [true, false] where byInput || !choice.isEmpty {
                let (found, calls) = try gradients(layer, value, training: choice, byInput: byInput)
                let comment: Comment = "\(kind), \(choice.sorted()), input \(byInput): \(calls)"
                for name in names {
                    let expected = choice.contains(name) ? all[name]! : nil
                    #expect(found[name]! == expected, comment, sourceLocation: sourceLocation)
                }
                #expect(wanted(choice)(calls), comment, sourceLocation: sourceLocation)
            }
        }
    }

    private func isProduct(_ names: Set<String>) -> (KernelCalls) -> Bool {
        { calls in
            (calls.weightGradients > 0) == names.contains { $0.hasPrefix("weight") }
                && (calls.columnSums > 0) == names.contains("bias") && calls.normSums == 0
        }
    }

    @Test func convolutions() throws {
        var random = Random(seed: 1)
        let cloud = try Cloud(60, size: [9, 9], planes: 4, &random)
        let value = Value.sparse(cloud.tensor)
        let layers: [(String, Module)] = [
            (
                "submanifold",
                try SubmanifoldConvolution(dimension: 2, in: 4, out: 6, filterSize: 3, bias: true, groups: 2)
            ),
            ("strided", try Convolution(dimension: 2, in: 4, out: 3, filterSize: 3, stride: 2, bias: true)),
            ("full", try FullConvolution(dimension: 2, in: 4, out: 3, filterSize: 3, stride: 2, bias: true)),
            (
                "displaced",
                try RandomizedStrideConvolution(dimension: 2, in: 4, out: 3, filterSize: 3, stride: 2, bias: true)
            ),
            ("lattice", try PermutohedralSubmanifoldConvolution(dimension: 2, in: 4, out: 3, bias: true)),
        ]
        for (name, layer) in layers { try check(layer, value, name, calls: isProduct) }
        let normalized = try SubmanifoldConvolution(dimension: 2, in: 4, out: 3, filterSize: 3, bias: true)
        try normalized.addSpectralNorm()
        for name in ["bias", "weight_orig"] {
            let (found, calls) = try gradients(normalized, value, training: [name])
            #expect(found["bias"]! != nil || name != "bias")
            #expect(found["weight_orig"]! != nil || name != "weight_orig")
            #expect(isProduct([name])(calls), "\(name): \(calls)")
        }
    }

    @Test(arguments: [false, true]) func denseProducts(usesOpenBLAS: Bool) throws {
        defer { LinearOperation.usesOpenBLAS = nil }
        var random = Random(seed: 2)
        let cloud = try Cloud(60, size: [9, 9], planes: 4, &random)
        LinearOperation.usesOpenBLAS = usesOpenBLAS
        let product = try NetworkInNetwork(in: 4, out: 3, bias: true)
        try check(product, .sparse(cloud.tensor), "product") { names in
            { calls in
                usesOpenBLAS ? calls.weightGradients == 0 : isProduct(names)(calls)
            }
        }
        let rows = try leaf(random.floats(4 * 70), [70, 4])
        try check(try Linear(in: 4, out: 3), .dense(rows), "linear") { names in
            { calls in usesOpenBLAS ? calls.weightGradients == 0 : isProduct(names)(calls) }
        }
    }

    @Test(arguments: [false, true]) func normalizations(isTraining: Bool) throws {
        var random = Random(seed: 3)
        let cloud = try Cloud(60, size: [9, 9], planes: 4, &random)
        let value = Value.sparse(cloud.tensor)
        let layers: [Module] = [
            try BatchNormalization(planes: 4, leakiness: 0.2), try MeanOnlyBNLeakyReLU(planes: 4, leakiness: 0.3),
        ]
        for layer in layers {
            layer.setTraining(isTraining)
            // In training the gradient by the input is made of the same sums.
            try check(layer, value, layer.typeName) { names in
                { calls in (calls.normSums > 0) == (isTraining || !names.isEmpty) && calls.columnSums == 0 }
            }
        }
        try check(try SparseGroupNorm(groups: 2, planes: 4), value, "groups") { _ in { $0.normSums > 0 } }
    }
}
