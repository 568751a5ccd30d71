"""spconv 1.x: `spconv.ops`, now `spconv.pytorch.ops`."""

from __future__ import annotations

from .pytorch.ops import (
    AlgoHint,
    ConvAlgo,
    get_conv_output_size,
    get_deconv_output_size,
    get_indice_pairs,
    global_pool_rearrange,
    indice_conv,
    indice_maxpool,
    maximum_value_int_,
)

__all__ = [
    "AlgoHint",
    "ConvAlgo",
    "get_conv_output_size",
    "get_deconv_output_size",
    "get_indice_pairs",
    "global_pool_rearrange",
    "indice_conv",
    "indice_maxpool",
    "maximum_value_int_",
]
