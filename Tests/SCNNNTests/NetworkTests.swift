import SCNCore
import SCNTestSupport
import Testing

@testable import SCNNN

@Suite(.exclusive) struct NetworkTests {
    /// The state names of SparseConvNet's
    /// `SparseVggNet(2, 3, [["C", 8, 4], ["C", 8, 4], "MP", ["C", 12, 6, 4], ["C", 12], ["C3/2", 16]])` inside of a
    /// `Sequential`, with their shapes.
    static let vggState = """
        0.0.0.weight:9x1x3x8 0.0.1.0.weight:9x1x3x4 0.0.1.1.bias:4 0.0.1.1.running_mean:4 0.0.1.1.running_var:4
        0.0.1.1.weight:4 0.0.1.2.weight:9x1x4x4 0.0.1.3.bias:4 0.0.1.3.running_mean:4 0.0.1.3.running_var:4
        0.0.1.3.weight:4 0.0.1.4.weight:9x1x4x4 0.10.weight:9x1x22x12 0.11.bias:12 0.11.running_mean:12
        0.11.running_var:12 0.11.weight:12 0.12.weight:9x1x12x16 0.13.bias:16 0.13.running_mean:16
        0.13.running_var:16 0.13.weight:16 0.2.bias:12 0.2.running_mean:12 0.2.running_var:12 0.2.weight:12
        0.3.0.weight:9x1x12x8 0.3.1.0.weight:9x1x12x4 0.3.1.1.bias:4 0.3.1.1.running_mean:4
        0.3.1.1.running_var:4 0.3.1.1.weight:4 0.3.1.2.weight:9x1x4x4 0.3.1.3.bias:4 0.3.1.3.running_mean:4
        0.3.1.3.running_var:4 0.3.1.3.weight:4 0.3.1.4.weight:9x1x4x4 0.5.bias:12 0.5.running_mean:12
        0.5.running_var:12 0.5.weight:12 0.7.0.weight:9x1x12x12 0.7.1.0.weight:9x1x12x6 0.7.1.1.bias:6
        0.7.1.1.running_mean:6 0.7.1.1.running_var:6 0.7.1.1.weight:6 0.7.1.2.weight:9x1x6x6 0.7.1.3.bias:6
        0.7.1.3.running_mean:6 0.7.1.3.running_var:6 0.7.1.3.weight:6 0.7.1.4.weight:9x1x6x6
        0.7.2.0.weight:9x1x12x4 0.7.2.1.bias:4 0.7.2.1.running_mean:4 0.7.2.1.running_var:4 0.7.2.1.weight:4
        0.7.2.10.weight:9x1x4x4 0.7.2.11.bias:4 0.7.2.11.running_mean:4 0.7.2.11.running_var:4
        0.7.2.11.weight:4 0.7.2.12.weight:9x1x4x4 0.7.2.2.weight:9x1x4x4 0.7.2.3.bias:4 0.7.2.3.running_mean:4
        0.7.2.3.running_var:4 0.7.2.3.weight:4 0.7.2.4.weight:9x1x4x4 0.7.2.5.bias:4 0.7.2.5.running_mean:4
        0.7.2.5.running_var:4 0.7.2.5.weight:4 0.7.2.6.weight:9x1x4x4 0.7.2.7.bias:4 0.7.2.7.running_mean:4
        0.7.2.7.running_var:4 0.7.2.7.weight:4 0.7.2.8.weight:9x1x4x4 0.7.2.9.bias:4 0.7.2.9.running_mean:4
        0.7.2.9.running_var:4 0.7.2.9.weight:4 0.9.bias:22 0.9.running_mean:22 0.9.running_var:22 0.9.weight:22
        """

    @Test func stateNamesAreSparseConvNets() throws {
        let layers = try Networks.VGGLayer.parse("C8,4 C8,4 MP C12,6,4 C12 C3/2:16")
        let net = try Sequential([Networks.sparseVGG(dimension: 2, in: 3, layers: layers)])
        let names = net.state.map { "\($0.name):" + $0.tensor.shape.map(String.init).joined(separator: "x") }
        let expected = Self.vggState.split { $0 == " " || $0 == "\n" }.map(String.init)
        #expect(names.sorted() == expected.sorted())
        for entry in net.state {
            #expect(entry.isParameter == !entry.name.contains("running_"))
            #expect(entry.tensor.requiresGradient == entry.isParameter)
        }
        #expect(net.parameterCount == net.parameters.reduce(0) { $0 + $1.count })
    }

    @Test func wordsBecomeLayers() throws {
        let layers = try Networks.VGGLayer.parse("  C16 MP MP4/3 C3/2 C3/2:24  C16,8 C16,8,4 C1,2,3,4 ")
        #expect(
            layers == [
                .convolution(planes: 16), .maxPooling(), .maxPooling(size: 4, stride: 3), .stridedConvolution(),
                .stridedConvolution(planes: 24), .convolution(planes: 16, branches: [8]),
                .convolution(planes: 16, branches: [8, 4]), .convolution(planes: 1, branches: [2, 3, 4]),
            ])
        #expect(try Networks.VGGLayer.parse("") == [])
    }

    @Test(arguments: [
        "X", "C", "C0", "C-1", "C+1", "C1,", "C,1", "C1,2,3,4,5", "C 1", "c16", "MP3", "MP3/", "MP/2", "MP3/2/1",
        "MP0/2",
        "C3/2:", "C3/2:x", "C3/2,4", "C99999999999999999999", "C16 Q", "MPP", "C١",
    ])
    func otherWordsAreErrors(text: String) {
        #expect(thrownError { _ = try Networks.VGGLayer.parse(text) }?.kind == .format)
    }

    @Test func impossibleLayersAreErrors() {
        func build(_ layers: [Networks.VGGLayer], planes: Int = 3) -> SCNError? {
            thrownError { _ = try Networks.sparseVGG(dimension: 2, in: planes, layers: layers) }
        }
        #expect(build([.convolution(planes: 4)]) == nil)
        #expect(build([.convolution(planes: 0)]) != nil)
        #expect(build([.convolution(planes: 4, branches: [0])]) != nil)
        #expect(build([.maxPooling(size: 0)]) != nil)
        #expect(build([.convolution(planes: .max, branches: [1])])?.kind == .overflow)
        #expect(build([.convolution(planes: 4)], planes: 0) != nil)
    }

    /// The plus form with three levels, forward and backward, and the size that it asks for.
    @Test func plusNetworksRun() throws {
        var random = Random(seed: 3)
        let layers = try Networks.VGGLayer.parse("C4,3,2,2 MP C3/2")
        let net = try Networks.sparseVGG(dimension: 2, in: 2, layers: layers)
        let size = try net.inputSpatialSize([3, 3])
        #expect(size == [15, 15])
        let cloud = try Cloud(60, size: size, planes: 2, &random)
        let output = try #require(try net(cloud.tensor).sparseTensor)
        #expect(output.spatialSize == [3, 3] && output.planes == 11)
        try output.features.sum().backward()
        #expect(net.parameters.allSatisfy { $0.gradient?.allSatisfy(\.isFinite) == true })
    }

    @Test func inputSizesFoldFromTheLastToTheFirst() throws {
        let net = try Sequential {
            try Convolution(dimension: 2, in: 1, out: 1, filterSize: [3, 2], stride: [2, 2])
            try SubmanifoldConvolution(dimension: 2, in: 1, out: 1, filterSize: 5)
            try MaxPooling(dimension: 2, poolSize: [2, 3], poolStride: [2, 1])
            Identity()
        }
        // (10, 12) <- pooling: (9 * 2 + 2, 11 + 3) = (20, 14) <- convolution: (19 * 2 + 3, 13 * 2 + 2).
        #expect(try net.inputSpatialSize([10, 12]) == [41, 28])
        let up = try Deconvolution(dimension: 1, in: 1, out: 1, filterSize: 3, stride: 2)
        #expect(try up.inputSpatialSize([9]) == [4])
        #expect(thrownError { _ = try up.inputSpatialSize([8]) }?.kind == .shape)
        let padded = try Convolution(dimension: 1, in: 1, out: 1, filterSize: 3, stride: 2, padding: 1, dilation: 2)
        #expect(try padded.inputSpatialSize([4]) == [9])
        #expect(thrownError { _ = try padded.inputSpatialSize([4, 4]) }?.kind == .shape)
        #expect(thrownError { _ = try padded.inputSpatialSize([.max]) }?.kind == .overflow)
        #expect(try Sequential().inputSpatialSize([7]) == [7])
    }

    @Test func branchesMustAgreeOnTheInputSize() throws {
        let down = { try Convolution(dimension: 2, in: 1, out: 1, filterSize: 3, stride: 2) }
        #expect(try ConcatTable([down(), down()]).inputSpatialSize([5, 5]) == [11, 11])
        let error = thrownError { _ = try ConcatTable([down(), Identity()]).inputSpatialSize([5, 5]) }
        #expect(error?.kind == .shape)
        #expect(error?.message.contains("branch 1") == true)
        #expect(try ConcatTable().inputSpatialSize([5]) == [5])
    }

    /// Two ways down to one spatial size, with other filters: each way up leads to the sites that its own way came
    /// from.
    @Test func twoRoutesToOneSizeDoNotMix() throws {
        var random = Random(seed: 4)
        let cloud = try Cloud(8, size: [9, 9], planes: 1, &random)
        let pad = { (padding: Size) in
            try Convolution(dimension: 2, in: 1, out: 1, filterSize: 3, stride: 2, padding: padding)
        }
        // 9 -> 5 by padding 1, 9 -> 9 -> 5 by a dense step first: other sites, one size.
        let direct = try #require(try pad(1)(cloud.tensor).sparseTensor)
        let grow = try Convolution(dimension: 2, in: 1, out: 1, filterSize: 3, stride: 1, padding: 1)
        let grown = try #require(try grow(cloud.tensor).sparseTensor)
        let detour = try #require(try pad(1)(grown).sparseTensor)
        #expect(direct.spatialSize == [5, 5] && detour.spatialSize == [5, 5])
        #expect(detour.siteCount > direct.siteCount)
        #expect(direct.siteCount < 50)
        let up = try Deconvolution(dimension: 2, in: 1, out: 1, filterSize: 3, stride: 2, padding: 1)
        let (first, second) = (try #require(try up(direct).sparseTensor), try #require(try up(detour).sparseTensor))
        #expect(try first.coordinates() == cloud.sites)
        #expect(try second.coordinates() == grown.coordinates())
        #expect(second.siteCount > first.siteCount)
        // The sum of both is refused, that of two tensors on one route is not.
        #expect(thrownError { _ = try AddTable().forward(.table([.sparse(direct), .sparse(detour)])) }?.kind == .shape)
        #expect(thrownError { _ = try AddTable().forward(.table([.sparse(first), .sparse(cloud.tensor)])) } == nil)
    }
}
