"""The training loop for classification."""

import struct
import zlib

import numpy as np
import pytest

import scn


def batches(random, count=4, samples=12):
    """Batches of bars in a field of 7 x 7 that lie along one of the two axes, or along neither: classes 0, 1, 2."""
    result, number = [], 0
    for _ in range(count):
        target = random.integers(0, 3, samples)
        coords = []
        for sample, label in enumerate(target):
            at, along = random.integers(0, 7), np.arange(7)
            rows = along if label != 1 else np.full(7, at)
            columns = along if label == 2 else (np.full(7, at) if label == 0 else along)
            coords.append(np.stack([rows, columns, np.full(7, sample)], axis=1))
        points = [np.concatenate(coords), np.ones((7 * samples, 1), np.float32), samples]
        result.append({"input": points, "target": target, "idx": number + np.arange(samples)})
        number += samples
    return result


class Net(scn.Module):
    def __init__(self):
        self.sparse = scn.Sequential(
            scn.InputLayer(2, 7), scn.SparseVggNet(2, 1, "C8 MP C8"), scn.SparseToDense(2, 8), scn.Flatten()
        )
        self.linear = scn.Linear(72, 3)

    def forward(self, points):
        return self.linear(self.sparse(points))


@pytest.fixture
def dataset(random):
    return {"train": batches(random), "val": batches(random, 3)}


def train(dataset, folder, epochs, model=None, **settings):
    model = model or Net()
    folder.mkdir(exist_ok=True)
    p = {"n_epochs": epochs, "initial_lr": 0.05, "folder": folder, **settings}
    return scn.ClassificationTrainValidate(model, dataset, p), model, p


def read_png(path):
    """The gray image of a PNG file."""
    data, at, pixels = path.read_bytes(), 8, b""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + content)
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", content[:10])
            assert (depth, color) == (8, 0)
        if kind == b"IDAT":
            pixels += content
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(pixels), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return rows[:, 1:]


def test_it_learns_and_says_so(dataset, tmp_path, capfd):
    results, model, p = train(dataset, tmp_path, 12)
    assert len(results) == 12 and p["momentum"] == 0.9 and p["weight_decay"] == 1e-4 and p["epoch"] == 1
    assert p["lr_decay"] == 0.04 and p["check_point"] is False and p["test_reps"] == 1
    first, last = results[0][1], results[-1][1]
    assert last.top1_error == 0 and last.nll < first.nll and last.top5_error == 0
    output = capfd.readouterr().out.splitlines()
    assert output[1] == f"#parameters {sum(q.numel() for q in model.parameters())}" and "n_epochs" in output[0]
    assert output[-2].startswith("12 train: top1=") and output[-1].startswith("12 test: top1=0.00% top5=0.00% nll:")
    assert output[-1].endswith("HiddenStates/sample") and len(output) == 2 + 24
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{kind} confusion matrix.{end}" for kind in ("train", "test") for end in ("csv", "png")
    }


def test_work_and_confusion_of_the_test(dataset, tmp_path):
    results, model, _ = train(dataset, tmp_path, 2)
    table = [scn.summary(model, batch["input"]) for batch in dataset["val"]]
    tested = results[-1][1]
    assert tested.multiply_adds_per_sample == sum(entry.multiply_adds for entry in table) / 36
    assert tested.hidden_states_per_sample == sum(entry.hidden_states for entry in table) / 36
    expected, loss, wrong = np.zeros((3, 3)), 0.0, 0
    for batch in dataset["val"]:
        scores = model(batch["input"]).numpy().astype(np.float64)
        shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        for label, row in zip(batch["target"], shares):
            expected[label] += row
            loss -= np.log(row[label]) / 36
            wrong += row.argmax() != label
    assert np.allclose(np.loadtxt(tmp_path / "test confusion matrix.csv", delimiter=","), expected, atol=1e-4)
    picture = read_png(tmp_path / "test confusion matrix.png").astype(int)
    assert np.abs(picture - 255 * expected / expected.sum(1, keepdims=True)).max() < 2
    assert np.isclose(tested.nll, loss, atol=1e-4) and np.isclose(tested.top1_error, wrong / 36)


def test_the_rate_decays_and_optimizer_is_nesterov(dataset, tmp_path, monkeypatch):
    rates = []
    step = scn.SGD.step

    def spy(self):
        rates.append(self.lr)
        step(self)

    monkeypatch.setattr(scn.SGD, "step", spy)
    _, model, _ = train(dataset, tmp_path, 3, lr_decay=0.5)
    assert np.allclose(rates, np.repeat(0.05 * np.exp([0, -0.5, -1]), 4))
    scn.manual_seed(0)
    by_hand = Net()
    sgd = scn.SGD(by_hand.parameters(), 0.05, 0.9, weight_decay=1e-4, nesterov=True)
    for epoch in range(3):
        by_hand.train()
        sgd.lr = float(0.05 * np.exp(-0.5 * epoch))
        for batch in dataset["train"]:
            sgd.zero_grad()
            scn.cross_entropy(by_hand(batch["input"]), batch["target"]).backward()
            sgd.step()
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(by_hand.parameters(), model.parameters()))


def test_it_goes_on_where_it_was_interrupted(dataset, tmp_path, capfd):
    scn.manual_seed(0)
    _, whole, _ = train(dataset, tmp_path / "whole", 4)
    scn.manual_seed(0)
    train(dataset, tmp_path / "parts", 2, check_point=True)
    names = [path.name for path in (tmp_path / "parts").glob("*.safetensors")]
    assert names == ["classification-epoch-2.safetensors"]
    results, resumed, p = train(dataset, tmp_path / "parts", 4, check_point=True)
    assert len(results) == 2 and p["epoch"] == 3 and "Restarting at epoch 3" in capfd.readouterr().out
    ours, wanted = resumed.state_dict(), whole.state_dict()
    assert all(np.array_equal(ours[name], wanted[name]) for name in wanted)
    assert train(dataset, tmp_path / "parts", 4, check_point=True)[0] == []


def test_repetitions_of_the_test_add_up(dataset, tmp_path, capfd):
    shuffled = {"train": lambda: iter(dataset["train"]), "val": lambda: iter(dataset["val"][::-1])}
    results, _, _ = train(shuffled, tmp_path, 1, test_reps=3)
    lines = [line for line in capfd.readouterr().out.splitlines() if " test: " in line]
    assert len(lines) == 3
    scn.manual_seed(0)
    once, _, _ = train(dataset, tmp_path, 1)
    assert np.isclose(results[0][1].nll, once[0][1].nll, atol=1e-5)
    assert results[0][1].top1_error == once[0][1].top1_error
    assert np.isclose(results[0][1].multiply_adds_per_sample, 3 * once[0][1].multiply_adds_per_sample)


def test_progress_goes_to_standard_error(dataset, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("scn.training.progress.SELDOM", 0.0)
    train({"train": dataset["train"], "val": lambda: iter(dataset["val"])}, tmp_path, 2)
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].startswith("epoch 1 train: 1 of 4 batches, ") and "samples/s" in lines[0] and "left" in lines[0]
    assert lines[4].startswith("epoch 1 test: 1 batches, ") and lines[-1].startswith("epoch 2 test: 3 of 3 batches, ")
    assert lines[-1].endswith("left in all")


def test_what_cannot_be_trained_on_is_refused(dataset, tmp_path):
    with pytest.raises(scn.InvalidArgumentError, match=r"^dataset\['train'\]: has no samples"):
        train({"train": [], "val": []}, tmp_path, 1)
    with pytest.raises(scn.InvalidArgumentError, match=r"^dataset\['val'\]: has no samples"):
        train({"train": dataset["train"], "val": []}, tmp_path, 1)
    with pytest.raises(scn.InvalidArgumentError, match="test_reps"):
        train(dataset, tmp_path, 1, test_reps=0)
    with pytest.raises(scn.InvalidArgumentError, match="momentum"):
        train(dataset, tmp_path, 1, momentum=-1)
