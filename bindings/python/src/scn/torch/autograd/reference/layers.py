"""Norms and losses."""

from __future__ import annotations

from typing import Optional

import torch
from torch.nn import functional as F

from .segments import segment_gather, segment_sum

__all__ = ["batch_norm", "binary_cross_entropy", "cross_entropy", "group_norm", "mean_only_norm"]


def batch_norm(
    rows: torch.Tensor,
    weight: Optional[torch.Tensor],
    bias: Optional[torch.Tensor],
    mean: Optional[torch.Tensor],
    variance: Optional[torch.Tensor],
    epsilon: float,
    leakiness: float,
) -> torch.Tensor:
    """Return rows normalized by a mean and a variance, or by their own where these are None, then the activation."""
    if mean is None or variance is None:
        mean = rows.mean(0) if len(rows) else rows.new_zeros(rows.shape[1])
        variance = (rows - mean).square().mean(0) if len(rows) else torch.ones_like(mean)
    result = (rows - mean) * torch.rsqrt(variance + epsilon)
    result = result if weight is None else result * weight
    return _activated(result if bias is None else result + bias, leakiness)


def mean_only_norm(
    rows: torch.Tensor, bias: Optional[torch.Tensor], mean: Optional[torch.Tensor], leakiness: float
) -> torch.Tensor:
    """Return rows less a mean, or their own where it is None, plus the bias, then the activation."""
    if mean is None:
        mean = rows.mean(0) if len(rows) else rows.new_zeros(rows.shape[1])
    result = rows - mean
    return _activated(result if bias is None else result + bias, leakiness)


def group_norm(
    rows: torch.Tensor,
    weight: Optional[torch.Tensor],
    bias: Optional[torch.Tensor],
    sample: torch.Tensor,
    groups: int,
    epsilon: float,
) -> torch.Tensor:
    """Return rows normalized over the sites of each sample and each group of planes. sample: [rows], on the CPU."""
    # Only samples that have sites: batch indices may be event numbers.
    known, inverse = torch.unique(sample, return_inverse=True)
    count, sample = len(known), inverse.to(rows.device)
    values = rows.unflatten(1, (groups, -1)) if len(rows) else rows.reshape(0, groups, rows.shape[1] // groups)
    elements = segment_sum(torch.ones_like(sample), sample, count)[:, None].to(rows.dtype) * values.shape[2]
    means = segment_sum(values.sum(2), sample, count) / elements
    centered = values - segment_gather(means, sample)[:, :, None]
    variances = segment_sum(centered.square().sum(2), sample, count) / elements
    result = (centered * segment_gather(torch.rsqrt(variances + epsilon), sample)[:, :, None]).flatten(1)
    result = result if weight is None else result * weight
    return result if bias is None else result + bias


def cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, weights: Optional[torch.Tensor], ignore_index: int
) -> torch.Tensor:
    """Return the mean cross-entropy of softmax(logits) at labels, 0 where no row counts."""
    counts = labels != ignore_index
    # What does not count is not read: it may be NaN.
    rows = torch.where(counts[:, None], logits, 0)
    losses = F.cross_entropy(rows, labels, weights, reduction="none", ignore_index=ignore_index)
    factors = counts.to(rows.dtype)
    if weights is not None:
        factors = factors * weights.index_select(0, torch.where(counts, labels, 0))
    total = factors.sum()
    return losses.sum() / torch.where(total > 0, total, torch.ones_like(total))


def binary_cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the mean logistic loss, 0 where there are no targets."""
    losses = F.binary_cross_entropy_with_logits(logits, targets.view_as(logits), reduction="none")
    return losses.sum() / max(1, logits.numel())


def _activated(rows: torch.Tensor, leakiness: float) -> torch.Tensor:
    return rows if leakiness == 1 else torch.where(rows > 0, rows, rows * leakiness)
