"""A table of what a network does to one input, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from .._messages import not_a_module
from .._native.arrays import shape_of
from ..counts import ForwardCounts, get_forward_counts, set_forward_counts
from ..values.grad_mode import no_grad
from ..values.sparse import SparseConvNetTensor
from ..values.value import Value
from .containers import Container
from .layer import is_written_here
from .module import Module, watched_calls

__all__ = ["LayerSummary", "Summary", "summary"]

_TITLES = ("layer", "sites", "planes", "rules", "parameters", "multiply-adds", "memory")


class LayerSummary(NamedTuple):
    """One application of a layer; what its inner modules do is in rows of their own.

    path: the path of names, "0.1"; "" for the network itself. sites: active sites of the result; None if it is not
    sparse. shape: that of the result, (sites, planes) if it is sparse. parameters: those not in any row above. memory:
    bytes of the result, 0 if it is the input's memory.
    """

    path: str
    layer: str
    sites: int | None
    shape: tuple[int, ...]
    rules: int
    parameters: int
    multiply_adds: int
    hidden_states: int
    memory: int


class Summary:
    """The rows of `summary`, in the order in which the layers run, and their totals; as text it is a table."""

    def __init__(self, rows: list[LayerSummary]) -> None:
        self.rows = rows

    def _total(self, name: str) -> int:
        return sum(getattr(row, name) for row in self.rows)

    @property
    def rules(self) -> int:
        """Rules that convolutions and poolings walk over."""
        return self._total("rules")

    @property
    def parameters(self) -> int:
        """Parameters, each counted once."""
        return self._total("parameters")

    @property
    def multiply_adds(self) -> int:
        """What the pass adds to `scn.forward_pass_multiplyAdd_count`."""
        return self._total("multiply_adds")

    @property
    def hidden_states(self) -> int:
        """What the pass adds to `scn.forward_pass_hidden_states`."""
        return self._total("hidden_states")

    @property
    def memory(self) -> int:
        """Bytes of the results, what training keeps for the backward pass."""
        return self._total("memory")

    def __repr__(self) -> str:
        cells = [
            (
                f"{row.path} {row.layer}".lstrip(),
                "-" if row.sites is None else f"{row.sites:,}",
                " x ".join(map(str, row.shape)) if row.sites is None else f"{row.shape[1]:,}",
                f"{row.rules:,}",
                f"{row.parameters:,}",
                f"{row.multiply_adds:,}",
                _bytes(row.memory),
            )
            for row in self.rows
        ]
        sums = (f"{self.rules:,}", f"{self.parameters:,}", f"{self.multiply_adds:,}", _bytes(self.memory))
        table = [_TITLES, *cells, ("total", "", "", *sums)]
        widths = [max(map(len, column)) for column in zip(*table)]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table]
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def summary(model: Module, input: Any) -> Summary:
    """Apply a module to an input in evaluation mode, without gradients, and return what each layer did.

    Neither the module nor the counters `scn.forward_pass_...` change. Raises what the module raises.
    """
    if not isinstance(model, Module):
        raise not_a_module("model", model)
    recorder = _Recorder(model)
    before = get_forward_counts()
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with no_grad(), watched_calls(recorder):
            model(input)
    finally:
        for module, mode in modes:
            module.training = mode
        set_forward_counts(before)
    return Summary([LayerSummary(*row) for row in recorder.rows])


class _Recorder:
    """Makes rows out of the calls of modules."""

    def __init__(self, model: Module) -> None:
        self.rows: list[list[Any]] = []
        self._paths = {id(module): path for path, module in model.named_modules()}
        self._known: set[int] = set()
        # The result of the call that ended last, which may be that of the call around it too.
        self._last: Any = None
        # What inner modules with paths have counted, for each call in progress.
        self._counted: list[ForwardCounts] = []

    def __call__(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        path = self._paths.get(id(module))
        if path is None:
            return module.forward(*args, **kwargs)
        row: list[Any] = [path, f"{type(module).__name__}({module.extra_repr()})"]
        self.rows.append(row)
        with self._counting() as counts:
            output = module.forward(*args, **kwargs)
        if _composes(module) and not any(counts[0]):
            self.rows = [known for known in self.rows if known is not row]
        else:
            own = [entry for entry in module.parameters(recurse=False) if id(entry) not in self._known]
            self._known.update(map(id, own))
            sites, shape, memory = _result(output, [*args[:1], self._last])
            row += [sites, shape, counts[0].rules, sum(entry.numel() for entry in own), *counts[0][:2], memory]
        self._last = output
        return output

    @contextmanager
    def _counting(self) -> Iterator[list[ForwardCounts]]:
        """Yield a list that gets what the call counts, without what its inner modules count."""
        own: list[ForwardCounts] = []
        before = get_forward_counts()
        self._counted.append(ForwardCounts())
        try:
            yield own
        finally:
            inner = self._counted.pop()
            whole = ForwardCounts(*(after - start for after, start in zip(get_forward_counts(), before)))
            own.append(ForwardCounts(*(a - b for a, b in zip(whole, inner))))
            if self._counted:
                self._counted[-1] = ForwardCounts(*(a + b for a, b in zip(self._counted[-1], whole)))


def _composes(module: Module) -> bool:
    """Return whether a module has no parameters of its own and others to call."""
    calls = isinstance(module, Container) or not is_written_here(module, "forward")
    return calls and not module._parameters and (bool(module._modules) or isinstance(module, Container))


def _result(output: Any, known: list[Any]) -> tuple[int | None, tuple[int, ...], int]:
    """Return sites, shape and bytes of a result, no bytes if it is one of the known values' memory."""
    if not isinstance(output, Value):
        return None, (), 0
    shape = shape_of(output._native_handle())
    sites = shape[0] if isinstance(output, SparseConvNetTensor) else None
    values = output.numpy()
    elsewhere = {value.numpy().ctypes.data for value in known if isinstance(value, Value)}
    return sites, shape, 0 if values.ctypes.data in elsewhere else values.nbytes


def _bytes(number: int) -> str:
    """Return "512 B", "1.5 kB", "2.0 MB"."""
    if number < 1000:
        return f"{number} B"
    rest, units = float(number), ["kB", "MB", "GB", "TB", "PB", "EB"]
    for unit in units:
        rest /= 1000
        if rest < 999.95 or unit == units[-1]:
            break
    return f"{rest:.1f} {unit}"
