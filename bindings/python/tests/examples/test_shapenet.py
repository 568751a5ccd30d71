"""The example on ShapeNet's parts: its files, its figure of merit, what the network takes, and a shortened run."""

import hashlib
import json
import re
import sys

import make_shapenet
import numpy as np
import pytest
from programs import EXAMPLES, ending, program

import scn

sys.path.insert(0, str(EXAMPLES / "shapenet"))

import clouds
import parts

train = program("shapenet")
MUG, TABLE = 11, 15


def written(folder, points, labels=None):
    """A .pts and a .seg file of these texts, or bytes."""
    paths = folder / "1.pts", folder / "1.seg"
    for path, text in zip(paths, (points, labels)):
        if text is not None:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return paths


def test_a_shape_is_read_as_its_files_say(tmp_path):
    shape = parts.read_shape(*written(tmp_path, "3 0 4\r\n0 -1.5e0 0\n\n0 0 2", "2\n1\n2\n"), MUG)
    assert shape.name == f"{tmp_path.name}/1" and shape.category == MUG
    assert np.allclose(shape.points, [[0.6, 0, 0.8], [0, -0.3, 0], [0, 0, 0.4]]) and shape.points.dtype == np.float32
    assert shape.labels.tolist() == [1, 0, 1]
    unknown = parts.read_shape(tmp_path / "1.pts", None, MUG)
    assert unknown.labels.tolist() == [-1] * 3 and np.array_equal(unknown.points, shape.points)


@pytest.mark.parametrize(
    "points, labels, complaint",
    [
        ("", "1", r"1\.pts is empty, expected x y z"),
        (" \n\n", "1", r"1\.pts is empty"),
        ("1 2\n3 4", "1\n1", r"1\.pts: a line has 2 numbers, expected x y z"),
        ("1 2 3\n4 5", "1\n1", r"1\.pts: expected x y z in each line"),
        ("1 2 three", "1", r"1\.pts: expected x y z in each line"),
        (bytes(range(256)), "1", r"1\.pts: expected x y z in each line"),
        ("1 2 3\n1 nan 3", "1\n1", r"1\.pts, line 2: not finite"),
        ("inf 2 3", "1", r"1\.pts, line 1: not finite"),
        ("1e300 2 3", "1", r"1\.pts: the farthest point is inf from the origin"),
        ("0 0 0", "1", r"1\.pts: the farthest point is 0 from the origin"),
        ("1 2 3", "", r"1\.seg is empty, expected the number of a part"),
        ("1 2 3", "1\n2", r"1\.seg has 2 lines, expected 1 as in .*1\.pts"),
        ("1 2 3\n4 5 6", "1\n3", r"1\.seg, line 2: the part is 3, expected 1 \.\.\. 2 in the category Mug"),
        ("1 2 3", "0", r"1\.seg, line 1: the part is 0"),
        ("1 2 3", "1.5", r"1\.seg, line 1: the part is 1\.5"),
        ("1 2 3", "99999999999999999999999", r"1\.seg, line 1: the part is 1e\+23"),
        ("1 2 3", None, r"1\.seg is absent"),
    ],
)
def test_files_that_are_wrong_are_refused(points, labels, complaint, tmp_path):
    with pytest.raises(clouds.DataError, match=complaint) as refused:
        parts.read_shape(*written(tmp_path, points, labels), MUG)
    assert "\n" not in str(refused.value)


def test_too_many_points_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "MOST_POINTS", 3)
    with pytest.raises(clouds.DataError, match="over 3 lines"):
        parts.read_shape(*written(tmp_path, "1 2 3\n" * 9, "1\n" * 9), MUG)


def test_part_iou_is_the_benchmark_s():
    truth, guess = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 1])
    assert parts.shape_iou(truth, guess, 2) == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert parts.shape_iou(truth, guess, 3) == pytest.approx((2 / 3 + 3 / 4 + 1) / 3), "absent from both counts as 1"
    assert parts.shape_iou(truth, truth, 4) == 1
    assert parts.shape_iou(np.zeros(4, int), np.array([0, 0, 2, 2]), 3) == pytest.approx((0.5 + 1 + 0) / 3)
    cloud = np.zeros((6, 3))
    shapes = [parts.Shape("a", cloud, truth, category=category) for category in (MUG, MUG, MUG, TABLE)]
    table, of_shapes, of_categories = parts.summary(shapes, [truth, truth, guess, guess])
    mug, desk = (2 + 17 / 24) / 3, (17 / 12 + 1) / 3
    assert table == {"Mug": (pytest.approx(mug), 3), "Table": (pytest.approx(desk), 1)}
    assert of_shapes == pytest.approx((3 * mug + desk) / 4) and of_categories == pytest.approx((mug + desk) / 2)


def test_categories_have_the_challenge_s_parts():
    assert len(parts.CATEGORIES) == 16 and parts.FIRST_PART[-1] == 50
    assert parts.FIRST_PART[MUG : MUG + 2] == (36, 38) and parts.CATEGORIES[TABLE] == ("04379243", "Table", 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapenet")
    make_shapenet.write(folder, training=3, test=2, points=200)
    return folder


def test_splits_are_those_of_the_folders_or_halves_by_md5(folder, tmp_path):
    training, validation, test = parts.read_split(folder, False)
    assert [len(shapes) for shapes in (training, validation, test)] == [15, 5, 10]
    for shape in training + test:
        assert shape.labels.min() >= 0 and shape.labels.max() < parts.PARTS[shape.category]
        assert np.linalg.norm(shape.points, axis=1).max() == pytest.approx(1)
        assert 100 <= len(shape) <= 200 and len(np.unique(shape.labels)) > 1
    firsts, seconds, same = parts.read_split(folder, True)
    assert len(firsts) + len(seconds) == 20 and len(same) == 10 and firsts and seconds
    for path in folder.glob("[tv]*_data/*/*.pts"):
        assert parts.is_first_half(path) == (int(hashlib.md5(path.read_bytes()).hexdigest()[0], 16) < 8)
    with pytest.raises(clouds.DataError, match=r"lacks train_data/CATEGORY/\*\.pts with train_label"):
        parts.read_split(tmp_path, False)


def test_the_generator_repeats_itself_and_knows_its_parts(folder, tmp_path):
    make_shapenet.write(tmp_path, training=3, test=2, points=200)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.*"))
    assert len(files) == 60 and all((folder / path).read_bytes() == (tmp_path / path).read_bytes() for path in files)
    lamp = parts.read_shape(folder / "train_data/03636649/000001.pts", folder / "train_label/03636649/000001.seg", 8)
    shade, foot = (lamp.points[lamp.labels == part, 1].mean() for part in (0, 1))
    assert shade > foot + 0.5, "a lamp's shade is above its foot"


def test_views_are_voxels_of_the_field_and_show_a_shape_anyhow(folder):
    training, _, _ = parts.read_split(folder, False)
    for resolution in (12, 24):
        coordinates, features = train.view(training, resolution, np.random.default_rng(5))
        again, _ = train.view(training, resolution, np.random.default_rng(5))
        assert np.array_equal(coordinates, again) and features.shape == (len(coordinates), 1) and (features == 1).all()
        assert coordinates[:, :3].min() >= 2 * resolution and coordinates[:, :3].max() < 6 * resolution
        assert np.array_equal(np.unique(coordinates[:, 3]), np.arange(len(training)))
    # Distances between points stay, but for rounding to voxels.
    first = coordinates[coordinates[:, 3] == 0, :3]
    for a, b in ((0, 50), (7, 90)):
        distance = np.linalg.norm(training[0].points[a] - training[0].points[b])
        assert np.linalg.norm(first[a] - first[b]) == pytest.approx(24 * distance, abs=2)


def test_batches_hold_every_shape_once_with_the_parts_of_its_category(folder):
    training, _, _ = parts.read_split(folder, False)
    found = list(train.batches(training, 12, 4, np.random.default_rng(1)))
    assert [count for _, _, count in found] == [4, 4, 4, 3]
    labels = np.concatenate([labels for _, labels, _ in found])
    expected = np.concatenate([shape.labels + parts.FIRST_PART[shape.category] for shape in training])
    assert np.array_equal(np.bincount(labels, minlength=50), np.bincount(expected, minlength=50))


@pytest.mark.parametrize("kind, resolution, planes", [("unet", 24, 5), ("fcn", 24, 5), ("fcn", 10, 3), ("unet", 7, 3)])
def test_both_networks_score_every_point(kind, resolution, planes, folder):
    _, validation, _ = parts.read_split(folder, False)
    network = train.build_network(kind, resolution, tuple(range(8, 8 * planes + 1, 8)))
    if resolution == 24:
        field = {"unet": 192, "fcn": 207}[kind]  # SparseConvNet's
        assert list(network[0].spatial_size) == [field] * 3
    taken = train.view(validation, resolution, np.random.default_rng(1))
    with scn.no_grad():
        scores = network.eval()(taken).numpy()
    assert scores.shape == (sum(map(len, validation)), 50) and np.isfinite(scores).all()


def test_real_shapes_are_trained_as_sparseconvnet_does():
    assert train.REAL[:4] == (100, 16, 24, (32, 64, 96, 128, 160))
    network = scn.Sequential(scn.Linear(1, 1))
    descent = train.descent(network, train.REAL.learning_rate, 7, 100)
    rates = [descent["schedule"](step) for step in (0, 6, 7, 699)]
    assert rates == pytest.approx([0.1, 0.1, 0.1 * np.exp(-0.04), 0.1 * np.exp(-0.04 * 99)])
    weight = network[0].weight
    expected, velocity = float(weight.numpy()[0, 0]), 0.0
    for _ in range(3):
        descent["optimizer"].zero_grad()
        network(np.ones((1, 1), np.float32)).sum().backward()
        descent["optimizer"].step()
        gradient = 1 + 1e-4 * expected
        velocity = 0.9 * velocity + gradient
        expected -= 0.1 * (gradient + 0.9 * velocity)  # Nesterov's
        assert weight.numpy()[0, 0] == pytest.approx(expected, rel=1e-5)


def test_scores_of_several_views_are_added_up(folder, monkeypatch):
    _, validation, _ = parts.read_split(folder, False)

    class Scores:
        """Prefers the category's second part in the first view, its first one by more in the second; others by far."""

        def __init__(self):
            self.calls = 0

        def __call__(self, taken):
            scores = np.full((len(taken[0]), 50), 9.0)
            for sample, shape in enumerate(validation):
                begin, end = parts.FIRST_PART[shape.category : shape.category + 2]
                rows = taken[0][:, 3] == sample
                scores[rows, begin:end] = 0
                scores[rows, begin + 1 - self.calls % 2] = 1 + self.calls % 2
            self.calls += 1
            return scn.tensor(scores.astype(np.float32))

    for views, expected in ((1, 1), (2, 0)):
        guesses = train.predict(Scores(), validation, 12, views, 1)
        assert [len(guess) for guess in guesses] == [len(shape) for shape in validation]
        assert set(np.concatenate(guesses).tolist()) == {expected}


def test_guesses_are_written_as_the_challenge_s_files(folder, tmp_path):
    _, _, test = parts.read_split(folder, False)
    parts.write_guesses(tmp_path, test, [shape.labels for shape in test])
    for path in sorted((folder / "test_label").rglob("*.seg")):
        assert (tmp_path / path.parent.name / path.name).read_bytes() == path.read_bytes()


def test_a_short_run_learns_and_goes_on_where_it_stopped(tmp_path, subprocess_environment):
    whole = ending("shapenet", subprocess_environment, "--quick", "--output", str(tmp_path / "whole"))
    assert whole.returncode == 0, whole.stderr
    lines = whole.stdout.splitlines()
    figure = re.fullmatch(r"instance IoU (0\.\d{3}), category IoU 0\.\d{3} on 10 test shapes", lines[-1])
    assert "data are synthetic" in lines[0] and "shapes/s" in whole.stderr
    losses = [entry["loss"] for entry in json.loads((tmp_path / "whole" / "epochs.json").read_text())]
    assert losses[-1] < 0.7 * losses[0] and losses[-1] < np.log(14) and figure, "14 parts that are guessed lose log 14"
    parted = tmp_path / "parts"
    for arguments in (["--stop-after", "2", "--threads", "1"], ["--resume"]):
        done = ending("shapenet", subprocess_environment, "--quick", "--output", str(parted), *arguments)
        assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == lines[-1]
    for name in ("shapenet.safetensors", "predictions/04379243/000009.seg"):
        assert (parted / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert (parted / "shapenet.jpg").stat().st_size > 10_000


def test_what_is_wrong_ends_in_one_line(tmp_path, refusals, subprocess_environment):
    broken = tmp_path / "broken"
    make_shapenet.write(broken, training=1, test=1, points=50)
    (broken / "train_data/04379243/000001.pts").write_text("1 2 3\n4 5\n")
    (tmp_path / "empty").mkdir()
    runs = [
        ["--data", str(tmp_path / name), "--output", str(tmp_path / "out")] for name in ("absent", "empty", "broken")
    ]
    runs += [["--quick", "--data", str(tmp_path)], ["--network", "vgg"], ["--views", "0"], ["--resolution", "-1"]]
    answers = refusals(EXAMPLES / "shapenet" / "train.py", runs, subprocess_environment)
    said = ["there is no folder", "lacks train_data", "000001.pts: expected x y z in each line"]
    for (status, errors), expected in zip(answers, said):
        assert expected in status and "\n" not in status and "Traceback" not in errors
    for status, errors in answers[3:]:
        assert status == 2 and "usage:" in errors
