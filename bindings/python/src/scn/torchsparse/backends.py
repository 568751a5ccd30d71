"""Switches of the real library's GPU code. They may be set, and change nothing: there is one way to compute here."""

from __future__ import annotations

DIFFERS = dict.fromkeys(
    ("allow_fp16", "allow_tf32", "benchmark", "device_capability", "hash_rsv_ratio"), "may be set, and changes nothing"
)

benchmark = False
allow_tf32 = False
allow_fp16 = False
device_capability = 0
hash_rsv_ratio = 2


def init() -> None:
    """Set all switches to what they are at first."""
    global benchmark, allow_tf32, allow_fp16, device_capability, hash_rsv_ratio
    benchmark, allow_tf32, allow_fp16, device_capability, hash_rsv_ratio = False, False, False, 0, 2
