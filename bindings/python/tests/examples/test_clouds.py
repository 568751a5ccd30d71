"""The examples on point clouds: files, features, figures of merit, and a shortened run of each."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from programs import EXAMPLES, ending, program

import clouds
import scn
import segmentation

tabletop, terrain = program("tabletop"), program("terrain")


def ply(*lines, properties=("float x", "float y", "float z", "uchar label")):
    head = ["ply", "format ascii 1.0", f"element vertex {len(lines)}", *(f"property {p}" for p in properties)]
    return "\n".join([*head, "end_header", *lines, ""])


def test_shipped_clouds_are_read():
    scenes = tabletop.read_scenes(EXAMPLES / "tabletop" / "data" / "test")
    assert [scene.name for scene in scenes] == ["21", "58"]
    for scene in scenes:
        assert scene.points.shape == scene.colors.shape == (len(scene), 3)
        assert scene.colors.dtype == np.uint8 and set(scene.labels.tolist()) == {0, 1}
    scans = clouds.read_folder(EXAMPLES / "terrain" / "data")
    assert [(scan.name, len(scan), scan.colors) for scan in scans] == [("samp24", 7492, None), ("samp41", 11231, None)]


def test_points_labels_and_colors_are_taken_together(tmp_path):
    path = tmp_path / "two.ply"
    properties = ("float x", "float y", "float z", "uchar red", "uchar green", "uchar blue", "uchar label")
    path.write_text(ply("1 2 3 10 20 30 4", "5 6 7 0 0 255 0", properties=properties))
    second = clouds.read(path).take(np.array([1]))
    assert second.name == "two" and second.points.tolist() == [[5, 6, 7]]
    assert second.labels.tolist() == [0] and second.colors.tolist() == [[0, 0, 255]]


def test_what_is_not_a_cloud_is_refused(tmp_path):
    with pytest.raises(clouds.DataError, match="absent"):
        clouds.read(tmp_path / "absent.ply")
    with pytest.raises(clouds.DataError, match="holds no PLY file"):
        clouds.read_folder(tmp_path)
    for text in ("no ply", ply("1 2 3", properties=("float x", "float y", "float z")), ply("1 2")):
        (tmp_path / "bad.ply").write_text(text)
        with pytest.raises(clouds.DataError, match=r"bad\.ply is not a PLY file of labeled points"):
            clouds.read(tmp_path / "bad.ply")
    (tmp_path / "huge.ply").write_text(ply("1 2 3 0").replace("vertex 1", "vertex 3000000000"))
    with pytest.raises(clouds.DataError, match="3000000000 elements do not fit into"):
        clouds.read(tmp_path / "huge.ply")


def test_data_are_looked_for_where_the_message_says(tmp_path, monkeypatch, capsys):
    places = tmp_path / "data", tmp_path / "shared"
    monkeypatch.setattr(clouds, "PLACES", places)
    monkeypatch.delenv("SCN_DATA", raising=False)
    small = tmp_path / "small"
    assert clouds.data_folder("terrain", None, small) == small
    said = capsys.readouterr().out
    for part in (str(places[0] / "terrain"), str(places[1] / "terrain"), str(small), "--data", "SCN_DATA"):
        assert part in said
    for place in (places[1], places[0], tmp_path / "environment", tmp_path / "given"):
        (place / "terrain").mkdir(parents=True)
        if place.name == "environment":
            monkeypatch.setenv("SCN_DATA", str(place))
        given = place if place.name == "given" else None
        assert clouds.data_folder("terrain", given, small) == place / "terrain"
    assert capsys.readouterr().out == ""
    with pytest.raises(clouds.DataError, match="absent"):
        clouds.data_folder("terrain", tmp_path / "elsewhere", small)
    monkeypatch.setenv("SCN_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(clouds.DataError, match="absent"):
        clouds.data_folder("terrain", None, small)


def test_public_data_lie_in_the_folder_that_is_named_or_in_it(tmp_path, monkeypatch):
    monkeypatch.setattr(clouds, "PLACES", [tmp_path / "data"])
    monkeypatch.delenv("SCN_DATA", raising=False)
    assert clouds.given_folder("scannet", None) is None
    (tmp_path / "data" / "scannet").mkdir(parents=True)
    assert clouds.given_folder("scannet", None) == tmp_path / "data" / "scannet"
    assert clouds.given_folder("scannet", tmp_path) == tmp_path, "a folder that is named comes first"
    assert clouds.given_folder("scannet", tmp_path / "data") == tmp_path / "data" / "scannet"
    monkeypatch.setenv("SCN_DATA", str(tmp_path / "nowhere"))
    assert clouds.given_folder("scannet", tmp_path) == tmp_path
    with pytest.raises(clouds.DataError, match=r"no folder .*nowhere; examples/scannet/README\.md has more"):
        clouds.given_folder("scannet", None)


def test_scenes_become_voxels_of_the_field(random):
    points = random.uniform(-1, 1, (500, 3)) * 0.5
    scene = clouds.Cloud("scene", points, np.zeros(500, np.int64), random.integers(0, 256, (500, 3)).astype(np.uint8))
    where, colors = tabletop.voxels(scene, 0.005, None)
    shift = np.floor(points / 0.005).astype(np.int64) - where
    assert np.ptp(shift, axis=0).tolist() == [0, 0, 0] and np.all(shift % 16 == 0)
    assert where.min() >= 0 and where.max() < tabletop.FIELD
    assert colors.min() >= -1 and colors.max() <= 1
    for _ in range(20):
        moved, _ = tabletop.voxels(scene, 0.005, random)
        assert moved.min() >= 0 and moved.max() < tabletop.FIELD
    first, again = (tabletop.voxels(scene, 0.005, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])


def test_heights_above_the_lowest_point_around(random):
    points = random.uniform(0, 1, (300, 3)) * [40, 30, 20]
    cells = np.floor(points[:, :2] - points[:, :2].min(axis=0))
    for window, found in zip(terrain.WINDOWS, terrain.heights(points).T):
        near = np.abs(cells[:, None] - cells[None]).max(axis=-1) <= window // 2
        expected = [height - points[mask, 2].min() for height, mask in zip(points[:, 2], near)]
        assert np.allclose(found, expected)


def test_voxels_have_the_mean_height_and_the_label_of_most():
    points = np.array([[0.1, 0.1, 0.1], [0.2, 0.2, 0.2], [1.4, 1.4, 0.4], [1.6, 0.1, 0.1]])
    scan = clouds.Cloud("scan", points + 7, np.array([1, 0, 1, 0]))
    voxels, labels = terrain.voxelize([scan, scan.take(np.array([1]))], [np.full((4, 2), 3.0), np.zeros((1, 2))])
    assert voxels.coords.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
    assert np.allclose(voxels.features, [[np.log(4)] * 2, [np.log(4)] * 2, [0, 0]])
    assert labels.tolist() == [1, 0, 0] and voxels.voxel_of_point.tolist() == [0, 0, 0, 1, 2]


def test_figures_of_merit():
    counts = segmentation.confusion(np.array([0, 0, 0, 1, 1, 0]), np.array([0, 1, 0, 1, 0, 0]))
    assert counts.tolist() == [[3, 1], [1, 1]]
    assert terrain.errors(counts) == "total error 33.33%, type I 50.00%, type II 25.00%"


def test_running_statistics_are_those_of_the_last_steps(random):
    network = scn.Sequential(scn.BatchNormReLU(3))
    first, second = (scale * (5 + random.standard_normal((50, 3))).astype(np.float32) for scale in (1, 3))
    for values, kept, expected in ((first, 0, first), (second, 0, second), (first, 0.5, None)):
        before = segmentation.statistics(network)
        for _ in range(4):
            network(values)
        segmentation.renew(before, 4, kept)
        found = network[0].running_mean.numpy(), network[0].running_var.numpy()
        moments = [(part.mean(axis=0), part.var(axis=0, ddof=1)) for part in (first, second)]
        wanted = np.mean(moments, axis=0) if expected is None else moments[expected is second]
        assert np.allclose(found, wanted, rtol=1e-3)


def quick_run(name, output, environment, *arguments):
    finished = ending(name, environment, "--quick", "--output", str(output), *arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize(
    "name, last_line, least, most",
    [
        ("tabletop", r"object IoU (0\.\d{3}), table IoU 0\.\d{3} on 2 test scenes", 0.6, 1),
        ("terrain", r"total error (\d+\.\d\d)%, type I .*%, type II .*% on 1 scan", 0, 35),
    ],
)
def test_a_short_run_learns_and_goes_on_where_it_stopped(
    name, last_line, least, most, tmp_path, subprocess_environment
):
    whole = quick_run(name, tmp_path / "whole", subprocess_environment)
    figure = re.fullmatch(last_line, whole.splitlines()[-1])
    assert figure and least < float(figure[1]) < most, whole
    parts = tmp_path / "parts"
    quick_run(name, parts, subprocess_environment, "--stop-after", "2", "--threads", "1")
    assert quick_run(name, parts, subprocess_environment, "--resume").splitlines()[-1] == whole.splitlines()[-1]
    assert {path.stem for path in parts.iterdir()} == {name, "training", "epochs"}
    assert (parts / f"{name}.safetensors").read_bytes() == (tmp_path / "whole" / f"{name}.safetensors").read_bytes()
    assert (parts / (name + (".jpg" if name == "tabletop" else ".png"))).stat().st_size > 10_000
    page = (parts / f"{name}.html").read_text(encoding="utf-8")
    panels = ["truth", "prediction"] if name == "terrain" else ["colors", "truth", "prediction"]
    assert re.findall(r'"name": "(\w+)", "(?:shades|labels|note)"', page) == panels
    for word in ("table", "object") if name == "tabletop" else ("ground", "object"):
        assert f'{{"name": "{word}", "color": "#' in page


@pytest.mark.parametrize("name", ["tabletop", "terrain"])
def test_absent_data_are_named(name, tmp_path, subprocess_environment):
    absent = ending(name, subprocess_environment, "--output", str(tmp_path), "--data", str(tmp_path / "nowhere"))
    assert absent.returncode == 1 and absent.stderr.startswith(
        f"{name}: the data are absent: there is no folder {tmp_path}"
    )


@pytest.mark.parametrize("name, last", [("tabletop", "on 2 test scenes"), ("terrain", "on 1 scan")])
def test_without_the_full_data_the_small_ones_serve(name, last, tmp_path, subprocess_environment):
    # A clone that has nothing beside it.
    (tmp_path / "clone").mkdir()
    shutil.copytree(EXAMPLES, tmp_path / "clone" / "examples", ignore=shutil.ignore_patterns(".build"))
    command = [sys.executable, str(tmp_path / "clone" / "examples" / name / "train.py"), "--epochs", "1"]
    environment = {key: value for key, value in subprocess_environment.items() if key != "SCN_DATA"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    small = tmp_path / "clone" / "examples" / name / "data"
    assert lines[0].startswith(f"There is no folder {tmp_path / 'clone' / 'data' / name}") and str(small) in lines[0]
    assert f"of {small}; " in lines[1] and lines[-1].endswith(last)


def test_scenes_of_one_s_own_take_their_place(tmp_path, random, subprocess_environment):
    colors = ("uchar red", "uchar green", "uchar blue")
    properties = ("float x", "float y", "float z", *colors, "float other", "uchar label")
    for kind, names in (("train", "ab"), ("test", "c")):
        folder = tmp_path / "own" / "tabletop" / kind
        folder.mkdir(parents=True)
        for name in names:
            floor, box = random.uniform(0, [0.4, 0.4, 0], (2000, 3)), random.uniform(0, 0.1, (800, 3))
            rows = [f"{x} {y} {z} 120 130 140 0.5 0" for x, y, z in floor]
            rows += [f"{x} {y} {z} 120 130 140 0.5 3" for x, y, z in box + [0.1, 0.2, -0.05]]
            (folder / f"{name}.ply").write_text(ply(*rows, properties=properties))
    run = ["--output", str(tmp_path / "out"), "--epochs", "2", "--data", str(tmp_path / "own")]
    done = ending("tabletop", subprocess_environment, *run)
    assert done.returncode == 0, done.stderr
    assert f"2 scenes to learn from, 1 to test, of {tmp_path / 'own' / 'tabletop'}; voxels of 5 mm" in done.stdout
    assert re.fullmatch(r"object IoU 0\.\d{3}, table IoU 0\.\d{3} on 1 test scenes", done.stdout.splitlines()[-1])
    assert (tmp_path / "out" / "tabletop.jpg").stat().st_size > 10_000
    (folder / "c.ply").write_text(ply("1 2 3 0"))
    colorless = ending("tabletop", subprocess_environment, *run)
    assert colorless.returncode == 1 and "c.ply has no colors: the properties red, green and blue" in colorless.stderr


def test_scans_that_cannot_be_tested_are_refused(tmp_path, subprocess_environment):
    (tmp_path / "terrain").mkdir()
    (tmp_path / "terrain" / "own.ply").write_text(ply("1 2 3 0", "2 2 3 1"))
    refused = ending("terrain", subprocess_environment, "--output", str(tmp_path), "--data", str(tmp_path))
    assert refused.returncode == 1 and "needs scans to test, samp12, " in refused.stderr


def test_wrong_arguments_are_refused(refusals, subprocess_environment):
    wrong = [["--epochs", "0"], ["--threads", "-1"], ["--seed", "-1"], ["--nonsense"]]
    for status, errors in refusals(EXAMPLES / "terrain" / "train.py", wrong, subprocess_environment):
        assert status == 2 and "usage:" in errors and "Traceback" not in errors
