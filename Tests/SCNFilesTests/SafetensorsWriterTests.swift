import SCNCore
import Testing

@testable import SCNFiles

@Suite struct SafetensorsWriterTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    func writeFailure(
        metadata: [(String, String)] = [], _ tensors: [SafetensorsWriter.Tensor]
    ) throws -> SCNError {
        let error = try failure {
            try SafetensorsWriter.write(path: folder.file("bad"), metadata: metadata, tensors: tensors)
        }
        #expect(folder.entries.isEmpty)
        return error
    }

    @Test func whatIsWrittenReadsBack() throws {
        let weight = try Storage([1, -0.0, .infinity, .leastNonzeroMagnitude, 5] as [Float])
        let steps = try Storage([Int64.min, .max])
        let odd = try Storage([7, 8, 9] as [UInt8])
        let path = folder.file("file")
        let metadata = [("z", "\"quoted\"\n\0"), ("a", ""), ("é", "😀")]
        let tensors: [SafetensorsWriter.Tensor] = [
            .init(
                name: "odd", shape: [3], type: SafetensorsType(name: "U8"), bytes: UnsafeRawBufferPointer(odd.buffer)),
            .init("weight \"é\"", [5, 1], weight), .init("steps", [1, 2], steps),
            .init("", [0, 9], try Storage([Float]())),
        ]
        try SafetensorsWriter.write(path: path, metadata: metadata, tensors: tensors)
        let file = try SafetensorsFile.read(path: path)
        #expect(file.metadata.elementsEqual(metadata) { $0.key == $1.0 && $0.value == $1.1 })
        #expect(try file.tensors.map(\.name) == ["steps", "weight \"é\"", "", "odd"])
        #expect(try file.tensors.allSatisfy { $0.range.lowerBound % ($0.type.bits! / 8) == 0 })
        let read = try file.float32("weight \"é\"")
        #expect(read.shape == [5, 1])
        #expect(elements(read.values).map(\.bitPattern) == elements(weight).map(\.bitPattern))
        #expect(elements(try file.int64("steps").values) == [.min, .max])
        #expect(try file.float32("").shape == [0, 9])

        let bytes = try folder.content("file")
        #expect(bytes[0] % 8 == 0 && bytes[8] == UInt8(ascii: "{") && bytes.suffix(3) == [7, 8, 9])
        try SafetensorsWriter.write(path: path, metadata: metadata, tensors: tensors)
        withExtendedLifetime(odd) {}
        #expect(try folder.content("file") == bytes)
        #expect(folder.entries == ["file"])
    }

    @Test func nothingAtAllReadsBack() throws {
        try SafetensorsWriter.write(path: folder.file("file"), tensors: [])
        let file = try SafetensorsFile.read(path: folder.file("file"))
        #expect(file.count == 0 && file.metadata.isEmpty)
    }

    @Test func refusesWhatCouldNotBeRead() throws {
        let values = try Storage([1, 2, 3, 4, 5, 6] as [Float])
        let bytes = UnsafeRawBufferPointer(values.buffer)
        #expect(try writeFailure([.init("a", [7], values)]).message == "tensor 'a': shape [7] needs 28 bytes, 24 given")
        #expect(try writeFailure([.init("a", [-2, -3], values)]).kind == .shape)
        #expect(try writeFailure([.init("a", [1 << 62, 8], values)]).kind == .overflow)
        #expect(try writeFailure([.init("a", [6], values), .init("a", [6], values)]).message.contains("key 'a'"))
        #expect(try writeFailure([.init("__metadata__", [6], values)]).kind == .invalidArgument)
        #expect(try writeFailure(metadata: [("k", "1"), ("k", "2")], []).message.contains("key 'k'"))
        for name in ["F4", "F5", ""] {
            let type = SafetensorsType(name: name)
            #expect(try writeFailure([.init(name: "a", shape: [6], type: type, bytes: bytes)]).kind == .invalidArgument)
        }
        withExtendedLifetime(values) {}
    }

    /// What `read` would refuse for its length is not written either.
    @Test func refusesAHeaderBeyondTheFormatsLimit() throws {
        let long = String(repeating: String(repeating: "x", count: 1000), count: 100_000)
        #expect(try writeFailure(metadata: [("k", long)], []).kind == .overflow)
    }

    @Test func aZeroSizeBesideAnOverflowIsRefused() throws {
        let none = try Storage([Float]())
        #expect(try writeFailure([.init("a", [0, 1 << 62, 8], none)]).kind == .overflow)
    }
}
