package import SCNCore

/// The content of a safetensors file (huggingface.co/docs/safetensors: an 8-byte little-endian header length, a JSON
/// header, then the elements of all tensors), whose header was checked as a whole. The file stays open, and elements
/// are read where they are asked for.
package struct SafetensorsFile {
    package struct Tensor: Equatable, Sendable {
        package let type: SafetensorsType
        package let shape: [Int]
        /// The tensor's bytes, counted from the end of the header.
        package let range: Range<Int>
    }

    package let path: FilePath
    private let file: InputFile
    let header: SafetensorsHeader
    private let dataStart: Int

    /// The longest header that the format's own library accepts.
    static let headerLimit = 100_000_000

    /// Opens the file at `path` and reads its header.
    ///
    /// - Throws: `.file` where the system refuses, `.format` where the file is not what the format demands (ranges of
    ///   tensors cover the data without a hole or an overlap and are as long as type and shape say), `.memory`. Each
    ///   message begins with the path.
    package static func read(path: FilePath) throws(SCNError) -> SafetensorsFile {
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
        let text = try file.read(at: 8, count: Int(length))
        do {
            return SafetensorsFile(
                path: path, file: file, header: try SafetensorsHeader(text, dataCount: file.size - dataStart),
                dataStart: dataStart)
        } catch { throw SCNError(error.kind, "\(path): \(error.message)") }
    }

    /// What a file is, or says, whose first 8 bytes are no length of a header.
    private static func otherFormat(_ first: UInt64) -> String {
        // An archive begins with "PK", a pickle of protocol 2 with 0x80 0x02.
        [0x4B50, 0x0280].contains(first & 0xFFFF)
            ? "it begins as a PyTorch checkpoint does: scn.from_torch_checkpoint, in Python, reads those"
            : "its first 8 bytes announce a header of \(first) bytes, more than the \(headerLimit) allowed"
    }

    /// The bytes of a string stored beside the tensors; nil where there is none of that key.
    package func metadata(_ key: String) throws(SCNError) -> Storage<UInt8>? {
        try header.metadata?.find(key)?.stringValue?.bytes()
    }

    /// The number of tensors.
    package var count: Int { header.count }

    /// In the order of the header.
    package func name(_ index: Int) -> JSONString { header.name(index) }

    /// The position in the header's order; nil where the file has no such tensor.
    package func index(of name: String) -> Int? { header.index(of: name) }

    package func tensor(_ index: Int) throws(SCNError) -> Tensor {
        let (type, shape) = try header.description(index)
        return Tensor(type: type, shape: shape, range: header.range(index))
    }

    /// Reads the bytes of a tensor, as many as `target` has room for.
    package func read(_ tensor: Tensor, into target: UnsafeMutableRawBufferPointer) throws(SCNError) {
        try require(
            target.count == tensor.range.count, .format,
            "\(path): a tensor of \(tensor.range.count) bytes, expected \(target.count)")
        try file.read(at: dataStart + tensor.range.lowerBound, into: target)
    }
}
