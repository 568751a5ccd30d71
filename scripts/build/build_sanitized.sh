#!/usr/bin/env bash
# Build the library for one sanitizer: build_sanitized.sh address|thread|undefined. Result:
# .build/KIND/release/libscn.so and its link. With `address` the C parts are checked for undefined behavior too, and all
# is instrumented for the fuzzers.
set -euo pipefail
cd "$(dirname "$0")/../.."
kind=$1
abi=$(scripts/build/version.sh abi)

# Checked loops are not vectorized, whatever their pragmas ask for; -O1, for more takes a compiler minutes.
undefined=(-Xcc -O1 -Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined -Xcc -Wno-pass-failed)
case $kind in
address)
    # Swift's driver would link libFuzzer's main function into the library; hence these, and not -sanitize=fuzzer.
    flags=(--sanitize=address -Xswiftc -sanitize-coverage=edge,trace-cmp
        -Xswiftc -Xllvm -Xswiftc -sanitizer-coverage-inline-8bit-counters=1
        -Xswiftc -Xllvm -Xswiftc -sanitizer-coverage-pc-table=1
        -Xcc -fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp "${undefined[@]}") ;;
thread) flags=(--sanitize=thread) ;;
undefined) flags=("${undefined[@]}") ;;
*) echo "build_sanitized: unknown sanitizer $kind" >&2; exit 2 ;;
esac

# No `-z defs` here: the sanitizer's functions come from the program.
runtime_flags=$(scripts/build/swift_runtime_flags.sh)
# shellcheck disable=SC2086 # several words
swift build -c release --product scn --scratch-path ".build/$kind" "${flags[@]}" \
    -Xswiftc -static-stdlib $runtime_flags -Xswiftc -use-ld=lld -Xswiftc -g \
    -Xlinker --version-script="$PWD/exports.map" -Xlinker -soname="libscn.so.$abi"
ln -sfn libscn.so ".build/$kind/release/libscn.so.$abi"
