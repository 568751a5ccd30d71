"""From points to voxels."""

from ....nn.functional.voxelize import spvoxelize

__all__ = ["spvoxelize"]
