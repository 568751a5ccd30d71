"""A call that fails changes nothing; random numbers come once."""

import ctypes
import pickle
import threading

import numpy as np
import pytest

import scn
from scn._native.library import library
from scn._native.scope import Scope


def random_state():
    state = (ctypes.c_uint64 * 4)()
    library.scn_get_random_state(state)
    return tuple(state)


class Halves(scn.Module):
    """A module defined by a program."""

    def forward(self, input):
        return input * 0.5


class Fallback(scn.Module):
    """Applies another module if the first one fails."""

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, input):
        try:
            return self.first(input)
        except scn.ShapeError:
            return self.second(input)


def state_of(network):
    return [random_state(), scn.get_forward_counts()] + [
        np.copy(value).tolist() for value in network.state_dict().values()
    ]


def test_a_network_that_fails_late_is_as_it_was():
    network = scn.Sequential(scn.BatchNormalization(2), scn.Dropout(0.5), scn.Linear(2, 2), Halves(), scn.Linear(3, 1))
    points = scn.tensor(np.arange(8, dtype=np.float32).reshape(4, 2))
    before = state_of(network)
    with pytest.raises(scn.ShapeError):
        network(points)
    assert state_of(network) == before
    network[0](points)
    assert state_of(network) != before


def test_a_failure_that_a_module_catches_leaves_what_is_kept():
    bad = scn.Sequential(scn.BatchNormalization(2), scn.Dropout(0.5), Halves(), scn.Linear(3, 1))
    good = scn.Sequential(scn.BatchNormalization(2), scn.Dropout(0.5), Halves())
    points = scn.tensor(np.arange(8, dtype=np.float32).reshape(4, 2))
    scn.manual_seed(4)
    before = [np.copy(value) for value in bad.state_dict().values()]
    result = Fallback(bad, good)(points).numpy().copy()
    assert all(np.array_equal(a, b) for a, b in zip(before, bad.state_dict().values()))
    scn.manual_seed(4)
    alone = scn.Sequential(scn.BatchNormalization(2), scn.Dropout(0.5), Halves())
    scn.manual_seed(4)
    assert np.array_equal(result, alone(points).numpy())


def test_scopes_draw_from_streams_of_their_own():
    before = random_state()
    with Scope(seed=3):
        one = scn.Linear(4, 4).weight.numpy().copy()
    with Scope(seed=3):
        two = scn.Linear(4, 4).weight.numpy().copy()
    assert np.array_equal(one, two) and random_state() == before
    with pytest.raises(ZeroDivisionError), Scope():
        scn.Linear(4, 4)
        raise ZeroDivisionError
    assert random_state() == before


def test_threads_that_unpickle_do_not_rewind_others():
    pickled = pickle.dumps(scn.Sequential(scn.Linear(30, 30), scn.BatchNormalization(30)))
    before = random_state()
    pickle.loads(pickled)
    assert random_state() == before
    stop = threading.Event()

    def unpickle():
        while not stop.is_set():
            pickle.loads(pickled)

    thread = threading.Thread(target=unpickle)
    thread.start()
    try:
        weights = [scn.Linear(2, 1).weight.numpy().copy().tobytes() for _ in range(1500)]
    finally:
        stop.set()
        thread.join()
    assert len(set(weights)) == len(weights)
