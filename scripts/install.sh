#!/usr/bin/env bash
# Install library, header, pkg-config file and CMake package: install.sh VERSION. Reads PREFIX (/usr/local), LIBDIR
# (PREFIX/lib) and DESTDIR (a folder that stands for / while packaging) from the environment.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
major=${version%%.*}
prefix=$(realpath -ms "${PREFIX:-/usr/local}")
libdir=$(realpath -ms "${LIBDIR:-$prefix/lib}")
root=${DESTDIR:-}

fill_in() {
    sed -e "s|@VERSION@|$version|g" -e "s|@MAJOR@|$major|g" -e "s|@PREFIX@|$prefix|g" -e "s|@LIBDIR@|$libdir|g" \
        -e "s|@PREFIX_FROM_LIBDIR@|$(realpath -ms --relative-to="$libdir" "$prefix")|g" "$1" >"$2"
    chmod 644 "$2"
}

install -d "$root$prefix/include" "$root$libdir/pkgconfig" "$root$libdir/cmake/scn"
install -m 644 include/scn.h "$root$prefix/include/scn.h"
install -m 755 "build/lib/libscn.so.$version" "$root$libdir/libscn.so.$version"
ln -sfn "libscn.so.$version" "$root$libdir/libscn.so.$major"
ln -sfn "libscn.so.$major" "$root$libdir/libscn.so"
fill_in bindings/c/scn.pc.in "$root$libdir/pkgconfig/scn.pc"
for name in scnConfig.cmake scnConfigVersion.cmake; do
    fill_in "bindings/c/cmake/$name.in" "$root$libdir/cmake/scn/$name"
done

# The system's folders are searched through a cache, which root can refresh.
if [ -z "$root" ] && [ "$(id -u)" = 0 ] && [[ $libdir == /usr/local/lib || $libdir == /usr/lib ]]; then ldconfig; fi
echo "installed scn $version into $root$prefix"
