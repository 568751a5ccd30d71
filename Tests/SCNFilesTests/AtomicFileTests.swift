import Glibc
import SCNCore
import Testing

@testable import SCNFiles

@Suite struct AtomicFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    func write(_ path: String, _ content: [UInt8]) throws {
        let storage = try Storage(content)
        try AtomicFile.write(path: path) { sink throws(SCNError) in
            try sink.write(UnsafeRawBufferPointer(storage.buffer))
        }
        withExtendedLifetime(storage) {}
    }

    func status(_ path: String) throws -> stat {
        var result = stat()
        try #require(lstat(path, &result) == 0)
        return result
    }

    @Test func aNewFileHasTheModeOfNewFiles() throws {
        try write(folder.file("new"), [1, 2])
        let descriptor = open(folder.file("plain"), O_WRONLY | O_CREAT, 0o666)
        close(descriptor)
        #expect(try status(folder.file("new")).st_mode == status(folder.file("plain")).st_mode)
        #expect(try folder.content("new") == [1, 2])
        #expect(folder.entries == ["new", "plain"])
    }

    @Test(arguments: [0o600, 0o644, 0o640, 0o755, 0o666] as [mode_t]) func aReplacedFileKeepsItsMode(mode: mode_t)
        throws
    {
        let path = try folder.write("old", [9])
        try #require(chmod(path, mode) == 0)
        let before = try status(path)
        try write(path, [1, 2, 3])
        let after = try status(path)
        #expect(after.st_mode & 0o777 == mode)
        #expect(after.st_uid == before.st_uid && after.st_gid == before.st_gid)
        #expect(after.st_ino != before.st_ino)
        #expect(try folder.content("old") == [1, 2, 3])
        #expect(folder.entries == ["old"])
    }

    @Test func anErrorOfTheWriterLeavesTheOldFile() throws {
        let path = try folder.write("old", [9])
        let error = try failure {
            try AtomicFile.write(path: path) { sink throws(SCNError) in
                try withUnsafeTemporaryAllocation(byteCount: 5, alignment: 1) { bytes throws(SCNError) in
                    bytes.initializeMemory(as: UInt8.self, repeating: 0)
                    try sink.write(UnsafeRawBufferPointer(bytes))
                }
                throw SCNError(.state, "enough")
            }
        }
        #expect(error == SCNError(.state, "enough"))
        #expect(try folder.content("old") == [9])
        #expect(folder.entries == ["old"])
    }

    @Test func linksAreFollowed() throws {
        let target = try folder.write("target", [9])
        try #require(symlink("target", folder.file("relative")) == 0)
        try #require(symlink(folder.file("relative"), folder.file("absolute")) == 0)
        try #require(symlink("later", folder.file("dangling")) == 0)
        try #require(symlink("loop", folder.file("loop")) == 0)
        try write(folder.file("absolute"), [1])
        #expect(try folder.content("target") == [1])
        try write(folder.file("dangling"), [2])
        #expect(try folder.content("later") == [2])
        for name in ["relative", "absolute", "dangling"] {
            #expect(try status(folder.file(name)).st_mode & S_IFMT == S_IFLNK)
        }
        #expect(try status(target).st_mode & S_IFMT == S_IFREG)
        let error = try failure { try write(folder.file("loop"), [3]) }
        #expect(error.message == "\(folder.file("loop")): cannot be written: Too many levels of symbolic links")
        #expect(folder.entries == ["absolute", "dangling", "later", "loop", "relative", "target"])
    }

    @Test func whatIsNoFileIsNotReplaced() throws {
        #expect(try failure { try write(folder.path, [1]) }.message.contains("is a directory"))
        #expect(try failure { try write("/dev/full", [1]) }.message.contains("not a regular file"))
        let missing = folder.file("missing/file")
        #expect(
            try failure { try write(missing, [1]) }
                == SCNError(.file, "\(missing): cannot be written: No such file or directory"))
        #expect(try failure { try write("", [1]) }.kind == .file)
        #expect(try failure { try write("a\0b", [1]) }.kind == .invalidArgument)
        let below = "\(try folder.write("plain", []))/file"
        #expect(try failure { try write(below, [1]) }.message.contains("Not a directory"))
        #expect(
            try failure { try write(folder.file(String(repeating: "x", count: 300)), [1]) }.message.contains("too long")
        )
        #expect(folder.entries == ["plain"])
    }

    @Test func theLongestNameWorks() throws {
        let name = String(repeating: "x", count: 255)
        try write(folder.file(name), [1])
        #expect(folder.entries == [name])
    }

    @Test func aFullDeviceIsAnError() throws {
        let descriptor = open("/dev/full", O_WRONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let sink = AtomicFile.Sink(path: "checkpoint", descriptor: descriptor)
        let storage = try Storage([1, 2, 3] as [UInt8])
        let error = try failure { try sink.write(UnsafeRawBufferPointer(storage.buffer)) }
        withExtendedLifetime(storage) {}
        #expect(error == SCNError(.file, "checkpoint: cannot be written: No space left on device"))
    }

    /// A child process that may write 64 KiB a file: the first write is cut short, the second one fails.
    @Test func aWriteThatEndsEarlyLeavesTheOldFile() async {
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            let path = folder.file("old")
            try SafetensorsWriter.write(path: path, tensors: [.init("t", [2], try Storage([1, 2] as [Float]))])
            let before = try folder.content("old")
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 65536, rlim_max: 65536)
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
            let large = try Storage<Float>(count: 100_000, zeroed: true)
            let error = try failure { try SafetensorsWriter.write(path: path, tensors: [.init("t", [100_000], large)]) }
            try #require(error == SCNError(.file, "\(path): cannot be written: File too large"))
            try #require(try folder.content("old") == before)
            try #require(folder.entries == ["old"])
        }
    }
}
