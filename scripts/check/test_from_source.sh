#!/usr/bin/env bash
# Build scn from nothing in each way that a project of others does, from a clone of the last commit with a tag of its
# version: CMake's FetchContent, Conan, vcpkg, SwiftPM by URL and version; run programs with each. Takes a build of the
# library, minutes, for each. vcpkg takes part where it is installed. Last line: N passed, N failed.
#
# usage: test_from_source.sh [fetchcontent] [conan] [vcpkg] [swift]      all without arguments
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
version=$(scripts/build/version.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source scripts/check/count_results.sh

git clone --quiet . "$work/scn" && git -C "$work/scn" tag "v$version" || { echo "0 passed, 1 failed"; exit 1; }
[ -z "$(git status --porcelain)" ] || echo "      changes that are not committed are left out"

through_fetch_content() {
    cmake -S Tests/cmake -B "$work/fetched" -DHOW=FetchContent -DSCN_REPOSITORY="file://$work/scn" \
        -DSCN_TAG="v$version" && cmake --build "$work/fetched" && ctest --test-dir "$work/fetched" --output-on-failure
}

through_conan() {
    local conan=$root/build/conan-venv/bin/conan
    if [ ! -x "$conan" ]; then
        python3 -m venv build/conan-venv && build/conan-venv/bin/pip install --quiet conan==2.34.0 || return
    fi
    export CONAN_HOME=$work/conan
    "$conan" profile detect && "$conan" create "$work/scn/packaging/conan" --build='scn/*' &&
        "$conan" list "scn/$version"
}

through_vcpkg() {
    "$vcpkg" install scn --overlay-ports="$work/scn/packaging/vcpkg" --x-install-root="$work/vcpkg/installed" \
        --x-buildtrees-root="$work/vcpkg/buildtrees" --x-packages-root="$work/vcpkg/packages" --binarysource=clear &&
        cmake -S Tests/cmake -B "$work/vcpkg/built" -DHOW=find_package \
            -DCMAKE_PREFIX_PATH="$(echo "$work"/vcpkg/installed/*-linux*)" && cmake --build "$work/vcpkg/built" &&
        ctest --test-dir "$work/vcpkg/built" --output-on-failure
}

# The form of README.md, but for where the repository is.
through_swift() {
    local by_path='.package(name: "scn", path: "../..")' manifest=$work/hello/Package.swift expected got
    cp -r examples/hello-swift "$work/hello" && rm -rf "$work/hello/.build" && grep -qF "$by_path" "$manifest" || return
    python3 - "$manifest" "$by_path" ".package(url: \"file://$work/scn\", from: \"$version\")" <<'PYTHON'
import sys
path, old, new = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    text = file.read().replace(old, new)
with open(path, "w", encoding="utf-8") as file:
    file.write(text)
PYTHON
    swift build -c release --package-path "$work/hello" --cache-path "$work/swift-cache" || return
    grep -F "\"version\" : \"$version\"" "$work/hello/Package.resolved" || return
    cc -std=c99 -Iinclude bindings/c/examples/quickstart.c -Lbuild/lib -lscn -Wl,-rpath,"$root/build/lib" \
        -o "$work/quickstart" || return
    expected=$("$work/quickstart")
    got=$(swift run -c release --skip-build --package-path "$work/hello" --cache-path "$work/swift-cache" Quickstart)
    echo "$got"
    [ "$got" = "$expected" ]
}

vcpkg=$(command -v vcpkg || echo "${VCPKG_ROOT:-/nowhere}/vcpkg")
[ $# -gt 0 ] || set -- fetchcontent conan vcpkg swift
for way; do
    case $way in
    fetchcontent) attempt "CMake: FetchContent of a tag" through_fetch_content ;;
    conan) attempt "Conan: conan create, and its test package" through_conan ;;
    vcpkg)
        if [ -x "$vcpkg" ]; then
            attempt "vcpkg: install with the port as overlay" through_vcpkg
        else
            echo "skip  vcpkg: not installed"
        fi ;;
    swift) attempt "SwiftPM: a dependency by URL and version" through_swift ;;
    *) attempt "way: is $way, expected fetchcontent, conan, vcpkg or swift" false ;;
    esac
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
