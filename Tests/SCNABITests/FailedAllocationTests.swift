import CSCN
import CSCNSupport
import Glibc
import SCNTestSupport
import Testing

/// Every allocation of numbers that a call makes fails once: the status says so, nothing has changed, and the same call
/// then gives the same bits as if nothing had happened.
@Suite(.exclusive) struct FailedAllocationTests {
    typealias Call = (World) -> scn_status

    private func failEach(
        in name: String, optimizer: String = "sgd", atLeast allocations: Int = 1,
        after prepare: (World) -> Void = { _ in },
        _ call: Call, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        func prepared() -> World {
            let world = World(optimizer: optimizer)
            prepare(world)
            return world
        }
        let reference = prepared()
        must(call(reference))
        let wanted = reference.snapshot
        for index in 0... {
            let world = prepared()
            let before = world.snapshot
            scn_memory_fail_after(Int64(index))
            let status = call(world)
            scn_memory_fail_after(-1)
            if status == SCN_OK {
                #expect(index >= allocations, "\(name) asked for \(index) blocks", sourceLocation: sourceLocation)
                return
            }
            let place = "\(name), allocation \(index): \(String(cString: scn_last_error()))"
            guard status == SCN_ERROR_MEMORY else {
                return #expect(status == SCN_ERROR_MEMORY, "\(place)", sourceLocation: sourceLocation)
            }
            #expect(world.made.allSatisfy { $0 == nil }, "\(place)", sourceLocation: sourceLocation)
            world.made = []
            #expect(world.snapshot == before, "\(place)", sourceLocation: sourceLocation)
            must(call(world), sourceLocation)
            #expect(world.snapshot == wanted, "\(place)", sourceLocation: sourceLocation)
        }
    }

    /// Keeps what a call makes, the last bits of it in the snapshot.
    private static func making(_ call: @escaping (World, inout OpaquePointer?) -> scn_status) -> Call {
        { world in
            var made: OpaquePointer?
            let status = call(world, &made)
            world.made.append(made)
            return status
        }
    }

    private static var forward: Call { making { scn_module_forward($0.network, $0.points, &$1) } }
    private static var backward: Call { { scn_tensor_backward($0.loss, nil, 0) } }

    @Test func forwardPasses() {
        failEach(in: "training", atLeast: 30, Self.forward)
        failEach(in: "evaluation", atLeast: 20, after: { must(scn_module_set_training($0.network, 0)) }, Self.forward)
        failEach(in: "reweight", atLeast: 30, Self.making { scn_module_reweight($0.network, $0.points, &$1) })
        failEach(
            in: "summary", atLeast: 30,
            {
                var text: UnsafePointer<CChar>?
                return scn_module_summary($0.network, $0.points, &text)
            })
    }

    @Test func backwardPasses() {
        failEach(in: "backward", atLeast: 30, Self.backward)
        // With gradients there already.
        failEach(
            in: "backward again", atLeast: 30,
            after: { world in
                must(Self.backward(world))
                must(Self.forward(world))
                var sum: OpaquePointer?
                must(scn_tensor_sum(world.made[0], &sum))
                must(scn_tensor_release(world.made[0]))
                world.made = []
                world.other = sum
            }, { scn_tensor_backward($0.other, nil, 0) })
    }

    @Test(arguments: ["sgd", "adam"]) func optimizerSteps(optimizer: String) {
        failEach(in: optimizer, optimizer: optimizer, atLeast: 8, after: { must(Self.backward($0)) }) {
            scn_optimizer_step($0.optimizer)
        }
    }

    @Test(arguments: ["sgd", "adam"]) func checkpoints(optimizer: String) {
        func train(_ world: World) {
            must(Self.backward(world))
            must(scn_optimizer_step(world.optimizer))
        }
        func save(_ world: World) {
            train(world)
            must(scn_checkpoint_save(world.path, world.network, world.optimizer))
        }
        failEach(in: "save", optimizer: optimizer, atLeast: 0, after: train) {
            scn_checkpoint_save($0.path, $0.network, $0.optimizer)
        }
        failEach(in: "save over", optimizer: optimizer, atLeast: 0, after: save) {
            scn_checkpoint_save($0.path, $0.network, nil)
        }
        failEach(
            in: "restore", optimizer: optimizer,
            after: { world in
                save(world)
                must(Self.forward(world))
                must(scn_tensor_release(world.made.removeLast()))
                must(scn_optimizer_step(world.optimizer))
            }, { scn_checkpoint_restore($0.path, $0.network, $0.optimizer) })
        failEach(in: "open", optimizer: optimizer, after: save, Self.making { scn_checkpoint_open($0.path, &$1) })
    }

    @Test func modules() {
        failEach(in: "create", atLeast: 10, Self.making { scn_module_create(World.architecture, &$1) })
        failEach(
            in: "optimize", atLeast: 10, Self.making { scn_module_optimize_for_inference($0.network, &$1) })
        failEach(
            in: "unet", atLeast: 10, Self.making { scn_unet_create(2, 1, [3, 4], 2, nil, &$1) })
        failEach(
            in: "spectral norm", after: { $0.other = Self.linear() },
            { scn_module_add_spectral_norm($0.other, 1, 1e-12, 1) })
    }

    /// A text is there or it is NULL, and then the status says so. Texts are kept: each is asked for but once.
    @Test func texts() {
        typealias Text = UnsafePointer<CChar>
        let world = World()
        let functions: [(String, (inout Text?) -> scn_status)] = [
            ("architecture", { scn_module_architecture(world.network, &$0) }),
            ("description", { scn_module_description(world.network, &$0) }),
            ("summary", { scn_module_summary(world.network, world.points, &$0) }),
        ]
        for (name, function) in functions {
            var failures = 0
            while true {
                var text: Text? = scn_version()
                let before = world.snapshot
                scn_memory_fail_after(Int64(failures))
                let status = function(&text)
                scn_memory_fail_after(-1)
                if status == SCN_OK { break }
                #expect(status == SCN_ERROR_MEMORY && text == nil && world.snapshot == before, "\(name), \(failures)")
                failures += 1
            }
            var (first, second): (Text?, Text?) = (nil, nil)
            must(function(&first))
            must(function(&second))
            #expect(failures > 0 && first != nil && first == second && strlen(first!) > 10, "\(name)")
        }
    }

    @Test func textsThatLiveAsLongAsTheProcess() {
        // Names that no other test asks for.
        var inner = #"{"type": "ConcatTable", "modules": [{"type": "Linear", "in": 1, "out": 1}]}"#
        for _ in 0..<9 { inner = #"{"type": "Sequential", "modules": [\#(inner)]}"# }
        var module: OpaquePointer?
        must(scn_module_create(inner, &module))
        defer { must(scn_module_release(module)) }
        func entry(failing: Int64) -> (status: scn_status, name: String?, tensor: OpaquePointer?, isParameter: Int32) {
            var (name, tensor, isParameter): (UnsafePointer<CChar>?, OpaquePointer?, Int32) = (scn_version(), nil, 1)
            scn_memory_fail_after(failing)
            let status = scn_module_state(module, 0, &name, &tensor, &isParameter)
            scn_memory_fail_after(-1)
            return (status, name.map { String(cString: $0) }, tensor, isParameter)
        }
        let refused = entry(failing: 0)
        #expect(refused.status == SCN_ERROR_MEMORY && refused.name == nil && refused.tensor == nil)
        #expect(refused.isParameter == 0)
        let given = entry(failing: -1)
        #expect(given.status == SCN_OK && given.name == "0.0.0.0.0.0.0.0.0.0.weight" && given.isParameter == 1)
        must(scn_tensor_release(given.tensor))
        // Without a status, there is a text in any case.
        for number: UInt32 in 0...20 {
            scn_memory_fail_after(0)
            let texts = [scn_status_name(scn_status(rawValue: number)), scn_version(), scn_cpu_description()]
            scn_memory_fail_after(-1)
            #expect(texts.allSatisfy { $0 != nil && strlen($0!) > 4 })
        }
    }

    private static func linear() -> OpaquePointer? {
        var module: OpaquePointer?
        must(scn_linear_create(3, 4, 1, &module))
        return module
    }

    @Test func rulebooks() {
        let (three, two): ([Int64], [Int64]) = ([3, 3], [2, 2])
        three.withUnsafeBufferPointer { three in
            two.withUnsafeBufferPointer { two in
                var filter = scn_filter(
                    struct_size: MemoryLayout<scn_filter>.size, dimension: 2, size: three.baseAddress, stride: nil,
                    padding: nil, dilation: nil, rounds_down: 0)
                let dense = filter
                filter.stride = two.baseAddress
                let strided = filter
                func books(_ find: @escaping (World, inout Int32, inout OpaquePointer?) -> scn_status) -> Call {
                    Self.making { world, book in
                        var sites: Int32 = -1
                        let status = find(world, &sites, &book)
                        if status != SCN_OK { #expect(sites == 0) }
                        return status
                    }
                }
                failEach(
                    in: "submanifold",
                    Self.making { world, book in
                        withUnsafePointer(to: dense) { scn_geometry_submanifold(world.geometry, 0, $0, &book) }
                    })
                let steps = [
                    ("strided", scn_geometry_strided), ("full", scn_geometry_full),
                    ("randomized", scn_geometry_randomized),
                ]
                for (name, step) in steps {
                    failEach(
                        in: name,
                        books { world, sites, book in
                            withUnsafePointer(to: strided) { step(world.geometry, 0, $0, &sites, &book) }
                        })
                }
                failEach(
                    in: "subset",
                    books { world, sites, book in
                        var count: Int64 = 0
                        must(scn_geometry_site_count(world.geometry, 0, &count))
                        let keep = (0..<count).map { UInt8($0 % 2) }
                        return scn_geometry_subset(world.geometry, 0, keep, count, &sites, &book)
                    })
                failEach(in: "permutohedral", Self.making { scn_geometry_permutohedral($0.geometry, 0, &$1) })
            }
        }
        failEach(
            in: "voxelize",
            Self.making { world, geometry in
                let points: [Float] = [0.5, 1.5, 2.5, 0.25, 0.5, 1.75]
                return scn_voxelize(2, points, SCN_FLOAT32, 3, [0.5, 0.5], nil, &geometry)
            })
    }

    @Test func segments() {
        /// Features of 60 rows that want a gradient.
        func rows(_ world: World) {
            var random = Numbers()
            must(scn_tensor_create([60, 4], 2, (0..<240).map { _ in Float(random.below(99)) }, &world.other))
            must(scn_tensor_set_requires_gradient(world.other, 1))
        }
        let map = (0..<60).map { Int64($0 % 5) - 1 }
        for reduction in [SCN_SEGMENT_SUM, SCN_SEGMENT_MEAN, SCN_SEGMENT_MAX] {
            failEach(
                in: "reduce", after: rows,
                Self.making { scn_tensor_segment_reduce($0.other, map, 60, 4, reduction, &$1) })
        }
        failEach(in: "softmax", after: rows, Self.making { scn_tensor_segment_softmax($0.other, map, 60, 4, &$1) })
        failEach(in: "pad", after: rows, Self.making { scn_tensor_segment_pad($0.other, map, 60, 4, 3, &$1) })
        failEach(in: "gather", after: rows, Self.making { scn_tensor_segment_gather($0.other, map, 60, &$1) })
        failEach(
            in: "broadcast", after: rows,
            Self.making { scn_tensor_broadcast($0.other, $0.other, map, 60, SCN_BROADCAST_JOIN, &$1) })
    }

    @Test func voxelsInOrder() {
        let points: [Float] = [0.5, 1.5, 2.5, 0.25, 0.5, 1.75, -1, 0]
        let origin: [Double] = [0, 0]
        origin.withUnsafeBufferPointer { origin in
            var options = scn_voxelize_in_order_options(
                struct_size: MemoryLayout<scn_voxelize_in_order_options>.size, origin: origin.baseAddress,
                spatial_size: nil, batch: nil, max_voxels: 2, drop_outside: 1)
            for index in 0... {
                var (voxels, sites, count) = (
                    [Int64](repeating: 7, count: 4), [Int64](repeating: 7, count: 6), Int64(7)
                )
                scn_memory_fail_after(Int64(index))
                let status = scn_voxelize_in_order(
                    2, points, SCN_FLOAT32, 4, [0.5, 0.5], &options, &voxels, nil, &sites, 6, &count)
                scn_memory_fail_after(-1)
                if status == SCN_OK {
                    #expect(index > 8 && count == 2 && voxels == [0, 1, 0, -1] && sites == [1, 3, 0, 5, 0, 0])
                    return
                }
                #expect(status == SCN_ERROR_MEMORY && count == 0 && voxels.allSatisfy { $0 == 7 })
            }
        }
    }
}
