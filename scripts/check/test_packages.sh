#!/usr/bin/env bash
# Test what users get: unpack the tarball and build its examples, install the wheel into a clean virtual environment
# with the system's OpenBLAS and Swift out of sight, and the source archive beside a library; run programs with each,
# outside of this folder. Make this folder a part of a CMake project, with the tarball's library. Check what goes with
# a release. Last line: N passed, N failed.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
version=$(scripts/build/version.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source scripts/check/count_results.sh

# Run a command in a folder of its own, with nothing of this shell's environment.
alone() { mkdir -p "$work/alone" && env -i -C "$work/alone" PATH=/usr/local/bin:/usr/bin:/bin HOME="$work" "$@"; }

# The same where neither the system's OpenBLAS and Fortran libraries nor Swift's can be opened.
as_root=(unshare --mount)
[ "$(id -u)" = 0 ] || as_root=(unshare --mount --map-root-user)
alone_without_libraries() {
    local hidden swift
    swift=$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath" *: *"\(.*\)".*/\1/p')
    hidden=$(ldconfig -p | sed -n 's/.*=> \(.*lib\(openblas\|gfortran\|quadmath\).*\)/\1/p' | xargs -r realpath |
        sort -u)
    HIDDEN=$hidden SWIFT=$swift "${as_root[@]}" bash -c '
        for library in $HIDDEN; do mount --bind /dev/null "$library" || exit; done
        mount -t tmpfs none "$SWIFT" || exit
        "$@"' hide env -i -C "$work/alone" PATH=/usr/bin:/bin HOME="$work" "$@"
}
can_hide() { "${as_root[@]}" mount -t tmpfs none "$work/alone" 2>/dev/null; }

tarball_is_whole() {
    tar -xzf "dist/scn-$version-linux-$(uname -m).tar.gz" -C "$work" && mv "$work"/scn-* "$work/tree" || return
    test -s "$work/tree/LICENSE" && test -s "$work/tree/LICENSE.swift" && test -s "$work/tree/README.md"
}

through_cmake() {
    alone cmake -S "$work/tree/examples/cpp" -B "$work/built" -DCMAKE_PREFIX_PATH="$work/tree" &&
        alone cmake --build "$work/built" --parallel 2 && alone ctest --test-dir "$work/built" --output-on-failure
}

through_pkg_config() {
    local flags
    flags=$(alone PKG_CONFIG_PATH="$work/tree/lib/pkgconfig" pkg-config --cflags --libs scn) || return
    # shellcheck disable=SC2086  # flags are words
    alone cc "$work/tree/examples/c/quickstart.c" $flags -Wl,-rpath,"$work/tree/lib" -o "$work/quickstart" &&
        alone "$work/quickstart"
}

# A clean virtual environment that has numpy, which comes from .venv so that no network is needed.
make_environment() {
    local packages
    .venv/bin/python -m venv "$1" || return
    packages=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    cp -r "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"/numpy* "$packages"
}

wheel_installs() {
    make_environment "$work/venv" &&
        alone "$work/venv/bin/python" -m pip install --quiet --no-index "$root"/dist/scn_engine-"$version"-*.whl
}

# Libraries come from the environment or are the system's C and C++ libraries.
cat >"$work/opens_its_own.py" <<'END'
import re, sys, numpy, scn
paths = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
ours = {path for path in paths if path.startswith(sys.prefix)}
print("\n".join(sorted(paths)))
assert any("/scn/libscn.so" in path for path in ours), "libscn is not the wheel's"
assert any("/scn_engine.libs/libopenblas" in path for path in ours), "OpenBLAS is not the wheel's"
stranger = [path for path in paths - ours if re.search("openblas|gfortran|quadmath|swift|scn", path)]
assert not stranger, f"not the wheel's: {stranger}"
END

# The last line of a program is that of the same program in this folder.
says_the_same() {
    local expected got
    expected=$(.venv/bin/python "bindings/python/examples/$1.py") || return
    cp "bindings/python/examples/$1.py" "$work" || return
    shift
    got=$("$@") || return
    echo "$got"
    [ "$got" = "$expected" ]
}

source_archive_builds() {
    .venv/bin/python -m pip wheel --quiet --no-index --no-build-isolation --no-deps --wheel-dir "$work/sdist" \
        "dist/scn_engine-$version.tar.gz" && make_environment "$work/second" &&
        alone "$work/second/bin/python" -m pip install --quiet --no-index \
            "$work/sdist/scn_engine-$version-py3-none-any.whl"
}

# The newest version of the C library that any file of the wheel asks for is the one that its name states.
wheel_states_its_c_library() {
    local stated newest wheel
    wheel=$(echo dist/scn_engine-"$version"-*.whl)
    stated=$(sed -n 's/.*-py3-none-manylinux_\([0-9]*\)_\([0-9]*\)_.*/\1.\2/p' <<<"$wheel")
    python3 -m zipfile -e "$wheel" "$work/wheel" || return
    newest=$(find "$work/wheel" -name '*.so*' -exec objdump -T {} + | sed -n 's/.*(GLIBC_\([0-9.]*\)).*/\1/p' |
        sort -Vu | tail -n 1)
    echo "name: glibc $stated, symbols: glibc $newest"
    [ -n "$newest" ] && [ "$stated" = "$newest" ]
}

checksums_are_right() {
    (cd dist && sha256sum --check --strict SHA256SUMS) && [ "$(wc -l <dist/SHA256SUMS)" = 5 ]
}

# Every file that states a version states this one: the port and the pages would stay behind.
another_version_is_refused() {
    ! python3 scripts/package/release.py check 99.0.0 --trial 2>"$work/said" || return
    cat "$work/said"
    grep -q "^  packaging/vcpkg/scn/vcpkg.json:3: version is $version, expected 99.0.0" "$work/said" &&
        grep -q "^  docs/building.md:.*, expected 99.0" "$work/said"
}

# Against readelf: each library of the wheel and of the tarball, and each that these need.
cat >"$work/bill_is_whole.py" <<'END'
import hashlib, json, pathlib, re, subprocess, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
text = pathlib.Path(sys.argv[1]).read_text()
error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
assert error is None, error
components = json.loads(text)["components"]
hashes = {h["content"] for c in components for h in c.get("hashes", [])}
names = {c["name"] for c in components}
libraries = [p for folder in sys.argv[2:] for p in pathlib.Path(folder).rglob("*.so*") if not p.is_symlink()]
assert len(libraries) >= 3, libraries
for path in libraries:
    assert hashlib.sha256(path.read_bytes()).hexdigest() in hashes, f"{path.name} is not in the bill"
    dynamic = subprocess.check_output(["readelf", "-dW", path], text=True)
    for need in re.findall(r"NEEDED.*\[(.*)\]", dynamic):
        assert need in names, f"{path.name} needs {need}, which is not in the bill"
swift = re.search(r"Swift version (\S+)", subprocess.check_output(["swift", "--version"], text=True)).group(1)
assert any("Swift" in c["name"] and c["version"] == swift for c in components), "the Swift runtime is not in the bill"
assert all("licenses" in c and "version" in c for c in components if "hashes" in c), "without license or version"
END

# Tests/cmake with this folder as a part, which needs no Swift then: as_part_of_a_project HOW ARGUMENT ...
as_part_of_a_project() {
    local how=$1 build=$work/part-$1
    shift
    alone cmake -S "$root/Tests/cmake" -B "$build" -DHOW="$how" -DSCN_LIBRARY="$work/tree/lib/libscn.so" "$@" &&
        alone cmake --build "$build" && alone ctest --test-dir "$build" --output-on-failure
}

# configuring_says TEXT ARGUMENT ...: where no Swift works, the configuration fails, and says so.
configuring_says() {
    local text=$1
    shift
    mkdir -p "$work/no-swift" && ln -sf /bin/false "$work/no-swift/swift"
    if alone PATH="$work/no-swift:/usr/local/bin:/usr/bin:/bin" cmake -S "$root/Tests/cmake" -B "$work/bad" \
        -DHOW=add_subdirectory -DSCN_SOURCE="$root" "$@" >"$work/said" 2>&1; then
        echo "the configuration succeeded"
        return 1
    fi
    tr -s ' \n' ' ' <"$work/said" | grep -F "$text" || { cat "$work/said"; false; }
}

make --no-print-directory release ARGS="--trial --no-site" || { echo "0 passed, 1 failed"; exit 1; }
alone true
attempt "tarball" tarball_is_whole
attempt "tarball: examples in C++ through CMake" through_cmake
attempt "tarball: quickstart in C through pkg-config" through_pkg_config
attempt "CMake: add_subdirectory with a built library" as_part_of_a_project add_subdirectory -DSCN_SOURCE="$root"
attempt "CMake: FetchContent with a built library" as_part_of_a_project FetchContent \
    -DFETCHCONTENT_SOURCE_DIR_SCN="$root"
attempt "CMake: what is said where there is no Swift" configuring_says "setup: Swift 6.2 or newer is needed"
attempt "CMake: what is said of a library that is none" configuring_says "has the soname '', expected libscn.so." \
    -DSCN_LIBRARY=/bin/sh
attempt "release: another version is refused" another_version_is_refused
attempt "release: checksums" checksums_are_right
attempt "wheel: states the C library that it needs" wheel_states_its_c_library
attempt "release: bill of materials" .venv/bin/python "$work/bill_is_whole.py" "dist/scn-$version.cdx.json" \
    "$work/wheel" "$work/tree"
attempt "wheel: clean installation" wheel_installs
hiding=alone_without_libraries
if ! can_hide; then
    echo "      this system lets nobody hide its libraries: the wheel is only seen to open its own"
    hiding=alone
fi
attempt "wheel: its own libraries" $hiding "$work/venv/bin/python" "$work/opens_its_own.py"
attempt "wheel: hello world" says_the_same hello_world $hiding "$work/venv/bin/python" "$work/hello_world.py"
attempt "wheel: training" says_the_same quickstart $hiding "$work/venv/bin/python" "$work/quickstart.py"
attempt "source archive: a package without the library" source_archive_builds
attempt "source archive: training with a library of its own" says_the_same quickstart \
    alone SCN_LIBRARY="$work/tree/lib/libscn.so.1" "$work/second/bin/python" "$work/quickstart.py"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
