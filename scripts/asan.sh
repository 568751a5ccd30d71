#!/usr/bin/env bash
# Run the C tests under AddressSanitizer with leak detection, library included: asan.sh [program ...].
# Uses the clang of the Swift toolchain, whose runtime fits the instrumented Swift code; needs nothing else installed.
# Left out are programs that embed Python, since CPython itself does not free everything at its end, and those that open the
# library themselves, since what a sanitizer knows of it goes when it is unloaded.
set -euo pipefail
cd "$(dirname "$0")/.."
abi=$(scripts/version.sh abi)
build=.build/asan
library=$build/release/libscn.so

# No `-z defs` here: the sanitizer's functions come from the program.
runtime_flags=$(scripts/swift_runtime_flags.sh)
# shellcheck disable=SC2086 # several words
swift build -c release --product scn --sanitize=address --scratch-path "$build" \
    -Xswiftc -static-stdlib $runtime_flags -Xswiftc -use-ld=lld -Xswiftc -g \
    -Xlinker --version-script="$PWD/exports.map" -Xlinker -soname="libscn.so.$abi"
ln -sfn libscn.so "$library.$abi"

resources=$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath" *: *"\(.*\)".*/\1/p')
clang=$(dirname "$(dirname "$resources")")/bin/clang
[ -x "$clang" ] || { echo "asan: no clang in the Swift toolchain ($clang)" >&2; exit 1; }
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1:${ASAN_OPTIONS:-}
symbolizer=$(dirname "$clang")/llvm-symbolizer
if [ -x "$symbolizer" ]; then export ASAN_SYMBOLIZER_PATH=$symbolizer; fi

[ $# -gt 0 ] || set -- Tests/c/*.c bindings/c/examples/hello_world.c
passed=0
failed=0
for source in "$@"; do
    [ -e "$source" ] || continue
    if grep -qE '#include <(Python|dlfcn)\.h>' "$source"; then continue; fi
    program=$build/$(basename "$source" .c)
    "$clang" -fsanitize=address -fuse-ld=lld -g -O1 -std=c99 -Iinclude "$source" -o "$program" \
        -L"$build/release" -lscn -lm -Wl,-rpath,"$PWD/$build/release"
    echo "-- $source"
    if "$program"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
