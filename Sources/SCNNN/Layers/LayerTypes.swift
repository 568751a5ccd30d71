extension LayerType {
    /// Every type that an architecture can name, in the order of the reference page.
    package static let all: [LayerType] =
        [
            Sequential.layerType, CheckpointedSequential.type, ConcatTable.layerType, InferenceNetwork.layerType,
            AddTable.layerType, JoinTable.layerType, Identity.layerType, VerboseIdentity.layerType,
            InputLayer.layerType, OutputLayer.layerType, BLInputLayer.layerType, BLOutputLayer.layerType,
            SparseToDense.layerType, DenseToSparse.layerType, Flatten.layerType, AddCoords.layerType,
            Sparsify.layerType, SparsifyFCS.layerType,
            SubmanifoldConvolution.layerType, Convolution.layerType, Deconvolution.layerType, FullConvolution.layerType,
            RandomizedStrideConvolution.layerType, ConvolutionOnto.layerType,
            PermutohedralSubmanifoldConvolution.layerType,
            ShapeContext.layerType,
            NetworkInNetwork.layerType, Linear.layerType,
            MaxPooling.layerType, AveragePooling.layerType, UnPooling.layerType, RandomizedStrideMaxPooling.layerType,
            FractionalMaxPooling.layerType,
            BatchNormalization.layerType, MeanOnlyBNLeakyReLU.layerType, SparseGroupNorm.layerType,
            InstanceNorm.layerType, LayerNorm.layerType,
            Dropout.layerType, BatchwiseDropout.layerType,
        ] + GlobalPoolingLayer.layerTypes + ActivationLayer.layerTypes + [PReLU.layerType]
}
