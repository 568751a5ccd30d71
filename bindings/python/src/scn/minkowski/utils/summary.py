"""What a network is made of, layer by layer."""

from __future__ import annotations

from typing import Any

from torch import nn

__all__ = ["minkowski_summary_string", "summary"]


def summary(model: nn.Module, summary_input: Any) -> tuple[int, int]:
    """Print the layers of a network as it computes an input; return how many parameters it has, and how many of them
    are trained."""
    text, counts = minkowski_summary_string(model, summary_input)
    print(text)
    return counts


def minkowski_summary_string(model: nn.Module, summary_input: Any) -> tuple[str, tuple[int, int]]:
    """Return what `summary` prints, and what it returns."""
    lines: list[tuple[str, str, int]] = []
    hooks = []

    def note(module: nn.Module, _: Any, output: Any) -> None:
        parts = output if isinstance(output, (list, tuple)) else [output]
        shapes = [list(part.shape) for part in parts if hasattr(part, "shape")]
        shown = shapes[0] if len(shapes) == 1 else shapes
        own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        lines.append((f"{type(module).__name__}-{len(lines) + 1}", str(shown), own))

    for module in model.modules():
        if not isinstance(module, (nn.Sequential, nn.ModuleList)):
            hooks.append(module.register_forward_hook(note))
    try:
        model(summary_input)
    finally:
        for hook in hooks:
            hook.remove()
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    total, trained = sum(count for count, _ in counts), sum(count for count, is_trained in counts if is_trained)
    rule, bar = "-" * 64, "=" * 64
    table = [f"{name:>24}  {shape:>22} {count:>14,}" for name, shape, count in lines]
    head = f"{'Layer (type)':>24}  {'Output Shape':>22} {'Param #':>14}"
    foot = [f"Total params: {total:,}", f"Trainable params: {trained:,}", f"Non-trainable params: {total - trained:,}"]
    return "\n".join([rule, head, bar, *table, bar, *foot, rule]), (total, trained)
