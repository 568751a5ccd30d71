#!/usr/bin/env bash
# Build build/peers-venv, in which `make bench-peers` compares scn with other libraries: peers.sh [NAME=FOLDER ...]
#
# PyTorch and spconv come from the package index. SparseConvNet and MinkowskiEngine are built for a CPU from a folder
# with their source, a clone or an unpacked archive: sparseconvnet=FOLDER MinkowskiEngine=FOLDER torchsparse=FOLDER, the
# last one with version 2.0.0. What was built stays; a folder that is not named, or whose library cannot be built,
# leaves a line that says so in NAME.absent.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=$PWD/build/peers-venv
torch=2.13.0

fail() {
    echo "bench-peers: $*" >&2
    exit 1
}

pip_install() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }

make_environment() {
    local version
    "$venv/bin/python" -c 'import matplotlib, spconv.pytorch, torch' 2>/dev/null && return
    echo "bench-peers: installing PyTorch and spconv into build/peers-venv"
    python3 -m venv --clear "$venv" || fail "python3 -m venv failed"
    # The build without CUDA is small, and not everywhere.
    for version in "$torch+cpu" "$torch" ""; do
        [ -n "$version" ] || fail "pip could not install PyTorch $torch"
        pip_install "torch==$version" 2>/dev/null && break
    done
    # The package of this name is the build for a CPU; others have CUDA's version in theirs. cumm is the one it wants.
    pip_install -c <(grep -E '^(numpy|matplotlib|wheel)=' requirements.txt) spconv==2.3.8 cumm==0.7.11 numpy \
        matplotlib wheel setuptools==80.9.0 ninja==1.13.2 ||
        fail "pip could not install spconv; it has builds for Linux on x86-64 and Python 3.9 to 3.13"
}

# Print the commit of a clone; an archive has none.
commit_of() {
    if [ -e "$1/.git" ] || [ -f "$1/HEAD" ]; then git -C "$1" rev-parse HEAD; else echo "an archive"; fi
}

copy_source() {
    if [ -e "$1/.git" ] || [ -f "$1/HEAD" ]; then git -C "$1" archive HEAD | tar -x -C "$2"; else cp -r "$1/." "$2"; fi
}

need_sparsehash() {
    [ -e /usr/include/google/dense_hash_map ] || {
        echo "google/dense_hash_map is missing: install libsparsehash-dev"
        return 1
    }
}

build_sparseconvnet() {
    need_sparsehash && (cd "$1" && pip_install --no-build-isolation --no-deps --no-cache-dir .)
}

build_torchsparse() {
    [ -f "$1/torchsparse/backend/pybind_cpu.cpp" ] && grep -q "'2\.0\." "$1/torchsparse/version.py" || {
        echo "it is not version 2.0.0, the last one that computes convolutions on a CPU"
        return 1
    }
    need_sparsehash && pip_install -c <(grep -E "^tqdm=" requirements.txt) tqdm &&
        (cd "$1" && MAX_JOBS=$(nproc) pip_install --no-build-isolation --no-deps --no-cache-dir .)
}

build_MinkowskiEngine() {
    (
        # setup.py calls `pip`, which has to be that of the environment.
        cd "$1" && PATH=$venv/bin:$PATH MAX_JOBS=$(nproc) "$venv/bin/python" setup.py --quiet bdist_wheel --cpu_only \
            --blas=openblas &&
            pip_install --no-deps dist/*.whl
    )
}

# Build the library NAME from FOLDER unless it was built from this commit of it.
build_library() {
    local name=$1 folder=$2 source log=build/peers-$1.log
    if [ -z "$folder" ]; then
        "$venv/bin/python" -c "import $name" 2>/dev/null ||
            echo "no folder with its source was named: ${name^^}=folder" >"$venv/$name.absent"
        return
    fi
    [ -d "$folder" ] || fail "$folder is no folder"
    source="$(cd "$folder" && pwd) $(commit_of "$folder")"
    [ "$(cat "$venv/$name.folder" 2>/dev/null)" = "$source" ] && return
    echo "bench-peers: building $name (minutes; its messages go to $log)"
    rm -rf "build/peers-$name" "$venv/$name.absent" "$venv/$name.folder"
    mkdir -p "build/peers-$name"
    copy_source "$folder" "build/peers-$name"
    if "build_$name" "$PWD/build/peers-$name" >"$log" 2>&1 && "$venv/bin/python" -c "import $name" >>"$log" 2>&1; then
        echo "$source" >"$venv/$name.folder"
        commit_of "$folder" >"$venv/$name.source"
        rm -rf "build/peers-$name"
    else
        tail -n 5 "$log" >&2
        echo "it could not be built with PyTorch $torch" >"$venv/$name.absent"
    fi
}

sparseconvnet='' MinkowskiEngine='' torchsparse=''
for argument in "$@"; do
    case $argument in
    sparseconvnet=*) sparseconvnet=${argument#*=} ;;
    MinkowskiEngine=*) MinkowskiEngine=${argument#*=} ;;
    torchsparse=*) torchsparse=${argument#*=} ;;
    *) fail "argument: is $argument, expected sparseconvnet=FOLDER, MinkowskiEngine=FOLDER or torchsparse=FOLDER" ;;
    esac
done
make_environment
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$PWD/bindings/python/src" >"$site/scn.pth"
build_library sparseconvnet "$sparseconvnet"
build_library MinkowskiEngine "$MinkowskiEngine"
build_library torchsparse "$torchsparse"
