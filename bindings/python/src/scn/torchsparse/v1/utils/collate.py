"""From samples to a batch."""

from ...utils.collate import sparse_collate, sparse_collate_fn

__all__ = ["sparse_collate", "sparse_collate_fn"]
