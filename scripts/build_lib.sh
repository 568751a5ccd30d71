#!/usr/bin/env bash
# Build the self-contained library: build_lib.sh VERSION. Result: build/lib/libscn.so.VERSION and its two links.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1

# Here and not in Package.swift: unsafe flags there would bar the package from being a versioned dependency.
swift build -c release --product scn --scratch-path .build/static \
    -Xswiftc -static-stdlib -Xswiftc -use-ld=lld \
    -Xlinker --version-script="$PWD/exports.map" -Xlinker --gc-sections -Xlinker -z -Xlinker defs \
    -Xlinker -soname="libscn.so.${version%%.*}"

mkdir -p build/lib
library=build/lib/libscn.so.$version
# A fresh file under a new name, then a rename: a process that has the old one mapped keeps it whole.
strip --strip-unneeded -o "$library.new" .build/static/release/libscn.so
mv -f "$library.new" "$library"
ln -sfn "libscn.so.$version" "build/lib/libscn.so.${version%%.*}"
ln -sfn "libscn.so.${version%%.*}" build/lib/libscn.so
