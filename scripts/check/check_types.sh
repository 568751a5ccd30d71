#!/bin/sh
# Check the types of the Python package; where PyTorch is not installed, of all but scn.torch.
cd "$(dirname "$0")/../.."
if .venv/bin/python -c 'import torch' 2>/dev/null; then
    set -- --package scn
else
    echo "check_types: PyTorch is not installed: scn.torch is left out"
    set -- --exclude /torch/ bindings/python/src/scn
fi
exec .venv/bin/mypy --config-file bindings/python/pyproject.toml --no-error-summary "$@"
