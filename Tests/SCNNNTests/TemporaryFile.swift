import Glibc

/// A path in a new folder, which goes when this does.
final class TemporaryFile {
    let path: String
    private let folder: String

    init() {
        var template = Array("/tmp/scn-tests-XXXXXX".utf8CString)
        folder = String(cString: mkdtemp(&template))
        path = folder + "/checkpoint.safetensors"
    }

    deinit {
        unlink(path)
        rmdir(folder)
    }

    var bytes: [UInt8] {
        get {
            guard let file = fopen(path, "r") else { return [] }
            defer { fclose(file) }
            var bytes: [UInt8] = []
            while case let byte = getc(file), byte >= 0 { bytes.append(UInt8(byte)) }
            return bytes
        }
        set {
            let file = fopen(path, "w")
            _ = newValue.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
            fclose(file)
        }
    }
}
