internal import Glibc
package import SCNCore

/// Replacing a file as a whole or not at all.
package enum AtomicFile {
    /// Where `write`'s closure puts the content, piece after piece.
    package struct Sink {
        let path: String
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
    /// process gives to new files. Where `path` is a symbolic link, its target is replaced.
    ///
    /// - Throws: what `body` throws, and `.file` with the path and the system's reason. After any error but one the old
    ///   file is untouched and the temporary is gone; where syncing the folder is what fails, the new file is in place
    ///   and only its survival of a power failure is not sure, as the message says.
    package static func write(
        path: String, _ body: (Sink) throws(SCNError) -> Void
    ) throws(SCNError) {
        try requireNoNUL(path)
        let target = try followLinks(path)
        let folder = folder(of: target)
        var old = stat()
        let replaces = stat(target, &old) == 0
        if replaces, let error = irregularity(path, old) { throw error }
        if !replaces && errno != ENOENT { throw systemError(path, "cannot be written") }

        let (temporary, descriptor) = try openTemporary(in: folder, for: path)
        do throws(SCNError) {
            try fill(descriptor, path: path, like: replaces ? old : nil, body)
            guard rename(temporary, target) == 0 else { throw systemError(path, "cannot be replaced") }
        } catch {
            unlink(temporary)
            throw error
        }
        try sync(folder: folder, for: path)
    }

    /// Writes, syncs and closes.
    private static func fill(
        _ descriptor: Int32, path: String, like old: stat?, _ body: (Sink) throws(SCNError) -> Void
    ) throws(SCNError) {
        do throws(SCNError) {
            if let old {
                // Only the superuser may give files away; others keep the new file as their own.
                _ = fchown(descriptor, old.st_uid, old.st_gid)
                guard fchmod(descriptor, old.st_mode & 0o777) == 0 else {
                    throw systemError(path, "cannot be given its permissions")
                }
            }
            try body(Sink(path: path, descriptor: descriptor))
            guard retrying({ fsync(descriptor) }) == 0 else { throw systemError(path, "cannot be written to the disk") }
        } catch {
            close(descriptor)
            throw error
        }
        // Linux releases the descriptor even when a signal interrupts close.
        if close(descriptor) != 0 && errno != EINTR { throw systemError(path, "cannot be closed") }
    }

    private static func openTemporary(
        in folder: String, for path: String
    ) throws(SCNError) -> (path: String, descriptor: Int32) {
        for _ in 0..<100 {
            let temporary = "\(folder)/.scn-\(String(UInt64.random(in: 0 ... .max), radix: 16)).tmp"
            let descriptor = retrying { open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
            if descriptor >= 0 { return (temporary, descriptor) }
            if errno != EEXIST { break }
        }
        throw systemError(path, "cannot be written")
    }

    private static func sync(folder: String, for path: String) throws(SCNError) {
        let descriptor = retrying { open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        // A folder that may be entered but not listed cannot be synced.
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // Some file systems have no such operation.
        if retrying({ fsync(descriptor) }) != 0 && errno != EINVAL && errno != EROFS {
            throw systemError(path, "is written, but may not survive a power failure: its folder cannot be synced")
        }
    }

    /// The file that `path` means, which need not exist, after at most 40 symbolic links (Linux's own limit).
    private static func followLinks(_ path: String) throws(SCNError) -> String {
        var path = path
        for _ in 0...40 {
            var link = [UInt8](repeating: 0, count: Int(PATH_MAX))
            let length = link.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
            guard length > 0 else { return path }
            let next = String(decoding: link[..<length], as: UTF8.self)
            path = next.hasPrefix("/") ? next : "\(folder(of: path))/\(next)"
        }
        errno = ELOOP
        throw systemError(path, "cannot be written")
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
