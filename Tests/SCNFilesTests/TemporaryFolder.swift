import Glibc
import SCNCore
import SCNFiles
import Testing

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

    var entries: [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    @discardableResult func write(_ name: String, _ content: [UInt8]) throws -> String {
        let descriptor = open(file(name), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(Glibc.write(descriptor, content, content.count) == content.count)
        return file(name)
    }

    func content(_ name: String) throws -> [UInt8] { elements(try FileBytes.read(path: file(name))) }
}

/// A copy of what `storage` holds.
func elements<Element>(_ storage: Storage<Element>) -> [Element] {
    withExtendedLifetime(storage) { Array(storage.buffer) }
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
