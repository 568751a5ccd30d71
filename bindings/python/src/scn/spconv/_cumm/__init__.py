"""What programs for spconv import from cumm: `cumm.tensorview`."""

from __future__ import annotations

__version__ = "0.7.11"
