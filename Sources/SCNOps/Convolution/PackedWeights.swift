internal import CSCNKernels
package import SCNCore

/// Weights in the order in which the convolution's loops of one instruction set stream them.
package struct PackedWeights {
    let volume: Int
    let groups: Int
    let inPerGroup: Int
    let outPerGroup: Int
    /// What features are multiplied as: float32, or rounded to bfloat16, as the weights are then.
    package let type: ElementType
    /// The loops that multiply bfloat16; nil where those of float32 do, also on rounded values.
    let products: UnsafePointer<scn_bfloat16_products>?
    /// Bytes that one filter offset takes.
    private let offsetBytes: Int
    private let storage: RawStorage
    /// Each table has a name of its own, so the address tells whose order this is.
    private let tableName: UnsafePointer<CChar>

    /// For loops of float32.
    var pointer: UnsafePointer<Float> { UnsafePointer(storage.address.assumingMemoryBound(to: Float.self)) }
    /// Floats that one filter offset takes.
    var offsetSize: Int { offsetBytes / MemoryLayout<Float>.size }
    var address: UnsafeRawPointer { UnsafeRawPointer(storage.address) }

    /// Packs the matrices of volume offsets, which begin offsetStride apart in `weight`, of float32; those of an
    /// offset's groups follow each other, and element (i, o) of one lies at i * inStride + o * outStride.
    init(
        _ weight: Matrix, volume: Int, groups: Int, inPerGroup: Int, outPerGroup: Int, offsetStride: Int,
        inStride: Int, outStride: Int, type: ElementType = .float32
    ) throws(SCNError) {
        let kernels = try Kernels.fitting(["weight": weight])
        let shape = try ConvolutionShape(
            volume: volume, groups: groups, inPlanes: groups * inPerGroup, outPlanes: groups * outPerGroup)
        let products = type == .bfloat16 ? shape.roundedProducts : nil
        let (groupCount, inCount, outCount) = (Int64(groups), Int64(inPerGroup), Int64(outPerGroup))
        let bytes =
            if let products { Int(products.pointee.packed_size(groupCount, inCount, outCount)) } else {
                Int(kernels.convolution_packed_size(groupCount, inCount, outCount)) * MemoryLayout<Float>.size
            }
        storage = try RawStorage(count: checkedProduct([bytes, volume], "the packed weights"), of: 1)
        (self.volume, self.groups, self.inPerGroup, self.outPerGroup) = (volume, groups, inPerGroup, outPerGroup)
        (self.type, self.products, offsetBytes) = (type, products, bytes)
        tableName = products?.pointee.name ?? kernels.name
        let isRounded = type == .bfloat16 && products == nil
        let weight = isRounded ? try weight.converted(to: .bfloat16).converted(to: .float32) : weight
        let (source, base) = (weight.pointer, storage.address)
        Parallel.forEachChunk(volume, size: max(1, ChunkSizes.packedWeights / max(1, bytes / 4))) { _, range in
            for k in range {
                if let products {
                    products.pointee.pack(
                        source + k * offsetStride, groupCount, inCount, outCount, Int64(inStride), Int64(outStride),
                        base + k * bytes)
                } else {
                    kernels.convolution_pack(
                        source + k * offsetStride, groupCount, inCount, outCount, Int64(inStride), Int64(outStride),
                        (base + k * bytes).assumingMemoryBound(to: Float.self))
                }
            }
        }
        withExtendedLifetime(weight) {}
    }

    /// Whether they are in the order of the instruction set in use.
    package func fitsKernels() throws(SCNError) -> Bool {
        try (products == nil ? Kernels.fitting([:]).name : Kernels.bfloat16Products?.pointee.name) == tableName
    }

    func require(volume: Int, inPlanes: Int, outPlanes: Int) throws(SCNError) {
        try SCNCore.require(
            try fitsKernels(), .internal, "weight: is packed for another instruction set than is in use")
        try SCNCore.require(
            volume == self.volume && inPlanes == groups * inPerGroup && outPlanes == groups * outPerGroup, .shape,
            "weight: is of volume \(self.volume) from \(groups * inPerGroup) to \(groups * outPerGroup) planes, expected "
                + "volume \(volume) from \(inPlanes) to \(outPlanes) planes")
    }

    /// Scratch for the loops of bfloat16, a part a lane.
    func scratch(_ products: UnsafePointer<scn_bfloat16_products>, lanes: Int) throws(SCNError) -> LaneScratch {
        let size = products.pointee.scratch_size(
            Int64(volume), Int64(groups), Int64(inPerGroup), Int64(outPerGroup))
        return try LaneScratch(size: Int(size), lanes: lanes)
    }
}

/// Scratch of threads.
struct LaneScratch {
    let size: Int
    let storage: RawStorage

    init(size: Int, lanes: Int) throws(SCNError) {
        self.size = size
        storage = try RawStorage(count: checkedProduct([size, lanes], "the scratch of a product"), of: 1)
    }

    func address(_ lane: Int) -> UnsafeMutableRawPointer { storage.address + lane * size }
}

extension Matrix {
    /// Where loops of bfloat16 write their sums: here, as they are or rounded.
    func output(atRow row: Int) -> scn_output {
        type == .float32
            ? scn_output(float32: pointer + row * planes, bfloat16: nil)
            : scn_output(float32: nil, bfloat16: halves + row * planes)
    }
}
