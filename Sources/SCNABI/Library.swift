public import CSCN
internal import CSCNSupport
internal import SCNCore
internal import SCNOps

@_cdecl("scn_version") @implementation
public func scn_version() -> UnsafePointer<CChar>? {
    constant("\(SCN_VERSION_MAJOR).\(SCN_VERSION_MINOR).\(SCN_VERSION_PATCH)")
}

@_cdecl("scn_abi_version") @implementation
public func scn_abi_version() -> Int32 { SCN_ABI_VERSION }

@_cdecl("scn_status_name") @implementation
public func scn_status_name(_ status: scn_status) -> UnsafePointer<CChar>? {
    let names: [StaticString] = [
        "SCN_OK", "SCN_ERROR_INVALID_ARGUMENT", "SCN_ERROR_SHAPE", "SCN_ERROR_COORDINATE", "SCN_ERROR_HANDLE",
        "SCN_ERROR_MEMORY", "SCN_ERROR_OVERFLOW", "SCN_ERROR_FILE", "SCN_ERROR_FORMAT", "SCN_ERROR_STATE",
        "SCN_ERROR_UNSUPPORTED", "SCN_ERROR_INTERNAL",
    ]
    return pointer(to: Int(status.rawValue) < names.count ? names[Int(status.rawValue)] : "unknown status")
}

@_cdecl("scn_last_error") @implementation
public func scn_last_error() -> UnsafePointer<CChar>? { scn_last_error_get() }

@_cdecl("scn_cpu_description") @implementation
public func scn_cpu_description() -> UnsafePointer<CChar>? {
    constant(
        "\(String(cString: scn_cpu_name())), \(Kernels.description); bfloat16 \(Kernels.bfloat16Description)")
}

@_cdecl("scn_get_thread_count") @implementation
public func scn_get_thread_count() -> Int32 { Int32(Parallel.threadCount) }

@_cdecl("scn_set_thread_count") @implementation
public func scn_set_thread_count(_ count: Int32) -> scn_status {
    status {
        try require(count >= 1 && count <= 1024, .invalidArgument, "count: is \(count), expected 1 ... 1024")
        Parallel.threadCount = Int(count)
    }
}

@_cdecl("scn_live_handles") @implementation
public func scn_live_handles() -> Int64 { Int64(Handles.liveCount) }

@_cdecl("scn_memory_in_use") @implementation
public func scn_memory_in_use() -> Int64 { Int64(liveMemoryBytes) }

@_cdecl("scn_get_forward_counts") @implementation
public func scn_get_forward_counts(
    _ multiply_adds: UnsafeMutablePointer<Int64>?, _ hidden_states: UnsafeMutablePointer<Int64>?,
    _ rules: UnsafeMutablePointer<Int64>?
) {
    let counts = ForwardCounts.total
    multiply_adds?.pointee = Int64(counts.multiplyAdds)
    hidden_states?.pointee = Int64(counts.hiddenStates)
    rules?.pointee = Int64(counts.rules)
}

@_cdecl("scn_set_forward_counts") @implementation
public func scn_set_forward_counts(_ multiply_adds: Int64, _ hidden_states: Int64, _ rules: Int64) -> scn_status {
    status {
        for (count, name) in [(multiply_adds, "multiply_adds"), (hidden_states, "hidden_states"), (rules, "rules")] {
            try require(count >= 0, .invalidArgument, "\(name): is \(count), expected at least 0")
        }
        ForwardCounts.total = ForwardCounts(
            multiplyAdds: Int(multiply_adds), hiddenStates: Int(hidden_states), rules: Int(rules))
    }
}

@_cdecl("scn_manual_seed") @implementation
public func scn_manual_seed(_ seed: UInt64) -> scn_status {
    status { Generator.seed(seed) }
}

@_cdecl("scn_get_random_state") @implementation
public func scn_get_random_state(_ state: UnsafeMutablePointer<UInt64>?) -> scn_status {
    status {
        let state = try required(state, "state")
        (state[0], state[1], state[2], state[3]) = Generator.state.state
    }
}

@_cdecl("scn_set_random_state") @implementation
public func scn_set_random_state(_ state: UnsafePointer<UInt64>?) -> scn_status {
    status {
        let words = try required(state, "state")
        try require(
            words[0] | words[1] | words[2] | words[3] != 0, .invalidArgument, "state: is all zero, which has no sequel")
        var random = Random(seed: 0)
        random.state = (words[0], words[1], words[2], words[3])
        Generator.state = random
    }
}

@_cdecl("scn_scope_begin") @implementation
public func scn_scope_begin(_ seed: UnsafePointer<UInt64>?) -> scn_status {
    untransacted { try Transaction.begin(drawingFrom: seed.map { Random(seed: $0.pointee) }) }
}

@_cdecl("scn_scope_end") @implementation
public func scn_scope_end(_ keep: Int32) -> scn_status {
    untransacted { try Transaction.end(isKept: try boolean(keep, "keep")) }
}

/// These functions have no status, and hosts print what they return.
private func constant(_ text: String) -> UnsafePointer<CChar> {
    (try? Constants.text(text)) ?? pointer(to: "unknown: out of memory")
}

private func pointer(to text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}
