internal import Glibc
internal import SCNCore

/// A regular file open for reading; closed with the object.
final class InputFile {
    let path: FilePath
    let size: Int
    private let descriptor: Int32

    /// - Throws: `.file` where the system refuses or the path is no regular file. Each message begins with the path.
    init(path: FilePath) throws(SCNError) {
        // Without O_NONBLOCK, opening a pipe waits for a writer.
        let descriptor = retrying { path.withCString { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) } }
        guard descriptor >= 0 else { throw systemError(path, "cannot be opened") }
        var status = stat()
        let failed = fstat(descriptor, &status) != 0
        let error = failed ? systemError(path, "cannot be examined") : irregularity(path, status)
        if let error {
            close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// Exactly `count` bytes from `offset` on.
    func read(at offset: Int, count: Int) throws(SCNError) -> Storage<UInt8> {
        let result: Storage<UInt8>
        do { result = try Storage(count: count) } catch {
            throw SCNError(error.kind, "\(path): \(error.message)")
        }
        try read(at: offset, into: UnsafeMutableRawBufferPointer(result.buffer))
        return result
    }

    /// As many bytes as `target` has, from `offset` on.
    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(SCNError) {
        var done = 0
        while done < target.count {
            let read = retrying {
                pread(descriptor, target.baseAddress! + done, min(target.count - done, 1 << 30), offset + done)
            }
            guard read >= 0 else { throw systemError(path, "cannot be read") }
            guard read > 0 else { throw SCNError(.file, "\(path): became shorter while it was read") }
            done += read
        }
    }
}

/// What keeps a path from being a regular file, or nil.
func irregularity(_ path: FilePath, _ status: stat) -> SCNError? {
    switch status.st_mode & S_IFMT {
    case S_IFREG: nil
    case S_IFDIR: SCNError(.file, "\(path): is a directory, not a file")
    default: SCNError(.file, "\(path): is not a regular file")
    }
}

/// The error that `errno` names.
func systemError(_ path: FilePath, _ what: String) -> SCNError {
    let reason = String(cString: strerror(errno))
    return SCNError(.file, "\(path): \(what): \(reason)")
}

/// The result of a system call, made again as long as signals interrupt it.
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}
