"""All later versions open and train on the checkpoints of a version; Tests/frozen/write_checkpoints.py wrote them."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest
import safetensors.numpy

import scn
from scn.nn.layer_types import LAYER_TYPES

FROZEN = pathlib.Path(__file__).resolve().parents[4] / "Tests" / "frozen"
CHECKPOINTS = [path for path in sorted(FROZEN.glob("checkpoints/*/*.safetensors")) if ".results" not in path.name]
OPTIMIZERS = {"SGD": lambda p: scn.SGD(p, momentum=0.9), "Adam": lambda p: scn.Adam(p, weight_decay=1e-3)}

of_each_checkpoint = pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: f"{path.parent.name}-{path.stem}")


def writer():
    spec = importlib.util.spec_from_file_location("write_checkpoints", FROZEN / "write_checkpoints.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRITER = writer()


def metadata(path):
    """The texts that a file keeps, those in JSON parsed."""
    with safetensors.safe_open(path, "numpy") as file:
        return {
            key: json.loads(text) if key in ("architecture", "optimizer") else text
            for key, text in file.metadata().items()
        }


def recorded(path):
    """The input of a file's network, and the arrays that were recorded with it."""
    arrays = safetensors.numpy.load_file(path.with_name(f"{path.stem}.results.safetensors"))
    return WRITER.input_of(path.stem, arrays), arrays


def opened(path):
    """The network of a file and, if one was saved, its optimizer."""
    net, saved = scn.load(path), metadata(path).get("optimizer")
    optimizer = OPTIMIZERS[saved["type"]](net.parameters()) if saved else None
    if optimizer:
        scn.restore(path, net, optimizer)
    return net, optimizer


def assert_close(got, wanted, tolerance):
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max(initial=0) <= tolerance * np.abs(wanted).max(initial=0)


def assert_has(now, before):
    """Each value of a text is as it was; later versions may add keys, and read earlier ones by other names."""
    if isinstance(before, dict):
        arguments = LAYER_TYPES[before["type"]].arguments if "type" in before and before["type"] in LAYER_TYPES else ()
        keys = {former: argument.key for argument in arguments for former in argument.former_keys}
        for key, value in before.items():
            assert_has(now[keys.get(key, key)], value)
    elif isinstance(before, list):
        assert len(now) == len(before)
        for value, value_before in zip(now, before):
            assert_has(value, value_before)
    else:
        assert now == before


def test_every_network_was_written():
    assert {path.stem for path in CHECKPOINTS if path.parent.name == "0.1"} == {*WRITER.networks(), "inference"}


@of_each_checkpoint
def test_opened(path):
    given, arrays = recorded(path)
    results = WRITER.results(scn.load(path).eval()(given))
    assert results.keys() == {key for key in arrays if key.startswith("out.")}
    for key, got in results.items():
        assert_close(got, arrays[key], 1e-6)


@of_each_checkpoint
def test_saved_again_it_is_the_same(path, tmp_path):
    net, optimizer = opened(path)
    again = tmp_path / "again.safetensors"
    scn.save(net, again, optimizer)
    before, now = safetensors.numpy.load_file(path), safetensors.numpy.load_file(again)
    assert set(net.state_dict()) == {name for name in before if not name.startswith("optimizer.")}
    assert {name: values.tobytes() for name, values in now.items()} == {
        name: values.tobytes() for name, values in before.items()
    }
    assert_has(metadata(again), metadata(path))


@of_each_checkpoint
def test_trained_on(path):
    net, optimizer = opened(path)
    if optimizer is None:
        return
    net.train()
    given, arrays = recorded(path)
    losses = np.array([WRITER.step(net, optimizer, given) for _ in range(3)], np.float32)
    assert np.isfinite(losses).all()
    if "losses" in arrays:  # draws no random numbers
        assert_close(losses, arrays["losses"], 1e-5)
