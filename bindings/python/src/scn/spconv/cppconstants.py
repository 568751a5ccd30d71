"""What spconv's compiled part says of itself: a build for CPUs."""

from __future__ import annotations

CPU_ONLY_BUILD = True
HAS_BOOST = False
COMPILED_CUDA_ARCHS: set[tuple[int, int]] = set()
COMPILED_CUDA_GEMM_ARCHS: set[tuple[int, int]] = set()
