#!/usr/bin/env bash
# Build the self-contained library: build_lib.sh VERSION. Result: build/lib/libscn.so.VERSION and its two links.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$1
abi=$(scripts/build/version.sh abi)

# Swift's Glibc module refers to hypotf, whose newest version came with glibc 2.35, though nothing here calls it. With
# one of its own the library runs with glibc 2.34.
mkdir -p build
printf '%s\n' '#include <math.h>' \
    'float hypotf(float x, float y) { return (float)sqrt((double)x * (double)x + (double)y * (double)y); }' |
    cc -x c -O2 -fPIC -fno-math-errno -fvisibility=hidden -c - -o build/hypotf.o

# Here and not in Package.swift: unsafe flags there would bar the package from being a versioned dependency. Incremental
# code generation would put a hash into the library that depends on the folder of the build, and the build id be one of
# debugging information that has paths.
runtime_flags=$(scripts/build/swift_runtime_flags.sh)
# shellcheck disable=SC2086 # several words
swift build -c release --product scn --scratch-path .build/static \
    -Xswiftc -static-stdlib $runtime_flags -Xswiftc -use-ld=lld \
    -Xswiftc -Xfrontend -Xswiftc -disable-incremental-llvm-codegen \
    -Xlinker --version-script="$PWD/exports.map" -Xlinker --gc-sections -Xlinker -z -Xlinker defs \
    -Xlinker --strip-debug \
    -Xlinker "$PWD/build/hypotf.o" -Xlinker -soname="libscn.so.$abi"

mkdir -p build/lib
library=build/lib/libscn.so.$version
# A fresh file under a new name, then a rename: a process that has the old one mapped keeps it whole.
strip --strip-unneeded -o "$library.new" .build/static/release/libscn.so
mv -f "$library.new" "$library"
ln -sfn "libscn.so.$version" "build/lib/libscn.so.$abi"
ln -sfn "libscn.so.$abi" build/lib/libscn.so
