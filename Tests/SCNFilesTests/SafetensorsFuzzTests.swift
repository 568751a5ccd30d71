import SCNCore
import Testing

@testable import SCNFiles

/// Files damaged at random: each is refused with an error that names it, or says nothing that does not hold.
@Suite struct SafetensorsFuzzTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func damagedFilesAreRefusedOrConsistent() throws {
        let path = folder.file("file")
        try SafetensorsWriter.write(
            path: path, metadata: [("architecture", "{\"layers\":[1,2.5,\"é\\u0000\"]}"), ("step", "12")],
            tensors: [
                .init("weight", [2, 3, 4], try Storage((0..<24).map(Float.init))),
                .init("bias", [4], try Storage([1, 2, 3, 4] as [Float])),
                .init("count", [1], try Storage([7 as Int64])),
                .init("none", [0, 5], try Storage([Float]())),
            ])
        let original = try folder.content("file")
        var random = Random(seed: 20)
        var accepted = 0
        let rounds = 6000
        for _ in 0..<rounds {
            let content = damaged(original, &random)
            try folder.write("file", content)
            let file: SafetensorsFile
            do { file = try SafetensorsFile.read(path: path) } catch {
                if !error.message.hasPrefix("\(path): ") || error.kind != .format { Issue.record("\(error)") }
                continue
            }
            accepted += 1
            try checkConsistency(file, bytes: content.count)
        }
        #expect(accepted > rounds / 50 && accepted < rounds)
    }

    func checkConsistency(_ file: SafetensorsFile, bytes: Int) throws {
        var covered = 0
        let tensors = try file.tensors
        for tensor in tensors {
            covered += tensor.range.count
            try #require(tensor.range.upperBound <= bytes - 8)
            try #require(tensor.shape.allSatisfy { $0 >= 0 })
            switch tensor.type {
            case .float32:
                let (shape, values) = try file.float32(tensor.name)
                try #require(shape == tensor.shape && values.count == shape.reduce(1, *))
            case .int64:
                let (shape, values) = try file.int64(tensor.name)
                try #require(shape == tensor.shape && values.count == shape.reduce(1, *))
            default: break
            }
        }
        try #require(Set(tensors.map { Array($0.name.utf8) }).count == tensors.count)
        try #require(covered < bytes)
    }

    func damaged(_ original: [UInt8], _ random: inout Random) -> [UInt8] {
        var content = original
        let interesting = Array("0123456789-.eE\"\\{}[],: \u{7F}".utf8) + [0, 0x80, 0xFF]
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 0..<max(content.count, 1), using: &random)
            if content.isEmpty { return content }
            switch Int.random(in: 0..<8, using: &random) {
            case 0: content[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: content[place] = interesting.randomElement(using: &random)!
            case 2: content.removeSubrange(place...)
            case 3: content.remove(at: place)
            case 4: content.insert(interesting.randomElement(using: &random)!, at: place)
            case 5:
                let length = UInt64(content.count) &+ UInt64.random(in: 0..<16, using: &random) &- 24
                let lengths = [length, random.next(), random.next() >> 40, 0, 1 << 63, .max]
                for (index, byte) in withUnsafeBytes(of: lengths.randomElement(using: &random)!, Array.init)
                    .enumerated()
                where index < content.count { content[index] = byte }
            case 6:
                let end = min(content.count, place + Int.random(in: 0..<40, using: &random))
                content.insert(contentsOf: content[place..<end], at: Int.random(in: 0...content.count, using: &random))
            default:
                let end = min(content.count, place + Int.random(in: 0..<40, using: &random))
                content.removeSubrange(place..<end)
            }
        }
        return content
    }
}
