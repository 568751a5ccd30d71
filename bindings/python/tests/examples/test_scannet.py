"""The example on ScanNet's rooms: its files, classes and table, elastic distortion, and a shortened run."""

import json
import re
import sys

import make_scannet
import numpy as np
import pytest
from programs import EXAMPLES, ending, program

import scn

sys.path.insert(0, str(EXAMPLES / "scannet"))

import clouds
import distortion
import scenes

train = program("scannet")
SCENE = "scene0000_00"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scannet")
    make_scannet.write(folder, training=2, validation=1, spacing=0.2)
    return folder


def head(vertices=2, faces=0, properties=("float x", "float y", "float z"), more="", form="binary_little_endian"):
    """The header of a mesh with these properties, with colors and alpha."""
    named = [*properties, *(f"uchar {name}" for name in ("red", "green", "blue", "alpha")), *filter(None, [more])]
    lines = ["ply", f"format {form} 1.0", f"element vertex {vertices}", *(f"property {name}" for name in named)]
    lines += [f"element face {faces}", "property list uchar int vertex_indices", "end_header", ""]
    return "\n".join(lines).encode()


def vertices(points, labels=None):
    """What follows the header, for points and, where given, labels."""
    rows = np.zeros(len(points), [*make_scannet.VERTEX, *([] if labels is None else [("label", "<u2")])])
    for name, column in zip("xyz", np.transpose(points)):
        rows[name] = column
    rows["red"] = 200
    if labels is not None:
        rows["label"] = labels
    return rows.tobytes()


def scene(folder, mesh, labels=None):
    """A scene of these two files."""
    paths = folder / f"{SCENE}{scenes.MESH}", folder / f"{SCENE}{scenes.LABELS}"
    for path, content in zip(paths, (mesh, labels)):
        if content is not None:
            path.write_bytes(content)
    return scenes.Scene(SCENE, paths[0], None if labels is None else paths[1])


GOOD = [[0, 0, 0], [2, 4, 0]]


def test_a_scene_is_read_as_its_files_say(tmp_path):
    labels = head(more="ushort label") + vertices(GOOD, [39, 13])
    cloud = scene(tmp_path, head() + vertices(GOOD), labels).read()
    assert cloud.name == SCENE and cloud.points.tolist() == [[-1, -2, 0], [1, 2, 0]]
    assert cloud.labels.tolist() == [19, -100] and cloud.colors.tolist() == [[200, 0, 0]] * 2
    assert scene(tmp_path, head() + vertices(GOOD)).read().labels.tolist() == [-100, -100]
    four = np.array([(4, [0, 1, 1, 0])], [("n", "u1"), ("corners", "<i4", 4)]).tobytes()
    assert len(scene(tmp_path, head(faces=1) + vertices(GOOD) + four).read()) == 2, "faces of four corners, too"
    text = head(form="ascii") + b"0 0 0 9 8 7 255\n2 4 0 1 2 3 255\n"
    assert scene(tmp_path, text).read().colors.tolist() == [[9, 8, 7], [1, 2, 3]]


@pytest.mark.parametrize(
    "mesh, complaint",
    [
        (b"", "is not a PLY file"),
        (b"solid nothing", "is not a PLY file"),
        (bytes(range(256)) * 4, "is not a PLY file"),
        (head()[:-8], "is not a PLY file"),
        (head() + vertices(GOOD)[:-1], "is not a PLY file"),
        (head(vertices=0), "has no vertices"),
        (head(vertices=10**12), "1000000000000 elements do not fit into"),
        (head(vertices=10**30) + vertices(GOOD), "elements do not fit into"),
        (head(faces=2 * 10**9) + vertices(GOOD), "2000000002 elements do not fit into"),
        (head(vertices=10**12, form="ascii") + b"0 0 0 9 8 7 255\n", "elements do not fit into"),
        (head(vertices=-1) + vertices(GOOD), "is not a PLY file"),
        (head(faces=1) + vertices(GOOD) + b"\x03\0\0", "is not a PLY file"),
        (head(properties=("float x", "float y")) + bytes(99), "lacks the property z"),
        (
            head(properties=("float x", "float y", "list uchar int z")) + bytes(99),
            "the property z is a list, expected a number",
        ),
        (head() + vertices([[0, 0, 0], [np.nan, 0, 0]]), "vertex 1 is not finite"),
        (head() + vertices([[0, 0, 0], [np.inf, 0, 0]]), "vertex 1 is not finite"),
        (head() + vertices([[0, 0, 0], [3e38, 0, 0]]), "wide, expected at most 50 meters"),
        (head() + vertices([[0, 0, -40], [0, 0, 40]]), "is 80 wide"),
        (head().replace(b"uchar red", b"float red") + bytes(99), "colors are float32, expected uchar"),
    ],
)
def test_meshes_that_are_wrong_are_refused(mesh, complaint, tmp_path):
    with pytest.raises(clouds.DataError, match=complaint) as refused:
        scene(tmp_path, mesh).read()
    assert "\n" not in str(refused.value) and SCENE in str(refused.value)


@pytest.mark.parametrize(
    "labels, complaint",
    [
        (head() + vertices(GOOD), "lacks the property label"),
        (head(more="ushort label", vertices=1) + vertices(GOOD[:1], [1]), "has 1 vertices, expected 2"),
        (head(more="float label") + bytes(40), "labels are float32, expected ushort"),
    ],
)
def test_labels_that_are_wrong_are_refused(labels, complaint, tmp_path):
    with pytest.raises(clouds.DataError, match=complaint):
        scene(tmp_path, head() + vertices(GOOD), labels).read()


def test_classes_are_the_benchmark_s(tmp_path):
    ids = np.arange(65536, dtype=np.uint16)
    classes = scenes.classes_of(ids, tmp_path)
    taken = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39]
    assert np.flatnonzero(classes >= 0).tolist() == taken and classes[taken].tolist() == list(range(20))
    assert set(classes[classes < 0].tolist()) == {-100} and scenes.classes_of(-ids.astype(int), tmp_path).max() == -100
    assert (scenes.NAMES[0], scenes.NAMES[13], scenes.NAMES[14]) == ("wall", "curtain", "refrigerator")
    scenes.write_submission(tmp_path / "new", SCENE, np.array([0, 13, 19]))
    assert (tmp_path / "new" / f"{SCENE}.txt").read_text() == "1\n16\n39\n"


def test_the_table_is_the_benchmark_s():
    counts = np.zeros((20, 20), np.int64)
    counts[0, 0], counts[0, 1], counts[1, 1], counts[1, 3] = 6, 2, 3, 1
    ious = train.segmentation.intersection_over_union(counts)
    assert ious[:2].tolist() == [6 / 8, 3 / 6] and ious[3] == 0 and np.isnan(ious[2])
    assert scenes.mean_iou(counts, ious) == ((6 / 8 + 3 / 6) / 2, 2), "classes that do not occur do not count"
    rows = scenes.table(counts, ious).splitlines()
    assert rows[2:4] == ["wall          : 0.750   (     6/8     )", "floor         : 0.500   (     3/6     )"]
    assert len(rows) == 22 and "nan" in rows[4] and rows[0].split() == ["classes", "IoU"]
    assert train.figure(counts) == "mean IoU 0.625 over 2 classes"


def test_splits_are_the_lists_or_the_folders(folder, tmp_path):
    found = scenes.split(folder)
    assert {kind: [scene.name for scene in listed] for kind, listed in found.items()} == {
        "train": ["scene0000_00", "scene0001_00"], "val": ["scene0002_00"], "test": ["scene0003_00"]
    }  # fmt: skip
    assert found["test"][0].labels is None and found["val"][0].labels.is_file()
    with pytest.raises(clouds.DataError, match=r"neither scannetv2_train\.txt nor train/\*_vh_clean_2\.ply"):
        scenes.split(tmp_path)
    for kind in ("train", "val"):
        (tmp_path / kind).mkdir()
        for path in found[kind][0].mesh.parent.iterdir():
            (tmp_path / kind / path.name).write_bytes(path.read_bytes())
    assert [len(listed) for listed in scenes.split(tmp_path).values()] == [1, 1, 0]
    (tmp_path / "val" / f"scene0002_00{scenes.LABELS}").unlink()
    with pytest.raises(clouds.DataError, match=r"scene0002_00_vh_clean_2\.labels\.ply is absent"):
        scenes.split(tmp_path)
    for text, complaint in (
        ("scene0099_00", "names scene0099_00, but there is no"),
        ("../train", "no name of a scene"),
    ):
        (tmp_path / "scannetv2_val.txt").write_text(text)
        with pytest.raises(clouds.DataError, match=complaint):
            scenes.split(tmp_path)


def test_the_generator_repeats_itself_and_makes_meshes(folder, tmp_path):
    make_scannet.write(tmp_path, training=2, validation=1, spacing=0.2)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.*"))
    assert len(files) == 10 and all((folder / path).read_bytes() == (tmp_path / path).read_bytes() for path in files)
    mesh = scenes.split(folder)["train"][0]
    cloud = mesh.read()
    faces = clouds.PlyData.read(str(mesh.mesh))["face"]["vertex_indices"]
    corners = np.stack(list(faces))
    assert corners.shape[1] == 3 and np.unique(corners).tolist() == list(range(len(cloud)))
    edges = np.linalg.norm(cloud.points[corners] - cloud.points[np.roll(corners, 1, axis=1)], axis=-1)
    assert edges.max() < 0.6 and len(np.unique(cloud.labels)) > 6
    floor, wall = (cloud.points[cloud.labels == which, 2] for which in (1, 0))
    assert np.ptp(floor) < 0.1 and np.ptp(wall) > 2


def reference_elastic(points, granularity, magnitude, random):
    """Elastic distortion, point by point and cell by cell."""
    half = [int(np.abs(points[:, axis]).max() // granularity) + 3 for axis in range(3)]
    noise = random.standard_normal((*half, 3), dtype=np.float32).astype(np.float64)
    for _ in range(2):
        for axis in range(3):
            before, noise = noise, np.zeros_like(noise)
            for cell in np.ndindex(*half):
                for step in (-1, 0, 1):
                    other = list(cell)
                    other[axis] += step
                    if 0 <= other[axis] < half[axis]:
                        noise[cell] += before[tuple(other)] / 3
    shifted = []
    for point in points:
        grids = [np.linspace(-(count - 1) * granularity, (count - 1) * granularity, count) for count in half]
        shift = np.zeros(3)
        for cell in np.ndindex(*half):
            weights = [max(0, 1 - abs(point[k] - grids[k][cell[k]]) / (2 * granularity)) for k in range(3)]
            shift += np.prod(weights) * noise[cell]
        shifted.append(point + magnitude * shift)
    return np.array(shifted)


def test_elastic_distortion_is_smooth_noise_that_is_interpolated(random):
    points = random.uniform(-1, 1, (12, 3)) * [9, 5, 2]
    found = distortion.elastic(points, 4, 10, np.random.default_rng(3))
    assert np.allclose(found, reference_elastic(points, 4, 10, np.random.default_rng(3)), atol=1e-4)
    assert np.abs(found - points).max() > 0.5
    near = distortion.elastic(np.concatenate([points, points + 0.01]), 4, 10, np.random.default_rng(3))
    assert np.abs((near[12:] - near[:12]) - 0.01).max() < 0.05, "neighbors stay neighbors"


def test_scenes_lie_in_the_field_and_what_sticks_out_is_left_out(random):
    points = random.uniform(-1, 1, (500, 3)) * [200, 300, 50]
    places = []
    for seed in range(20):
        turned = train.turned(points, 20, np.random.default_rng(seed), 0.1)
        coordinates, inside = train.placed(turned, np.random.default_rng(seed))
        assert len(coordinates) == inside.sum() and (len(coordinates) < 500 or inside.all())
        assert coordinates.min() >= 0 and coordinates.max() < train.FIELD
        places.append(coordinates[0])
    assert np.ptp(places, axis=0).min() > 100, "places differ"
    plain = train.turned(points, 20, np.random.default_rng(1))
    assert np.allclose(np.linalg.norm(plain, axis=1), 20 * np.linalg.norm(points, axis=1))
    assert np.allclose(plain[:, 2], 20 * points[:, 2]), "up stays up"
    small, all_inside = train.placed(points, np.random.default_rng(1))
    assert all_inside.all() and np.abs(small - points - (small - points).mean(axis=0)).max() <= 1


def test_batches_hold_every_scene_once(folder):
    training = scenes.split(folder)["train"]
    for is_elastic in (False, True):
        taken = list(train.batches(training, 20, 2, is_elastic, np.random.default_rng(1)))
        ((coordinates, colors), labels, count) = taken[0]
        clouds_ = [scene.read() for scene in training]
        assert (
            len(taken) == 1 and count == 2 and len(labels) == sum(map(len, clouds_)) == len(coordinates) == len(colors)
        )
        assert colors.dtype == np.float32 and np.unique(coordinates[:, 3]).tolist() == [0, 1]
        expected = np.sort(np.concatenate([cloud.labels for cloud in clouds_]))
        assert np.array_equal(np.sort(labels), expected)


def weights_of_unet(planes):
    """The weights of SparseConvNet's U-Net with one block in a level, none of them a bias."""
    finest, *coarser = planes
    count = 2 * finest + 27 * finest**2  # batch norm and convolution
    if coarser:
        below = 8 * finest * coarser[0]  # of the filters down, and as many up
        count += 2 * finest + below + weights_of_unet(coarser) + 2 * coarser[0] + below
        count += 2 * 2 * finest + 27 * 2 * finest**2
    return count


def test_networks_are_sparseconvnet_s(folder):
    assert train.SETTINGS == {"small": (16, 1, False, 20, 32, 1), "large": (32, 2, True, 50, 5, 3)}
    network = train.build_network(train.SETTINGS["small"])
    assert list(network[0].spatial_size) == [4096] * 3
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == 27 * 3 * 16 + weights_of_unet(range(16, 113, 16)) + 17 * 20
    small = train.build_network(train.SETTINGS["small"], levels=2).eval()
    cloud = scenes.split(folder)["val"][0].read()
    guess = train.predict(small, cloud, 20, 2, 1)
    assert guess.shape == (len(cloud),) and guess.min() >= 0 and guess.max() < 20
    assert np.array_equal(guess, train.predict(small, cloud, 20, 2, 1))


def test_scores_of_several_views_are_added_up(folder):
    cloud = scenes.split(folder)["val"][0].read()
    seen = []

    def network(taken):
        """Prefers class 3 in the first view, and class 7 by less in the others, two of which outweigh it."""
        seen.append(taken[0])
        scores = np.zeros((len(taken[0]), 20), np.float32)
        scores[:, 7 if len(seen) > 1 else 3] = 2 if len(seen) > 1 else 3
        return scn.tensor(scores)

    assert set(train.predict(network, cloud, 12, 1, 1).tolist()) == {3}
    seen.clear()
    assert set(train.predict(network, cloud, 12, 3, 1).tolist()) == {7}
    assert len(seen) == 3 and not np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[1], seen[2])


def test_a_short_run_learns_and_goes_on_where_it_stopped(tmp_path, subprocess_environment):
    whole = ending("scannet", subprocess_environment, "--quick", "--output", str(tmp_path / "whole"))
    assert whole.returncode == 0, whole.stderr
    lines = whole.stdout.splitlines()
    figure = re.fullmatch(r"mean IoU (0\.\d{3}) over (\d+) classes on 1 validation scenes", lines[-1])
    assert "data are synthetic" in lines[0] and "scenes/s" in whole.stderr
    losses = [entry["loss"] for entry in json.loads((tmp_path / "whole" / "epochs.json").read_text())]
    assert losses[-1] < 0.75 * losses[0] and float(figure[1]) > 1.5 / int(figure[2]), whole.stdout
    parted = tmp_path / "parts"
    for arguments in (["--stop-after", "2", "--threads", "1"], ["--resume"]):
        done = ending("scannet", subprocess_environment, "--quick", "--output", str(parted), *arguments)
        assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == lines[-1]
    for name in ("scannet.safetensors", "predictions/scene0006_00.txt", "predictions/scene0007_00.txt"):
        assert (parted / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert (parted / "scannet.jpg").stat().st_size > 10_000
    synthetic = scenes.split(parted / "synthetic-6-1-0.15")
    for judged in synthetic["val"] + synthetic["test"]:
        ids = (parted / "predictions" / f"{judged.name}.txt").read_text().split()
        assert len(ids) == len(judged.read()) and set(map(int, ids)) <= set(scenes.CLASSES)


def test_what_is_wrong_ends_in_one_line(tmp_path, refusals, subprocess_environment):
    broken = tmp_path / "broken"
    make_scannet.write(broken, training=1, validation=1, spacing=0.5)
    labels = broken / "scans" / SCENE / f"{SCENE}{scenes.LABELS}"
    labels.write_bytes(labels.read_bytes()[:-5])
    (tmp_path / "empty").mkdir()
    runs = [
        ["--data", str(tmp_path / name), "--output", str(tmp_path / "out")] for name in ("absent", "empty", "broken")
    ]
    runs += [["--quick", "--data", str(tmp_path)], ["--network", "huge"], ["--views", "0"], ["--scale", "-1"]]
    answers = refusals(EXAMPLES / "scannet" / "train.py", runs, subprocess_environment)
    said = ["there is no folder", "has neither scannetv2_train.txt", f"{SCENE}_vh_clean_2.labels.ply is not a PLY file"]
    for (status, errors), expected in zip(answers, said):
        assert expected in status and "\n" not in status and "Traceback" not in errors
    for status, errors in answers[3:]:
        assert status == 2 and "usage:" in errors
