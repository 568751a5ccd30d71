"""The handwriting demo: its reader, its drawing against a plain transcription of DRAWING.md, and a shortened run."""

import gzip
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[4]
EXAMPLE = ROOT / "examples" / "pendigits"
TEST_FILE = EXAMPLE / "data" / "pendigits-orig.test.unipen.gz"
sys.path.insert(0, str(EXAMPLE))

import strokes

ONE_DIGIT = """.INCLUDE dene.doc

.SEGMENT DIGIT 0-1 ? "7"
.COMMENT 7 1 2
.PEN_DOWN
 100 200
 150 200
.PEN_UP
.DT 100
.PEN_DOWN
 120 180
.PEN_UP
"""


@pytest.fixture(scope="module")
def test_digits():
    return strokes.read_unipen(TEST_FILE)


def parse(text):
    return strokes.parse_unipen(text.splitlines(), "some.file")


def test_reader_finds_every_digit_of_the_shipped_files(test_digits):
    training = strokes.read_unipen(EXAMPLE / "data" / "pendigits-orig.train.unipen.gz")
    assert len(training) == 7494 and len(test_digits) == 3498
    assert np.bincount(test_digits.labels).tolist() == [363, 364, 364, 336, 364, 335, 336, 364, 336, 336]
    assert test_digits.labels[:3].tolist() == [8, 8, 8]


def test_reader_keeps_strokes_and_turns_y_downward():
    digits = parse(ONE_DIGIT)
    assert digits.labels.tolist() == [7]
    assert [stroke.tolist() for stroke in digits.strokes(0)] == [[[100, -200], [150, -200]], [[120, -180]]]


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("150 200", "150 x", "line 7: expected a point"),
        ("150 200", "150", "line 7: expected a point"),
        ("150 200", "150 -200", "line 7: expected a point"),
        ("150 200", "150 65536", "line 7: a coordinate greater than 65535"),
        ("150 200", "150 " + "9" * 5000, "line 7: a coordinate greater than 65535"),
        ('"7"', '"x"', "line 3: expected .SEGMENT"),
        ('"7"', '"10"', "line 3: expected .SEGMENT"),
        (' ? "7"', "", "line 3: expected .SEGMENT"),
        ('.SEGMENT DIGIT 0-1 ? "7"', "", "line 5: a stroke before the first .SEGMENT"),
        (".DT 100", "1 2", "line 9: a point outside a stroke"),
        (".DT 100", ".PEN_UP", "line 9: the end of a stroke that did not begin"),
        (".DT 100", ".PEN_DOWN", "line 10: a stroke within the stroke of line 9"),
        (" 120 180\n", "", "line 11: a stroke without a point"),
        ("120 180\n.PEN_UP", "120 180", "line 10: this stroke does not end"),
        (".DT 100", '.SEGMENT DIGIT 3 ? "1"\n.SEGMENT DIGIT 4 ? "2"', "line 9: this digit has no stroke"),
        ("120 180\n.PEN_UP\n", '120 180\n.PEN_UP\n.SEGMENT DIGIT 1 ? "1"\n', "line 13: this digit has no stroke"),
    ],
)
def test_reader_names_file_and_line_of_what_is_wrong(old, new, message):
    assert old in ONE_DIGIT
    with pytest.raises(strokes.UnipenError, match="^some.file, " + re.escape(message)):
        parse(ONE_DIGIT.replace(old, new))


def test_reader_refuses_damaged_gzip(tmp_path):
    whole = gzip.compress(ONE_DIGIT.encode())
    for name, data in [("cut", whole[:-12]), ("no gzip", b"abc"), ("broken", whole[:20] + b"\xff" * 40)]:
        path = tmp_path / f"{name}.gz"
        path.write_bytes(data)
        with pytest.raises(strokes.UnipenError, match=f"{name}.gz: damaged gzip data"):
            strokes.read_unipen(path)


def test_no_digits_at_all():
    assert len(parse("")) == 0


def drawn_as_documented(digit, index):
    """DRAWING.md, steps 2 to 4, one number at a time; digit: strokes of (x, y downward)."""
    field, unit, box, step = 63, 1024, 40, 256
    points = [(int(x), -int(y)) for stroke in digit for x, y in stroke]
    left_x, right_x = min(x for x, _ in points), max(x for x, _ in points)
    low_y, high_y = min(y for _, y in points), max(y for _, y in points)
    width, height = right_x - left_x, high_y - low_y
    longest = max(width, height, 1)
    left = (field * unit - width * box * unit // longest) // 2
    top = (field * unit - height * box * unit // longest) // 2
    rows, features = [], []
    for stroke in digit:
        places = [
            (left + (int(x) - left_x) * box * unit // longest, top + (high_y + int(y)) * box * unit // longest)
            for x, y in stroke
        ]
        for (c0, r0), (c1, r1) in zip(places, places[1:]) if len(places) > 1 else [(places[0], places[0])]:
            dc, dr = c1 - c0, r1 - r0
            n = max(abs(dc), abs(dr)) // step + 1
            length = math.sqrt(float(dc * dc + dr * dr))
            for i in range(n):
                column = (2 * n * c0 + (2 * i + 1) * dc) // (2 * n * unit)
                row = (2 * n * r0 + (2 * i + 1) * dr) // (2 * n * unit)
                rows.append((row, column, index))
                features.append((1.0, dc / length if length else 0.0, dr / length if length else 0.0))
    return np.array(rows), np.array(features, np.float32)


def test_drawing_is_what_the_document_says(test_digits):
    which = np.array([0, 17, 568, 3497, 17, 1527, 2000])
    coordinates, features = strokes.draw(strokes.fit(test_digits).take(which))
    expected = [drawn_as_documented(test_digits.strokes(digit), index) for index, digit in enumerate(which)]
    assert np.array_equal(coordinates, np.concatenate([rows for rows, _ in expected]))
    assert np.array_equal(features, np.concatenate([values for _, values in expected]))


def test_one_point_is_drawn_as_one_site():
    dot = parse('.SEGMENT DIGIT 0 ? "1"\n.PEN_DOWN\n 7 9\n.PEN_UP')
    coordinates, features = strokes.draw(strokes.fit(dot))
    assert coordinates.tolist() == [[31, 31, 0]] and features.tolist() == [[1, 0, 0]]


def test_drawn_strokes_are_connected_and_within_the_box(test_digits):
    coordinates, features = strokes.draw(strokes.fit(test_digits))
    assert coordinates[:, :2].min() == 11 and coordinates[:, :2].max() <= 51
    assert np.array_equal(np.unique(coordinates[:, 2]), np.arange(len(test_digits)))
    norms = np.linalg.norm(features[:, 1:], axis=1)
    assert np.all((norms == 0) | (np.abs(norms - 1) < 1e-6)) and np.all(features[:, 0] == 1)
    one_stroke = test_digits.take(np.flatnonzero([len(test_digits.strokes(d)) == 1 for d in range(200)]))
    coordinates, _ = strokes.draw(strokes.fit(one_stroke))
    jumps = np.abs(np.diff(coordinates, axis=0))
    assert jumps[jumps[:, 2] == 0][:, :2].max() == 1


def test_distortion_is_reproducible_mild_and_stays_in_the_field(test_digits):
    fitted = strokes.fit(test_digits)
    first, again = (strokes.Distortion()(fitted, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.points, again.points) and not np.array_equal(first.points, fitted.points)
    none = strokes.Distortion(0, 0, 0, 0)(fitted, np.random.default_rng(5))
    assert np.array_equal(none.points, fitted.points)
    wild = strokes.Distortion(3, 2, 1, 40)(fitted, np.random.default_rng(5))
    assert wild.points.min() >= 0 and wild.points.max() < strokes.FIELD * 1024


def test_a_short_run_learns_and_ends_with_the_accuracy(tmp_path):
    command = [sys.executable, str(EXAMPLE / "train.py"), "--quick", "--output", str(tmp_path / "results")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, env=dict(os.environ))
    assert run.returncode == 0, run.stderr
    last = re.fullmatch(r"test accuracy (\d+\.\d\d)% \((\d+) of (\d+)\)", run.stdout.splitlines()[-1])
    assert last, run.stdout
    correct, digits = int(last[2]), int(last[3])
    assert last[1] == f"{100 * correct / digits:.2f}"
    assert correct > 0.4 * digits, "a guess at random is right for a tenth of the digits"
    assert f"C: {correct} of {digits}" in run.stdout
    for name in ("pendigits.safetensors", "learning_curve.png", "misread.png"):
        assert (tmp_path / "results" / name).stat().st_size > 10_000


def test_a_short_comparison_measures_three_networks(tmp_path, subprocess_environment):
    command = [sys.executable, str(EXAMPLE / "compare.py"), "--quick", "--output", str(tmp_path / "results")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, env=subprocess_environment)
    assert run.returncode == 0, run.stderr
    rows = [re.split(r"\s{2,}", line) for line in run.stdout.splitlines()[-3:]]
    assert [row[0] for row in rows] == ["SparseVggNet", 'SparseVggNet "plus"', "SparseResNet"]
    for _, accuracy, parameters, multiply_adds, *_ in rows:
        assert 0 <= float(accuracy.rstrip("%")) <= 100
        assert 200_000 < int(parameters.replace(",", "")) < 400_000
        assert 1 < float(multiply_adds.split()[0]) < 10
    losses = [float(loss) for loss in re.findall(r"epoch  1 of 1: loss (\d\.\d{4})", run.stdout)]
    assert len(losses) == 3 and min(losses) < 2, "ten classes that are guessed lose log 10 = 2.30"
    assert (tmp_path / "results" / "comparison.png").stat().st_size > 10_000


@pytest.mark.parametrize("program", ["train.py", "compare.py"])
def test_wrong_arguments_are_refused(refusals, program, subprocess_environment):
    wrong = [["--epochs", "0"], ["--threads", "-1"], ["--seed", "-1"], ["--nonsense"]]
    for status, errors in refusals(EXAMPLE / program, wrong, subprocess_environment):
        assert status == 2 and "usage:" in errors and "Traceback" not in errors
