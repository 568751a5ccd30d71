"""How many points each voxel has."""

from ....nn.functional.count import spcount

__all__ = ["spcount"]
