internal import Glibc
package import SCNCore

/// Replacing a file as a whole or not at all.
package enum AtomicFile {
    /// Where `write`'s closure puts the content, piece after piece.
    package struct Sink {
        let path: FilePath
        let descriptor: Int32

        package func write(_ bytes: UnsafeRawBufferPointer) throws(SCNError) {
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
                let written = retrying { Glibc.write(descriptor, piece.baseAddress, piece.count) }
                guard written > 0 else { throw systemError(path, "cannot be written") }
                rest = rest.dropFirst(written)
            }
        }
    }

    /// Gives the file at `path` the content that `body` writes, or leaves what was there.
    ///
    /// The content goes to a temporary file in the same folder, reaches the disk, and takes the name in one step: a
    /// crash leaves the old file or the new one. The new file has the permissions of the old one, or those that the
    /// process gives to new files. Where `path` is a symbolic link, its target is replaced. Temporary files that saves
    /// which were killed left in the folder are removed (see ``TemporaryFile``).
    ///
    /// - Throws: what `body` throws, and `.file` with the path and the system's reason. After any error but one the old
    ///   file is untouched and the temporary is gone; where syncing the folder is what fails, the new file is in place
    ///   and only its survival of a power failure is not sure, as the message says.
    package static func write(
        path: FilePath, _ body: (Sink) throws(SCNError) -> Void
    ) throws(SCNError) {
        let target = try followLinks(path)
        var old = stat()
        let replaces = target.withCString { stat($0, &old) } == 0
        if replaces, let error = irregularity(path, old) { throw error }
        if !replaces && errno != ENOENT { throw systemError(path, "cannot be written") }
        guard let folder = target.folder else { throw SCNError(.file, "\(path): is in no folder") }

        let temporary = try TemporaryFile(in: folder, for: path)
        temporary.removeLeftovers()
        try withoutFileSizeSignal { () throws(SCNError) in
            try fill(temporary.descriptor, path: path, like: replaces ? old : nil, body)
        }
        try temporary.checkClosing(for: path)
        guard temporary.rename(to: target) else { throw systemError(path, "cannot be replaced") }
        try sync(folder: folder, for: path)
    }

    /// Writes and syncs.
    private static func fill(
        _ descriptor: Int32, path: FilePath, like old: stat?, _ body: (Sink) throws(SCNError) -> Void
    ) throws(SCNError) {
        if let old {
            // Only the superuser may give files away; others keep the new file as their own.
            _ = fchown(descriptor, old.st_uid, old.st_gid)
            guard fchmod(descriptor, old.st_mode & 0o777) == 0 else {
                throw systemError(path, "cannot be given its permissions")
            }
        }
        try body(Sink(path: path, descriptor: descriptor))
        guard retrying({ fsync(descriptor) }) == 0 else { throw systemError(path, "cannot be written to the disk") }
    }

    private static func sync(folder: FilePath, for path: FilePath) throws(SCNError) {
        let descriptor = retrying { folder.withCString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) } }
        // A folder that may be entered but not listed cannot be synced.
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // Some file systems have no such operation.
        if retrying({ fsync(descriptor) }) != 0 && errno != EINVAL && errno != EROFS {
            throw systemError(path, "is written, but may not survive a power failure: its folder cannot be synced")
        }
    }

    /// The file that `path` means, which need not exist, after at most 40 symbolic links (Linux's own limit).
    private static func followLinks(_ path: FilePath) throws(SCNError) -> FilePath {
        var followed = path
        for _ in 0...40 {
            guard let link = followed.linkTarget else { return followed }
            guard let next = try? followed.folder?.appending(link) else {
                errno = ENAMETOOLONG
                throw systemError(path, "cannot be written")
            }
            followed = next
        }
        errno = ELOOP
        throw systemError(path, "cannot be written")
    }
}

/// Runs `body` where a write beyond the process's limit on the size of files is an error and no SIGXFSZ, which would
/// end the host.
private func withoutFileSizeSignal(_ body: () throws(SCNError) -> Void) throws(SCNError) {
    var (signals, before, pending) = (sigset_t(), sigset_t(), sigset_t())
    sigemptyset(&signals)
    sigaddset(&signals, SIGXFSZ)
    sigpending(&pending)
    pthread_sigmask(SIG_BLOCK, &signals, &before)
    defer {
        // One that the host itself holds back stays.
        if sigismember(&pending, SIGXFSZ) == 0 {
            var now = timespec()
            while sigtimedwait(&signals, nil, &now) == SIGXFSZ || errno == EINTR {}
        }
        pthread_sigmask(SIG_SETMASK, &before, nil)
    }
    try body()
}
