"""Files: what they hold, that a restored run continues bit for bit, and that bad files change nothing."""

import json
import os
import pathlib
import struct
import warnings

import numpy as np
import pytest
import safetensors.numpy

import scn
from scn._files import replacing


def network():
    return scn.Sequential(
        scn.InputLayer(2, 15),
        scn.SparseVggNet(2, 3, [["C", 6], ["C", 4, 3], "MP"]),
        scn.Dropout(0.3),
        scn.LeakyReLU(0.2),
        scn.SparseToDense(2, 7),
        scn.Flatten(),
        scn.Linear(7 * 7 * 7, 5),
    )


class Scaled(scn.Module):
    def __init__(self):
        super().__init__()
        self.net, self.gain = network(), scn.Parameter([2.0])

    def forward(self, x):
        return self.net(x) * 2


def train(net, optimizer, points, steps):
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = scn.cross_entropy(net(list(points)), [1, 3])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def bits(net):
    return {name: values.tobytes() for name, values in net.state_dict().items()}


OPTIMIZERS = {
    "plain": lambda p: scn.SGD(p, 0.05),
    "momentum": lambda p: scn.SGD(p, 0.05, 0.9, weight_decay=1e-3, nesterov=True),
    "adam": lambda p: scn.Adam(p, 0.01),
    "adamw": lambda p: scn.AdamW(p, 0.01),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("python", [False, True])
def test_a_restored_run_continues_bit_for_bit(kind, python, points, tmp_path):
    make = Scaled if python else network
    net = make()
    optimizer = OPTIMIZERS[kind](net.parameters())
    train(net, optimizer, points, 3)
    optimizer.lr *= 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", scn.ParametersOnlyWarning)
        scn.save(net, tmp_path / "run.safetensors", optimizer)
    losses = train(net, optimizer, points, 4)
    other = make()
    resumed = OPTIMIZERS[kind](other.parameters())
    train(other, resumed, points, 1)
    scn.manual_seed(999)
    scn.restore(tmp_path / "run.safetensors", other, resumed)
    assert resumed.lr == optimizer.lr
    assert train(other, resumed, points, 4) == losses and bits(other) == bits(net)


def test_a_loaded_network_is_the_saved_one(points, tmp_path):
    net = network()
    train(net, scn.SGD(net.parameters(), 0.1), points, 2)
    path = tmp_path / "net.safetensors"
    scn.save(net, str(path))
    loaded = scn.load(os.fsencode(path))
    assert repr(loaded) == repr(net) and bits(loaded) == bits(net)
    assert not any(module.training for module in loaded.modules())
    assert np.array_equal(loaded(list(points)), net.eval()(list(points)))
    train(loaded.train(), scn.SGD(loaded.parameters(), 0.1), points, 1)
    scn.save(scn.Linear(3, 2), path)
    linear = scn.load(path)
    assert isinstance(linear, scn.Linear) and linear.nIn == 3 and list(linear.state_dict()) == ["weight", "bias"]


def test_every_layer_survives_a_file(tmp_path):
    net = scn.Sequential(
        scn.InputLayer(3, [9, 8, 7], 4), scn.OutputLayer(3), scn.SparseToDense(3, 4), scn.Flatten(), scn.Identity(),
        scn.SubmanifoldConvolution(3, 4, 6, [3, 1, 5], True, 2, dilation=[1, 2, 1]),
        scn.Convolution(3, 4, 6, 3, 2, False, padding=1, dilation=2),
        scn.Deconvolution(3, 4, 6, 3, 2, True, padding=1),
        scn.MaxPooling(3, 3, 2, 1, padding=1), scn.NetworkInNetwork(4, 3, True), scn.Linear(3, 4, False),
        scn.BatchNormalization(4, 1e-3, 0.9, False, 0.5), scn.BatchNormalization(4), scn.BatchNormReLU(4),
        scn.BatchNormLeakyReLU(4, leakiness=0.25), scn.Dropout(0.25), scn.ReLU(), scn.LeakyReLU(0.25), scn.ELU(),
        scn.SELU(), scn.Tanh(), scn.Sigmoid(), scn.ConcatTable(scn.AddTable(), scn.JoinTable(), scn.Sequential()),
    )  # fmt: skip
    scn.save(net, tmp_path / "net")
    loaded = scn.load(tmp_path / "net")
    assert repr(loaded) == repr(net) and bits(loaded) == bits(net)
    for ours, theirs in zip(net, loaded):
        plain = {key: value for key, value in vars(ours).items() if not key.startswith("_")}
        assert type(ours) is type(theirs) and {key: vars(theirs).get(key) for key in plain} == {
            **plain,
            "training": False,
        }


def test_files_are_safetensors(tmp_path, points):
    net = network()
    optimizer = scn.Adam(net.parameters())
    train(net, optimizer, points, 1)
    scn.save(net, tmp_path / "net")
    tensors = safetensors.numpy.load_file(tmp_path / "net")
    assert {name: values.tobytes() for name, values in tensors.items()} == bits(net)
    assert tensors["1.0.weight"].shape == net[1][0].weight.shape and tensors["1.0.weight"].dtype == np.float32
    scn.save(net, tmp_path / "run", optimizer)
    assert set(bits(net)) < set(safetensors.numpy.load_file(tmp_path / "run"))
    other = network()
    other.load_state_dict(tensors)
    assert bits(other) == bits(net)
    safetensors.numpy.save_file(tensors, tmp_path / "foreign")
    third = network()
    scn.restore(tmp_path / "foreign", third)
    assert bits(third) == bits(net)
    with pytest.raises(scn.FormatError, match="architecture"):
        scn.load(tmp_path / "foreign")


def test_modules_written_in_python_save_parameters_only_and_say_so(tmp_path, points):
    net, path = Scaled(), tmp_path / "net"
    with pytest.warns(scn.ParametersOnlyWarning, match=r"Scaled .*scn.Sequential\(\*net.parts\), is saved whole"):
        scn.save(net, path)
    assert set(safetensors.numpy.load_file(path)) == set(net.state_dict())
    with pytest.raises(scn.FormatError, match="architecture"):
        scn.load(path)
    other = Scaled()
    scn.restore(path, other)
    assert bits(other) == bits(net)
    with pytest.raises(scn.FormatError):
        scn.restore(path, network())


class Described(scn.Sequential):
    """A subclass of Sequential that only arranges layers is still the library's own."""

    def __init__(self, planes):
        super().__init__(scn.ReLU(), scn.Linear(planes, 2))


class Noisy(scn.Linear):
    def forward(self, x):
        return super().forward(x) * 2


def test_what_counts_as_written_in_python(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scn.save(Described(3), tmp_path / "net")
    assert repr(scn.load(tmp_path / "net")[1]) == "Linear(3 -> 2, bias=True)"
    extended, layer = scn.Sequential(scn.ReLU()), scn.ReLU()
    extended.extra = layer.extra = scn.Parameter([1.0])
    for module in (Noisy(2, 2), scn.Sequential(Noisy(2, 2)), extended, layer):
        with pytest.warns(scn.ParametersOnlyWarning):
            scn.save(module, tmp_path / "net")


def rewritten(data, **changes):
    """The file with another header, its length corrected."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header.update(changes)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def bad_files(data):
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    meta = header.pop("__metadata__")
    name = "6.weight"
    entry = header[name]
    begin, end = entry["data_offsets"]
    assert begin > 0
    deep = '{"type":"Sequential","modules":[' * 10000 + "]}" * 10000
    yield "empty", b""
    yield "short", data[:5]
    yield "truncated header", data[: length // 2]
    yield "truncated values", data[:-4]
    yield "longer", data + b"1234"
    yield "length lies", struct.pack("<Q", 2**63) + data[8:]
    yield "length beyond the end", struct.pack("<Q", len(data)) + data[8:]
    yield "no json", struct.pack("<Q", length) + b"x" * length + data[8 + length :]
    yield "gap", rewritten(data, **{name: {**entry, "shape": [], "data_offsets": [begin, begin + 4]}})
    yield "backwards", rewritten(data, **{name: {**entry, "data_offsets": [end, begin]}})
    yield "overlap", rewritten(data, **{name: {**entry, "data_offsets": [begin - 4, end - 4]}})
    yield "beyond", rewritten(data, **{name: {**entry, "data_offsets": [2**60, 2**60 + 4]}})
    yield "negative", rewritten(data, **{name: {**entry, "data_offsets": [-4, 0]}})
    yield "shape overflows", rewritten(data, **{name: {**entry, "shape": [2**40, 2**40]}})
    yield "another shape", rewritten(data, **{name: {**entry, "shape": entry["shape"][::-1]}})
    yield "another type", rewritten(data, **{name: {**entry, "dtype": "F99"}})
    yield "no architecture", rewritten(data, __metadata__={})
    yield "bad architecture", rewritten(data, __metadata__={**meta, "architecture": '{"type": "Nothing"}'})
    yield "deep architecture", rewritten(data, __metadata__={**meta, "architecture": deep})
    huge = json.loads(meta["architecture"])
    huge["modules"][1]["modules"][0]["out"] = 2**40
    yield "huge architecture", rewritten(data, __metadata__={**meta, "architecture": json.dumps(huge)})


def test_bad_files_are_errors_and_change_nothing(tmp_path, points):
    net, path = network(), tmp_path / "net"
    scn.save(net, path)
    data = path.read_bytes()
    before = bits(net)
    optimizer = scn.SGD(net.parameters(), 0.1, 0.9)
    for what, content in bad_files(data):
        path.write_bytes(content)
        with pytest.raises((scn.FormatError, scn.SizeOverflowError, MemoryError)):
            scn.load(path)
            pytest.fail(what)
        if "architecture" not in what:
            with pytest.raises((scn.FormatError, scn.SizeOverflowError)):
                scn.restore(path, net)
                pytest.fail(what)
        assert bits(net) == before, what
    path.write_bytes(data)
    with pytest.raises(scn.FormatError, match="optimizer"):
        scn.restore(path, net, optimizer)
    with pytest.raises(scn.FormatError):
        scn.restore(path, scn.Linear(3, 2))
    scn.save(net, path, optimizer)
    with pytest.raises(scn.FormatError, match="SGD"):
        scn.restore(path, net, scn.Adam(net.parameters()))
    assert bits(net) == before


@pytest.mark.parametrize("begin", [b"PK\3\4\0\0\10\10\0\0", b"\x80\2\x8a\12l\xfc\x9cF\xf9 j\xa8P\31."])
def test_checkpoints_of_pytorch_are_named(begin, tmp_path):
    (tmp_path / "net.pth").write_bytes(begin)
    for read in (scn.load, lambda path: scn.restore(path, network())):
        with pytest.raises(scn.FormatError, match="net.pth: is no safetensors file; .* scn.from_torch_checkpoint"):
            read(tmp_path / "net.pth")


def test_files_that_cannot_be_read_or_written(tmp_path):
    net = scn.Linear(2, 2)
    for path in (tmp_path / "no" / "folder", tmp_path):
        with pytest.raises(OSError) as caught:
            scn.save(net, path)
        assert isinstance(caught.value, scn.FileError) and str(path) in str(caught.value)
    with pytest.raises(OSError, match="nowhere"):
        scn.load(tmp_path / "nowhere")
    with pytest.raises(OSError, match="nowhere"):
        scn.restore(tmp_path / "nowhere", net)
    with pytest.raises(ValueError, match="NUL"):
        scn.load("a\0b")
    with pytest.raises(TypeError, match="Module"):
        scn.save(3, tmp_path / "net")
    with pytest.raises(TypeError, match="Optimizer"):
        scn.save(net, tmp_path / "net", 3)
    assert os.listdir(tmp_path) == []


def test_saving_replaces_the_old_file_whole(tmp_path):
    path = tmp_path / "netz-ä"
    path.write_bytes(b"old")
    scn.save(scn.Linear(2, 2), path)
    assert isinstance(scn.load(path), scn.Linear) and os.listdir(tmp_path) == [path.name]


def test_an_optimizer_of_other_parameters_is_refused(tmp_path):
    net, other = Scaled(), scn.Linear(2, 2)
    optimizer = scn.SGD([*net.parameters(), *other.parameters()], 0.1)
    with pytest.raises(scn.InvalidArgumentError), warnings.catch_warnings():
        warnings.simplefilter("ignore", scn.ParametersOnlyWarning)
        scn.save(net, pathlib.Path(tmp_path) / "net", optimizer)


def test_paths_are_bytes(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"d\xe9p\xf4t")
    os.mkdir(folder)
    net = network()
    for kind in (bytes, os.fsdecode, lambda path: pathlib.Path(os.fsdecode(path))):
        path = kind(os.path.join(folder, b"caf\xe9.st"))
        scn.save(net, path)
        assert os.listdir(folder) == [b"caf\xe9.st"]
        assert bits(scn.load(path)) == bits(net)
        other = network()
        scn.restore(path, other)
        assert bits(other) == bits(net)
        os.unlink(path)
        with pytest.raises(scn.FileError, match=r"d\\xe9p\\xf4t/caf\\xe9.st: cannot be opened: No such file"):
            scn.load(path)
        with pytest.raises(scn.FileError, match=r"d\\xe9p\\xf4t/caf\\xe9.st: No such file"):
            scn.from_torch_checkpoint(path)
        for name2 in ("net", b"n\xe9t"):
            for epoch in (1, 2, 3, 4):
                scn.checkpoint_save(net, path, name2, epoch)
            other = network()
            assert scn.checkpoint_restore(other, path, name2) == 5
            assert bits(other) == bits(net)
        assert len(os.listdir(folder)) == 6
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
    for empty in ("", b""):
        with pytest.raises(scn.FileError, match="path: is empty, expected the path of a file"):
            scn.load(empty)
        with pytest.raises(scn.FileError, match="path: is empty"):
            scn.save(net, empty)


def test_leftovers_of_either_kind_of_save_are_removed_by_both(tmp_path):
    path = tmp_path / "file"
    with replacing(path) as file:
        file.write(b"new")
        name = next(entry.name for entry in tmp_path.iterdir())
        # A save in progress keeps its file.
        scn.save(scn.Linear(1, 1), tmp_path / "net.st")
        with replacing(tmp_path / "other"):
            pass
        assert sorted(os.listdir(tmp_path)) == sorted([name, "net.st", "other"])
    assert path.read_bytes() == b"new"
    for save in (lambda: scn.save(scn.Linear(1, 1), tmp_path / "net.st"), lambda: replacing(path).__enter__().close()):
        leftover = tmp_path / name
        leftover.write_bytes(b"half")
        (tmp_path / ".scn-1-2.tmp").write_bytes(b"another machine's")
        save()
        assert not leftover.exists() and (tmp_path / ".scn-1-2.tmp").exists()
        os.utime(tmp_path / ".scn-1-2.tmp", (0, 0))
        save()
        assert not (tmp_path / ".scn-1-2.tmp").exists()
    with pytest.raises(KeyError), replacing(path):
        raise KeyError
    assert path.read_bytes() == b"new"
    assert not [entry for entry in os.listdir(tmp_path) if entry.startswith(".")]


def test_opening_draws_nothing_and_refuses_before_it_allocates(tmp_path):
    path = tmp_path / "net.st"
    scn.save(network(), path)
    scn.manual_seed(7)
    scn.load(path)
    expected = scn.Linear(2, 2).weight.numpy().copy()
    scn.manual_seed(7)
    assert np.array_equal(scn.Linear(2, 2).weight.numpy(), expected)
    large = {"type": "Sequential", "modules": [{"type": "Linear", "in": 40000, "out": 40000}] * 3}
    header = json.dumps({"__metadata__": {"architecture": json.dumps(large)}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(scn.FormatError, match="architecture: more than 0 parameters and buffers"):
        scn.load(path)
