"""The library as a whole: its version, threads, random numbers and memory."""

from __future__ import annotations

from ._messages import wrong_value
from ._native.arrays import integer
from ._native.library import library

__all__ = [
    "cpu_description",
    "get_num_threads",
    "live_handles",
    "manual_seed",
    "memory_in_use",
    "set_num_threads",
    "version",
]


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def version() -> str:
    """Return the library's version, "0.2.0"."""
    return _decoded(library.scn_version())


def cpu_description() -> str:
    """Return the CPU, the instruction set in use and what multiplies bfloat16, "Intel(R) Xeon(R) Processor, avx512;
    bfloat16 by amx"; "bfloat16 as float32" where no instruction does."""
    return _decoded(library.scn_cpu_description())


def set_num_threads(count: int) -> None:
    """Set how many threads operations use in this process, 1 ... 1024. Results do not depend on it."""
    library.scn_set_thread_count(integer(count, "count", 32))


def get_num_threads() -> int:
    """Return how many threads operations use.

    Initially as many as the environment variable SCN_NUM_THREADS says; otherwise 1 in a worker of a torch DataLoader;
    otherwise as many as the process may use, given its CPUs and control groups, or OMP_NUM_THREADS if that is fewer.
    """
    return int(library.scn_get_thread_count())


def manual_seed(seed: int) -> None:
    """Seed the generator that initializes weights and drives dropout, 0 ... 2^64 - 1; it starts as if seeded with 0."""
    number = integer(seed, "seed", bits=None)
    if not 0 <= number < 2**64:
        raise wrong_value("seed", number, "0 ... 2^64 - 1")
    library.scn_manual_seed(number)


def live_handles() -> int:
    """Return how many objects of the library are alive: tensors, modules, optimizers, geometries, rulebooks."""
    return int(library.scn_live_handles())


def memory_in_use() -> int:
    """Return how many bytes of numbers the library holds now."""
    return int(library.scn_memory_in_use())
