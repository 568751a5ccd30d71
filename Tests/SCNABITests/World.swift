import CSCN
import CSCNSupport
import Glibc
import SCNABI
import SCNTestSupport
import Testing

/// A call of the library that must succeed; the message where it does not.
func must(_ status: scn_status, _ place: SourceLocation = #_sourceLocation) {
    if status != SCN_OK { Issue.record("\(String(cString: scn_last_error()))", sourceLocation: place) }
}

/// Everything that calls may change, small: a network with an optimizer, points, a geometry, and a folder for
/// checkpoints.
final class World {
    let network, points, loss: OpaquePointer?
    let optimizer: OpaquePointer?
    let geometry: OpaquePointer?
    /// Parameters and buffers of the network.
    let state: [(tensor: OpaquePointer?, count: Int)]
    let parameters: [OpaquePointer?]
    let folder: String
    let path: String
    /// What the call under test makes.
    var made: [OpaquePointer?] = []
    /// What it is made of, where that is none of the above.
    var other: OpaquePointer?

    /// Layers of all kinds that draw, keep statistics, or add to geometries.
    static let architecture = """
        {"type": "Sequential", "modules": [
          {"type": "InputLayer", "dimension": 2, "spatial_size": [23, 23], "mode": 4},
          {"type": "SubmanifoldConvolution", "dimension": 2, "in": 3, "out": 6, "filter_size": [3, 3], "bias": true,
           "spectral_norm": {}},
          {"type": "BatchNormalization", "planes": 6, "leakiness": 0},
          {"type": "ConcatTable", "modules": [
            {"type": "Identity"},
            {"type": "CheckpointedSequential", "modules": [
              {"type": "MeanOnlyBNLeakyReLU", "planes": 6},
              {"type": "SubmanifoldConvolution", "dimension": 2, "in": 6, "out": 6, "filter_size": [3, 1],
               "spectral_norm": {"n_power_iterations": 2}},
              {"type": "Dropout", "p": 0.3},
              {"type": "BatchNormalization", "planes": 6}]}]},
          {"type": "AddTable"},
          {"type": "RandomizedStrideConvolution", "dimension": 2, "in": 6, "out": 8, "filter_size": [3, 3],
           "stride": [2, 2]},
          {"type": "BatchwiseDropout", "p": 0.2},
          {"type": "FractionalMaxPooling", "dimension": 2, "ratio": 1.5},
          {"type": "SparseGroupNorm", "groups": 2, "planes": 8},
          {"type": "MaxPooling", "dimension": 2, "pool_size": [2, 2], "pool_stride": [1, 1]},
          {"type": "SparseToDense", "dimension": 2, "planes": 8},
          {"type": "Flatten"}]}
        """

    private let handlesBefore: Int64

    init(optimizer kind: String = "sgd") {
        handlesBefore = scn_live_handles()
        must(scn_manual_seed(3))
        must(scn_set_forward_counts(0, 0, 0))
        var (network, points, loss, geometry, optimizer): Handles = (nil, nil, nil, nil, nil)
        must(scn_module_create(Self.architecture, &network))
        var random = Numbers()
        let coordinates = (0..<60).flatMap { row in [random.below(23), random.below(23), Int64(row % 3)] }
        let values = (0..<60 * 3).map { _ in Float(random.below(1000)) / 500 - 1 }
        points = Self.points(coordinates, values)
        must(scn_geometry_create(2, [23, 23], coordinates, 60, 3, 3, SCN_INPUT_MEAN, &geometry))

        var count: Int64 = 0
        must(scn_module_state_count(network, &count))
        var (state, parameters): ([(tensor: OpaquePointer?, count: Int)], [OpaquePointer?]) = ([], [])
        for index in 0..<count {
            var (name, tensor, isParameter): (UnsafePointer<CChar>?, OpaquePointer?, Int32) = (nil, nil, 0)
            must(scn_module_state(network, index, &name, &tensor, &isParameter))
            state.append((tensor, Self.elements(of: tensor)))
            if isParameter == 1 { parameters.append(tensor) }
        }
        if kind == "adam" {
            must(scn_adam_create(parameters, Int64(parameters.count), nil, &optimizer))
        } else {
            var options = scn_sgd_options(
                struct_size: MemoryLayout<scn_sgd_options>.size, learning_rate: 0.1, momentum: 0.9, dampening: 0,
                weight_decay: 0.01, nesterov: 0)
            must(scn_sgd_create(parameters, Int64(parameters.count), &options, &optimizer))
        }
        var output: OpaquePointer?
        must(scn_module_forward(network, points, &output))
        must(scn_tensor_sum(output, &loss))
        must(scn_tensor_release(output))
        var template = Array("/tmp/scn-tests-XXXXXX".utf8CString)
        folder = String(cString: mkdtemp(&template))
        path = folder + "/checkpoint.safetensors"
        (self.network, self.points, self.loss, self.geometry, self.optimizer) =
            (network, points, loss, geometry, optimizer)
        (self.state, self.parameters) = (state, parameters)
    }

    private typealias Handles = (OpaquePointer?, OpaquePointer?, OpaquePointer?, OpaquePointer?, OpaquePointer?)

    deinit {
        for handle in made + state.map(\.tensor) + [points, loss, other] { Self.release(handle) }
        must(scn_optimizer_release(optimizer))
        must(scn_geometry_release(geometry))
        must(scn_module_release(network))
        for name in names(in: folder) { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    /// Releases a handle of any kind.
    static func release(_ handle: OpaquePointer?) {
        let functions = [scn_tensor_release, scn_module_release, scn_rulebook_release, scn_geometry_release]
        if !functions.contains(where: { $0(handle) == SCN_OK }) { Issue.record("a handle of no kind") }
    }

    static func points(_ coordinates: [Int64], _ values: [Float]) -> OpaquePointer? {
        var (features, points): (OpaquePointer?, OpaquePointer?) = (nil, nil)
        must(scn_tensor_create([Int64(coordinates.count / 3), 3], 2, values, &features))
        must(scn_points_create(coordinates, Int64(coordinates.count / 3), 3, features, 3, &points))
        must(scn_tensor_release(features))
        return points
    }

    private static func elements(of tensor: OpaquePointer?) -> Int {
        var (rank, shape): (Int32, [Int64]) = (0, Array(repeating: 1, count: 16))
        must(scn_tensor_rank(tensor, &rank))
        must(scn_tensor_shape(tensor, &shape, 16))
        return Int(shape.prefix(Int(rank)).reduce(1, *))
    }

    static func bits(of tensor: OpaquePointer?) -> [UInt32] {
        var data: UnsafeMutablePointer<Float>?
        must(scn_tensor_data(tensor, &data))
        return UnsafeBufferPointer(start: data, count: elements(of: tensor)).map(\.bitPattern)
    }

    /// The bits of a tensor or of a module's state, the rules of a rulebook.
    private static func content(of handle: OpaquePointer?) -> [[UInt64]] {
        var (kind, count): (scn_value_kind, Int64) = (SCN_TENSOR_TABLE, 0)
        if scn_tensor_kind(handle, &kind) == SCN_OK { return [bits(of: handle).map(UInt64.init)] }
        if scn_module_state_count(handle, &count) == SCN_OK {
            return (0..<count).map { index in
                var (name, tensor, isParameter): (UnsafePointer<CChar>?, OpaquePointer?, Int32) = (nil, nil, 0)
                must(scn_module_state(handle, index, &name, &tensor, &isParameter))
                defer { must(scn_tensor_release(tensor)) }
                return bits(of: tensor).map(UInt64.init)
            }
        }
        var (offsets, inputs, outputs): (UnsafePointer<Int64>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?)
        (offsets, inputs, outputs) = (nil, nil, nil)
        guard scn_rulebook_rules(handle, &offsets, &inputs, &outputs) == SCN_OK else { return [] }
        must(scn_rulebook_sizes(handle, nil, &count, nil, nil))
        return [inputs, outputs].map { rows in (0..<Int(count)).map { UInt64(rows![$0]) } }
    }

    /// Everything that a call can see of this world, but for what it makes itself.
    var snapshot: [[UInt64]] {
        var words: [[UInt64]] = []
        var random = [UInt64](repeating: 0, count: 4)
        var (products, elements, rules): (Int64, Int64, Int64) = (0, 0, 0)
        must(scn_get_random_state(&random))
        scn_get_forward_counts(&products, &elements, &rules)
        words.append(random + [UInt64(products), UInt64(elements), UInt64(rules)])
        for (tensor, _) in state {
            words.append(Self.bits(of: tensor).map(UInt64.init))
            var gradient: OpaquePointer?
            must(scn_tensor_gradient(tensor, &gradient))
            words.append(gradient == nil ? [] : Self.bits(of: gradient).map(UInt64.init))
            must(scn_tensor_release(gradient))
        }
        var (sites, siteSets): (Int64, Int32) = (0, 0)
        while scn_geometry_site_count(geometry, siteSets, &sites) == SCN_OK {
            words.append([UInt64(sites)])
            siteSets += 1
        }
        words.append([UInt64(scn_live_handles() - handlesBefore)])
        for handle in made { words += Self.content(of: handle) }
        for name in names(in: folder) {
            words.append(Array(name.utf8).map(UInt64.init) + bytes("\(folder)/\(name)"))
        }
        return words
    }

    private func bytes(_ path: String) -> [UInt64] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt64] = []
        while case let byte = getc(file), byte >= 0 { bytes.append(UInt64(byte)) }
        return bytes
    }
}

/// Numbers spread evenly (Knuth's MMIX).
struct Numbers {
    private var state: UInt64 = 1

    mutating func below(_ limit: UInt64) -> Int64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int64((state >> 33) % limit)
    }
}
