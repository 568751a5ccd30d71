"""Pooling over whole samples."""

from ....nn.functional.pooling import global_avg_pool, global_max_pool

__all__ = ["global_avg_pool", "global_max_pool"]
