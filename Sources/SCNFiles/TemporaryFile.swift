internal import Glibc
internal import SCNCore

/// A new file beside the one that it will replace; gone with the object unless it took that one's name.
///
/// Its name is `.scn-MACHINE-RANDOM.tmp`, and as long as it is written, it is locked (flock): a temporary file that can
/// be locked was left by a save that was killed. A lock that another machine holds is not always seen on a network's
/// file systems, so that files of other machines, and those of version 0.1, which locked none, must also be a day
/// older.
final class TemporaryFile {
    let descriptor: Int32
    private let folder: FilePath
    private let path: FilePath
    private var isThere = true

    private static let (prefix, suffix) = (".scn-", ".tmp")
    private static let day = 86_400

    init(in folder: FilePath, for path: FilePath) throws(SCNError) {
        for _ in 0..<100 {
            let name = "\(Self.prefix)\(Self.machine)-\(Self.hexadecimal(.random(in: 0 ... .max)))\(Self.suffix)"
            let temporary = try folder.appending(name.utf8.map { CChar(bitPattern: $0) })
            let descriptor = retrying {
                temporary.withCString { open($0, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
            }
            guard descriptor >= 0 else {
                if errno == EEXIST { continue }
                break
            }
            if Self.isOwn(descriptor) {
                (self.descriptor, self.folder, self.path) = (descriptor, folder, temporary)
                return
            }
            close(descriptor)
            errno = EAGAIN
        }
        throw systemError(path, "cannot be written")
    }

    deinit {
        if isThere { _ = path.withCString { unlink($0) } }
        close(descriptor)
    }

    /// Locks a new file; false where another save took it for a leftover before that.
    private static func isOwn(_ descriptor: Int32) -> Bool {
        // Where a file system has no locks, no save can take one either.
        if retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) != 0 && errno == EWOULDBLOCK { return false }
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_nlink > 0
    }

    /// Sees the errors of closing, while the lock is held on: without it the file would be a leftover.
    func checkClosing(for path: FilePath) throws(SCNError) {
        let copy = dup(descriptor)
        // Linux releases the descriptor even when a signal interrupts close.
        if copy >= 0 && close(copy) != 0 && errno != EINTR { throw systemError(path, "cannot be closed") }
    }

    /// Gives the file its name; false, with `errno`, where the system refuses.
    func rename(to target: FilePath) -> Bool {
        let done = path.withCString { from in target.withCString { Glibc.rename(from, $0) } } == 0
        isThere = !done
        return done
    }

    /// Removes what killed saves of this user left in the folder; what cannot be removed stays.
    func removeLeftovers() {
        guard let listing = folder.withCString({ opendir($0) }) else { return }
        defer { closedir(listing) }
        while let entry = readdir(listing) {
            withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) {
                    removeLeftover($0, in: dirfd(listing))
                }
            }
        }
    }

    private func removeLeftover(_ name: UnsafePointer<CChar>, in folder: Int32) {
        // Before anything else: folders may hold many other files.
        guard strncmp(name, Self.prefix, 5) == 0, let text = String(validatingCString: name),
            text.hasSuffix(Self.suffix)
        else { return }
        let leftover = retrying { openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        guard leftover >= 0 else { return }
        defer { close(leftover) }
        var (status, own, named) = (stat(), stat(), stat())
        guard fstat(leftover, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(),
            retrying({ flock(leftover, LOCK_EX | LOCK_NB) }) == 0
        else { return }
        if !text.hasPrefix("\(Self.prefix)\(Self.machine)-") {
            // By the clock that dates files in this folder.
            guard fstat(descriptor, &own) == 0, status.st_mtim.tv_sec < own.st_mtim.tv_sec - Self.day else { return }
        }
        // Its save may have given it another name before the lock was free.
        guard fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0, named.st_ino == status.st_ino,
            named.st_dev == status.st_dev
        else { return }
        unlinkat(folder, name, 0)
    }

    /// This machine's name, as a number.
    private static let machine: String = {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        // FNV-1a, the same in each process.
        return hexadecimal(
            name.prefix { $0 != 0 }.reduce(0xCBF2_9CE4_8422_2325) { hash, byte in
                (hash ^ UInt64(UInt8(bitPattern: byte))) &* 0x100_0000_01B3
            })
    }()

    private static func hexadecimal(_ number: UInt64) -> String { String(number, radix: 16) }
}
