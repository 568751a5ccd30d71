"""Pooling over whole samples."""

from ....nn.modules.pooling import GlobalAvgPool, GlobalMaxPool

__all__ = ["GlobalAvgPool", "GlobalMaxPool"]
