"""From points in space to sites."""

from __future__ import annotations

from typing import Any

from ...utils import quantize
from ...utils.quantize import ravel_hash as ravel_hash
from .. import version

__all__ = ["sparse_quantize"]
DIFFERS = {"sparse_quantize": "as in the version that is stood in for: sites begin at 0 on each axis in 1.4 alone"}


def sparse_quantize(
    coords: Any, voxel_size: Any = 1, *, return_index: bool = False, return_inverse: bool = False
) -> Any:
    """Return the sites of points, see `scn.torchsparse.utils.quantize.sparse_quantize`; in 1.4, not in 2.0, less the
    lowest place on each axis."""
    sites, first, site_of = quantize.sparse_quantize(coords, voxel_size, return_index=True, return_inverse=True)
    if len(sites) and version.__version__.startswith("1."):
        sites -= sites.min(0)
    outputs = [sites, *([first] if return_index else []), *([site_of] if return_inverse else [])]
    return outputs[0] if len(outputs) == 1 else outputs
