import SCNCore
import Testing

@Suite struct MemoryTests {
    @Test func memoryThatCannotBeHadIsAnError() throws {
        try expectMemory(0, "nothing")
        try expectMemory(10_000_000, "a little")
        for bytes in [1 << 60, .max - 1 << 20, .max] {
            let error = #expect(throws: SCNError.self) { try expectMemory(bytes, "a list") }
            #expect(error == SCNError(.memory, "out of memory: a list may take \(bytes) bytes"))
        }
        let error = #expect(throws: SCNError.self) { try expectMemory(1 << 60, times: 16, "a list") }
        #expect(error?.kind == .overflow)
    }
}
