"""spconv's int8 networks, which scn does not have."""

from __future__ import annotations

from typing import Any

from ....errors import UnsupportedError

MISSING = dict.fromkeys(
    (
        "get_default_spconv_qconfig_mapping",
        "get_default_spconv_trt_ptq_qconfig",
        "get_default_spconv_trt_qat_qconfig",
        "get_spconv_backend_config",
        "get_spconv_convert_custom_config",
        "get_spconv_fmod_to_qat_mapping",
        "get_spconv_prepare_custom_config",
        "get_spconv_qat_to_static_mapping",
        "prepare_spconv_torch_inference",
        "quantize_per_tensor",
        "remove_conv_add_dq",
        "transform_qdq",
    ),
    "scn has no int8 networks of spconv",
)


def __getattr__(name: str) -> Any:
    """Raise `UnsupportedError` for any name that a program imports."""
    if name.startswith("_") or name == "DIFFERS":
        raise AttributeError(name)
    raise UnsupportedError(f"spconv.pytorch.quantization.{name}: scn has no int8 networks of spconv")
