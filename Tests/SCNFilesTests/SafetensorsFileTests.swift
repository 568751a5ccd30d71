import Glibc
import SCNCore
import Testing

@testable import SCNFiles

@Suite struct SafetensorsFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    func readFailure(_ content: [UInt8]) throws -> SCNError {
        let path = try folder.write("bad", content)
        let error = try failure { _ = try SafetensorsFile.read(path: path) }
        #expect(error.message.hasPrefix("\(path): "))
        return error
    }

    /// Bytes that the Python package safetensors 0.8.0 wrote.
    @Test func readsAFileOfTheFormatsOwnLibrary() throws {
        let header = """
            {"__metadata__":{"case":"{\\"é\\":\\"\\n\\"}"},"steps":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},\
            "empty":{"dtype":"F32","shape":[0,4],"data_offsets":[16,16]},\
            "weight":{"dtype":"F32","shape":[2,3],"data_offsets":[16,40]},\
            "flags":{"dtype":"BOOL","shape":[3],"data_offsets":[40,43]}}\u{20}\u{20}\u{20}\u{20}
            """
        let data: [UInt8] = [
            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0x20, 0xC0, 0, 0, 0xC0,
            0xBF,
            0, 0, 0, 0xBF, 0, 0, 0, 0x3F, 0, 0, 0xC0, 0x3F, 0, 0, 0x20, 0x40, 1, 0, 1,
        ]
        let path = try folder.write("python", safetensors(header, data: 0) + data)
        let file = try SafetensorsFile.read(path: path)
        #expect(header.utf8.count == 0x120)
        #expect(file.metadata.map(\.key) == ["case"])
        #expect(try file.text("case") == "{\"é\":\"\n\"}")
        #expect(try file.text("other") == nil)
        #expect(try file.tensors.map(\.name) == ["steps", "empty", "weight", "flags"])
        #expect(try file.tensors[3].type == SafetensorsType(name: "BOOL"))
        #expect(try file.tensors[3].range == 40..<43)
        #expect((0..<4).map { file.index(of: ["steps", "empty", "weight", "flags"][$0]) } == [0, 1, 2, 3])
        #expect(file.index(of: "other") == nil && file.index(of: "step") == nil && file.index(of: "") == nil)
        let weight = try file.float32("weight")
        #expect(weight.shape == [2, 3])
        #expect(elements(weight.values) == [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
        #expect(try file.float32("empty").shape == [0, 4])
        #expect(elements(try file.int64("steps").values) == [-1, 1 << 62])
        let place = try file.tensor(2)
        let room = try Storage<UInt8>(count: 23)
        #expect(
            try failure { try file.read(place, into: UnsafeMutableRawBufferPointer(room.buffer)) }.message
                == "\(path): a tensor of 24 bytes, expected 23")
    }

    @Test func tensorsMayLieInAnotherOrderThanTheHeaders() throws {
        let header = """
            {"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"a":{"shape":[],"data_offsets":[0,4],"dtype":"F32"}}
            """
        let file = try SafetensorsFile.read(path: try folder.write("order", safetensors(header, data: 8)))
        #expect(try file.tensors.map(\.name) == ["b", "a"])
        #expect(file.metadata.isEmpty)
        #expect(try file.float32("a").shape == [])
        #expect(try file.float32("a").values.count == 1)
    }

    @Test func unknownTypesFailOnlyWhereAskedFor() throws {
        let header = """
            {"new":{"dtype":"F5","shape":[7],"data_offsets":[4,9]},\
            "old":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}
            """
        let file = try SafetensorsFile.read(path: try folder.write("unknown", safetensors(header, data: 9)))
        #expect(try file.float32("old").values.count == 1)
        #expect(try file.tensors[0].type == SafetensorsType(name: "F5") && file.tensors[0].type.bits == nil)
    }

    @Test func noTensorsAreFine() throws {
        #expect(try SafetensorsFile.read(path: try folder.write("none", safetensors("{}", data: 0))).count == 0)
    }

    @Test func lengthsThatLie() throws {
        for count in 0..<8 {
            #expect(try readFailure(Array(repeating: 0, count: count)).message.contains("too short"))
        }
        #expect(try readFailure(safetensors("", data: 0)).message.contains("begin with '{'"))
        for length in [3, 1000, 100_000_000] as [UInt64] {
            #expect(try readFailure(safetensors("{}", data: 0, length: length)).message.contains("but only 2 follow"))
        }
        for length in [100_000_001, 1 << 62, 1 << 63, UInt64.max - 7, UInt64.max] {
            #expect(try readFailure(safetensors("{}", data: 0, length: length)).message.contains("allowed"))
        }
    }

    @Test func checkpointsOfPyTorchAreNamed() throws {
        let archive: [UInt8] = [0x50, 0x4B, 3, 4, 0, 0, 8, 8, 0, 0]
        let pickle: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20]
        for content in [archive, pickle] {
            let error = try readFailure(content)
            #expect(error.kind == .format)
            #expect(error.message.contains("scn.from_torch_checkpoint"), "\(error)")
            #expect(!error.message.contains("header"), "\(error)")
        }
        // A true length may have the same first bytes.
        for length in [0x4B50, 0x0280] as [UInt64] {
            let error = try readFailure(safetensors("{}", data: 0, length: length))
            #expect(error.message.contains("cut short"), "\(error)")
        }
    }

    @Test(arguments: [
        ("[]", 0, "begin with '{'"), (" {}", 0, "begin with '{'"), ("{}x", 0, "header, byte 2"),
        ("{\"a\":1}", 0, "'a'"),
        ("{}", 1, "bytes 0 to 1 of the data belong to no tensor"), ("{\"__metadata__\":[]}", 0, "'__metadata__'"),
        ("{\"__metadata__\":{\"k\":1}}", 0, "'k'"), ("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "duplicate key"),
        (String(repeating: "{\"a\":", count: 10_000), 0, "nest deeper"),
    ]) func headersThatAreNone(header: String, data: Int, expected: String) throws {
        let error = try readFailure(safetensors(header, data: data))
        #expect(error.kind == .format)
        #expect(error.message.contains(expected), "\(error)")
    }

    @Test(arguments: [
        ("\"F32\"", "[2]", "[0,4]", "need 8"), ("\"F32\"", "[1]", "[0,8]", "need 4"),
        ("\"F32\"", "[-1]", "[0,8]", "is -1"), ("\"F32\"", "[1.5]", "[0,8]", "is 1.5"),
        ("\"F32\"", "[2.0]", "[0,8]", "is 2.0"), ("\"F32\"", "2", "[0,8]", "shape"),
        ("\"F32\"", "[\"2\"]", "[0,8]", "shape"), ("\"F32\"", "[18446744073709551616]", "[0,8]", "beyond 64 bits"),
        ("\"F32\"", "[4294967296,4294967296,2]", "[0,8]", "shape"),
        ("\"F32\"", "[4611686018427387904,4,2]", "[0,8]", "shape"),
        ("\"F32\"", "[0,4611686018427387904,4]", "[0,0]", "shape"),
        ("\"F32\"", "[2305843009213693952]", "[0,8]", "shape"), ("\"F4\"", "[3]", "[0,8]", "need 1"),
        ("\"F32\"", "[2]", "[8,0]", "end before"), ("\"F32\"", "[2]", "[-8,0]", "is -8"),
        ("\"F32\"", "[2]", "[0]", "1 element, not 2"), ("\"F32\"", "[2]", "[0,8,8]", "3 elements, not 2"),
        ("\"F32\"", "[2]", "[8,16]", "of 8 bytes"), ("\"F32\"", "[1]", "[0,4]", "4 to 8"),
        ("\"F32\"", "[1]", "[4,8]", "0 to 4"), ("\"F9\"", "[1]", "[0,9223372036854775807]", "of 8 bytes"),
        ("7", "[2]", "[0,8]", "dtype"), ("null", "[2]", "[0,8]", "dtype"),
    ]) func tensorsThatLie(type: String, shape: String, offsets: String, expected: String) throws {
        let header = "{\"t\":{\"dtype\":\(type),\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
        let error = try readFailure(safetensors(header, data: 8))
        #expect(error.kind == .format)
        #expect(error.message.contains(expected), "\(error)")
    }

    @Test(arguments: [
        ("[0,4]", "[0,4]"), ("[0,4]", "[2,6]"), ("[0,4]", "[5,9]"), ("[4,8]", "[8,12]"), ("[4,8]", "[0,4]"),
    ]) func rangesThatDoNotCover(first: String, second: String) throws {
        let header = """
            {"a":{"dtype":"F32","shape":[1],"data_offsets":\(first)},\
            "b":{"dtype":"F32","shape":[1],"data_offsets":\(second)}}
            """
        #expect(try readFailure(safetensors(header, data: 9)).kind == .format)
    }

    @Test func missingPartsOfATensor() throws {
        for key in ["dtype", "shape", "data_offsets"] {
            let parts = ["\"dtype\":\"F32\"", "\"shape\":[1]", "\"data_offsets\":[0,4]"].filter { !$0.contains(key) }
            let error = try readFailure(safetensors("{\"t\":{\(parts.joined(separator: ","))}}", data: 4))
            #expect(error.message.hasSuffix("tensor 't': \(key): is missing"))
        }
    }

    @Test func pathsThatAreNoFiles() throws {
        let pipe = folder.file("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        let expectations = [
            (folder.path, "is a directory"), ("/dev/zero", "not a regular file"), ("/dev/null", "not a regular file"),
            (pipe, "not a regular file"), (folder.file("missing"), "No such file"),
            (folder.file(String(repeating: "x", count: 300)), "File name too long"),
        ]
        for (path, expected) in expectations {
            let error = try failure { _ = try SafetensorsFile.read(path: path) }
            #expect(error.kind == .file)
            #expect(error.message.hasPrefix("\(path): ") && error.message.contains(expected), "\(error)")
        }
        #expect(
            try failure { _ = try SafetensorsFile.read(path: "") }
                == SCNError(.file, "path: is empty, expected the path of a file"))
        #expect(try failure { _ = try SafetensorsFile.read(path: "a\0b") }.kind == .invalidArgument)
    }

    /// The data of a file is read where it is asked for, so that its size is no hindrance to reading what it says.
    @Test func aFileLargerThanTheMachine() throws {
        let size = 1 << 43
        let header = "{\"t\":{\"dtype\":\"U8\",\"shape\":[\(size)],\"data_offsets\":[0,\(size)]}}"
        let path = try folder.write("sparse", safetensors(header, data: 0))
        guard truncate(path, 8 + header.utf8.count + size) == 0 else { return }
        let file = try SafetensorsFile.read(path: path)
        #expect(try file.tensors.map(\.range) == [0..<size])
    }

    @Test func aFileThatBecomesShorterIsAnError() throws {
        let header = "{\"t\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]}}"
        let path = try folder.write("file", safetensors(header, data: 9))
        let file = try SafetensorsFile.read(path: path)
        try #require(truncate(path, 8 + header.utf8.count + 5) == 0)
        let room = try Storage<UInt8>(count: 9)
        let error = try failure { try file.read(file.tensor(0), into: UnsafeMutableRawBufferPointer(room.buffer)) }
        #expect(error == SCNError(.file, "\(path): became shorter while it was read"))
    }

    /// The header's text, 8 bytes a value or key, 40 a tensor and what finds it by its name: no more.
    @Test func manyTensorsTakeLittleMemory() throws {
        let count = 100_000
        let tensors = (0..<count).map { "\"t\($0)\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}" }
        let header = "{" + tensors.joined(separator: ",") + "}"
        let path = try folder.write("many", safetensors(header, data: 0))
        let before = liveMemoryBytes
        let file = try SafetensorsFile.read(path: path)
        #expect(file.count == count)
        #expect(
            [0, 7, count - 1].allSatisfy { (index: Int) in file.index(of: "t\(index)") == index }
                && file.index(of: "t\(count)") == nil)
        #expect(liveMemoryBytes - before < header.utf8.count + 150 * count)
    }
}
