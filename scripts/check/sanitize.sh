#!/usr/bin/env bash
# Run C programs under a sanitizer, library included: sanitize.sh address|thread|undefined [program ...].
#   address    AddressSanitizer with leak detection, and the C parts under UndefinedBehaviorSanitizer: the C tests, and
#              without arguments the kernels' and the Swift tests too
#   undefined  UndefinedBehaviorSanitizer in the C parts, with the library's own memory: the C tests, on each
#              instruction set, and without arguments the kernels' tests too
#   thread     ThreadSanitizer: Tests/sanitizers/*.c and the C tests of threads and of failures
# Uses the clang of the Swift toolchain, whose runtime fits the instrumented Swift code; needs nothing else installed.
# Left out are programs that embed Python, since CPython itself does not free everything at its end, and those that open
# the library themselves, since what a sanitizer knows of it goes when it is unloaded.
set -euo pipefail
cd "$(dirname "$0")/../.."
kind=$1
shift
clang=$(scripts/build/toolchain.sh clang)
symbolizer=$(scripts/build/toolchain.sh llvm-symbolizer 2>/dev/null || true)
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}
suppressions=$PWD/Tests/sanitizers/thread.txt
tsan_options=halt_on_error=0:exitcode=66:second_deadlock_stack=1:die_after_fork=0:suppressions=$suppressions
export TSAN_OPTIONS=$tsan_options:${TSAN_OPTIONS:-}
if [ -n "$symbolizer" ]; then
    export ASAN_SYMBOLIZER_PATH=$symbolizer UBSAN_SYMBOLIZER_PATH=$symbolizer TSAN_SYMBOLIZER_PATH=$symbolizer
fi

scripts/build/build_sanitized.sh "$kind"
build=.build/$kind
instruction_sets=("")
with_kernel_tests=0
with_swift_tests=0
if [ $# = 0 ]; then
    case $kind in
    address)
        set -- Tests/c/*/*.c bindings/c/examples/hello_world.c
        with_kernel_tests=1
        with_swift_tests=1
        ;;
    undefined)
        set -- Tests/c/*/*.c
        with_kernel_tests=1
        instruction_sets=(generic avx2 avx512)
        ;;
    thread) set -- Tests/sanitizers/*.c Tests/c/process/threads_test.c Tests/c/operations/failure_test.c ;;
    esac
fi

# Whether the cpu has an instruction set.
has() {
    case $1 in
    avx2) grep -qw avx2 /proc/cpuinfo ;;
    avx512) grep -qw avx512f /proc/cpuinfo ;;
    esac
}

# The toolchain's ThreadSanitizer knows libdispatch, and must be linked with it.
libraries=()
if [ "$kind" = thread ]; then
    runtime=$(realpath "$(dirname "$clang")/../lib/swift/linux")
    libraries=(-L"$runtime" -ldispatch -lBlocksRuntime -Wl,-rpath,"$runtime")
fi

passed=0
failed=0
for source in "$@"; do
    if grep -qE '#include <(Python|dlfcn)\.h>' "$source"; then continue; fi
    program=$build/$(basename "$source" .c)
    "$clang" -fsanitize="$kind" -fno-sanitize-recover=undefined -fuse-ld=lld -g -O1 -std=c11 -Iinclude -ITests/c \
        "$source" -o "$program" -L"$build/release" -lscn -lm -pthread "${libraries[@]}" -Wl,-rpath,"$PWD/$build/release"
    for instruction_set in "${instruction_sets[@]}"; do
        if [ -n "$instruction_set" ]; then
            has "$instruction_set" || continue
            export SCN_ISA=$instruction_set
        fi
        echo "-- $source $instruction_set"
        if "$program"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    done
done

if [ $with_kernel_tests = 1 ]; then
    echo "-- Kernels' tests"
    if scripts/check/test_kernels.sh "$kind"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
fi
if [ $with_swift_tests = 1 ]; then
    echo "-- Swift tests"
    if swift test -c release -Xswiftc -enable-testing --scratch-path .build/address-tests --sanitize=address \
        --disable-xctest --no-parallel; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
