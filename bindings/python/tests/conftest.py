"""Fixtures and checks shared by all tests."""

import gc
import os
import pathlib

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
