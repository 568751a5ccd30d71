#!/bin/sh
# Print the path of a program of the Swift toolchain: toolchain.sh clang. Its clang and sanitizers fit its Swift code.
path=$(realpath "$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath" *: *"\(.*\)".*/\1/p')/../../bin/$1")
[ -x "$path" ] || { echo "toolchain: no $1 in the Swift toolchain ($path)" >&2; exit 1; }
echo "$path"
