#!/usr/bin/env bash
# Pack the built library for programs in C and C++: tarball.sh VERSION. Result: dist/scn-VERSION-linux-ARCH.tar.gz, one
# folder that works wherever it is unpacked. It is the same bytes wherever and whenever it is made; SOURCE_DATE_EPOCH is
# its moment.
set -euo pipefail
umask 022
cd "$(dirname "$0")/../.."
version=$1
name=scn-$version-linux-$(uname -m)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/$name
# The newest symbol version is the oldest C library that the library runs with.
glibc=$(objdump -T "build/lib/libscn.so.$version" | sed -n 's/.*(GLIBC_\([0-9.]*\)).*/\1/p' | sort -Vu | tail -n 1)

mkdir "$tree"
DESTDIR=$tree PREFIX=/ LIBDIR=/lib scripts/package/install.sh "$version" >/dev/null
sed -i -e 's|^prefix=.*|prefix=${pcfiledir}/../..|' -e 's|^libdir=.*|libdir=${prefix}/lib|' "$tree/lib/pkgconfig/scn.pc"
mv "$tree/share/doc/scn"/LICENSE* "$tree"
rm -r "$tree/share"
for language in c cpp; do
    mkdir -p "$tree/examples/$language"
    cp bindings/$language/examples/* "$tree/examples/$language"
done
cat >"$tree/README.md" <<END
# scn $version for Linux, $(uname -m)

Submanifold sparse convolutional networks on a CPU: library, headers, examples. Nothing needs to be installed but
OpenBLAS (Debian, Ubuntu: \`libopenblas0\`; Fedora: \`openblas\`) and, of the system, the C library $glibc or newer and
the C++ library.

    cmake -S examples/cpp -B build -DCMAKE_PREFIX_PATH=\$PWD && cmake --build build && ctest --test-dir build

or, without CMake,

    export PKG_CONFIG_PATH=\$PWD/lib/pkgconfig
    cc examples/c/quickstart.c \$(pkg-config --cflags --libs scn) -Wl,-rpath,\$PWD/lib -o quickstart && ./quickstart

\`include/scn.h\` is the C interface and its manual, \`include/scn.hpp\` the same for C++17. The folder may be moved as
a whole.

License: Apache 2.0 (\`LICENSE\`). The library contains the Swift runtime, Apache 2.0 with Runtime Library Exception
(\`LICENSE.swift\`).
END

mkdir -p dist
tar --create --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    --mode=u+rwX,go+rX,go-w "$name" | gzip -9n >"dist/$name.tar.gz.new"
mv -f "dist/$name.tar.gz.new" "dist/$name.tar.gz"
ls -l "dist/$name.tar.gz"
