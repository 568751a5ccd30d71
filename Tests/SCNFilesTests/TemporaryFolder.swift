import Glibc
import SCNCore
import SCNTestSupport
import Testing

@testable import SCNFiles

/// A folder of its own, removed with everything in it at the end of the object's life.
final class TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/scn-files-XXXXXX\0".utf8CString.dropLast())
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } }
        path = try #require(made)
    }

    deinit {
        for name in entries { unlink(file(name)) }
        rmdir(path)
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    var entries: [String] { names(in: path) }

    @discardableResult func write(_ name: String, _ content: [UInt8]) throws -> String {
        let descriptor = open(file(name), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(Glibc.write(descriptor, content, content.count) == content.count)
        return file(name)
    }

    func content(_ name: String) throws -> [UInt8] {
        let input = try InputFile(path: FilePath(file(name)))
        return elements(try input.read(at: 0, count: input.size))
    }
}

/// A copy of what `storage` holds.
func elements<Element>(_ storage: Storage<Element>) -> [Element] {
    Array(storage)
}

/// The error that `body` throws.
func failure(_ body: () throws -> Void) throws -> SCNError {
    try #require(throws: SCNError.self) { try body() }
}

/// A safetensors file of that header and that many bytes of data.
func safetensors(_ header: String, data: Int, length: UInt64? = nil) -> [UInt8] {
    let length = length ?? UInt64(header.utf8.count)
    return withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array(header.utf8)
        + (0..<data).map { UInt8($0 & 0x7F) }
}

/// What a test asks of a file, by names.
extension SafetensorsFile {
    struct Named: Equatable {
        let name: String
        let type: SafetensorsType
        let shape: [Int]
        let range: Range<Int>
    }

    static func read(path: String) throws(SCNError) -> SafetensorsFile { try read(path: FilePath(path)) }

    var tensors: [Named] {
        get throws {
            try (0..<count).map { index in
                let tensor = try tensor(index)
                return Named(
                    name: String(decoding: Array(name(index)), as: UTF8.self), type: tensor.type, shape: tensor.shape,
                    range: tensor.range)
            }
        }
    }

    var metadata: [(key: String, value: String)] {
        (header.metadata.map { Array($0.members) } ?? []).map { key, value in
            (String(decoding: Array(key), as: UTF8.self), String(decoding: Array(value.stringValue!), as: UTF8.self))
        }
    }

    func text(_ key: String) throws -> String? {
        try metadata(key).map { String(decoding: $0.buffer, as: UTF8.self) }
    }

    func float32(_ name: String) throws -> (shape: [Int], values: Storage<Float>) { try elements(name, .float32) }
    func int64(_ name: String) throws -> (shape: [Int], values: Storage<Int64>) { try elements(name, .int64) }

    private func elements<Element: BitwiseCopyable>(
        _ name: String, _ type: SafetensorsType
    ) throws -> (shape: [Int], values: Storage<Element>) {
        let place = try tensor(#require(index(of: name)))
        try #require(place.type == type)
        let values = try Storage<Element>(count: place.range.count / MemoryLayout<Element>.stride)
        try read(place, into: UnsafeMutableRawBufferPointer(values.buffer))
        return (place.shape, values)
    }
}

extension SafetensorsType {
    static let float32 = SafetensorsType(ElementType.float32)
    static let int64 = SafetensorsType(name: "I64")
}

extension SafetensorsWriter.Tensor {
    init(_ name: String, _ shape: [Int], _ values: Storage<Float>) { self.init(name, shape, .float32, values) }
    init(_ name: String, _ shape: [Int], _ values: Storage<Int64>) { self.init(name, shape, .int64, values) }
}

extension SafetensorsWriter {
    static func write(path: String, metadata: [(String, String)] = [], tensors: [Tensor]) throws(SCNError) {
        try write(path: FilePath(path), metadata: metadata, tensors: tensors)
    }
}

/// What a text says, as a value that can be compared.
func parsed(_ text: String, depthLimit: Int = JSON.depthLimit) throws -> JSON {
    try tree(JSONDocument(text, depthLimit: depthLimit).root)
}

func tree(_ value: JSONValue) throws -> JSON {
    switch value.kind {
    case .null: .null
    case .bool: .bool(value.document.first(value.node) == UInt8(ascii: "t"))
    case .integer: .integer(try #require(JSONScanner.integer(value.document.number(value.node))))
    case .number: .number(JSONScanner.number(value.document.number(value.node)))
    case .string: .string(String(decoding: Array(try #require(value.stringValue)), as: UTF8.self))
    case .array: .array(try value.elements.map(tree))
    case .object:
        .object(try value.members.map { (String(decoding: Array($0.key), as: UTF8.self), try tree($0.value)) })
    }
}
