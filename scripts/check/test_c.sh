#!/usr/bin/env bash
# Test the installed library from C and C++: install it into a temporary folder, compile each program of Tests/c and
# bindings/c/examples with gcc -std=c99 and with g++ through pkg-config, those in C++ also with clang, the examples also
# through CMake, without a warning, run them, and uninstall. Examples that read arguments run through CMake alone. Last
# line: N passed, N failed.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
source scripts/check/count_results.sh

make --no-print-directory install PREFIX="$prefix" || { echo "0 passed, 1 failed"; exit 1; }
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
read -ra flags <<<"$(pkg-config --cflags --libs scn)"

# A program that embeds Python finds numpy in .venv and scn in this folder; scn opens the library that the program has.
python_flags=()
python_environment=()
prepare_python() {
    local embed module packages
    module=$(.venv/bin/python -c 'import sys; print("python-%d.%d-embed" % sys.version_info[:2])')
    embed=$(pkg-config --cflags --libs "$module") || return
    read -ra python_flags <<<"${embed//-I/-isystem }"
    packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    python_environment=(
        PYTHONPATH="$root/bindings/python/src:$packages"
        SCN_LIBRARY="$prefix/lib/libscn.so.1")
}

# The Swift toolchain has a clang, wherever it is.
clang=$(command -v clang++ ||
    realpath "$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath" *: *"\(.*\)".*/\1/p')/../../bin/clang++")

compile_and_run() {
    local source=$1 dialect=$2 name program command environment extra=()
    name=$(basename "$(basename "$source" .c)" .cpp)
    program=$work/$name-$dialect
    case $dialect in
    c99) command=("${CC:-gcc}" -std=c99) ;;
    c++17) command=("${CXX:-g++}" -x c++ -std=c++17) ;;
    clang++17) command=("$clang" -x c++ -std=c++17) ;;
    esac
    environment=(PATH="$PATH" HOME="$work" LD_LIBRARY_PATH="$prefix/lib")
    if grep -q '#include <Python.h>' "$source"; then
        prepare_python
        extra=("${python_flags[@]}")
        environment+=("${python_environment[@]}")
    fi
    # A program that calls nothing of the library by name opens it itself.
    command+=(-O2 -Wall -Wextra -pedantic -Werror -ITests/c "$source" -o "$program" -Wl,--as-needed "${flags[@]}"
        "${extra[@]}" -lm)
    if ! "${command[@]}" >"$work/log" 2>&1; then
        attempt "$name, $dialect: compile" "${command[@]}"
    elif [[ $source == Tests/* || $name == hello_world || $name == quickstart ]]; then
        attempt "$name, $dialect" timeout 900 env -i -C "$work" "${environment[@]}" "$program"
    else
        attempt "$name, $dialect: compile" test -x "$program"
    fi
}

through_cmake() {
    local language=$1 prefix=$2 build=$work/cmake-$1
    cmake -S "bindings/$language/examples" -B "$build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_FLAGS=-Werror \
        -DCMAKE_CXX_FLAGS=-Werror && cmake --build "$build" --parallel 2 && (cd "$build" && ctest --output-on-failure)
}

leaves_nothing() {
    make --no-print-directory uninstall PREFIX="$1" && [ -z "$(find "$1" ! -type d)" ]
}

for source in Tests/c/*/*.c bindings/c/examples/*.c; do
    [ -e "$source" ] || continue
    for dialect in c99 c++17; do compile_and_run "$source" $dialect; done
done
for source in Tests/c/*/*.cpp bindings/cpp/examples/*.cpp; do
    for dialect in c++17 clang++17; do compile_and_run "$source" $dialect; done
done
# The installed tree must work where it is moved to.
mv "$prefix" "$work/moved"
attempt "examples in C through CMake" through_cmake c "$work/moved"
attempt "examples in C++ through CMake" through_cmake cpp "$work/moved"
attempt "uninstall" leaves_nothing "$work/moved"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
