import Glibc
import SCNCore
import Testing

@testable import SCNFiles

@Suite struct AtomicFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    func write(_ path: String, _ content: [UInt8]) throws {
        let storage = try Storage(content)
        try AtomicFile.write(path: FilePath(path)) { sink throws(SCNError) in
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
            try AtomicFile.write(path: FilePath(path)) { sink throws(SCNError) in
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
        let sink = AtomicFile.Sink(path: try FilePath("checkpoint"), descriptor: descriptor)
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
            let old = try folder.content("old")
            var limit = rlimit(rlim_cur: 65536, rlim_max: 65536)
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
            let large = try Storage<Float>(count: 100_000, zeroed: true)
            var (before, blocked, pending) = (sigset_t(), sigset_t(), sigset_t())
            pthread_sigmask(SIG_BLOCK, nil, &before)
            let error = try failure { try SafetensorsWriter.write(path: path, tensors: [.init("t", [100_000], large)]) }
            try #require(error == SCNError(.file, "\(path): cannot be written: File too large"))
            try #require(try folder.content("old") == old)
            try #require(folder.entries == ["old"])
            // Nothing is left for later, and the thread takes the signal as before.
            pthread_sigmask(SIG_BLOCK, nil, &blocked)
            sigpending(&pending)
            try #require(
                sigismember(&blocked, SIGXFSZ) == sigismember(&before, SIGXFSZ) && sigismember(&pending, SIGXFSZ) == 0)
        }
    }

    @Test func aSignalThatTheHostHoldsBackStays() async {
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGXFSZ)
            pthread_sigmask(SIG_BLOCK, &signals, nil)
            raise(SIGXFSZ)
            try SafetensorsWriter.write(path: folder.file("file"), tensors: [])
            var pending = sigset_t()
            sigpending(&pending)
            try #require(sigismember(&pending, SIGXFSZ) == 1)
        }
    }

    /// A path of bytes that are no text, the name itself or what a link says.
    @Test func pathsAreBytes() throws {
        let name = [UInt8](folder.path.utf8) + Array("/caf".utf8) + [0xE9]
        let path = try FilePath(name.map { CChar(bitPattern: $0) } + [0])
        #expect(path.description == "\(folder.path)/caf\\xe9")
        try AtomicFile.write(path: path) { sink throws(SCNError) in try write([1], to: sink) }
        #expect(try InputFile(path: path).size == 1)
        let link = folder.file("link")
        try #require((Array("caf".utf8) + [0xE9, 0]).withUnsafeBytes { symlink($0.baseAddress!, link) } == 0)
        try AtomicFile.write(path: FilePath(link)) { sink throws(SCNError) in try write([1, 2], to: sink) }
        #expect(try InputFile(path: path).size == 2)
        #expect(try status(link).st_mode & S_IFMT == S_IFLNK)
        try #require(path.withCString { unlink($0) } == 0)
        let error = try failure { _ = try InputFile(path: path) }
        #expect(error == SCNError(.file, "\(path): cannot be opened: No such file or directory"))
        #expect(folder.entries == ["link"])
    }

    func write(_ content: [UInt8], to sink: AtomicFile.Sink) throws(SCNError) {
        let storage = try Storage(content)
        try sink.write(UnsafeRawBufferPointer(storage.buffer))
        withExtendedLifetime(storage) {}
    }

    @Test(arguments: [
        ("a\nb\u{7F}", "a\\x0ab\\x7f"), ("é😀/\\", "é😀/\\"),
        (
            String(repeating: "x", count: 900),
            String(repeating: "x", count: 120) + "..." + String(repeating: "x", count: 240)
        ),
    ]) func messagesShowPaths(path: String, shown: String) throws { #expect(try FilePath(path).description == shown) }

    @Test func pathsHaveALength() throws {
        #expect(try failure { _ = try FilePath("") } == SCNError(.file, "path: is empty, expected the path of a file"))
        #expect(try FilePath(String(repeating: "x", count: 4095)).description.count == 363)
        for count in [4096, 1_000_000] {
            let error = try failure { _ = try FilePath(String(repeating: "x", count: count)) }
            #expect(
                error.kind == .file && error.message.hasSuffix("is longer than the 4095 bytes that the system takes"))
        }
    }

    func leftover(_ name: String, daysOld: Int = 0) throws {
        let path = try folder.write(name, [7])
        let time = timespec(tv_sec: Glibc.time(nil) - daysOld * 86_400, tv_nsec: 0)
        try #require(utimensat(AT_FDCWD, path, [time, time], 0) == 0)
    }

    @Test func whatKilledSavesLeftIsRemoved() throws {
        try write(folder.file("file"), [1])
        // The names of a save that goes on, and of one that has ended.
        let running = try TemporaryFile(in: FilePath(folder.path), for: FilePath("x"))
        let name = try #require(folder.entries.first { $0.hasPrefix(".scn-") })
        let machine = try #require(name.split(separator: "-").dropFirst().first)
        try leftover(".scn-\(machine)-12ab.tmp")
        try leftover(".scn-0-12ab.tmp", daysOld: 2)
        try leftover(".scn-12ab.tmp", daysOld: 2)
        // What another machine, or version 0.1, may still write; what is somebody's own.
        let kept = [
            ".scn-0-34cd.tmp", ".scn-34cd.tmp", ".scn-\(machine)-56ef.tmp", ".scn-notes", "my.scn-1.tmp", "file",
        ]
        for name in kept.dropLast() where !name.contains("56ef") { try leftover(name) }
        try #require(symlink("file", folder.file(kept[2])) == 0)
        try write(folder.file("file"), [1, 2])
        #expect(folder.entries == (kept + [name]).sorted())
        withExtendedLifetime(running) {}
    }
}
