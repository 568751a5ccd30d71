#!/usr/bin/env bash
# Test the installed library from C and C++: install it into a temporary folder, compile each program of Tests/c and
# bindings/c/examples with gcc -std=c99 and with g++ through pkg-config, the examples also through CMake, without a
# warning, and run them. Examples that read arguments are compiled only. Last line: N passed, N failed.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
passed=0
failed=0

make --no-print-directory install PREFIX="$prefix" || { echo "0 passed, 1 failed"; exit 1; }
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
read -ra flags <<<"$(pkg-config --cflags --libs scn)"

# Run a command silently; count it, and show what it said where it failed.
attempt() {
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok    $name"
        passed=$((passed + 1))
    else
        echo "FAIL  $name (status $?)"
        sed 's/^/      /' "$work/log"
        failed=$((failed + 1))
    fi
}

# A program that embeds Python finds numpy in .venv and scn in this folder; scn opens the library that the program has.
python_flags=()
python_environment=()
prepare_python() {
    local embed module
    module=$(.venv/bin/python -c 'import sys; print("python-%d.%d-embed" % sys.version_info[:2])')
    embed=$(pkg-config --cflags --libs "$module") || return
    read -ra python_flags <<<"${embed//-I/-isystem }"
    python_environment=(
        PYTHONPATH="$root/bindings/python/src:$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
        SCN_LIBRARY="$prefix/lib/libscn.so.0")
}

compile_and_run() {
    local source=$1 dialect=$2 name program command environment extra=()
    name=$(basename "$source" .c)
    program=$work/$name-$dialect
    case $dialect in
    c99) command=("${CC:-gcc}" -std=c99) ;;
    c++17) command=("${CXX:-g++}" -x c++ -std=c++17) ;;
    esac
    environment=(PATH="$PATH" HOME="$work" LD_LIBRARY_PATH="$prefix/lib")
    if grep -q '#include <Python.h>' "$source"; then
        prepare_python
        extra=("${python_flags[@]}")
        environment+=("${python_environment[@]}")
    fi
    command+=(-O2 -Wall -Wextra -pedantic -Werror "$source" -x none -o "$program" "${flags[@]}" "${extra[@]}" -lm)
    if ! "${command[@]}" >"$work/log" 2>&1; then
        attempt "$name, $dialect: compile" "${command[@]}"
    elif [[ $source == Tests/* || $name == hello_world || $name == quickstart ]]; then
        attempt "$name, $dialect" timeout 900 env -i -C "$work" "${environment[@]}" "$program"
    else
        attempt "$name, $dialect: compile" test -x "$program"
    fi
}

through_cmake() {
    cmake -S bindings/c -B "$work/cmake" -DCMAKE_PREFIX_PATH="$1" -DCMAKE_C_FLAGS=-Werror &&
        cmake --build "$work/cmake" --parallel 2 && (cd "$work/cmake" && ctest --output-on-failure)
}

for source in Tests/c/*.c bindings/c/examples/*.c; do
    [ -e "$source" ] || continue
    for dialect in c99 c++17; do compile_and_run "$source" $dialect; done
done
for source in Tests/c/*.cpp; do compile_and_run "$source" c++17; done
# The installed tree must work where it is moved to.
mv "$prefix" "$work/moved"
attempt "examples through CMake" through_cmake "$work/moved"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
