internal import SCNCore

/// What the JSON header of a safetensors file says, once it has been held against the size of the data.
struct SafetensorsHeader {
    static let metadataKey = "__metadata__"

    private(set) var metadata: [(key: String, value: String)] = []
    private(set) var tensors: [SafetensorsFile.Tensor] = []

    /// - Throws: `.format`, and a message that names the tensor.
    init(_ bytes: UnsafeBufferPointer<UInt8>, dataCount: Int) throws(SCNError) {
        guard bytes.first == UInt8(ascii: "{") else { throw SCNError(.format, "the header does not begin with '{'") }
        let json: JSON
        do { json = try JSON.parse(bytes) } catch { throw SCNError(.format, "header, \(error.message)") }
        guard case .object(let members) = json else { throw SCNError(.format, "the header is no object") }
        for (key, value) in members {
            if key == Self.metadataKey {
                metadata = try Self.readMetadata(value)
            } else {
                do { tensors.append(try Self.readTensor(key, value)) } catch {
                    throw SCNError(.format, "tensor \(quoted(key)): \(error.message)")
                }
            }
        }
        try checkCoverage(dataCount: dataCount)
    }

    private static func readMetadata(_ json: JSON) throws(SCNError) -> [(key: String, value: String)] {
        guard case .object(let members) = json else { throw SCNError(.format, "'__metadata__' is no object") }
        var metadata: [(key: String, value: String)] = []
        for (key, value) in members {
            guard case .string(let text) = value else {
                throw SCNError(.format, "'__metadata__': the value of \(quoted(key)) is no string")
            }
            metadata.append((key, text))
        }
        return metadata
    }

    private static func readTensor(_ name: String, _ json: JSON) throws(SCNError) -> SafetensorsFile.Tensor {
        let type = ElementType(name: try json.string("dtype"))
        let shape = try json.ints("shape", in: 0...Int.max)
        let offsets = try json.ints("data_offsets", in: 0...Int.max)
        try require(offsets.count == 2, .format, "'data_offsets' has \(offsets.count) elements, not 2")
        let (begin, end) = (offsets[0], offsets[1])
        try require(begin <= end, .format, "'data_offsets' begin at \(begin) and end before, at \(end)")
        if let bits = type.bits {
            let total = try ElementType.bits(bits, times: shape, "'shape'")
            try require(
                total % 8 == 0 && total / 8 == end - begin, .format,
                "'data_offsets' span \(end - begin) bytes, but type and shape need \(total / 8)")
        }
        return SafetensorsFile.Tensor(name: name, type: type, shape: shape, range: begin..<end)
    }

    private func checkCoverage(dataCount: Int) throws(SCNError) {
        var position = 0
        let ordered = tensors.sorted {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        for tensor in ordered {
            let (begin, end) = (tensor.range.lowerBound, tensor.range.upperBound)
            try require(end <= dataCount, .format, "tensor \(quoted(tensor.name)) ends at \(end) of \(dataCount) bytes")
            try require(
                begin >= position, .format, "tensor \(quoted(tensor.name)) begins at \(begin), inside another one")
            try require(
                begin == position, .format, "bytes \(position) to \(begin) of the data belong to no tensor")
            position = end
        }
        try require(
            position == dataCount, .format, "bytes \(position) to \(dataCount) of the data belong to no tensor")
    }
}
