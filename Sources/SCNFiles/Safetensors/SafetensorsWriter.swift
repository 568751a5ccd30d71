package import SCNCore

/// Writing safetensors files.
package enum SafetensorsWriter {
    package struct Tensor {
        let name: String
        let shape: [Int]
        let type: SafetensorsType
        let bytes: UnsafeRawBufferPointer
        private let owner: AnyObject?

        /// A tensor in memory that the caller keeps alive and unchanged until it is written.
        package init(name: String, shape: [Int], type: SafetensorsType, bytes: UnsafeRawBufferPointer) {
            (self.name, self.shape, self.type, self.bytes, owner) = (name, shape, type, bytes, nil)
        }

        /// The elements of a storage, as a tensor of the given shape.
        package init(_ name: String, _ shape: [Int], _ type: SafetensorsType, _ elements: RawStorage) {
            (self.name, self.shape, self.type) = (name, shape, type)
            (bytes, owner) = (UnsafeRawBufferPointer(elements.bytes), elements)
        }
    }

    /// Writes `tensors` and `metadata` to the file at `path`, as a whole or not at all (see ``AtomicFile``).
    ///
    /// Tensors lie in the file by width of their elements, the widest first, otherwise in the order given, so that
    /// each begins at a multiple of its element size. The same arguments give the same bytes.
    ///
    /// - Throws: `.invalidArgument` for names or metadata keys that are reserved or appear twice and for elements of no
    ///   whole number of bytes; `.shape` where a shape does not fit the bytes given; `.overflow`; `.file`.
    package static func write(
        path: FilePath, metadata: [(String, String)] = [], tensors: [Tensor]
    ) throws(SCNError) {
        let texts =
            metadata.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count }
            + tensors.reduce(0) { $0 + $1.name.utf8.count + 500 }
        try expectMemory(texts, times: 4, "a header of \(tensors.count) tensors")
        var ordered: [Tensor] = []
        for bits in [64, 32, 16, 8] { ordered += tensors.filter { $0.type.bits == bits } }
        let header = try Storage(headerBytes(metadata: metadata, tensors: tensors, ordered: ordered))
        try AtomicFile.write(path: path) { sink throws(SCNError) in
            try withExtendedLifetime((header, tensors)) { () throws(SCNError) in
                try sink.write(UnsafeRawBufferPointer(header.buffer))
                for tensor in ordered { try sink.write(tensor.bytes) }
            }
        }
    }

    /// The header with its length before it, padded with spaces so that the data begins at a multiple of 8 bytes.
    private static func headerBytes(
        metadata: [(String, String)], tensors: [Tensor], ordered: [Tensor]
    ) throws(SCNError) -> [UInt8] {
        for tensor in tensors { try check(tensor) }
        var members: [(key: String, value: JSON)] = []
        if !metadata.isEmpty {
            members.append((SafetensorsHeader.metadataKey, .object(metadata.map { ($0, .string($1)) })))
        }
        var position = 0
        for tensor in ordered {
            let (end, overflow) = position.addingReportingOverflow(tensor.bytes.count)
            try require(!overflow, .overflow, "the tensors have more bytes than 64 bits can count")
            let entry: [(key: String, value: JSON)] = [
                ("dtype", .string(tensor.type.name)),
                ("shape", .array(tensor.shape.map(JSON.integer))),
                ("data_offsets", .array([.integer(position), .integer(end)])),
            ]
            members.append((tensor.name, .object(entry)))
            position = end
        }
        let text = try JSON.object(members).text()
        let length = (text.utf8.count + 7) / 8 * 8
        try require(
            length <= SafetensorsFile.headerLimit, .overflow,
            "a header of \(length) bytes, more than the \(SafetensorsFile.headerLimit) that the format allows")
        var bytes = withUnsafeBytes(of: UInt64(length).littleEndian) { Array($0) }
        bytes.append(contentsOf: text.utf8)
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: length - text.utf8.count))
        return bytes
    }

    private static func check(_ tensor: Tensor) throws(SCNError) {
        let name = quoted(tensor.name)
        try require(
            tensor.name != SafetensorsHeader.metadataKey, .invalidArgument, "the tensor name \(name) is reserved")
        guard let bits = tensor.type.bits, bits % 8 == 0 else {
            throw SCNError(
                .invalidArgument, "tensor \(name): elements of type \(quoted(tensor.type.name)) cannot be written")
        }
        try require(tensor.shape.allSatisfy { $0 >= 0 }, .shape, "tensor \(name): a negative size in \(tensor.shape)")
        let total = try SafetensorsType.bits(bits, times: tensor.shape, "tensor \(name) of shape \(tensor.shape)")
        let expected = total / 8
        try require(
            expected == tensor.bytes.count, .shape,
            "tensor \(name): shape \(tensor.shape) needs \(expected) bytes, \(tensor.bytes.count) given")
    }
}
