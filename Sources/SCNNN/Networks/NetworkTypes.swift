internal import SCNCore
internal import SCNFiles

/// What ``LayerType`` says of SparseConvNet's networks: an architecture may name one, and a `Sequential` of layers is
/// made.
extension LayerType {
    package static let networks: [LayerType] = [
        LayerType(
            network: "SparseVggNet", "SparseConvNet's VGG net.",
            [
                .dimension,
                LayerArgument("in_planes", .planes, "The planes of the input.", sparseConvNet: "nInputPlanes"),
                .words("layers", "\"C16 MP C32\"; see scn_sparse_vgg_net_create."),
            ]
        ) {
            try Networks.sparseVGG(
                dimension: $0.integer("dimension"), in: $0.integer("in_planes"),
                layers: Networks.VGGLayer.parse($0.text("layers")))
        },
        LayerType(
            network: "SparseResNet", "SparseConvNet's pre-activation residual network (He et al., 2016).",
            [
                .dimension, .networkInPlanes,
                .words("stages", "\"b16x2 b32x2/2\"; see scn_sparse_resnet_create.", sparseConvNet: "layers"),
            ]
        ) {
            try Networks.sparseResNet(
                dimension: $0.integer("dimension"), in: $0.integer("in_planes"),
                stages: Networks.ResidualStage.parse($0.text("stages")))
        },
        LayerType(
            network: "SparseDenseNet", "A DenseNet (Huang et al., 2017) of submanifold convolutions.",
            [.dimension, .networkInPlanes, .words("layers", "\"B2x16 T B2x16\"; see scn_sparse_densenet_create.")]
        ) {
            try Networks.sparseDenseNet(
                dimension: $0.integer("dimension"), in: $0.integer("in_planes"),
                layers: Networks.DenseNetLayer.parse($0.text("layers")))
        },
        LayerType(
            network: "UNet", "SparseConvNet's U-Net (after Ronneberger et al., 2015).",
            levelsArguments("residual_blocks")
        ) {
            try Networks.uNet(
                dimension: $0.integer("dimension"), repetitions: $0.integer("repetitions"), planes: $0.sizes("planes"),
                residual: $0.flag("residual_blocks"), downsampleSize: Size($0.sizes("downsample_size")),
                downsampleStride: Size($0.sizes("downsample_stride")), leakiness: $0.real("leakiness"),
                inPlanes: $0.optionalInteger("in_planes"))
        },
        LayerType(
            network: "FullyConvolutionalNet", "SparseConvNet's fully convolutional network.",
            levelsArguments("residual_blocks")
        ) {
            try Networks.fullyConvolutional(
                dimension: $0.integer("dimension"), repetitions: $0.integer("repetitions"), planes: $0.sizes("planes"),
                residual: $0.flag("residual_blocks"), downsampleSize: Size($0.sizes("downsample_size")),
                downsampleStride: Size($0.sizes("downsample_stride")), leakiness: $0.real("leakiness"),
                inPlanes: $0.optionalInteger("in_planes"))
        },
        LayerType(
            network: "FullConvolutionalNetIntegratedLinear",
            "A fully convolutional network whose every level scores the classes by a linear layer of its own.",
            levelsArguments(
                "residual",
                LayerArgument(
                    "classes", .number(1...Networks.largestWidth), "The planes of the result; null: planes[0].",
                    fallback: .null, sparseConvNet: "nClasses"))
        ) {
            try Networks.fullyConvolutionalIntegratedLinear(
                dimension: $0.integer("dimension"), repetitions: $0.integer("repetitions"), planes: $0.sizes("planes"),
                classes: $0.optionalInteger("classes"), residual: $0.flag("residual_blocks"),
                downsampleSize: Size($0.sizes("downsample_size")),
                downsampleStride: Size($0.sizes("downsample_stride")), leakiness: $0.real("leakiness"),
                inPlanes: $0.optionalInteger("in_planes"))
        },
        LayerType(
            network: "MultiscaleShapeContext",
            "The shape contexts of the sites and of coarser levels side by side.",
            [
                .dimension,
                LayerArgument(
                    "planes", .planes, "The planes of the input.", fallback: .integer(1), sparseConvNet: "n_features"),
                LayerArgument(
                    "layers", .number(1...64), "Levels, the sites' own included.", fallback: .integer(3),
                    sparseConvNet: "n_layers"),
                LayerArgument(
                    "filter_size", .sizes(minimum: 1), "The neighborhood along each axis, at every level.",
                    fallback: .integer(3), sparseConvNet: "shape_context_size"),
                LayerArgument(
                    "downsample_size", .sizes(minimum: 1), "The window of the pooling between levels.",
                    fallback: .integer(2)),
                LayerArgument(
                    "downsample_stride", .sizes(minimum: 1), "Steps from window to window.", fallback: .integer(2)),
                LayerArgument(
                    "batch_norm", .flag, "Whether a batch normalization follows.", fallback: .bool(true),
                    sparseConvNet: "bn"),
            ]
        ) {
            try Networks.multiscaleShapeContext(
                dimension: $0.integer("dimension"), planes: $0.integer("planes"), layers: $0.integer("layers"),
                shapeContextSize: Size($0.sizes("filter_size")), downsampleSize: Size($0.sizes("downsample_size")),
                downsampleStride: Size($0.sizes("downsample_stride")), normalized: $0.flag("batch_norm"))
        },
    ]

    /// The arguments of networks with levels. `residualBlocks`: what SparseConvNet calls that one.
    private static func levelsArguments(_ residualBlocks: String, _ more: LayerArgument...) -> [LayerArgument] {
        [
            .dimension,
            LayerArgument(
                "repetitions", .number(1...Networks.mostRepetitions), "Blocks a level, on each way.",
                sparseConvNet: "reps"),
            LayerArgument(
                "planes", .list(1...64, of: 1...Networks.largestWidth), "The planes of each level, the finest first.",
                sparseConvNet: "nPlanes"),
        ] + more + [
            .residualBlocks(residualBlocks), .downsampleSize, .downsampleStride, .networkLeakiness, .levelsInPlanes,
        ]
    }
}

extension LayerArgument {
    fileprivate static let networkInPlanes = LayerArgument(
        "in_planes", .number(1...Networks.largestWidth), "The planes of the input.", sparseConvNet: "nInputPlanes")

    fileprivate static let levelsInPlanes = LayerArgument(
        "in_planes", .number(1...Networks.largestWidth), "The planes of the input; null: planes[0].", fallback: .null,
        sparseConvNet: "n_input_planes")

    fileprivate static func words(_ key: String, _ documentation: String, sparseConvNet: String? = nil) -> LayerArgument
    {
        LayerArgument(key, .text, documentation, sparseConvNet: sparseConvNet)
    }

    fileprivate static func residualBlocks(_ sparseConvNet: String) -> LayerArgument {
        LayerArgument(
            "residual_blocks", .flag, "Blocks of two convolutions around which their input goes, not of one alone.",
            fallback: .bool(false), sparseConvNet: sparseConvNet)
    }

    fileprivate static let downsampleSize = LayerArgument(
        "downsample_size", .sizes(minimum: 1), "The filter of the convolutions between levels.",
        fallback: .integer(2), sparseConvNet: "downsample[0]")

    fileprivate static let downsampleStride = LayerArgument(
        "downsample_stride", .sizes(minimum: 1), "The stride of the convolutions between levels.",
        fallback: .integer(2), sparseConvNet: "downsample[1]")

    fileprivate static let networkLeakiness = LayerArgument(
        "leakiness", .real(.atLeastZero), "Of the activations; 0 is ReLU.", fallback: .number(0))
}
