#!/bin/sh
# Print the version, which include/scn.h states once.
exec awk '$2 ~ /^SCN_VERSION_(MAJOR|MINOR|PATCH)$/ { part[$2] = $3 }
    END { print part["SCN_VERSION_MAJOR"] "." part["SCN_VERSION_MINOR"] "." part["SCN_VERSION_PATCH"] }' \
    "$(dirname "$0")/../include/scn.h"
