#!/usr/bin/env bash
# Measure which lines the tests reach: of Sources/ by the Swift tests, of the Python package by its own. Prints a figure
# for each; build/coverage has pages that show the lines, swift/index.html and python/index.html, and the figures,
# summary.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$PWD/build/coverage
llvm_cov=$(scripts/build/toolchain.sh llvm-cov)
llvm_profdata=$(scripts/build/toolchain.sh llvm-profdata)
rm -rf "$out"
mkdir -p "$out/profiles"

swift=(-c release -Xswiftc -enable-testing --scratch-path .build/coverage)
swift build --build-tests "${swift[@]}" --enable-code-coverage
# Not with `swift test --enable-code-coverage`, which fails where one of the processes left half a profile: a test makes
# files that may grow no further.
LLVM_PROFILE_FILE="$out/profiles/%p.profraw" swift test --skip-build "${swift[@]}" --disable-xctest --no-parallel
"$llvm_profdata" merge -sparse --failure-mode=all "$out"/profiles/*.profraw -o "$out/swift.profdata" 2>/dev/null
built=$(swift build "${swift[@]}" --show-bin-path)
of_tests=("$built/scnPackageTests.xctest" -instr-profile="$out/swift.profdata"
    -ignore-filename-regex='/(Tests|\.build)/')
"$llvm_cov" show "${of_tests[@]}" -format=html -output-dir="$out/swift"
swift_lines=$("$llvm_cov" export "${of_tests[@]}" -summary-only |
    python3 -c 'import json, sys; print("%.1f" % json.load(sys.stdin)["data"][0]["totals"]["lines"]["percent"])')

export COVERAGE_FILE=$out/python.data
.venv/bin/python -m coverage run --source=scn -m pytest -q -p no:cacheprovider -c bindings/python/pyproject.toml \
    --rootdir bindings/python bindings/python/tests
.venv/bin/python -m coverage html --quiet -d "$out/python"
python_lines=$(.venv/bin/python -m coverage report --format=total --precision=1)

tee "$out/summary.txt" <<END_OF_SUMMARY
Swift and C: $swift_lines% of the lines of Sources, by the Swift tests
Python: $python_lines% of the lines of the package, by its own tests
END_OF_SUMMARY
