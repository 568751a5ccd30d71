"""Switches of the real library's GPU code. They may be set, and change nothing."""

from __future__ import annotations

DIFFERS = {"benchmark": "may be set, and changes nothing"}

benchmark = False


def init() -> None:
    """Set all switches to what they are at first."""
    global benchmark
    benchmark = False
