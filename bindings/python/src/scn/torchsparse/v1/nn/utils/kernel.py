"""The taps of filters."""

from ....nn.utils.kernel import get_kernel_offsets

__all__ = ["get_kernel_offsets"]
