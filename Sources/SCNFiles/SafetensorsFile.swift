package import SCNCore

/// The content of a safetensors file (huggingface.co/docs/safetensors: an 8-byte little-endian header length, a JSON
/// header, then the elements of all tensors), checked as a whole before any of it is used.
package struct SafetensorsFile {
    package struct Tensor: Equatable, Sendable {
        package let name: String
        package let type: ElementType
        package let shape: [Int]
        /// The tensor's bytes, counted from the end of the header.
        package let range: Range<Int>
    }

    package let path: String
    /// The strings stored beside the tensors, in the file's order.
    package let metadata: [(key: String, value: String)]
    /// In the order of the header.
    package let tensors: [Tensor]
    private let data: Storage<UInt8>
    private let indices: [String: Int]

    /// The longest header that the format's own library accepts.
    static let headerLimit = 100_000_000

    /// Reads the file at `path`.
    ///
    /// - Throws: `.file` where the system refuses, `.format` where the file is not what the format demands (ranges of
    ///   tensors cover the data without a hole or an overlap and are as long as type and shape say), `.memory`. Each
    ///   message begins with the path.
    package static func read(path: String) throws(SCNError) -> SafetensorsFile {
        let file = try InputFile(path: path)
        guard file.size >= 8 else {
            throw SCNError(.format, "\(path): \(file.size) bytes, too short for a safetensors file")
        }
        let prefix = try file.read(at: 0, count: 8)
        let length = withExtendedLifetime(prefix) {
            UnsafeRawPointer(prefix.pointer).loadUnaligned(as: UInt64.self).littleEndian
        }
        guard length <= headerLimit else {
            throw SCNError(.format, "\(path): is no safetensors file; \(Self.otherFormat(length))")
        }
        guard length <= file.size - 8 else {
            throw SCNError(
                .format,
                "\(path): is cut short, or no safetensors file: a header of \(length) bytes, but only "
                    + "\(file.size - 8) follow")
        }
        let dataStart = 8 + Int(length)
        let headerBytes = try file.read(at: 8, count: Int(length))
        let header: SafetensorsHeader
        do {
            header = try withExtendedLifetime(headerBytes) { () throws(SCNError) in
                try SafetensorsHeader(UnsafeBufferPointer(headerBytes.buffer), dataCount: file.size - dataStart)
            }
        } catch { throw SCNError(error.kind, "\(path): \(error.message)") }
        return SafetensorsFile(
            path: path, header: header, data: try file.read(at: dataStart, count: file.size - dataStart))
    }

    /// What a file is, or says, whose first 8 bytes are no length of a header.
    private static func otherFormat(_ first: UInt64) -> String {
        // An archive begins with "PK", a pickle of protocol 2 with 0x80 0x02.
        [0x4B50, 0x0280].contains(first & 0xFFFF)
            ? "it begins as a PyTorch checkpoint does: scn.from_torch_checkpoint, in Python, reads those"
            : "its first 8 bytes announce a header of \(first) bytes, more than the \(headerLimit) allowed"
    }

    private init(path: String, header: SafetensorsHeader, data: Storage<UInt8>) {
        self.path = path
        metadata = header.metadata
        tensors = header.tensors
        self.data = data
        var indices: [String: Int] = [:]
        for (index, tensor) in header.tensors.enumerated() { indices[tensor.name] = index }
        self.indices = indices
    }

    package func metadata(_ key: String) -> String? { metadata.first { $0.key == key }?.value }

    package func tensor(_ name: String) -> Tensor? { indices[name].map { tensors[$0] } }

    /// A copy of a float32 tensor.
    ///
    /// - Throws: `.format` where the file has no such tensor or it is of another type, `.memory`.
    package func float32(_ name: String) throws(SCNError) -> (shape: [Int], values: Storage<Float>) {
        try elements(name, .float32)
    }

    /// A copy of an int64 tensor; errors as of ``float32(_:)``.
    package func int64(_ name: String) throws(SCNError) -> (shape: [Int], values: Storage<Int64>) {
        try elements(name, .int64)
    }

    private func elements<Element: BitwiseCopyable>(
        _ name: String, _ type: ElementType
    ) throws(SCNError) -> (shape: [Int], values: Storage<Element>) {
        guard let tensor = tensor(name) else {
            throw SCNError(.format, "\(path): has no tensor \(quoted(name))")
        }
        guard tensor.type == type else {
            throw SCNError(
                .format,
                "\(path): tensor \(quoted(name)) has elements of type \(quoted(tensor.type.name)), not '\(type.name)'")
        }
        let values = try Storage<Element>(count: tensor.range.count / MemoryLayout<Element>.stride)
        withExtendedLifetime(data) {
            UnsafeMutableRawBufferPointer(values.buffer).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(data.buffer)[tensor.range]))
        }
        return (tensor.shape, values)
    }
}
