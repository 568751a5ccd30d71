#!/usr/bin/env bash
# Test the parts of the library that are C without the Swift around them: test_kernels.sh [aarch64|address|undefined].
# Compiles Sources/CSCNKernels, Sources/CSCNSupport and each program of Tests/kernels with the clang of the Swift
# toolchain, without a warning, and runs the programs, which test each instruction set that the cpu has. Last line: N
# passed, N failed.
#   aarch64    for Arm, through qemu-aarch64 unless this is Arm; with loops in the place of OpenBLAS
#   address    under AddressSanitizer and UndefinedBehaviorSanitizer
#   undefined  under UndefinedBehaviorSanitizer
set -uo pipefail
cd "$(dirname "$0")/../.."
kind=${1:-$(uname -m)}
build=build/kernels/$kind
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source scripts/check/count_results.sh

clang=$(scripts/build/toolchain.sh clang) || { echo "0 passed, 1 failed"; exit 1; }
emulator=()
blas=(-lopenblas)
flags=(-O2 -g -Wall -Wextra -Werror -ISources/CSCNKernels/include -ISources/CSCNSupport/include -Iinclude -ITests/c)
case $kind in
"$(uname -m)") ;;
aarch64)
    emulator=(qemu-aarch64 -L /usr/aarch64-linux-gnu)
    flags+=(--target=aarch64-linux-gnu)
    blas=("$build/blas/naive_blas.o")
    ;;
# Checked loops are not vectorized, whatever their pragmas ask for; -O1, for more takes a compiler minutes.
address) flags+=(-O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -Wno-pass-failed) ;;
undefined) flags+=(-O1 -fsanitize=undefined -fno-sanitize-recover=undefined -Wno-pass-failed) ;;
*)
    echo "test_kernels: kind: is $kind, expected $(uname -m), aarch64, address or undefined" >&2
    exit 2
    ;;
esac
mkdir -p "$build/blas"

# The objects of all sources, compiled anew where one of them, or what they include, is newer.
compile_library() {
    local source
    if [ -e "$build/compiled" ] && [ -z "$(find Sources/CSCNKernels Sources/CSCNSupport Tests/kernels/naive_blas.c \
        "${BASH_SOURCE[0]}" -newer "$build/compiled")" ]; then return; fi
    rm -f "$build"/*.o "$build/compiled"
    for source in Sources/CSCNKernels/*.c Sources/CSCNSupport/*.c; do
        "$clang" "${flags[@]}" -c "$source" -o "$build/$(basename "$source" .c).o" || return
    done
    "$clang" "${flags[@]}" -c Tests/kernels/naive_blas.c -o "$build/blas/naive_blas.o" && touch "$build/compiled"
}

compile_and_run() {
    "$clang" "${flags[@]}" "Tests/kernels/$1.c" "$build"/*.o "${blas[@]}" -fuse-ld=lld -lm -pthread \
        -o "$build/$1" && "${emulator[@]}" "$build/$1"
}

attempt "compile the library's C for $kind" compile_library
for source in Tests/kernels/*_test.c; do
    name=$(basename "$source" .c)
    before=$passed
    attempt "$name, $kind" compile_and_run "$name"
    # What a program says that passed: its tables, and how many checks.
    if [ "$passed" != "$before" ]; then sed 's/^/      /' "$work/log"; fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
