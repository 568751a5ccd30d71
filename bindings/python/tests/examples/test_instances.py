"""The example on instances: rooms and rays, truth and loss, grouping, average precision, a shortened run."""

import functools
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import scn

EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "instances"
sys.path[:0] = [str(EXAMPLE), str(EXAMPLE.parent / "common")]

import average_precision as precision
import grouping
import live as live_program
import native
import rooms
import sites

KIND = rooms.CLASSES.index


def solid(kind, sizes, place=(0, 0, 0), turn=0.0):
    return rooms.Solid(kind, np.array(place, float), turn, sizes, np.zeros(3))


def first_hits(one, start, ways):
    """Where rays hit, by many small steps and a test whether a point is inside that shares nothing with the rays'."""
    steps = np.arange(0, 8, 0.004)
    points = start + steps[:, None, None] * ways - one.place
    c, s = np.cos(one.turn), np.sin(one.turn)
    x, y, z = points[..., 0] * c + points[..., 1] * s, points[..., 1] * c - points[..., 0] * s, points[..., 2]
    sizes = one.sizes
    if one.kind == "box":
        inside = (abs(x) < sizes[0] / 2) & (abs(y) < sizes[1] / 2) & (z > 0) & (z < sizes[2])
    elif one.kind == "cylinder":
        inside = (np.hypot(x, y) < sizes[0]) & (z > 0) & (z < sizes[1])
    elif one.kind == "ball":
        inside = np.sqrt(x**2 + y**2 + (z - sizes[0]) ** 2) < sizes[0]
    elif one.kind == "ring":
        across, axis = (z - sizes[0] - sizes[1], y) if sizes[2] else (y, z - sizes[1])
        inside = np.hypot(np.hypot(x, across) - sizes[0], axis) < sizes[1]
    else:
        a, b, width, height = sizes
        arms = ((abs(y + b / 2 - width / 2) < width / 2), (abs(x + a / 2 - width / 2) < width / 2))
        inside = (abs(x) < a / 2) & (abs(y) < b / 2) & (arms[0] | arms[1]) & (z > 0) & (z < height)
    return np.where(inside.any(axis=0), steps[inside.argmax(axis=0)], np.inf)


@pytest.mark.parametrize(
    "kind, sizes",
    [
        ("box", (0.9, 0.5, 0.7)),
        ("cylinder", (0.4, 0.8)),
        ("ball", (0.45,)),
        ("ring", (0.45, 0.14, 0.0)),
        ("ring", (0.45, 0.14, 1.0)),
        ("L-shape", (1.6, 1.1, 0.4, 0.5)),
    ],
)
def test_rays_hit_where_small_steps_do(kind, sizes, random):
    one = solid(kind, sizes, (0.3, -0.2, 0.25), 0.7)
    start = np.array([2.5, 1.5, 1.6])
    targets = one.place + [0, 0, one.height / 2] + random.normal(0, 0.4, (300, 3))
    ways = (targets - start) / np.linalg.norm(targets - start, axis=1, keepdims=True)
    found, expected = one.distances(start, ways), first_hits(one, start, ways)
    both = np.isfinite(found) & np.isfinite(expected)
    assert both.sum() > 60 and (np.isinf(found) & np.isinf(expected)).sum() > 20
    assert (np.isfinite(found) != np.isfinite(expected)).mean() < 0.03, "only rays that graze it differ"
    assert np.quantile(abs(found[both] - expected[both]), 0.97) < 0.005
    assert np.isinf(one.distances(start, -ways)).all(), "what lies behind is not seen"


def test_nearer_solids_hide_others_and_points_lie_on_surfaces(random):
    size = np.array([4.0, 3, 2.4])
    near, far = solid("box", (0.6, 0.6, 0.6), (1.5, 1.5, 0)), solid("box", (0.4, 0.4, 0.4), (2.2, 1.5, 0))
    room = rooms.Room(size, [near, far], np.full((5, 3), 200.0))
    view = rooms.look(room, np.array([0.2, 1.5, 0.3]), np.array([2.0, 1.5, 0.3]), random)
    assert set(view.instances.tolist()) == {0, 1}, "the second is hidden"
    front = view.points[view.instances == 1]
    assert np.quantile(abs(front[:, 0] - 1.2), 0.99) < 0.02
    normals = view.normals[view.instances == 1]
    assert np.median(normals @ [-1, 0, 0]) > 0.98 and set(np.linalg.norm(view.normals, axis=1).round(6)) == {0, 1}
    walls = view.points[view.instances == 0]
    on = [abs(walls[:, 2]), abs(walls[:, 1]), abs(walls[:, 1] - 3), abs(walls[:, 0] - 4)]
    assert np.quantile(np.min(on, axis=0), 0.99) < 0.08
    above = rooms.look(room, np.array([0.2, 1.5, 1.8]), np.array([2.0, 1.5, 0.3]), random)
    assert set(above.instances.tolist()) == {0, 1, 2}


def test_rooms_follow_from_their_number_and_solids_stay_apart():
    (room, views), (again, views_again) = rooms.generate(5), rooms.generate(5)
    assert len(room.solids) >= 5 and len(views) == rooms.VIEWS
    assert [one.sizes for one in room.solids] == [one.sizes for one in again.solids]
    assert all(np.array_equal(a.points, b.points) for a, b in zip(views, views_again))
    assert not np.array_equal(views[0].points, rooms.generate(6)[1][0].points)
    random = np.random.default_rng(3)
    points = random.uniform(0, room.size[:2], (20000, 2))
    on_floor = [one for one in room.solids if one.place[2] == 0]
    assert sum(one.covers(points, 0).astype(int) for one in on_floor).max() == 1
    for one in on_floor:
        assert (points[one.covers(points, 0)] > 0).all()


def two_solids():
    """A scan of 2 x 30 sites of a box and 30 of a ball, and 10 of the room."""
    grid = np.stack(np.meshgrid(range(5), range(6), [0], indexing="ij"), axis=-1).reshape(-1, 3)
    coordinates = np.concatenate([grid, grid + [5, 0, 0], grid + [30, 0, 0], grid[:10] + [60, 0, 0]])
    instances = np.repeat([1, 2, 0], [60, 30, 10])
    classes = np.array([0, KIND("box"), KIND("ball")])[instances]
    features = np.ones((100, sites.INPUTS), np.float32)
    return sites.Scan(coordinates, features, (coordinates + 0.5) * 0.1, classes, instances)


def perfect(scan):
    output = np.zeros((len(scan), sites.OUTPUTS), np.float32)
    output[np.arange(len(scan)), scan.classes] = 10
    output[:, sites.OFFSET :] = sites.truth(scan)
    return output


def test_truth_leads_to_centers_and_counts_sites():
    scan = two_solids()
    wanted = sites.truth(scan)
    assert np.allclose((scan.centers + wanted[:, :3])[:60], [0.5, 0.3, 0.05])
    assert np.allclose((scan.centers + wanted[:, :3])[60:90], [3.25, 0.3, 0.05])
    assert np.allclose(wanted[:60, 3], np.log(60)) and np.allclose(wanted[60:90, 3], np.log(30))
    assert not wanted[90:].any()


def test_loss_is_the_sum_of_its_parts_and_its_gradient_is_right(random):
    scan = two_solids()
    values = random.standard_normal((100, sites.OUTPUTS)).astype(np.float32)
    output = scn.tensor(values, requires_grad=True)
    wanted = sites.truth(scan)
    loss = sites.Loss(output, scan.classes, wanted)
    weights = np.where(scan.classes > 0, 1, sites.ROOM_WEIGHT).tolist()
    scores = scn.tensor(values[:, : sites.OFFSET], requires_grad=True)
    by_class = [
        weights[int(np.flatnonzero(scan.classes == kind)[0])] if kind in scan.classes else 1 for kind in range(6)
    ]
    expected = scn.cross_entropy(scores, scan.classes, weight=by_class)
    expected.backward()
    errors = abs(values[:90, sites.OFFSET :] - wanted[:90])
    distances = errors[:, :3].sum(axis=1).mean() * sites.OFFSET_WEIGHT, errors[:, 3].mean() * sites.OCCUPANCY_WEIGHT
    parts = expected.item(), *distances
    assert np.allclose(loss.parts, parts, rtol=1e-4) and np.isclose(loss.item(), sum(parts), rtol=1e-4)
    loss.backward()
    assert np.allclose(output.grad[:, : sites.OFFSET], scores.grad, atol=1e-6)
    signs = np.sign(values[:90, sites.OFFSET :] - wanted[:90]) / 90
    signs *= [sites.OFFSET_WEIGHT] * 3 + [sites.OCCUPANCY_WEIGHT]
    assert np.allclose(output.grad[:90, sites.OFFSET :], signs) and not output.grad[90:, sites.OFFSET :].any()


def test_a_site_belongs_to_what_most_of_its_points_do():
    room = rooms.Room(np.array([4.0, 3, 2]), [solid("ball", (0.3,)), solid("ring", (0.3, 0.1, 0))], np.zeros((5, 3)))
    points = np.array([[0.01, 0.01, 0.01], [0.02, 0.01, 0.01], [0.03, 0.02, 0.01], [-0.07, 0.01, 0.01]])
    normals = np.array([[1.0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]])
    views = [rooms.View(points, normals, np.full((4, 3), 255, np.uint8), np.array([2, 2, 0, 1]))]
    scan = sites.scan_of(room, views, 0.05)
    assert scan.coordinates.tolist() == [[-2, 0, 0], [0, 0, 0]]
    assert scan.instances.tolist() == [1, 2] and scan.classes.tolist() == [KIND("ball"), KIND("ring")]
    assert np.allclose(scan.centers, [points[3], points[:3].mean(axis=0)])
    assert np.allclose(scan.features, [[1, 1, 1, 0, 0, 1, 1], [1, 1, 1, 1 / 3, 2 / 3, 0, 1]])


def test_hills_lead_to_the_fullest_cell_around():
    places = np.array([[0, 0, 0]] * 5 + [[1, 0, 0], [2, 0, 0], [3, 0, 0]] + [[9, 9, 9]] + [[4, 0, 0]] * 5)
    assert grouping.uphill(places).tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 2, 1, 1, 1, 1, 1]
    assert grouping.uphill(np.zeros((1, 3), np.int64)).tolist() == [0]


def test_perfect_outputs_give_the_instances():
    scan = two_solids()
    for radius in (None, 0.3):
        found = grouping.group(scan, perfect(scan), 0.1, radius)
        assert [one.sites.tolist() for one in found] == [list(range(60)), list(range(60, 90))]
        assert [one.kind for one in found] == [KIND("box"), KIND("ball")]
        assert all(0.99 < one.score <= 1 for one in found)


def test_occupancy_joins_the_halves_of_one_and_keeps_two_apart():
    scan = two_solids()
    output = perfect(scan)
    # The halves of the box go to places as far apart as two small things could be.
    output[:30, sites.OFFSET] -= 0.15
    output[30:60, sites.OFFSET] += 0.15
    assert [len(one.sites) for one in grouping.group(scan, output, 0.1)] == [60, 30]
    assert [len(one.sites) for one in grouping.group(scan, output, 0.1, 0.2)] == [30, 30, 30]
    # The same places, but each half says that it is all there is.
    output[:60, sites.OCCUPANCY] = np.log(30)
    assert [len(one.sites) for one in grouping.group(scan, output, 0.1)] == [30, 30, 30]
    # Far fewer sites than there should be are no instance.
    output[60:90, sites.OCCUPANCY] = np.log(300)
    assert [len(one.sites) for one in grouping.group(scan, output, 0.1)] == [30, 30]


def test_nothing_is_found_where_all_is_room():
    scan = two_solids()
    assert grouping.group(scan, np.eye(1, sites.OUTPUTS).repeat(100, axis=0), 0.1) == []


def test_areas_by_hand():
    # Sure and right, less sure and wrong, least sure and right, one never found: precisions 2/3, 1/2, 1 at recalls
    # 2/3, 1/3, 1/3 and then 1 at 0; half ways are 1/6, 1/6, 1/6, 1/6.
    area = precision.area_of_steps([0.9, 0.5, 0.3], [True, False, True], 1)
    assert area == pytest.approx((2 / 3 + 1 / 2 + 1 + 1) / 6)
    assert precision.area_of_steps([0.5, 0.5], [True, True], 0) == pytest.approx(1)
    assert precision.area_of_steps([0.5], [False], 2) == 0 and precision.area_of_steps([], [], 2) == 0
    assert np.isnan(precision.area_of_steps([], [], 0)) and np.isnan(precision.area_of_steps([0.5], [False], 0))
    # Precisions 1, 1/2, 2/3 at recalls 1/3, 1/3, 2/3; the envelope is 1 to 1/3 and 2/3 to 2/3.
    envelope = precision.area_of_envelope([0.9, 0.5, 0.3], [True, False, True], 3)
    assert envelope == pytest.approx(1 / 3 + 2 / 9)
    assert np.isnan(precision.area_of_envelope([0.5], [False], 0)) and precision.area_of_envelope([], [], 2) == 0


def scene(found, sizes=(40, 40), kinds=(1, 1)):
    instances = np.repeat(np.arange(len(sizes) + 1), [100, *sizes])
    corners = np.stack(
        [np.arange(len(instances))[:, None] * [1, 0, 0], np.arange(len(instances))[:, None] * [1, 0, 0] + 1], 1
    )
    instance = [grouping.Instance(kind, score, np.arange(*span)) for kind, score, span in found]
    return precision.Labeled(np.array([0, *kinds])[instances], instances, instance, corners)


@pytest.mark.parametrize(
    "found, half, quarter",
    [
        ([(1, 0.9, (100, 140)), (1, 0.8, (140, 180))], 1, 1),
        # Precision 1 at recall 1/2, which is all of the way.
        ([(1, 0.9, (100, 140))], 1 / 2, 1 / 2),
        # 15 sites are too few to count.
        ([(1, 0.9, (100, 115)), (1, 0.8, (140, 180))], 1 / 2, 1 / 2),
        # The first has an overlap of 25/55: precisions 1/2 and 0 at recalls 1/2 and 0, half of the way 1/4.
        ([(1, 0.9, (115, 155)), (1, 0.8, (155, 180))], 1 / 8, 1),
        # The first is of another class.
        ([(2, 0.9, (100, 140)), (1, 0.8, (140, 180))], 1 / 2, 1 / 2),
        # What lies in the room is no mistake.
        ([(1, 0.9, (100, 140)), (1, 0.8, (140, 180)), (1, 0.95, (0, 60))], 1, 1),
    ],
)
def test_instances_are_compared_as_by_hand(found, half, quarter):
    values = [precision.of_instances([scene(found)], [1], threshold)[0] for threshold in (0.5, 0.25)]
    assert values == pytest.approx([half, quarter])


def test_what_lies_in_another_class_is_a_mistake():
    found = [(1, 0.9, (140, 180)), (1, 0.8, (100, 140))]
    # Precisions 1/2 and 0 at recalls 1 and 0, then (0, 1): half of the way is 1/2, 1/2 and 0.
    assert precision.of_instances([scene(found, kinds=(1, 2))], [1], 0.5)[0] == pytest.approx(1 / 4)


def test_what_is_found_twice_is_right_once():
    # At 0.25 both halves of the first overlap it enough: the less sure one is too many.
    halves = [(1, 0.9, (100, 120)), (1, 0.8, (120, 140)), (1, 0.7, (140, 180))]
    # Precisions 2/3, 1/2, 1 at recalls 1, 1/2, 1/2, then (0, 1): half ways 1/4, 1/4, 1/4, 1/4.
    assert precision.of_instances([scene(halves)], [1], 0.25)[0] == pytest.approx((2 / 3 + 1 / 2 + 1 + 1) / 4)
    # At 0.5 neither is right: precisions 1/3, 0, 0 at recalls 1/2, 0, 0.
    assert precision.of_instances([scene(halves)], [1], 0.5)[0] == pytest.approx(1 / 3 / 4)
    assert np.isnan(precision.of_instances([scene(halves)], [3], 0.5)[0])


def test_boxes_by_hand():
    one, two = np.array([[0, 0, 0], [2, 2, 2.0]]), np.array([[[1, 0, 0], [3, 2, 2.0]], [[5, 5, 5], [6, 6, 6]]])
    assert precision.overlap(one, two) == pytest.approx([1 / 3, 0])
    found = [(1, 0.9, (100, 140)), (1, 0.8, (100, 130)), (1, 0.7, (150, 180))]
    # Boxes along a line: 1, then 0.75 of one that is taken, then 0.75; precisions 1, 1/2, 2/3 at recalls 1/2, 1/2, 1.
    assert precision.of_boxes([scene(found)], [1], 0.5)[0] == pytest.approx(1 / 2 + 1 / 3)
    assert precision.of_boxes([scene(found[1:])], [1], 0.8)[0] == 0
    # Instances of too few sites are not to be found.
    assert np.isnan(precision.of_boxes([scene([], sizes=(10,), kinds=(1,))], [1], 0.5)[0])


@pytest.fixture
def quick(tmp_path, monkeypatch, capsys):
    """Run train.py for 2 epochs on few rooms, which are generated once; return what it prints."""
    specification = importlib.util.spec_from_file_location("instances_train", EXAMPLE / "train.py")
    program = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(program)
    monkeypatch.setattr(program, "QUICK_TRAINING", 6)
    monkeypatch.setattr(program, "QUICK_TEST", 1)
    monkeypatch.setattr(program, "RADII", (0.4,))
    monkeypatch.setattr(program, "REPORTED", 0)
    monkeypatch.setattr(rooms, "generate", functools.cache(rooms.generate))

    def run(folder, *arguments):
        monkeypatch.setattr(
            sys, "argv", ["train.py", "--quick", "--epochs", "2", "--output", str(tmp_path / folder), *arguments]
        )
        program.main()
        return capsys.readouterr().out.splitlines()

    threads = scn.get_num_threads()
    yield run
    scn.set_num_threads(threads)


def test_a_short_run_learns_and_goes_on_where_it_stopped(quick, tmp_path):
    whole = quick("whole")
    last = r"AP50 (\d\.\d{3}|nan), AP25 (\d\.\d{3}|nan), of boxes \d\.\d{3} and \d\.\d{3} on 1 rooms"
    assert re.fullmatch(last, whole[-1]) and "synthetic" in whole[0], whole
    assert whole[-2].startswith("without occupancy, at the best radius of 1, 0.4 m: AP50"), whole
    losses = [float(re.search(r"loss (\d+\.\d+)", line)[1]) for line in whole if line.startswith("epoch")]
    assert len(losses) == 2 and losses[1] < 0.95 * losses[0]
    quick("parts", "--stop-after", "1", "--threads", "1")
    assert quick("parts", "--resume")[-1] == whole[-1]
    name = "instances.safetensors"
    assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    assert (tmp_path / "whole" / "instances.jpg").stat().st_size > 10_000


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """The C++ program, and a small network of known weights in a file."""
    folder = tmp_path_factory.mktemp("live")
    scn.manual_seed(3)
    network = scn.Sequential(
        scn.InputLayer(3, None, mode=0), scn.SubmanifoldConvolution(3, sites.INPUTS, 8, 3, False), scn.OutputLayer(3)
    ).add(scn.Linear(8, sites.OUTPUTS))
    scn.save(network, folder / "network.safetensors")
    return native.build(EXAMPLE / "live.cpp", folder), folder / "network.safetensors"


def frames_of(folder, random, count=3):
    """Frames of a floor and a wall that come into view, and all their points as one view."""
    views = []
    for number in range(count):
        floor = random.uniform(0, 1, (900, 3)) * [1.5, 1.2, 0] + [1.2 * number - 1, -0.5, 0.01]
        normals = np.tile([0.0, 0, 1], (900, 1))
        colors = random.integers(0, 256, (900, 3)).astype(np.uint8)
        view = rooms.View(floor.astype(np.float32).astype(float), normals, colors, np.zeros(900, np.int64))
        live_program.write_frame(folder / f"{number}.bin", view)
        views.append(view)
    return [str(folder / f"{number}.bin") for number in range(count)], views


def test_the_program_keeps_what_the_network_says_of_the_whole(live, tmp_path, random):
    program, network = live
    frames, views = frames_of(tmp_path, random)
    result = tmp_path / "result.bin"
    line = native.run([str(program), str(network), str(sites.VOXEL), "16", str(result), *frames])
    coordinates, centers, kept, whole = live_program.read_labels(result)
    room = rooms.Room(np.array([4.0, 3, 2]), [], np.zeros((5, 3)))
    scan = sites.scan_of(room, views, sites.VOXEL)
    order = np.lexsort(coordinates.T[::-1])
    assert np.array_equal(coordinates[order], scan.coordinates) and np.allclose(centers[order], scan.centers, atol=1e-5)
    expected = sites.predict(scn.load(network), scan)
    assert np.allclose(whole[order], expected, atol=1e-4)
    # Filters of 3 sites reach no farther than the margin: what was kept differs by what changed less than noticeably.
    assert (kept.argmax(axis=1) == whole.argmax(axis=1)).mean() > 0.9
    figures = re.search(r"3 frames, (\d+) sites; .* same class on (\d+\.\d\d)% of the sites", line)
    assert int(figures[1]) == len(scan) and float(figures[2]) > 90
    truth = live_program.truth_of(room, views, coordinates, centers)
    assert np.array_equal(truth.features[order], scan.features)


def test_bad_frames_and_results_are_refused(live, tmp_path, random):
    program, network = live
    good = frames_of(tmp_path, random, 1)[0][0]
    data = Path(good).read_bytes()
    bad = {
        "absent": (None, "cannot be opened"),
        "empty": (b"", "is no frame"),
        "garbage": (bytes(range(256)) * 3, "is no frame"),
        "short": (data[:-1], f"has {len(data) - 1} bytes, expected {len(data)} of 900 points"),
        "huge": (data[:8] + b"\xff" * 4 + data[12:], f"has {len(data)} bytes, expected 115964116977 of"),
        "nan": (data[:12] + b"\x00\x00\xc0\x7f" + data[16:], "point 0 is not a number"),
        "far": (data[:12] + np.float32(1e30).tobytes() + data[16:], "more than 100000 voxels from the origin"),
        "normal": (data[: 12 + 900 * 12] + np.float32(9).tobytes() + data[16 + 900 * 12 :], "has no unit normal"),
    }
    for name, (content, message) in bad.items():
        path = tmp_path / f"{name}.bin"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(native.BuildError, match=re.escape(f"{path}: ") + ".*" + re.escape(message)):
            native.run([str(program), str(network), "0.07", "16", str(tmp_path / "result.bin"), str(path)])
    wrong = {("0", "16"): "voxel_size: is 0,", ("1x", "16"): "voxel_size: is 1x,", ("0.07", "-1"): "margin: is -1,"}
    for arguments, message in (wrong | {("0.07", ""): "margin: is ,", ("0.07", "a"): "margin: is a,"}).items():
        with pytest.raises(native.BuildError, match=message):
            native.run([str(program), str(network), *arguments, str(tmp_path / "result.bin"), good])
    narrow = scn.Sequential(scn.InputLayer(3, None, mode=0), scn.OutputLayer(3), scn.Linear(sites.INPUTS, 3))
    scn.save(narrow, tmp_path / "narrow.safetensors")
    for file, message in (("narrow", "a row of at least 6 numbers for each site"), ("absent", "absent.safetensors")):
        with pytest.raises(native.BuildError, match=message):
            native.run([str(program), str(tmp_path / f"{file}.safetensors"), "0.07", "8", str(tmp_path / "r"), good])
    for content in (b"", b"scnlabel", b"scnlabel" + b"\xff" * 8, b"scnframe" + bytes(8)):
        (tmp_path / "result.bin").write_bytes(content)
        with pytest.raises(live_program.LiveError, match=r"result\.bin"):
            live_program.read_labels(tmp_path / "result.bin")


def test_the_walk_ends_with_the_figures(live, tmp_path, monkeypatch, capsys):
    program, network = live
    monkeypatch.setattr(native, "build", lambda source, folder: program)
    monkeypatch.setattr(sys, "argv", ["live.py", "--frames", "2", "--network", str(network), "--output", str(tmp_path)])
    live_program.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 frames of ") and lines[1].startswith("2 frames, ")
    assert re.fullmatch(r"AP50 \d\.\d{3} of what was labeled while it grew, \d\.\d{3} of the whole map", lines[-1])
    assert (tmp_path / "live.jpg").stat().st_size > 10_000
    monkeypatch.setattr(sys, "argv", ["live.py", "--output", str(tmp_path / "absent")])
    with pytest.raises(live_program.LiveError, match="instances.safetensors is missing; `make example-instances`"):
        live_program.main()


def test_wrong_arguments_are_refused(refusals, subprocess_environment):
    wrong = [["--epochs", "0"], ["--stop-after", "x"], ["--seed", "-1"], ["--nonsense"]]
    for status, errors in refusals(EXAMPLE / "train.py", wrong, subprocess_environment):
        assert status == 2 and "usage:" in errors and "Traceback" not in errors
