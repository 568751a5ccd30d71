#!/bin/sh
# Print the version, or with `abi` the number of the binary interface; include/scn.h states both once.
exec awk -v what="${1:-version}" '$2 ~ /^SCN_(VERSION_(MAJOR|MINOR|PATCH)|ABI_VERSION)$/ { part[$2] = $3 }
    END {
        if (what == "abi") print part["SCN_ABI_VERSION"]
        else print part["SCN_VERSION_MAJOR"] "." part["SCN_VERSION_MINOR"] "." part["SCN_VERSION_PATCH"]
    }' "$(dirname "$0")/../../include/scn.h"
