"""Checkpoints of PyTorch, read without it, and SparseConvNet's files for each epoch."""

import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import scn
import scn.torch as st


def state():
    torch.manual_seed(0)
    base = torch.arange(24.0)
    return {
        "weight": torch.randn(3, 4),
        "transposed": torch.randn(3, 4).t(),
        "shared": base[4:10].reshape(2, 3),
        "shared too": base.reshape(2, 3, 4)[:, 1],
        "half": torch.randn(5).half(),
        "bfloat16": torch.randn(5).bfloat16(),
        "double": torch.randn(2).double(),
        "long": torch.arange(3),
        "bool": torch.tensor([True, False]),
        "byte": torch.tensor([1, 2], dtype=torch.uint8),
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(4.5),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "nested": {"epoch": 3, "name": "x", "list": [torch.ones(1), None], "tuple": (1.5, True)},
    }


@pytest.mark.parametrize("old", [False, True])
def test_tensors_of_all_kinds(tmp_path, old):
    path, saved = tmp_path / "state.pth", state()
    torch.save(saved, path, _use_new_zipfile_serialization=not old)
    loaded = scn.from_torch_checkpoint(path)
    assert list(loaded) == list(saved)
    for name, values in saved.items():
        if name != "nested":
            want = (values.float() if values.dtype is torch.bfloat16 else values).detach().numpy()
            assert loaded[name].dtype == want.dtype and np.array_equal(loaded[name], want), name
            assert loaded[name].flags.writeable
    nested = loaded["nested"]
    assert nested["epoch"] == 3 and nested["list"][1] is None and nested["tuple"] == (1.5, True)
    assert isinstance(nested["list"][0], np.ndarray)


@pytest.mark.parametrize("old", [False, True])
def test_a_network_of_sparseconvnet_without_torch(tmp_path, old, subprocess_environment):
    net = st.Sequential(st.SubmanifoldConvolution(3, 2, 4, 3, False), st.UNet(3, 1, [4, 6]), st.BatchNormReLU(4)).eval()
    names = {"running_mean": "runningMean", "running_var": "runningVar"}
    ancient = {}
    for name, values in net.state_dict().items():
        path, _, last = name.rpartition(".")
        ancient[f"{path}.{names.get(last, last)}"] = values.squeeze(1) if values.ndim == 4 else values
    torch.save(ancient, tmp_path / "old.pth", _use_new_zipfile_serialization=not old)
    where, features = np.array([[1, 2, 3], [4, 5, 6], [1, 2, 4]]), np.ones((3, 2), np.float32)
    want = net(st.InputLayer(3, 8)([where, features])).features.detach().numpy()
    other = st.Sequential(
        st.SubmanifoldConvolution(3, 2, 4, 3, False), st.UNet(3, 1, [4, 6]), st.BatchNormReLU(4)
    ).eval()
    other.load_state_dict(st.from_torch_checkpoint(tmp_path / "old.pth"))
    assert np.array_equal(other(st.InputLayer(3, 8)([where, features])).features.detach().numpy(), want)
    program = f"""
import sys
sys.modules["torch"] = None
import numpy as np, scn
net = scn.Sequential(scn.SubmanifoldConvolution(3, 2, 4, 3, False), scn.UNet(3, 1, [4, 6]), scn.BatchNormReLU(4)).eval()
net.load_state_dict(scn.from_torch_checkpoint({str(tmp_path / "old.pth")!r}))
enter = scn.OutputLayer(3)
out = enter(net(scn.InputLayer(3, 8)([{where.tolist()}, np.ones((3, 2), np.float32)])))
np.save({str(tmp_path / "out.npy")!r}, np.asarray(out))
"""
    subprocess.run([sys.executable, "-c", program], env=subprocess_environment, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), want, rtol=1e-5, atol=1e-6)


def test_scn_torch_reads_tensors(tmp_path):
    path = tmp_path / "state.pth"
    torch.save({"layers": [{"weight": torch.ones(2, 3)}, (torch.tensor(4), None)], "epoch": 3}, path)
    loaded = st.from_torch_checkpoint(path)
    assert torch.equal(loaded["layers"][0]["weight"], torch.ones(2, 3)) and loaded["epoch"] == 3
    assert loaded["layers"][1] == (torch.tensor(4), None)


def test_numbers_stored_with_the_other_sign(tmp_path):
    path = tmp_path / "state.pth"
    imaginary = torch.view_as_complex(torch.ones(2, 2)).conj().imag
    assert imaginary.is_neg()
    torch.save({"a": imaginary}, path)
    assert scn.from_torch_checkpoint(path)["a"].tolist() == torch.load(path)["a"].tolist() == [-1, -1]


class Harmful:
    def __reduce__(self):
        return os.system, ("echo harm",)


def test_nothing_in_a_file_is_run(tmp_path, capfd):
    path = tmp_path / "bad.pth"
    for content, what in (
        (Harmful(), "system"),
        (st.ReLU(), "scn.torch.layers.activation.ReLU"),
        ({"f": np.sum}, "sum"),
    ):
        for new in (True, False):
            torch.save(content, path, _use_new_zipfile_serialization=new)
            with pytest.raises(scn.FormatError, match=f"bad.pth: holds a .*{what}, expected only tensors"):
                scn.from_torch_checkpoint(path)
    assert "harm" not in capfd.readouterr().out


def rewritten(source, target, change):
    """Copy an archive with the content of its members changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)


def test_damaged_files_are_errors(tmp_path):
    good, path = tmp_path / "good.pth", tmp_path / "bad.pth"
    torch.save({"a": torch.ones(7, 5), "b": torch.ones(3)}, good)
    whole = good.read_bytes()
    for content in (b"", b"PK", whole[: len(whole) // 2], pickle.dumps({"a": 1}), os.urandom(300)):
        path.write_bytes(content)
        with pytest.raises(scn.FormatError, match="bad.pth"):
            scn.from_torch_checkpoint(path)
    changes = [
        lambda name, content: None if name.endswith("data/0") else content,
        lambda name, content: content[:-4] if name.endswith("data/0") else content,
        lambda name, content: content[: len(content) // 2] if name.endswith("data.pkl") else content,
        lambda name, content: content.replace(b"K\x07K\x05", b"K\x07K\xff") if name.endswith("data.pkl") else content,
        lambda name, content: b"big" if name.endswith("byteorder") else content,
    ]
    for change in changes:
        rewritten(good, path, change)
        with pytest.raises(scn.FormatError, match="bad.pth"):
            scn.from_torch_checkpoint(path)
    old = tmp_path / "old.pth"
    torch.save({"a": torch.ones(7, 5)}, old, _use_new_zipfile_serialization=False)
    whole = old.read_bytes()
    for end in range(1, len(whole) - 1, 7):
        path.write_bytes(whole[:end])
        with pytest.raises(scn.FormatError):
            scn.from_torch_checkpoint(path)
    with pytest.raises(scn.FileError):
        scn.from_torch_checkpoint(tmp_path / "absent.pth")


def test_epochs_that_are_powers_of_two_stay(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(st.NetworkInNetwork(3, 4, True), st.BatchNormReLU(4))
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    name = str(tmp_path / "run")
    assert st.checkpoint_restore(model, name, "net", False) == 1
    states = {}
    for epoch in range(1, 7):
        sgd.zero_grad()
        model(torch.randn(5, 3)).square().sum().backward()
        sgd.step()
        st.checkpoint_save(model, name, "net", epoch, False, optimizer=sgd)
        states[epoch] = {key: values.clone() for key, values in model.state_dict().items()}
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert [path for path in kept if "optimizer" not in path] == [f"run-{epoch:09d}-net.pth" for epoch in (1, 2, 4, 6)]
    assert len(kept) == 8
    drawn = torch.rand(1)
    momentum = [sgd.state[p]["momentum_buffer"].clone() for p in model.parameters()]
    other = torch.nn.Sequential(st.NetworkInNetwork(3, 4, True), st.BatchNormReLU(4))
    rest = torch.optim.SGD(other.parameters(), lr=0.1, momentum=0.9)
    assert st.checkpoint_restore(other, name, "net", optimizer=rest) == 7
    assert torch.rand(1) == drawn
    assert all(torch.equal(values, states[6][key]) for key, values in other.state_dict().items())
    assert all(torch.equal(rest.state[p]["momentum_buffer"], m) for p, m in zip(other.parameters(), momentum))
    assert st.checkpoint_restore(other, name, "net", False, 2) == 3
    assert all(torch.equal(values, states[2][key]) for key, values in other.state_dict().items())
    assert list(scn.from_torch_checkpoint(f"{name}-000000002-net.pth")) == list(other.state_dict())
    with pytest.raises(FileNotFoundError):
        st.checkpoint_restore(other, name, "net", False, 3)
    st.checkpoint_save(model, name, "bare", 1)
    with pytest.raises(scn.FormatError, match="without an optimizer"):
        st.checkpoint_restore(other, name, "bare", optimizer=rest)
    assert all(torch.equal(values, states[2][key]) for key, values in other.state_dict().items())
    st.checkpoint_save(model, name, "net", 6)
    with pytest.raises(scn.FormatError, match="without an optimizer"):
        st.checkpoint_restore(other, name, "net", optimizer=rest)
    with pytest.raises(scn.InvalidArgumentError):
        st.checkpoint_save(model, name, "net", 0)


def test_paths_are_bytes_and_nothing_is_left(tmp_path):
    model = torch.nn.Linear(2, 2)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    for name in (os.path.join(os.fsencode(tmp_path), b"r\xfcn"), tmp_path / "r\udcfcn"):
        st.checkpoint_save(model, name, b"n\xe9t", 3, optimizer=sgd)
        assert sorted(os.listdir(os.fsencode(tmp_path))) == [
            b"r\xfcn-000000003-n\xe9t-optimizer.pth",
            b"r\xfcn-000000003-n\xe9t.pth",
        ]
        other = torch.nn.Linear(2, 2)
        assert st.checkpoint_restore(other, name, b"n\xe9t", optimizer=torch.optim.SGD(other.parameters(), lr=1)) == 4
        assert torch.equal(other.weight, model.weight)
        os.unlink(os.path.join(os.fsencode(tmp_path), b"r\xfcn-000000003-n\xe9t-optimizer.pth"))
        with pytest.raises(
            scn.FormatError, match=r"r\\xfcn-000000003-n\\xe9t.pth: was saved without an optimizer, expected "
        ):
            st.checkpoint_restore(other, name, b"n\xe9t", optimizer=sgd)
