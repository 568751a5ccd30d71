#!/usr/bin/env bash
# Measure which lines the tests reach: of Sources/ by the Swift tests, of the Python package by its own. Prints a figure for
# each; build/coverage has pages that show the lines, swift/index.html and python/index.html, and the figures, summary.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=build/coverage
llvm_cov=$(scripts/build/toolchain.sh llvm-cov)
mkdir -p $out
rm -rf $out/swift $out/python

swift test -c release -Xswiftc -enable-testing --scratch-path .build/coverage --enable-code-coverage --disable-xctest \
    --no-parallel
built=$(swift build -c release --scratch-path .build/coverage --show-bin-path)
of_tests=("$built/scnPackageTests.xctest" -instr-profile="$built/codecov/default.profdata"
    -ignore-filename-regex='/(Tests|\.build)/')
"$llvm_cov" show "${of_tests[@]}" -format=html -output-dir=$out/swift
swift=$("$llvm_cov" export "${of_tests[@]}" -summary-only |
    python3 -c 'import json, sys; print("%.1f" % json.load(sys.stdin)["data"][0]["totals"]["lines"]["percent"])')

export COVERAGE_FILE=$out/python.data
.venv/bin/python -m coverage run --source=scn -m pytest -q -p no:cacheprovider -c bindings/python/pyproject.toml \
    --rootdir bindings/python bindings/python/tests
.venv/bin/python -m coverage html --quiet -d $out/python
python=$(.venv/bin/python -m coverage report --format=total --precision=1)

printf 'Swift and C: %s%% of the lines of Sources, by the Swift tests\nPython: %s%% of the lines of the package, by its own\n' \
    "$swift" "$python" | tee $out/summary.txt
