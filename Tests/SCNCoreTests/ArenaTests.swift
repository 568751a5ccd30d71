import CSCNSupport
import SCNCore
import SCNTestSupport
import Testing

/// The memory of storages under random requests from several threads, held against a model that knows what is live:
/// blocks are aligned, apart from one another, keep what was written into them whoever releases them, and are counted.
@Suite(.exclusive) struct ArenaTests {
    private struct Block: CustomStringConvertible {
        let start: UnsafeMutableRawPointer
        let size: Int
        let mark: UInt64

        var first: UInt { UInt(bitPattern: start) }
        var end: UInt { first + UInt(max(1, size)) }
        var description: String { "block of \(size) bytes at \(start)" }

        /// Offsets all over the block, at which it holds its mark; the words there are apart, and the last one ends it.
        private var offsets: [Int] {
            size < 8 ? [] : Array(stride(from: 0, to: size - 15, by: 1000)) + [size - 8]
        }

        func write() {
            for offset in offsets { start.storeBytes(of: mark ^ UInt64(offset), toByteOffset: offset, as: UInt64.self) }
        }

        func isAsWritten() -> Bool {
            offsets.allSatisfy { start.loadUnaligned(fromByteOffset: $0, as: UInt64.self) == mark ^ UInt64($0) }
        }
    }

    /// What is live, in the order of addresses.
    private struct Model {
        private(set) var blocks: [Block] = []
        private(set) var bytes = 0
        private(set) var problems: [String] = []

        mutating func note(_ problem: String) { if problems.count < 10 { problems.append(problem) } }

        private func place(_ first: UInt) -> Int {
            var (low, high) = (0, blocks.count)
            while low < high {
                let middle = (low + high) / 2
                if blocks[middle].first < first { low = middle + 1 } else { high = middle }
            }
            return low
        }

        mutating func insert(_ block: Block) {
            let place = place(block.first)
            if block.first % 64 != 0 { note("\(block) is not aligned") }
            if place < blocks.count && blocks[place].first < block.end { note("\(block) runs into \(blocks[place])") }
            if place > 0 && blocks[place - 1].end > block.first { note("\(blocks[place - 1]) runs into \(block)") }
            blocks.insert(block, at: place)
            bytes += block.size
        }

        /// Any live block, which is nobody else's to release then.
        mutating func takeOne(_ random: inout Random) -> Block? {
            guard let index = blocks.indices.randomElement(using: &random) else { return nil }
            bytes -= blocks[index].size
            return blocks.remove(at: index)
        }
    }

    private static let mostBytes = 128 << 20

    /// Small ones, those near the arena's smallest, near whole pages, large ones, and such that cannot be had.
    private static func size(_ random: inout Random) -> Int {
        let near = Int.random(in: -130...130, using: &random)
        switch random.next() % 40 {
        case 0..<5: return Int.random(in: 0...200, using: &random)
        case 5..<10: return Int.random(in: 0...1 << 17, using: &random)
        case 10..<20: return 1 << 17 + near
        case 20..<25: return 4096 * Int.random(in: 33...300, using: &random) + near
        case 25..<28: return 1 << 21 + near
        case 28..<37: return Int.random(in: 1 << 17...3 << 20, using: &random)
        case 37..<39: return Int.random(in: 1 << 20...24 << 20, using: &random)
        default: return [1 << 50, 1 << 62, .max].randomElement(using: &random)!
        }
    }

    private static func allocate(_ model: Locked<Model>, _ random: inout Random) {
        let (size, isZeroed) = (size(&random), random.next() % 4 == 0)
        guard let start = isZeroed ? scn_memory_allocate_zeroed(size) : scn_memory_allocate(size) else { return }
        let block = Block(start: start, size: size, mark: random.next())
        let words = UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt64.self), count: size / 8)
        let isClean = !isZeroed || words.allSatisfy { $0 == 0 }
        block.write()
        model.withLock { model in
            if !isClean { model.note("\(block) is not zeroed") }
            model.insert(block)
        }
    }

    private static func release(_ block: Block, _ model: Locked<Model>) {
        if !block.isAsWritten() { model.withLock { $0.note("\(block) has other contents") } }
        scn_memory_free(block.start)
    }

    /// Moves the contents of a block to one of another size.
    private static func resize(_ before: Block, _ model: Locked<Model>, _ random: inout Random) {
        let size = size(&random)
        guard let start = scn_memory_allocate(size) else { return model.withLock { $0.insert(before) } }
        let kept = min(size, before.size)
        start.copyMemory(from: before.start, byteCount: kept)
        let isSame = before.isAsWritten()
        scn_memory_free(before.start)
        let copy = Block(start: start, size: size, mark: before.mark)
        let moved = kept == before.size ? Block(start: start, size: kept, mark: before.mark).isAsWritten() : true
        copy.write()
        model.withLock { model in
            if !isSame || !moved { model.note("\(before) lost contents on its way to \(copy)") }
            model.insert(copy)
        }
    }

    private static func act(_ model: Locked<Model>, _ random: inout Random) {
        let choice = model.withLock { $0.bytes } > mostBytes ? 0 : random.next() % 100
        if choice == 99 { scn_memory_fail_after(Int64(random.next() % 3)) }
        guard choice < 55 else { return allocate(model, &random) }
        guard let block = model.withLock({ $0.takeOne(&random) }) else { return }
        if choice < 40 { release(block, model) } else { resize(block, model, &random) }
    }

    @Test(arguments: [1, 2, 3]) func agreesWithItsModel(seed: UInt64) {
        let threads = 4
        Parallel.threadCount = threads
        defer { scn_memory_fail_after(-1) }
        let before = scn_memory_live_bytes()
        let model = Locked(Model())
        for round in 0..<4 {
            Parallel.forEach(threads) { lane in
                var random = Random(seed: 1000 * seed + UInt64(10 * round + lane))
                for _ in 0..<600 { Self.act(model, &random) }
            }
            let (blocks, bytes, problems) = model.withLock { ($0.blocks, $0.bytes, $0.problems) }
            #expect(problems.isEmpty, "seed \(seed), round \(round): \(problems)")
            #expect(!blocks.isEmpty && scn_memory_live_bytes() - before == Int64(bytes), "seed \(seed), \(round)")
            // All of it, on another thread than made it; the work begins anew.
            if round == 1 {
                var random = Random(seed: seed)
                while let block = model.withLock({ $0.takeOne(&random) }) { Self.release(block, model) }
                #expect(scn_memory_live_bytes() == before)
            }
        }
        var random = Random(seed: seed)
        while let block = model.withLock({ $0.takeOne(&random) }) { Self.release(block, model) }
        #expect(scn_memory_live_bytes() == before && model.withLock { $0.problems }.isEmpty)
    }
}
