import CSCNSupport
import Glibc
import SCNTestSupport
import Testing

/// The files of a system that has control groups, in a folder of its own.
private final class System {
    let root: String
    private var made: [String] = []

    init() throws {
        var template = Array("/tmp/scn-limits-XXXXXX\0".utf8CString.dropLast())
        root = try #require(
            template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } })
        write("proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\nSwapFree:   1000 kB\n")
    }

    deinit {
        for path in made.reversed() { remove(path) }
        rmdir(root)
    }

    func write(_ path: String, _ text: String) {
        var folder = root
        for part in path.split(separator: "/").dropLast() {
            folder += "/" + part
            if mkdir(folder, 0o700) == 0 { made.append(folder) }
        }
        let file = fopen(root + "/" + path, "w")!
        if !made.contains(root + "/" + path) { made.append(root + "/" + path) }
        fputs(text, file)
        fclose(file)
    }

    /// What the process is in, and what is mounted: "group of the process", "group that is mounted at the place",
    /// "place".
    func mount(version1 controllers: String, _ path: String, root mounted: String = "/", at place: String) {
        write("proc/self/cgroup", "9:name=systemd:/\n4:\(controllers):\(path)\n0::/elsewhere\n")
        write(
            "proc/self/mountinfo",
            "23 1 8:1 / / rw - ext4 /dev/vda rw\n35 31 0:32 \(mounted) \(place) rw,relatime shared:5 - cgroup cgroup "
                + "rw,\(controllers)\n")
    }
    func mount(version2 path: String, root mounted: String = "/", at place: String = "/sys/fs/cgroup") {
        write("proc/self/cgroup", "0::\(path)\n")
        write(
            "proc/self/mountinfo",
            "23 1 8:1 / / rw - ext4 /dev/vda rw\n41 31 0:38 \(mounted) \(place) rw - cgroup2 cgroup2 rw,nsdelegate\n")
    }

    var memoryLeft: UInt64 { scn_memory_left(root) }
    var cpuQuota: Int32 { scn_cpu_quota(root) }
}

@Suite struct LimitsTests {
    private let unlimited: UInt64 = 8_001_000 * 1024

    @Test func withoutGroupsTheMachineIsTheLimit() throws {
        let system = try System()
        #expect(system.memoryLeft == unlimited)
        #expect(system.cpuQuota == .max)
    }

    @Test func version2AtEveryLevel() throws {
        let system = try System()
        system.mount(version2: "/user.slice/job/step")
        for level in ["user.slice", "user.slice/job", "user.slice/job/step"] {
            let folder = "sys/fs/cgroup/" + level
            system.write(folder + "/memory.max", "max\n")
            system.write(folder + "/memory.current", "1000000\n")
            system.write(folder + "/cpu.max", "max 100000\n")
        }
        #expect(system.memoryLeft == unlimited)
        #expect(system.cpuQuota == .max)
        let limits = [("user.slice", 5_000_000), ("user.slice/job", 4_000_000), ("user.slice/job/step", 3_000_000)]
        for (level, limit) in limits {
            system.write("sys/fs/cgroup/\(level)/memory.max", "\(limit)\n")
            #expect(system.memoryLeft == UInt64(limit - 1_000_000))
        }
        let quotas = [("user.slice", 350_000, 4), ("user.slice/job", 200_000, 2), ("user.slice/job/step", 50_000, 1)]
        for (level, quota, cpus) in quotas {
            system.write("sys/fs/cgroup/\(level)/cpu.max", "\(quota) 100000\n")
            #expect(system.cpuQuota == cpus)
        }
    }

    @Test(.exclusive) func withoutMemoryToReadThemNothingIsLeft() throws {
        let system = try System()
        system.mount(version1: "memory", "/job", at: "/sys/fs/cgroup/memory")
        system.write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "7000000\n")
        defer { scn_memory_fail_after(-1) }
        for failing: Int64 in 0..<2 {
            scn_memory_fail_after(failing)
            #expect(system.memoryLeft == 0)
        }
        scn_memory_fail_after(2)
        #expect(system.memoryLeft == 7_000_000)
    }

    @Test func pagesOfFilesMayGo() throws {
        let system = try System()
        system.mount(version2: "/job")
        system.write("sys/fs/cgroup/job/memory.max", "5000000\n")
        system.write("sys/fs/cgroup/job/memory.current", "4900000\n")
        #expect(system.memoryLeft == 100_000)
        system.write(
            "sys/fs/cgroup/job/memory.stat", "anon 900000\nfile 4000000\ninactive_file 3000000\nactive_file 500000\n")
        #expect(system.memoryLeft == 3_600_000)
        system.write("sys/fs/cgroup/job/memory.current", "5100000\n")
        system.write("sys/fs/cgroup/job/memory.stat", "inactive_file 0\n")
        #expect(system.memoryLeft == 0)
    }

    @Test func version1AtEveryLevel() throws {
        let system = try System()
        system.mount(version1: "memory", "/docker/job", at: "/sys/fs/cgroup/memory")
        let none = "9223372036854771712\n"
        for level in ["", "/docker", "/docker/job"] {
            let folder = "sys/fs/cgroup/memory" + level
            system.write(folder + "/memory.limit_in_bytes", none)
            system.write(folder + "/memory.usage_in_bytes", "2000000\n")
            system.write(folder + "/memory.use_hierarchy", "1\n")
        }
        #expect(system.memoryLeft == unlimited)
        system.write("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "7000000\n")
        #expect(system.memoryLeft == 5_000_000)
        system.write("sys/fs/cgroup/memory/docker/memory.stat", "inactive_file 1\ntotal_inactive_file 1500000\n")
        #expect(system.memoryLeft == 6_500_000)
        system.write("sys/fs/cgroup/memory/docker/job/memory.limit_in_bytes", "6000000\n")
        #expect(system.memoryLeft == 4_000_000)
        // A parent that counts its own alone is no limit to its children.
        system.write("sys/fs/cgroup/memory/docker/job/memory.limit_in_bytes", none)
        system.write("sys/fs/cgroup/memory/docker/memory.use_hierarchy", "0\n")
        #expect(system.memoryLeft == unlimited)
    }

    @Test func version1Quota() throws {
        let system = try System()
        system.mount(version1: "cpu,cpuacct", "/job", at: "/sys/fs/cgroup/cpu,cpuacct")
        system.write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n")
        system.write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "50000\n")
        #expect(system.cpuQuota == .max)
        system.write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "125000\n")
        #expect(system.cpuQuota == 3)
        // Another controller's hierarchy has no say, also where its name begins the same.
        system.mount(version1: "cpuset", "/job", at: "/sys/fs/cgroup/cpu,cpuacct")
        #expect(system.cpuQuota == .max)
    }

    @Test func whatAContainerSees() throws {
        let system = try System()
        // Its own group is what is mounted, under the path that the host knows.
        system.mount(version1: "memory", "/docker/0123", root: "/docker/0123", at: "/sys/fs/cgroup/memory")
        system.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "3000000\n")
        system.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000000\n")
        #expect(system.memoryLeft == 2_000_000)
        system.mount(version1: "memory", "/docker/0123/inner", root: "/docker/0123", at: "/sys/fs/cgroup/memory")
        system.write("sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "2500000\n")
        system.write("sys/fs/cgroup/memory/inner/memory.usage_in_bytes", "700000\n")
        #expect(system.memoryLeft == 1_800_000)
        // A path that it does not see.
        system.mount(version1: "memory", "/docker/01234", root: "/docker/0123", at: "/sys/fs/cgroup/memory")
        #expect(system.memoryLeft == 2_000_000)
        system.mount(version2: "/../sibling", at: "/sys/fs/cgroup/memory")
        system.write("sys/fs/cgroup/memory/memory.max", "1500000\n")
        system.write("sys/fs/cgroup/memory/memory.current", "400000\n")
        #expect(system.memoryLeft == 1_100_000)
    }

    @Test func placesWithBlanks() throws {
        let system = try System()
        system.mount(version2: "/a b", at: "/sys/fs/my\\040groups")
        system.write("sys/fs/my groups/a b/memory.max", "900000\n")
        system.write("sys/fs/my groups/a b/cpu.max", "110000 100000\n")
        #expect(system.memoryLeft == 900_000)
        #expect(system.cpuQuota == 2)
    }

    @Test func filesThatHoldSomethingElse() throws {
        let system = try System()
        system.write("proc/self/cgroup", "\n:\n::\n0::")
        system.write("proc/self/mountinfo", "\n - \n - cgroup2\na b - cgroup2 x y\n1 2 3 / - cgroup2 a b\n")
        #expect(system.memoryLeft == unlimited)
        system.mount(version2: "/job")
        system.write("sys/fs/cgroup/job/memory.max", "")
        system.write("sys/fs/cgroup/job/cpu.max", "many few\n")
        #expect(system.memoryLeft == unlimited)
        #expect(system.cpuQuota == .max)
        system.write("sys/fs/cgroup/job/cpu.max", "100000 0\n")
        #expect(system.cpuQuota == .max)
    }

    @Test func threadsAtFirst() {
        #expect(scn_pool_first_thread_count(nil, nil, 6) == 6)
        #expect(scn_pool_first_thread_count("", "", 6) == 6)
        #expect(scn_pool_first_thread_count(nil, nil, 5000) == 1024)
        #expect(scn_pool_first_thread_count(nil, nil, 0) == 1)
        #expect(scn_pool_first_thread_count("12", "1", 6) == 12)
        for wrong in ["0", "-1", "1025", "99999999999999999999", "2x", "2,3", " 2", "+2", "0x2", "two"] {
            #expect(scn_pool_first_thread_count(wrong, "2", 6) == 0)
        }
        // Another library's variable asks for no more than there is, and what it may hold is not ours to judge.
        for (openmp, expected) in [("2", 2), ("4,2", 4), ("64", 6), ("0", 6), ("-3", 6), ("few", 6)] {
            #expect(scn_pool_first_thread_count(nil, openmp, 6) == expected)
        }
        #expect(scn_cpu_affinity() >= 1)
    }
}
