"""Fixtures and checks shared by all tests."""

import gc
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import scn


@pytest.fixture(autouse=True)
def nothing_leaks(request):
    """After every test the library holds as many objects and as much memory as before it."""
    # What exists now is left out of the collection below, which would otherwise look at all of PyTorch's objects each
    # time.
    gc.freeze()
    handles, memory = scn.live_handles(), scn.memory_in_use()
    scn.manual_seed(0)
    yield
    request.node.funcargs.clear()
    gc.collect()
    assert scn.live_handles() == handles
    assert scn.memory_in_use() <= memory


@pytest.fixture
def random():
    return np.random.default_rng(7)


@pytest.fixture
def points(random):
    """Distinct sites of a 2-D field in two samples, and features: [40, 3] int64, [40, 3] float32."""
    cells = random.choice(2 * 15 * 15, 40, replace=False)
    coords = np.stack([cells // 15 % 15, cells % 15, cells // 225], axis=1).astype(np.int64)
    return coords, random.standard_normal((40, 3)).astype(np.float32)


@pytest.fixture
def sparse(points):
    """The same as a sparse tensor of size 15 x 15 with 3 planes."""
    return scn.InputLayer(2, 15, mode=0)(list(points))


@pytest.fixture(scope="session")
def repository():
    return pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def subprocess_environment():
    """An environment in which another Python finds the scn under test."""
    source = str(pathlib.Path(scn.__file__).resolve().parents[1])
    library = scn._native.library.library._name
    path = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "SCN_LIBRARY": library}


@pytest.fixture(scope="session")
def refusals():
    """Run a program with several lists of arguments, one after the other in a process of its own, which imports what
    the program needs once; return for each list the status with which the program ended and its errors."""
    driver = """
import contextlib, io, json, runpy, sys
program, runs = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, program.rpartition("/")[0])
answers = []
for arguments in runs:
    sys.argv, errors, status = [program, *arguments], io.StringIO(), 0
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(sys.stderr):
        try:
            runpy.run_path(program, run_name="__main__")
        except SystemExit as end:
            status = end.code
    answers.append([status, errors.getvalue()])
print(json.dumps(answers))
"""

    def run(program, runs, environment=None):
        done = subprocess.run(
            [sys.executable, "-c", driver, str(program), json.dumps(runs)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
