"""Programs that ask for a GPU, on a CPU: from now on `cuda` means `cpu`.

A program asks in few ways: it moves tensors, makes them there, loads them from there, or calls `torch.cuda`. Each of
the functions that it calls for that is replaced by one that says `cpu` where the program says `cuda`; nothing else of
PyTorch is touched, and no other call takes longer. (A mode of `torch.overrides` would see every call, which makes each
of them several times as long, and only those of the thread that began it.)
"""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Callable

import torch
from torch.utils import _device

__all__ = ["ignore_cuda", "meant"]

_FACTORIES = [
    "arange",
    "as_tensor",
    "asarray",
    "bartlett_window",
    "blackman_window",
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "eye",
    "from_file",
    "full",
    "full_like",
    "hamming_window",
    "hann_window",
    "kaiser_window",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "range",
    "scalar_tensor",
    "sparse_bsc_tensor",
    "sparse_bsr_tensor",
    "sparse_compressed_tensor",
    "sparse_coo_tensor",
    "sparse_csc_tensor",
    "sparse_csr_tensor",
    "tensor",
    "tril_indices",
    "triu_indices",
    "zeros",
    "zeros_like",
]
_METHODS = ["new_empty", "new_empty_strided", "new_full", "new_ones", "new_tensor", "new_zeros"]
_TYPES = ["BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short"]
# What these functions of torch.cuda return.
_NOTHING = [
    "empty_cache",
    "init",
    "ipc_collect",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
    "set_device",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "set_rng_state_all",
    "set_stream",
    "synchronize",
]
_ZERO = [
    "current_device",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "utilization",
]
_CPU_PROPERTIES = SimpleNamespace(name="cpu", major=0, minor=0, total_memory=0, multi_processor_count=0)
_is_ignored = False


def meant(device: Any) -> torch.device:
    """Return the device that a program names, or the CPU where it names a GPU that is ignored."""
    return torch.device(_on_cpu(device) if _is_ignored else device)


def ignore_cuda() -> None:
    """Let `cuda` mean `cpu` in this process and in those that it forks from now on; there is no way back.

    Concerns `.cuda()`, `.to("cuda")`, `.to(0)`, `device="cuda"` in torch's functions that make tensors,
    `torch.set_default_device`, `with torch.device("cuda")`, `pin_memory`, `torch.load`, tensor types such as
    `torch.cuda.FloatTensor`, and `torch.cuda`'s functions, events and streams. `torch.cuda.is_available()` says what it
    said, and tensors that they are on the CPU. Functions that a program took out of torch before are as before. Calling
    it again does nothing.
    """
    global _is_ignored
    if _is_ignored:
        return
    _is_ignored = True
    # It remembers the functions that a default device is meant for, which are about to be replaced.
    _device._device_constructors()
    for name in _FACTORIES:
        _replace(torch, name, _making)
    for name in _METHODS:
        _replace(torch.Tensor, name, _making)
    for name in ("fftfreq", "rfftfreq"):
        _replace(torch.fft, name, _making)
    for name in ("to", "type", "cuda", "record_stream"):
        _replace(torch.Tensor, name, globals()[f"_{name}"])
    _replace(torch.Tensor, "pin_memory", _returning_itself)
    for storage in (torch.UntypedStorage, torch.TypedStorage):
        for name in ("cuda", "pin_memory"):
            _replace(storage, name, _returning_itself)
    _replace(torch.nn.Module, "to", _to)
    _replace(_device.DeviceContext, "__init__", _at_first)
    _replace(torch, "load", _load)
    _replace(torch, "set_default_tensor_type", _typed)
    for name in _TYPES:
        setattr(torch.cuda, f"{name}Tensor", getattr(torch, f"{name}Tensor"))
    torch.Generator = _Generator  # type: ignore[misc]
    _replace_functions_of_cuda()


def _replace_functions_of_cuda() -> None:
    cuda: Any = torch.cuda
    for names, result in ((_NOTHING, None), (_ZERO, 0)):
        for name in names:
            _replace(cuda, name, functools.partial(_returning, result))
    _replace(cuda, "get_device_name", functools.partial(_returning, "cpu"))
    _replace(cuda, "get_device_capability", functools.partial(_returning, (0, 0)))
    _replace(cuda, "get_device_properties", functools.partial(_returning, _CPU_PROPERTIES))
    _replace(cuda, "mem_get_info", functools.partial(_returning, (0, 0)))
    _replace(cuda, "get_rng_state", lambda function: lambda *arguments, **options: torch.get_rng_state())
    for name in ("range_push", "range_pop", "mark"):
        _replace(cuda.nvtx, name, functools.partial(_returning, None))
    cuda.Event, cuda.Stream = _Event, _Stream
    cuda.current_stream = cuda.default_stream = lambda device=None: _Stream()
    cuda.stream, cuda.device, cuda.device_of = _within, _within, _within


def _on_cpu(device: Any) -> Any:
    """Return a device that is there: the given one, or the CPU in place of a GPU."""
    if isinstance(device, str):
        return "cpu" if device.partition(":")[0] == "cuda" else device
    if isinstance(device, torch.device):
        return torch.device("cpu") if device.type == "cuda" else device
    return "cpu" if isinstance(device, int) and not isinstance(device, bool) else device


def _replace(owner: Any, name: str, made: Callable[[Any], Any]) -> None:
    """Replace an attribute, if the owner has it, by what `made` makes of it."""
    function = getattr(owner, name, None)
    if function is None:
        return
    replacement = made(function)
    with contextlib.suppress(AttributeError, TypeError):
        functools.update_wrapper(replacement, function)
    builtins = sys.modules.get("torch.jit._builtins")
    operator = builtins._find_builtin(function) if builtins is not None and owner is torch else None
    if operator is not None:
        # torch.jit.script knows its functions by identity.
        builtins._register_builtin(replacement, operator)  # type: ignore[union-attr]
    setattr(owner, name, replacement)


def _returning(result: Any, function: Any) -> Any:
    return lambda *arguments, **options: result


# What takes the place of torch's functions: each gets the function and returns its replacement.


def _making(function: Any) -> Any:
    def make(*arguments: Any, **options: Any) -> Any:
        if "device" in options:
            options["device"] = _on_cpu(options["device"])
        if options.get("pin_memory"):
            options["pin_memory"] = False
        return function(*arguments, **options)

    return make


def _to(function: Any) -> Any:
    def to(self: Any, *arguments: Any, **options: Any) -> Any:
        if arguments:
            arguments = (_on_cpu(arguments[0]), *arguments[1:])
        elif "device" in options:
            options["device"] = _on_cpu(options["device"])
        return function(self, *arguments, **options)

    return to


def _type(function: Any) -> Any:
    def to_type(self: Any, dtype: Any = None, *arguments: Any, **options: Any) -> Any:
        if isinstance(dtype, str):
            dtype = dtype.replace("torch.cuda.", "torch.")
        return function(self, dtype, *arguments, **options)

    return to_type


def _cuda(function: Any) -> Any:
    def cuda(self: Any, *arguments: Any, **options: Any) -> Any:
        return self.cpu()

    return cuda


def _returning_itself(function: Any) -> Any:
    return lambda self, *arguments, **options: self


def _record_stream(function: Any) -> Any:
    return _returning(None, function)


def _at_first(function: Any) -> Any:
    def initialize(self: Any, device: Any) -> None:
        function(self, _on_cpu(device))

    return initialize


def _typed(function: Any) -> Any:
    def set_default_tensor_type(t: Any) -> None:
        function(t.replace("torch.cuda.", "torch.") if isinstance(t, str) else t)

    return set_default_tensor_type


def _load(function: Any) -> Any:
    def load(f: Any, map_location: Any = None, *arguments: Any, **options: Any) -> Any:
        if map_location is None:
            map_location = _restored_on_cpu
        elif isinstance(map_location, dict):
            map_location = {place: _on_cpu(other) for place, other in map_location.items()}
        elif not callable(map_location):
            map_location = _on_cpu(map_location)
        return function(f, map_location, *arguments, **options)

    return load


def _restored_on_cpu(storage: Any, location: str) -> Any:
    """Return the storage, which is on the CPU, for one that was saved on a GPU; None leaves others to torch."""
    return storage if location.partition(":")[0] == "cuda" else None


# What takes the place of torch.cuda's classes


@contextlib.contextmanager
def _within(value: Any = None) -> Iterator[None]:
    """Stand for `torch.cuda.stream`, `torch.cuda.device` and `torch.cuda.device_of`."""
    yield


class _AnyGenerator(type(torch.Generator)):  # type: ignore[misc]
    """The type of a class of which all generators are instances."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, _Generator.__base__)


class _Generator(torch.Generator, metaclass=_AnyGenerator):
    """Random numbers of the CPU."""

    def __new__(cls, device: Any = "cpu") -> Any:
        return super().__new__(cls, _on_cpu(device))  # type: ignore[call-arg]


class _Event:
    """A point in time."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._time = 0.0
        self.cuda_event = 0

    def record(self, stream: Any = None) -> None:
        """Remember the time."""
        self._time = time.perf_counter()

    def elapsed_time(self, end_event: _Event) -> float:
        """Return the milliseconds from this event to another one."""
        return (end_event._time - self._time) * 1e3

    def query(self) -> bool:
        """Return True: all work is done when a call returns."""
        return True

    def synchronize(self) -> None:
        """Do nothing."""

    def wait(self, stream: Any = None) -> None:
        """Do nothing."""


class _Stream:
    """The order in which calls are made."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.cuda_stream, self.device = 0, torch.device("cpu")

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *arguments: object) -> None:
        pass

    def record_event(self, event: Any = None) -> Any:
        """Return an event, a new one if none is given, that remembers the time."""
        event = event or _Event()
        event.record()
        return event

    def query(self) -> bool:
        """Return True: all work is done when a call returns."""
        return True

    def synchronize(self) -> None:
        """Do nothing."""

    def wait_event(self, event: Any) -> None:
        """Do nothing."""

    def wait_stream(self, stream: Any) -> None:
        """Do nothing."""
