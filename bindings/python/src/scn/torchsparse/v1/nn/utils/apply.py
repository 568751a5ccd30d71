"""Functions of features alone, on sparse tensors."""

from ....nn.utils.apply import fapply

__all__ = ["fapply"]
