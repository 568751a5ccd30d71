"""The settings that programs read and write.

`SAVED_WEIGHT_LAYOUT` says which layout the weights of loaded state dictionaries have: "" or "KRSC", [out, *size, in];
"RSKC", [*size, out, in]; "RSCK", [*size, in, out], that of spconv 1.x. At first it is what the environment's
SPCONV_SAVED_WEIGHT_LAYOUT says. `SPCONV_DEBUG_SAVE_PATH`, at first that of the environment, is the file of
`spconv.debug_utils`. The other settings concern GPUs, and have no effect.
"""

from __future__ import annotations

import os

SAVED_WEIGHT_LAYOUT = os.environ.get("SPCONV_SAVED_WEIGHT_LAYOUT", "")
ALL_WEIGHT_IS_KRSC = True
FILTER_HWIO = False
NDIM_DONT_CARE = 3

DIFFERS = dict.fromkeys(
    (
        "DISABLE_JIT",
        "SPCONV_ALLOW_TF32",
        "SPCONV_BWD_SPLITK",
        "SPCONV_CPP_GEMM",
        "SPCONV_CPP_INDICE_PAIRS",
        "SPCONV_CPP_INDICE_PAIRS_IGEMM",
        "SPCONV_DEBUG_WEIGHT",
        "SPCONV_DIRECT_TABLE_HASH_SIZE_SCALE",
        "SPCONV_DO_SORT",
        "SPCONV_FX_TRACE_MODE",
        "SPCONV_INT8_DEBUG",
        "SPCONV_USE_DIRECT_TABLE",
    ),
    "can be set, without effect",
)

DISABLE_JIT = False
SPCONV_ALLOW_TF32 = False
SPCONV_BWD_SPLITK = [1, 2, 4, 8, 16, 32, 64]
SPCONV_CPP_GEMM = True
SPCONV_CPP_INDICE_PAIRS = True
SPCONV_CPP_INDICE_PAIRS_IGEMM = False
SPCONV_DEBUG_SAVE_PATH = os.environ.get("SPCONV_DEBUG_SAVE_PATH", "")
SPCONV_DEBUG_WEIGHT = False
SPCONV_DIRECT_TABLE_HASH_SIZE_SCALE = 1.1
SPCONV_DO_SORT = True
SPCONV_FX_TRACE_MODE = False
SPCONV_INT8_DEBUG = False
SPCONV_USE_DIRECT_TABLE = True
