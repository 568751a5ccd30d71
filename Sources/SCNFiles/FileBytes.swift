internal import Glibc
package import SCNCore

/// Reading whole files into memory that can fail.
package enum FileBytes {
    /// The content of the regular file at `path`.
    ///
    /// - Throws: `.file` where the system refuses or the path is no regular file, `.format` where it holds more than
    ///   `limit` bytes, `.memory`. Each message begins with the path.
    package static func read(path: String, limit: Int = .max) throws(SCNError) -> Storage<UInt8> {
        let file = try InputFile(path: path)
        guard file.size <= limit else {
            throw SCNError(.format, "\(path): \(file.size) bytes, more than the \(limit) allowed")
        }
        return try file.read(at: 0, count: file.size)
    }
}

/// A regular file open for reading; closed with the object.
final class InputFile {
    let path: String
    let size: Int
    private let descriptor: Int32

    init(path: String) throws(SCNError) {
        try requireNoNUL(path)
        // Without O_NONBLOCK, opening a pipe waits for a writer.
        let descriptor = retrying { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
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
        var done = 0
        while done < count {
            let read = retrying { pread(descriptor, result.pointer + done, min(count - done, 1 << 30), offset + done) }
            guard read >= 0 else { throw systemError(path, "cannot be read") }
            guard read > 0 else { throw SCNError(.file, "\(path): became shorter while it was read") }
            done += read
        }
        return result
    }
}

/// What keeps a path from being a regular file, or nil.
func irregularity(_ path: String, _ status: stat) -> SCNError? {
    switch status.st_mode & S_IFMT {
    case S_IFREG: nil
    case S_IFDIR: SCNError(.file, "\(path): is a directory, not a file")
    default: SCNError(.file, "\(path): is not a regular file")
    }
}

/// The error that `errno` names.
func systemError(_ path: String, _ what: String) -> SCNError {
    SCNError(.file, "\(path): \(what): \(String(cString: strerror(errno)))")
}

/// The result of a system call, made again as long as signals interrupt it.
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}

func requireNoNUL(_ path: String) throws(SCNError) {
    try require(!path.utf8.contains(0), .invalidArgument, "a path with a NUL character: \(quoted(path))")
}
