package import Environment
import Glibc
import Synchronization

/// The owner of an open file's descriptor.
package final class PosixFile: File {
    private let path: String
    /// Nil once closed. The lock keeps a descriptor from being closed, and its number given to
    /// another file, while a call uses it; one owner calls at a time, so it is not contended.
    private let descriptor: Mutex<Int32?>

    package init(owning descriptor: Int32, path: String) {
        self.path = path
        self.descriptor = Mutex(descriptor)
    }

    deinit { close() }

    package func byteCount() throws(FileError) -> Int {
        try using("fstat") { descriptor throws(FileError) in
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { throw failure("fstat") }
            return Int(status.st_size)
        }
    }

    package func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        // What the file has not got is not allocated for, whatever the count says.
        let available = max(0, min(count, try byteCount() - offset))
        return try using("pread") { descriptor throws(FileError) in
            var code: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: available) { buffer, filled in
                while filled < available {
                    let got = pread(
                        descriptor, buffer.baseAddress! + filled, available - filled,
                        offset + filled)
                    if got == 0 { return }
                    if got > 0 {
                        filled += got
                    } else if errno != EINTR {
                        code = errno
                        return
                    }
                }
            }
            guard code == 0 else { throw FileError("pread", path, code) }
            return bytes
        }
    }

    package func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        try using("pwrite") { descriptor throws(FileError) in
            let code = bytes.withUnsafeBytes { buffer -> Int32 in
                var done = 0
                while done < buffer.count {
                    let put = pwrite(
                        descriptor, buffer.baseAddress! + done, buffer.count - done,
                        offset + done)
                    if put > 0 {
                        done += put
                    } else if put == 0 {
                        return EIO
                    } else if errno != EINTR {
                        return errno
                    }
                }
                return 0
            }
            guard code == 0 else { throw FileError("pwrite", path, code) }
        }
    }

    package func synchronize() throws(FileError) {
        // Not repeated after any error: the second call would report success for lost pages.
        try using("fdatasync") { descriptor throws(FileError) in
            guard fdatasync(descriptor) == 0 else { throw failure("fdatasync") }
        }
    }

    package func allocate(byteCount: Int) throws(FileError) {
        try using("posix_fallocate") { descriptor throws(FileError) in
            var code = EINTR
            while code == EINTR { code = posix_fallocate(descriptor, 0, byteCount) }
            guard code == 0 else { throw FileError("posix_fallocate", path, code) }
        }
    }

    package func truncate(to byteCount: Int) throws(FileError) {
        try using("ftruncate") { descriptor throws(FileError) in
            while ftruncate(descriptor, byteCount) != 0 {
                guard errno == EINTR else { throw failure("ftruncate") }
            }
        }
    }

    package func close() {
        descriptor.withLock { descriptor in
            // An error here says nothing that `synchronize` has not said, and the descriptor is
            // gone in any case.
            if let descriptor { _ = Glibc.close(descriptor) }
            descriptor = nil
        }
    }

    private func using<Output: Sendable>(
        _ operation: String, _ body: (Int32) throws(FileError) -> Output
    ) throws(FileError) -> Output {
        try descriptor.withLock { descriptor throws(FileError) in
            guard let descriptor else { throw FileError(operation, path, EBADF) }
            return try body(descriptor)
        }
    }

    private func failure(_ operation: String) -> FileError {
        FileError(operation, path, errno)
    }
}
