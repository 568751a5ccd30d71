"""Pages of point clouds: what they hold, what is refused, and what a browser draws of them."""

import base64
import json
import re
import sys

import browser
import numpy as np
import pytest

import scn

pytest.importorskip("plotly", reason="plotly is not installed")


def content_of(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', text)[1])


def unpacked(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def points_of(content):
    found = unpacked(content["points"], "<f4").reshape(-1, 3).astype(np.float64)
    return found * content["scale"] + content["middle"]


@pytest.fixture
def shown(tmp_path):
    def show(*arguments, **options):
        path = scn.show(*arguments, file=tmp_path / "page.html", **options)
        assert path == tmp_path / "page.html"
        return content_of(path)

    return show


def test_a_page_holds_points_labels_and_names(shown, tmp_path, random):
    points = random.uniform(0, [40, 20, 3], (500, 3)) + [5_000_000, 400_000, 100]
    truth, guess = random.integers(-1, 3, 500), random.integers(0, 3, 500) * 2
    content = shown(points, {"truth": truth, "it's </script>": guess}, names=["a", "<b>", "c", "d", "e"], title="1 < 2")
    assert np.abs(points_of(content) - points).max() < 1e-5, "coordinates of maps keep their digits"
    extent = np.ptp(points, axis=0)
    assert content["rows"] is None and np.allclose(content["extent"], extent / extent.max())
    assert [part["name"] for part in content["classes"]] == ["a", "<b>", "c", "e"]
    assert len({part["color"] for part in content["classes"]}) == 4
    first, second = content["panels"]
    assert (first["name"], second["name"]) == ("truth", "it's </script>")
    place = {0: 0, 1: 1, 2: 2, 4: 3, -1: 4}
    for panel, labels in ((first, truth), (second, guess)):
        assert unpacked(panel["labels"], np.uint8).tolist() == [place[label] for label in labels.tolist()]
    known = truth >= 0
    assert "note" not in first
    assert second["note"] == f"{np.mean((truth != guess)[known]):.1%} differ from truth"
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("</script>") == 3 and "<title>1 &lt; 2</title>" in text and "500 points" in text
    assert 4_000_000 < len(text) < 6_000_000 and not re.search(r'<(script|link)[^>]+(src|href)="', text)


def test_colors_keep_their_places_and_are_few(shown, random):
    few = np.array([[255, 0, 0], [0, 128, 255], [7, 7, 7]], np.uint8)[random.integers(0, 3, 200)]
    many = random.integers(0, 256, (5000, 3), np.uint8)
    for colors, given, most in ((few, few, 0), (few, few / 255, 0), (many, many.tolist(), 30)):
        panel = shown(np.arange(3 * len(colors)).reshape(-1, 3), colors=given)["panels"][0]
        palette = np.array([list(bytes.fromhex(color[1:])) for _, color in panel["scale"]])
        assert panel["name"] == "colors" and [place for place, _ in panel["scale"]] == [i / 255 for i in range(256)]
        distance = np.linalg.norm(palette[unpacked(panel["shades"], np.uint8)] - colors.astype(int), axis=1)
        assert distance.mean() <= most
    assert len(np.unique(palette, axis=0)) == 256


def test_without_labels_and_colors_height_is_shown(shown):
    for up, expected in (("z", [0, 127, 255]), ("-z", [255, 127, 0]), ("x", [0, 255, 127])):
        panels = shown([[0, 5, 1], [9, 5, 2], [4.5, 5, 3]], up=up)["panels"]
        assert [panel["name"] for panel in panels] == ["height"]
        assert unpacked(panels[0]["shades"], np.uint8).tolist() == expected
    outlier = np.append(np.linspace(0, 1, 1000), 1000)
    shades = unpacked(shown(np.outer(outlier, [0, 0, 1]))["panels"][0]["shades"], np.uint8)
    assert shades[500] in range(120, 136), "one point far above leaves the other ones their shades"


def test_points_beyond_the_limit_are_left_out_evenly_and_always_the_same(shown, random):
    points, labels = random.standard_normal((1000, 3)), np.arange(1000) // 500
    content = shown(points, labels, limit=100)
    rows = unpacked(content["rows"], "<u4")
    assert len(rows) == 100 and np.all(np.diff(rows.astype(int)) > 0)
    assert np.allclose(points_of(content), points[rows], atol=1e-5)
    assert unpacked(content["panels"][0]["labels"], np.uint8).tolist() == labels[rows].tolist()
    assert 30 < np.sum(rows < 500) < 70 and content == shown(points, labels, limit=100)
    assert len(points_of(shown(points, limit=None))) == 1000


def test_degenerate_and_extreme_clouds_are_shown(shown):
    assert shown([[1, 2, 3]])["extent"] == [0, 0, 0]
    far = np.array([[-1e308, 0, 0], [1e308, 1, 0]])
    assert unpacked(shown(far)["points"], "<f4").tolist() == [-1, 0, 0, 1, 0, 0]
    ignored = shown(np.eye(3), np.full(3, -1))
    assert ignored["classes"] == [] and unpacked(ignored["panels"][0]["labels"], np.uint8).tolist() == [0, 0, 0]
    classes = shown(np.zeros((255, 3)), np.arange(255))["classes"]
    assert len({part["color"] for part in classes}) > 240


CLOUD = np.eye(3)
WRONG = [
    (([],), {}, "points: has shape [0], expected [n, 3], n at least 1"),
    ((np.zeros((0, 3)),), {}, "points: has shape [0, 3], expected [n, 3], n at least 1"),
    ((np.zeros((4, 2)),), {}, "points: has shape [4, 2], expected [n, 3], n at least 1"),
    (([[0, 0, 0], [1, np.nan, 2]],), {}, "points: row 1 has nan on axis 1, expected a finite number"),
    (([[0, 0, -np.inf]],), {}, "points: row 0 has -inf on axis 2, expected a finite number"),
    ((["abc"],), {}, "points: has elements of type <U3, expected real numbers"),
    (([[1, 2, 3], [4]],), {}, "points: is [[1, 2, 3], [4]], expected rows of one length"),
    ((CLOUD, [0, 1]), {}, "labels: has shape [2], expected [3], one for each point"),
    ((CLOUD, [0.5, 1, 2]), {}, "labels: has 0.5, expected whole numbers"),
    ((CLOUD, {}), {}, "labels: is empty, expected at least one labeling"),
    ((CLOUD, {"truth": [0, 1]}), {}, "labels['truth']: has shape [2], expected [3], one for each point"),
    ((CLOUD, {1: [0, 1, 2]}), {}, "labels: a panel's name: is an int, expected a string"),
    ((CLOUD, {str(i): [0, 1, 2] for i in range(9)}), {}, "labels: is 9, expected at most 8 panels, that of the colors"),
    ((np.zeros((300, 3)), np.arange(300)), {}, "labels: has 300 different labels, expected at most 255"),
    ((CLOUD, [0, 1, 2]), {"names": ["a"]}, "names: has 1 entry, expected one for each label of 0 ... 2"),
    (
        (CLOUD, [0, 1, 2]),
        {"palette": [[0, 0, 0]] * 2},
        "palette: has 2 entries, expected one for each label of 0 ... 2",
    ),
    ((CLOUD, [0, 1, 2]), {"palette": [0, 1, 2]}, "palette: has shape [3], expected [classes, 3]"),
    ((CLOUD,), {"colors": np.zeros((2, 3))}, "colors: has shape [2, 3], expected [3, 3]"),
    (
        (CLOUD,),
        {"colors": CLOUD * 255},
        "colors: row 0 has 255.0, expected 0 ... 1, as these are numbers of type float",
    ),
    ((CLOUD,), {"colors": CLOUD * np.nan}, "colors: row 0 has nan, expected 0 ... 1"),
    (
        (CLOUD,),
        {"colors": np.full((3, 3), 256)},
        "colors: row 0 has 256, expected 0 ... 255, as these are whole numbers",
    ),
    ((CLOUD,), {"colors": [["a"] * 3] * 3}, "colors: has elements of type <U1, expected real numbers"),
    ((CLOUD,), {"limit": 0}, "limit: is 0, expected None or at least 1"),
    ((CLOUD,), {"up": "w"}, "up: is 'w', expected 'x', 'y', 'z', '-x', '-y' or '-z'"),
]


@pytest.mark.parametrize("arguments, options, message", WRONG, ids=[message for *_, message in WRONG])
def test_what_cannot_be_shown_is_refused_by_name(arguments, options, message, tmp_path):
    with pytest.raises((scn.Error, TypeError), match="^" + re.escape(message)):
        scn.show(*arguments, file=tmp_path / "page.html", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_named(tmp_path):
    page = tmp_path / "nowhere" / "page.html"
    with pytest.raises(scn.FileError, match=re.escape(f"{page}: cannot be written: No such file or directory")):
        scn.show(CLOUD, file=page)


def test_where_plotly_is_missing_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ImportError, match="scn.show needs plotly, which is not installed: pip install plotly"):
        scn.show(CLOUD, file=tmp_path / "page.html")


EYES = """
drawn
  .then(() => new Promise((done) => setTimeout(done, 300)))
  .then(() => views.map((view) => cameraOf(view).eye))
"""

# Where the second point is drawn, and from where it is seen.
PLACE = """
drawn.then(() => new Promise((done) => setTimeout(done, 300))).then(() => {
  const { x, y, z } = views[0].data[0];
  return [[x[1], y[1], z[1]], cameraOf(views[0])];
})
"""

# What a visitor does, and what the page says then.
VISIT = """
(async () => {
  await drawn;
  const wait = () => new Promise((done) => setTimeout(done, 50));
  const [left, , , differences] = document.querySelectorAll("input[type=checkbox]");
  views[2].emit("plotly_hover", { points: [{ curveNumber: 1, pointNumber: 0 }] });
  const said = document.getElementById("under-pointer").textContent;
  left.click();
  differences.click();
  await wait();
  const seen = {
    visible: views.map((view) => view.data.map((trace) => trace.visible !== false)),
    colors: views.map((view) => view.data.map((trace) => trace.marker.color)).slice(1),
    counts: views.map((view) => view.data.map((trace) => trace.x.length)),
    said,
  };
  document.querySelector("button").click();
  differences.click();
  await wait();
  seen.all = left.checked && views.every((view) => view.data.every((trace) => trace.visible !== false));
  return seen;
})()
"""


def test_a_browser_draws_every_panel_and_turns_them_together(tmp_path, random):
    if not browser.find():
        pytest.skip("there is no chromium")
    image = pytest.importorskip("matplotlib.image", reason="matplotlib is not installed")
    points = random.uniform(0, 1, (400, 3))
    truth = (points[:, 0] > 0.5).astype(int)
    guess, truth[-40:] = np.where(np.arange(400) < 60, 1 - truth, truth), -1
    chosen = np.array([[230, 20, 20], [20, 20, 230]])
    labels = {"truth": truth, "prediction": guess}
    page = scn.show(
        points, labels, colors=np.tile(np.uint8([[20, 200, 20]]), (400, 1)), names=["left", "right"], palette=chosen,
        file=tmp_path / "page.html",
    )  # fmt: skip
    width, height = 744, 320
    with browser.opened(tmp_path / "profile") as window:
        window.show(page.as_uri(), width, height)
        before = window.evaluate(EYES)
        window.drag((100, 200), (160, 210))
        after = window.evaluate(EYES)
        seen = window.evaluate(VISIT)
        window.picture(tmp_path / "page.png")
        # What is upward is upward at first and stays so: plotly turns about its z axis. Never mirrored.
        for up, drawn in (("y", [1, -3, 2]), ("-y", [1, 3, -2]), ("x", [2, 3, 1])):
            upright = scn.show([[-1, -2, -3], [1, 2, 3]], file=tmp_path / f"{up}.html", up=up)
            window.show(upright.as_uri(), width, height)
            place, camera = window.evaluate(PLACE)
            assert [part / abs(place[drawn.index(max(drawn, key=abs))]) for part in place] == pytest.approx(
                [part / 3 for part in drawn]
            )
            assert camera["up"] == {"x": 0, "y": 0, "z": 1} and camera["eye"]["z"] > 0
        assert window.errors == []
    assert before == [before[0]] * 3 and after == 3 * [pytest.approx(after[0])]
    assert abs(after[0]["x"] - before[0]["x"]) > 0.1, "the mouse turns the cloud"
    agree, known = truth == guess, truth >= 0
    groups = [np.sum((guess == kind) & (differs == (known & ~agree))) for kind in (0, 1) for differs in (False, True)]
    assert seen["counts"] == [[400], [np.sum(truth == 0), np.sum(truth == 1), 40], groups]
    assert seen["visible"] == [[True], [False, True, True], [False, False, True, True]]
    assert seen["colors"][0] == ["#e61414", "#1414e6", "#c8c8c8"]
    assert seen["colors"][1] == ["#e2e2e2", "#e61414", "#e2e2e2", "#1414e6"]
    assert seen["all"], "the button brings back what is hidden"
    row = int(re.match(r"point (\d+) at ", seen["said"])[1])
    assert row == np.flatnonzero((guess == 0) & known & ~agree)[0]
    where = [float(part) for part in re.search(r"\((.*)\)", seen["said"])[1].split(", ")]
    assert np.allclose(where, points[row], atol=1e-6) and seen["said"].endswith("truth: right, prediction: left")
    picture = np.round(image.imread(tmp_path / "page.png")[..., :3] * 255)
    for panel, (expected, absent) in enumerate((([[20, 200, 20]], chosen), (chosen, [[20, 200, 20]]), (chosen, []))):
        left = picture[120:, width * panel // 3 + 4 : width * (panel + 1) // 3 - 4]
        near = [np.abs(left - color).max(axis=-1) < 40 for color in np.array(expected)]
        assert min(mask.sum() for mask in near) > 200, f"panel {panel} shows its colors"
        assert all(np.sum(np.abs(left - color).max(axis=-1) < 40) == 0 for color in np.array(absent))
