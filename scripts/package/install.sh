#!/usr/bin/env bash
# Install library, headers, pkg-config file, CMake package and licenses: install.sh VERSION; remove them again, of
# whatever version they are: install.sh --uninstall. Reads PREFIX (/usr/local), LIBDIR (lib, below PREFIX) and DESTDIR
# (a folder that stands for / while packaging) from the environment.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$1
abi=$(scripts/build/version.sh abi)
prefix=$(realpath -ms "${PREFIX:-/usr/local}")
libdir=${LIBDIR:-lib}
if [[ $libdir != /* ]]; then libdir=$prefix/$libdir; fi
libdir=$(realpath -ms "$libdir")
root=${DESTDIR:-}
documents=$root$prefix/share/doc/scn

# The system's folders are searched through a cache, which root can refresh.
refresh_cache() {
    if [ -z "$root" ] && [ "$(id -u)" = 0 ] && [[ $libdir == /usr/local/lib || $libdir == /usr/lib ]]; then ldconfig; fi
}

if [ "$version" = --uninstall ]; then
    rm -f "$root$prefix/include/scn.h" "$root$prefix/include/scn.hpp" "$root$libdir"/libscn.so{,.[0-9]*} \
        "$root$libdir/pkgconfig/scn.pc"
    rm -rf "$root$libdir/cmake/scn" "$documents"
    refresh_cache
    echo "removed scn from $root$prefix"
    exit
fi

fill_in() {
    sed -e "s|@VERSION@|$version|g" -e "s|@ABI@|$abi|g" -e "s|@PREFIX@|$prefix|g" -e "s|@LIBDIR@|$libdir|g" \
        -e "s|@PREFIX_FROM_LIBDIR@|$(realpath -ms --relative-to="$libdir" "$prefix")|g" "$1" >"$2"
    chmod 644 "$2"
}

install -d "$root$prefix/include" "$root$libdir/pkgconfig" "$root$libdir/cmake/scn" "$documents"
install -m 644 include/scn.h bindings/cpp/scn.hpp "$root$prefix/include"
install -m 755 "build/lib/libscn.so.$version" "$root$libdir/libscn.so.$version"
ln -sfn "libscn.so.$version" "$root$libdir/libscn.so.$abi"
ln -sfn "libscn.so.$abi" "$root$libdir/libscn.so"
fill_in bindings/c/scn.pc.in "$root$libdir/pkgconfig/scn.pc"
for name in scnConfig.cmake scnConfigVersion.cmake; do
    fill_in "bindings/c/cmake/$name.in" "$root$libdir/cmake/scn/$name"
done
install -m 644 LICENSE "$documents/LICENSE"
install -m 644 licenses/swift.txt "$documents/LICENSE.swift"
refresh_cache
echo "installed scn $version into $root$prefix"
