internal import CSCNSupport

/// The thread pool: one loop at a time over independent indices.
///
/// Results never depend on the thread count: an index does the same work whichever thread runs it, and reductions
/// add the partial sums of chunks whose bounds depend on shapes alone.
public enum Parallel {
    /// The number of threads that operations use, including the calling one; values are clamped to 1 ... 1024.
    /// Initially this is what the environment variable `SCN_NUM_THREADS` says, or else as many as the process may run
    /// at once, or `OMP_NUM_THREADS` if that is fewer.
    public static var threadCount: Int {
        get { Int(scn_pool_thread_count()) }
        set { scn_pool_set_thread_count(Int32(clamping: newValue)) }
    }

    /// Calls `body` once for each index in `0 ..< count`, in any order and on any thread, and waits for all.
    package static func forEach(_ count: Int, _ body: (Int) -> Void) {
        if count == 1 { return body(0) }
        forEach(count, lanes: Int(Int32.max)) { _, index in body(index) }
    }

    /// The same with at most `lanes` indices at a time, each of which has a lane of its own meanwhile: for scratch that
    /// was made before.
    private static func forEach(_ count: Int, lanes: Int, _ body: (_ lane: Int, _ index: Int) -> Void) {
        // The compiled call has the length of the file's path in it: a fixed one makes builds in any folder the same.
        #sourceLocation(file:"Parallel.forEach",line:1)
        withoutActuallyEscaping(body) { escapable in
            var box = escapable
            withUnsafeMutablePointer(to: &box) { context in
                scn_pool_run(
                    Int64(count), Int32(clamping: lanes),
                    { context, lane, index in
                        context.assumingMemoryBound(to: ((Int, Int) -> Void).self).pointee(Int(lane), Int(index))
                    }, context)
            }
        }
        #sourceLocation()
    }

    /// Cuts `0 ..< count` into chunks of `size` (the last one shorter) and calls `body` once for each.
    package static func forEachChunk(_ count: Int, size: Int, _ body: (_ chunk: Int, _ range: Range<Int>) -> Void) {
        forEach(chunkCount(count, size: size)) { chunk in
            body(chunk, chunk * size..<min(count, (chunk + 1) * size))
        }
    }

    /// The same with at most `lanes` chunks at a time, each of which has a lane of its own meanwhile.
    package static func forEachChunk(
        _ count: Int, size: Int, lanes: Int, _ body: (_ lane: Int, _ chunk: Int, _ range: Range<Int>) -> Void
    ) {
        forEach(chunkCount(count, size: size), lanes: lanes) { lane, chunk in
            body(lane, chunk, chunk * size..<min(count, (chunk + 1) * size))
        }
    }

    /// The same for a body that can fail: throws one of its errors once all chunks are done.
    package static func tryForEachChunk(
        _ count: Int, size: Int, _ body: (_ chunk: Int, _ range: Range<Int>) throws(SCNError) -> Void
    ) throws(SCNError) {
        let failure = Locked<SCNError?>(nil)
        forEachChunk(count, size: size) { chunk, range in
            do throws(SCNError) {
                try body(chunk, range)
            } catch {
                failure.withLock { $0 = error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// How many chunks of `size` there are; the last one may be shorter.
    package static func chunkCount(_ count: Int, size: Int) -> Int { (count + size - 1) / size }
}
