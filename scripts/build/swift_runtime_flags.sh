#!/bin/sh
# Print the flags of a build with the Swift runtime inside: that its locks' thread id can be cleared in a child process,
# see threads.c, where this toolchain's runtime has it under that name.
symbol=_ZZN5swift14threading_impl5linux13ulock_get_tidEvE3tid
resources=$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath" *: *"\(.*\)".*/\1/p')
if grep -qs "$symbol" "${resources}_static/linux/libswiftCore.a"; then
    echo "-Xcc -DSCN_STATIC_SWIFT_RUNTIME"
else
    echo "swift_runtime_flags: this Swift runtime hides the thread id of its locks; threads of a child process that" \
        "first meet in the library may wait forever" >&2
fi
