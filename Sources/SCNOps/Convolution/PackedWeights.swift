internal import CSCNKernels
package import SCNCore

/// Weights in the order in which the convolution's loops of one instruction set stream them.
package struct PackedWeights {
    let volume: Int
    let groups: Int
    let inPerGroup: Int
    let outPerGroup: Int
    /// Floats that one filter offset takes.
    let offsetSize: Int
    private let storage: Storage<Float>
    /// Each table has a name of its own, so the address tells whose order this is.
    private let tableName: UnsafePointer<CChar>

    var pointer: UnsafePointer<Float> { UnsafePointer(storage.pointer) }

    /// Packs volume * groups matrices that follow each other in `weight`; element (i, o) of one lies at i * inStride +
    /// o * outStride.
    init(
        _ weight: Matrix, volume: Int, groups: Int, inPerGroup: Int, outPerGroup: Int, inStride: Int,
        outStride: Int
    ) throws(SCNError) {
        let kernels = try Kernels.fitting(["weight": weight])
        let size = Int(kernels.convolution_packed_size(Int64(groups), Int64(inPerGroup), Int64(outPerGroup)))
        storage = try Storage<Float>(count: checkedProduct([size, volume], "the packed weights"))
        (self.volume, self.groups, self.inPerGroup, self.outPerGroup) = (volume, groups, inPerGroup, outPerGroup)
        (offsetSize, tableName) = (size, kernels.name)
        let (source, base) = (weight.pointer, storage.pointer)
        Parallel.forEachChunk(volume, size: max(1, ChunkSizes.packedWeights / size)) { _, range in
            for k in range {
                kernels.convolution_pack(
                    source + k * groups * inPerGroup * outPerGroup, Int64(groups), Int64(inPerGroup),
                    Int64(outPerGroup), Int64(inStride), Int64(outStride), base + k * size)
            }
        }
        withExtendedLifetime(weight) {}
    }

    /// Whether they are in the order of the instruction set in use.
    package func fitsKernels() throws(SCNError) -> Bool { try Kernels.fitting([:]).name == tableName }

    func require(_ kernels: scn_kernel_table, volume: Int, inPlanes: Int, outPlanes: Int) throws(SCNError) {
        try SCNCore.require(
            kernels.name == tableName, .internal, "weight: is packed for another instruction set than is in use")
        try SCNCore.require(
            volume == self.volume && inPlanes == groups * inPerGroup && outPlanes == groups * outPerGroup, .shape,
            "weight: is of volume \(self.volume) from \(groups * inPerGroup) to \(groups * outPerGroup) planes, expected "
                + "volume \(volume) from \(inPlanes) to \(outPlanes) planes")
    }
}
