"""Finding the library, its settings, and the end of the interpreter."""

import re
import subprocess
import sys
import threading

import numpy as np
import pytest

import scn


def run(code, environment, **changes):
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, env={**environment, **changes}, capture_output=True, text=True, timeout=120)


def test_a_library_that_is_not_there_is_named(subprocess_environment):
    result = run("import scn", subprocess_environment, SCN_LIBRARY="/nowhere/libscn.so")
    assert result.returncode == 1
    assert "ImportError" in result.stderr and "/nowhere/libscn.so" in result.stderr and "SCN_LIBRARY" in result.stderr


def test_another_library_is_refused(subprocess_environment):
    result = run("import scn", subprocess_environment, SCN_LIBRARY="libm.so.6")
    assert result.returncode == 1 and "ImportError" in result.stderr and "scn_version" in result.stderr


def test_every_name_of_all_exists():
    assert [name for name in scn.__all__ if not hasattr(scn, name)] == []
    assert len(set(scn.__all__)) == len(scn.__all__)


def test_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", scn.__version__)
    assert scn.version() == scn.__version__


@pytest.mark.parametrize(
    ("isa", "ends"), [("", ""), ("generic", ", generic; bfloat16 as float32"), ("foo", "as float32")]
)
def test_the_description_names_instructions(subprocess_environment, isa, ends):
    found = run("import scn; print(scn.cpu_description())", subprocess_environment, SCN_ISA=isa).stdout.strip()
    instructions = "(generic|avx2|avx512|SCN_ISA is .+); bfloat16 (by avx512bf16|by amx|as float32)"
    assert re.fullmatch(f".+, {instructions}", found) and found.endswith(ends)


def test_threads():
    before = scn.get_num_threads()
    try:
        scn.set_num_threads(3)
        assert scn.get_num_threads() == 3
        for count in (0, -1, 2000):
            with pytest.raises(ValueError, match=str(count)):
                scn.set_num_threads(count)
        with pytest.raises(scn.SizeOverflowError):
            scn.set_num_threads(2**32 + 1)
        with pytest.raises(scn.InvalidArgumentError):
            scn.set_num_threads("two")
        assert scn.get_num_threads() == 3
    finally:
        scn.set_num_threads(before)


def test_seed():
    def weights():
        return scn.Linear(5, 4).weight.numpy().copy()

    scn.manual_seed(11)
    first, second = weights(), weights()
    scn.manual_seed(11)
    assert np.array_equal(weights(), first) and np.array_equal(weights(), second)
    assert not np.array_equal(first, second)
    scn.manual_seed(2**64 - 1)
    for seed in (-1, 2**64):
        with pytest.raises(scn.InvalidArgumentError):
            scn.manual_seed(seed)


def test_recording_is_switched_for_one_thread_and_nests():
    tensor = scn.tensor([1.0], requires_grad=True)
    seen = []

    @scn.no_grad()
    def without():
        return tensor * 2

    with scn.no_grad():
        other = threading.Thread(target=lambda: seen.append(scn.is_grad_enabled()))
        other.start()
        other.join()
        assert not scn.is_grad_enabled() and not (tensor * 2).requires_grad
        with scn.enable_grad():
            assert (tensor * 2).requires_grad
        with scn.no_grad():
            pass
        assert not scn.is_grad_enabled()
    assert seen == [True] and scn.is_grad_enabled() and (tensor * 2).requires_grad
    assert not without().requires_grad and scn.is_grad_enabled()
    with pytest.raises(KeyError), scn.no_grad():
        raise KeyError
    assert scn.is_grad_enabled()


def test_the_interpreter_ends_quietly(subprocess_environment):
    code = """
import atexit, sys, numpy as np, scn
net = scn.SparseVggNet(2, 1, [['C', 4], 'MP'])
array = np.ones((2, 1), np.float32)
borrowed = scn.from_numpy(array, requires_grad=True)
out = net(scn.InputLayer(2, 15)([np.array([[1, 2], [3, 4]]), borrowed]))
view = out.features.numpy()
class Cycle: pass
cycle = Cycle(); cycle.me = cycle; cycle.out = out
sys.late = out
atexit.register(lambda: print(view.sum() == out.features.numpy().sum()))
"""
    result = run(code, subprocess_environment)
    assert (result.returncode, result.stdout, result.stderr) == (0, "True\n", "")


def test_a_fork_goes_on_working(subprocess_environment):
    code = """
import os, numpy as np, scn
scn.set_num_threads(2)
layer = scn.Linear(64, 64)
x = np.ones((5000, 64), np.float32)
before = layer(x).numpy().copy()
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(layer(x).numpy(), before) else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    result = run(code, subprocess_environment)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("status", range(1, 12))
def test_each_status_has_its_exception(status):
    error = scn.errors.error_for_status(status, "what was wrong")
    assert isinstance(error, scn.Error) and type(error) is not scn.Error
    assert error.status == status and str(error) == "what was wrong"
    usual = {1: ValueError, 2: ValueError, 3: ValueError, 5: MemoryError, 6: ValueError, 7: OSError, 8: ValueError}
    usual[10] = NotImplementedError
    assert isinstance(error, usual.get(status, RuntimeError))


def test_unpayable_sizes_are_memory_errors():
    sites = scn.Metadata(2, 10**6, [[0, 0]])
    sparse = scn.SparseConvNetTensor(np.ones((1, 1000), np.float32), sites)
    with pytest.raises(MemoryError):
        scn.SparseToDense(2, 1000)(sparse)
