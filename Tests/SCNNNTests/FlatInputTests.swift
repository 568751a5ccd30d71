import SCNCore
import SCNNN
import SCNTestSupport
import Testing

/// Points, features and coordinates as flat arrays and buffers are those of nested arrays.
@Suite(.exclusive) struct FlatInputTests {
    /// What an input layer makes of points, to compare.
    struct Entered: Equatable {
        let coordinates: [[Int]]
        let features: [UInt32]
        let batchSize: Int

        init(_ points: Points, dimension: Int, spatialSize: Int) throws {
            let sparse = try InputLayer(dimension: dimension, spatialSize: Size(spatialSize))(points).sparse
            coordinates = try sparse.coordinates()
            features = sparse.features.elements.bits
            batchSize = sparse.batchSize
        }
    }

    @Test(arguments: [(1, 1), (1, 2), (2, 3), (3, 4), (10, 11), (10, 10)])
    func points(dimension: Int, columns: Int) throws {
        var random = Random(seed: 1)
        for rows in [0, 1, 17, 1001] {
            let nested = (0..<rows).map { _ in (0..<columns).map { _ in Int.random(in: 0..<9, using: &random) } }
            let features = try Tensor(random.floats(rows * 3), shape: [rows, 3])
            func entered(_ points: Points) throws -> Entered {
                try Entered(points, dimension: dimension, spatialSize: 9)
            }
            let expected = try entered(Points(nested, features: features, batchSize: 2))
            func check(_ coordinates: some Collection<some FixedWidthInteger>) throws {
                #expect(
                    try entered(Points(coordinates, columns: columns, features: features, batchSize: 2)) == expected)
            }
            let flat = nested.flatMap { $0 }
            try check(flat)
            try check(flat.map(Int32.init))
            try check(flat.map(Int64.init))
            try check(flat.map(UInt8.init))
            try check(flat.map(UInt64.init)[...])
            try check(nested.joined())
            try check(flat.lazy.map(Int16.init))
            try flat.map(Int32.init).withUnsafeBufferPointer { try check($0) }
            try flat.withUnsafeBufferPointer { try check($0) }
        }
    }

    @Test func wrongPoints() throws {
        let features = try Tensor(zeros: [2, 1])
        func error(_ coordinates: some Collection<some FixedWidthInteger>, columns: Int, batchSize: Int = 0) -> String?
        {
            thrownError { _ = try Points(coordinates, columns: columns, features: features, batchSize: batchSize) }?
                .message
        }
        #expect(error([1, 2, 3], columns: 2) == "coordinates: has 3 entries, expected a multiple of 2")
        #expect(error([1, 2], columns: 0) == "columns: is 0, expected 1 ... 11")
        #expect(error([1, 2], columns: 12) == "columns: is 12, expected 1 ... 11")
        #expect(error([1, 2], columns: -1) == "columns: is -1, expected 1 ... 11")
        #expect(error([1, 2, 3], columns: 1)?.contains("expected [3, planes]") == true)
        #expect(error([] as [Int], columns: 3)?.contains("expected [0, planes]") == true)
        #expect(error([1, 2], columns: 1, batchSize: -1) == "batch_size: is -1, expected at least 0")
        #expect(
            error([1, UInt64.max], columns: 1)
                == "coordinates[1]: is \(UInt64.max), expected \(Int64.min) ... \(Int64.max)")
        #expect(error([Int128.min, 0], columns: 1)?.hasPrefix("coordinates[0]: is \(Int128.min)") == true)
        #expect(error([Int64.max, Int64.min], columns: 1) == nil)
    }

    @Test func paddedSamples() throws {
        let nested = [[[1, 2], [-1, 0], [0, 2]], [[-1, -1], [0, 0], [1, 2]]]
        let flat = nested.joined().joined().map(Int32.init)
        let features = try leaf((0..<6).map(Float.init), [2, 3, 1])
        let layer = try BLInputLayer(dimension: 2, spatialSize: 3)
        let expected = try layer(Points(batched: nested, features: features)).sparse
        let points = try Points(batched: flat, dimension: 2, features: features)
        let made = try layer(points).sparse
        #expect(try made.coordinates() == expected.coordinates())
        #expect(made.features.elements == expected.features.elements)
        let again = try CheckpointedSequential { layer }(points).sparse
        try again.features.sum().backward()
        #expect(again.features.elements == expected.features.elements)
        #expect(features.gradient == [1, 0, 1, 0, 1, 1])
        let none = try Points(batched: [] as [Int], dimension: 2, features: Tensor(zeros: [0, 3, 1]))
        #expect(try layer(none).sparse.siteCount == 0)

        func error(_ dimension: Int, _ features: Tensor) -> String? {
            thrownError { _ = try Points(batched: flat, dimension: dimension, features: features) }?.message
        }
        #expect(error(0, features) == "dimension: is 0, expected 1 ... 10")
        #expect(error(3, features) == "coordinates: has 12 entries, expected 2 x 3 x 3")
        #expect(
            error(2, try Tensor(zeros: [6, 1])) == "features: has shape [6, 1], expected [samples, length, planes]")
        #expect(error(10, try Tensor(zeros: [1 << 30, 1 << 30, 0]))?.contains("64 bits") == true)
    }

    @Test func coordinates() throws {
        var random = Random(seed: 2)
        let cloud = try Cloud(300, size: [7, 5, 40], planes: 1, &random)
        let flat = cloud.sites.flatMap { $0 }
        #expect(try cloud.tensor.coordinates() == cloud.sites)
        #expect(try cloud.tensor.flatCoordinates() == flat)
        #expect(try cloud.tensor.flatCoordinates(as: Int32.self) == flat.map(Int32.init))
        #expect(try cloud.tensor.flatCoordinates(as: Int64.self) == flat.map(Int64.init))
        #expect(try cloud.tensor.flatCoordinates(as: UInt8.self) == flat.map(UInt8.init))
        var buffer = [Int32](repeating: -1, count: flat.count)
        try buffer.withUnsafeMutableBufferPointer { try cloud.tensor.copyCoordinates(into: $0) }
        #expect(buffer == flat.map(Int32.init))
        buffer.append(7)
        #expect(
            thrownError { try buffer.withUnsafeMutableBufferPointer { try cloud.tensor.copyCoordinates(into: $0) } }?
                .message == "coordinates: has \(flat.count + 1) entries, expected \(flat.count)")

        let far = try InputLayer(dimension: 1, spatialSize: Size(1 << 40))(
            Points([5, 1 << 35, 300], columns: 1, features: Tensor(zeros: [3, 1]))
        ).sparse
        #expect(try far.flatCoordinates() == [5, 0, 300, 0, 1 << 35, 0])
        func error(_ type: (some FixedWidthInteger).Type) -> String? {
            thrownError { _ = try far.flatCoordinates(as: type) }?.message
        }
        #expect(error(Int32.self) == "coordinates[4]: is \(1 << 35), expected \(Int32.min) ... \(Int32.max)")
        #expect(error(UInt8.self) == "coordinates[2]: is 300, expected 0 ... 255")
        let none = try InputLayer(dimension: 2, spatialSize: 4)(Points([], features: Tensor(zeros: [0, 1]))).sparse
        #expect(try none.flatCoordinates(as: UInt16.self).isEmpty && none.coordinates().isEmpty)
    }

    @Test func inputBatches() throws {
        let (sites, vectors) = ([[1, 2], [3, 0], [1, 2]], [[1, 2], [3, 4], [5, 6]] as [[Float]])
        func batch(_ add: (InputBatch, Bool) throws -> Void) throws -> ([[Int]], [Float], Int) {
            let batch = try InputBatch(dimension: 2, spatialSize: 4)
            batch.addSample()
            try add(batch, false)
            batch.addSample()
            try add(batch, true)
            let tensor = try batch.tensor()
            return (try tensor.coordinates(), tensor.features.elements, batch.sampleCount)
        }
        let expected = try batch { try $0.setLocations(sites, vectors, overwrite: $1) }
        let flat = try batch {
            try $0.setLocations(sites.joined(), columns: 2, vectors: vectors.joined(), overwrite: $1)
        }
        #expect(flat == expected)
        #expect(flat == ([[1, 2, 0], [3, 0, 0], [1, 2, 1], [3, 0, 1]], [1, 2, 3, 4, 5, 6, 3, 4], 2))
        let named = try InputBatch(dimension: 2, spatialSize: 4)
        try named.setLocations([3, 0, 6, 1, 2, 0] as [UInt8], columns: 3, vectors: [1, 2])
        #expect(named.sampleCount == 7)
        #expect(try named.tensor().flatCoordinates() == [1, 2, 0, 3, 0, 6])

        func error(_ locations: [Int], _ columns: Int, _ vectors: [Float]) -> String? {
            thrownError { try named.setLocations(locations, columns: columns, vectors: vectors) }?.message
        }
        #expect(error([1, 2, 3, 4], 4, [1]) == "columns: is 4, expected 2 or 3")
        #expect(error([1, 2, 3, 4], 3, [1]) == "locations: has 4 entries, expected a multiple of 3")
        #expect(error([1, 2, 0], 3, [1, 2]) == "vectors: has 2 elements, expected 1 x 1")
        #expect(error([1, 2], 2, [1]) == "locations: there is no sample yet; call addSample first")
        #expect(error([1, 2, 0, 0, 4, 0], 3, [1, 2]) == "locations: row 1 has 4 on axis 1, expected 0 ... 3")
        #expect(error([1, 2, -1], 3, [1])?.contains("row 0 has -1 on axis 2") == true)
        #expect(error([], 3, []) == nil)
        #expect(try named.sampleCount == 7 && named.tensor().siteCount == 2)
        let unset = try InputBatch(dimension: 1, spatialSize: 4)
        #expect(
            thrownError { try unset.setLocations([1, 2, 3], columns: 1, vectors: [1, 2, 3, 4]) }?.message
                == "vectors: has 4 elements, expected 3 x 1")
        try unset.setLocations([] as [Int], columns: 1, vectors: [])
        unset.addSample()
        try unset.setLocations([1], columns: 1, vectors: [1, 2])
        #expect(try unset.tensor().planes == 2)

        let elements: [Float] = [0, 1, 0, 2]
        func dense(_ add: (InputBatch) throws -> Void) throws -> [Int] {
            let batch = try InputBatch(dimension: 1, spatialSize: 8)
            try add(batch)
            return try batch.tensor().flatCoordinates()
        }
        let fromArray = try dense { try $0.addSample(from: elements, shape: [4, 1], offset: [3]) }
        let fromBuffer = try dense { batch in
            try elements.withUnsafeBufferPointer { try batch.addSample(from: $0, shape: [4, 1], offset: [3]) }
        }
        #expect(fromArray == [4, 0, 6, 0] && fromBuffer == fromArray)
    }

    @Test func tensors() throws {
        let tensor = try Tensor([1, 2, 3, 4], shape: [2, 2])
        #expect(tensor.withUnsafeBufferPointer { Array($0) } == [1, 2, 3, 4])
        let before = try Linear(in: 2, out: 1)(tensor)
        #expect(try before.dense.shape == [2, 1])
        tensor.withUnsafeMutableBufferPointer { $0[3] = 7 }
        #expect(tensor.elements == [1, 2, 3, 7])
        #expect(throws: SCNError.self) {
            try tensor.withUnsafeMutableBufferPointer { _ throws(SCNError) in throw SCNError(.state, "no") }
        }
        #expect(try Tensor(zeros: [0, 3]).withUnsafeBufferPointer { $0.count } == 0)

        let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: 4)
        buffer.initialize(repeating: 2)
        var returned = 0
        do {
            let loan = try Tensor(borrowing: buffer, shape: [4]) { returned += 1 }
            buffer[0] = 5
            #expect(loan.elements == [5, 2, 2, 2])
            #expect(
                thrownError { _ = try Tensor(borrowing: buffer, shape: [2, 3]) { returned += 1 } }?.message
                    == "buffer: has 4 elements, expected 6 for shape [2, 3]")
            #expect(returned == 0)
            let nothing = UnsafeMutableBufferPointer<Float>(start: nil, count: 0)
            #expect(try Tensor(borrowing: nothing, shape: [0, 2]) { returned += 10 }.count == 0)
        }
        #expect(returned == 11)
        buffer.deallocate()

        let parameter = try leaf([1, 2], [2])
        try [3, 4].withUnsafeBufferPointer { try (parameter * 2).backward(gradient: $0) }
        #expect(parameter.gradient == [6, 8])
        let few = thrownError { try [3].withUnsafeBufferPointer { try (parameter * 2).backward(gradient: $0) } }
        #expect(few?.message == "gradient: has 1 element, expected 2")
    }

    /// What is derived from weights and kept is made anew after they were written through a buffer.
    @Test func weightsWrittenInPlace() throws {
        var random = Random(seed: 3)
        let cloud = try Cloud(40, size: [6, 6], planes: 4, &random)
        let layer = try SubmanifoldConvolution(dimension: 2, in: 4, out: 4, filterSize: 3)
        layer.setTraining(false)
        let (first, other) = (try layer(cloud.tensor).sparse.features.elements, random.floats(layer.weight.count))
        layer.weight.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: other) }
        let second = try layer(cloud.tensor).sparse.features.elements
        let fresh = try SubmanifoldConvolution(dimension: 2, in: 4, out: 4, filterSize: 3)
        try fresh.weight.update(from: other)
        #expect(second != first)
        #expect(try fresh(cloud.tensor).sparse.features.elements.bits == second.bits)
    }

    @Test func labels() throws {
        let logits = try Tensor([1, 0, 0, 2, 3, 1], shape: [3, 2])
        let expected = try Loss.crossEntropy(logits, labels: [0, -100, 1], classWeights: [1, 3]).item()
        func check(_ labels: some Collection<some FixedWidthInteger>) throws {
            #expect(try Loss.crossEntropy(logits, labels: labels, classWeights: [1, 3]).item() == expected)
        }
        try check([0, -100, 1] as [Int32])
        try check([9, 0, -100, 1][1...])
        try [0, -100, 1].withUnsafeBufferPointer { try check($0) }
        let bytes: [UInt8] = [0, 200, 1]
        #expect(
            try Loss.crossEntropy(logits, labels: bytes, classWeights: [1, 3], ignoreIndex: 200).item() == expected)
        #expect(
            thrownError { _ = try Loss.crossEntropy(logits, labels: [0, 1, UInt64.max]) }?.message.hasPrefix(
                "labels[2]")
                == true)
        let targets: [Float] = [0, 1, 0.5, 1, 0, 0]
        let loss = try targets.withUnsafeBufferPointer { try Loss.binaryCrossEntropy(logits, targets: $0).item() }
        #expect(try Loss.binaryCrossEntropy(logits, targets: targets).item() == loss)
    }

    @Test func voxels() throws {
        let points: [Float] = [0.1, 0.9, 2.5, 0.5, 0.2, 0.8]
        let voxels = try Voxels(points, size: [0.5, 1])
        let same = try points.withUnsafeBufferPointer { try Voxels($0, size: [0.5, 1]) }
        let double = try points.doubles.withUnsafeBufferPointer { try Voxels($0, size: [0.5, 1]) }
        for made in [voxels, same, double] {
            #expect(try made.coordinates() == [[0, 0, 0], [4, 0, 0]])
            #expect(try made.flatCoordinates(as: Int16.self) == [0, 0, 0, 4, 0, 0])
            #expect(made.voxelOfPoint == voxels.voxelOfPoint)
        }
        var buffer = [Int](repeating: -1, count: 6)
        try buffer.withUnsafeMutableBufferPointer { try voxels.copyCoordinates(into: $0) }
        #expect(buffer == [0, 0, 0, 4, 0, 0])
        let nothing = UnsafeBufferPointer<Double>(start: nil, count: 0)
        #expect(try Voxels(nothing, size: [1, 1]).count == 0)
        #expect(thrownError { _ = try points[..<5].withUnsafeBufferPointer { try Voxels($0, size: [1, 1]) } } != nil)
    }

    @Test func valuesSayWhatTheyAre() throws {
        let tensor = try Tensor(zeros: [1, 1])
        let points = try Points([[0]], features: tensor)
        let sparse = try InputLayer(dimension: 1, spatialSize: 1)(points)
        let table = Value.table([.dense(tensor), sparse])
        #expect(try Value.dense(tensor).dense === tensor)
        #expect(try sparse.sparse.siteCount == 1 && Value.points(points).points.features === tensor)
        #expect(try table.table.count == 2)
        func error<R>(_ body: () throws -> R) -> String? { thrownError { _ = try body() }?.message }
        #expect(error { try sparse.dense } == "value: is a sparse tensor, expected a dense tensor")
        #expect(error { try table.sparse } == "value: is a table, expected a sparse tensor")
        #expect(error { try Value.dense(tensor).points } == "value: is a dense tensor, expected points")
        #expect(error { try Value.points(points).table } == "value: is points, expected a table")
        #expect(thrownError { _ = try sparse.dense }?.kind == .shape)
    }
}
