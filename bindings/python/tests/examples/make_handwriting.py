"""Make synthetic handwriting in the files of two real sets: UCI's Assamese characters, CASIA's Chinese ones.

python make_handwriting.py assamese FOLDER --classes 183 --writers 45
python make_handwriting.py chinese FOLDER --classes 30 --writers 240 --test-writers 60

A class is a few random strokes; some classes share all but one, as related letters do. A writer has a slant, a size, a
speed and a way of bending strokes, and writes no character twice alike. The same arguments make the same files.
"""

from __future__ import annotations

import argparse
import inspect
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

FIRST_TRAINING_WRITER, FIRST_TEST_WRITER = 1001, 1241  # of CASIA-OLHWDB1.1
LEVEL_1_ROW, CHARACTERS_OF_A_ROW = 0xB0, 94  # where GB 2312's more frequent characters begin
LEVEL_1 = 3755
SYMBOLS = "0123"  # the real files have 171 symbols beside the Chinese characters


def template(kind: int) -> list[np.ndarray]:
    """The strokes of a class, each as control points [3 ... 5, 2] of 0 ... 1; three classes in a row share all but
    one."""
    common, own = np.random.default_rng([1, kind // 3]), np.random.default_rng([2, kind])
    strokes = [_stroke(common) for _ in range(common.integers(1, 4))]
    return [*strokes, _stroke(own)]


def _stroke(random: np.random.Generator) -> np.ndarray:
    start, turn = random.uniform(0.05, 0.95, 2), random.uniform(0, 2 * np.pi)
    points = [start]
    for _ in range(random.integers(2, 5)):
        turn += random.uniform(-1.3, 1.3)
        points.append(np.clip(points[-1] + random.uniform(0.2, 0.45) * np.array([np.cos(turn), np.sin(turn)]), 0, 1))
    return np.array(points)


class Writer:
    """A person's way of writing: slant, proportions, size, speed, and how far strokes stray from their template."""

    def __init__(self, number: int) -> None:
        self.random = random = np.random.default_rng([3, number])
        angle, slant, width = random.normal(0, 0.1), random.normal(0, 0.2), random.uniform(0.75, 1.25)
        self.matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ [
            [width, slant],
            [0, 1],
        ]
        self.size, self.spacing = random.uniform(250, 700), random.uniform(8, 22)
        self.corner = random.uniform(100, 900, 2)
        self.bend = random.normal(0, 0.05, (5, 2))
        self.unrest = random.uniform(0.02, 0.09)

    def write(self, kind: int) -> list[np.ndarray]:
        """The strokes of a character of this class, each [points, 2] int64, x to the right and y downward."""
        strokes = []
        for control in template(kind):
            control = control + self.bend[: len(control)] + self.random.normal(0, self.unrest, control.shape)
            control = self.size * (control @ self.matrix.T)
            points = self.corner + _curve(control, self.spacing) + self.random.normal(0, 0.7, 2)
            strokes.append(np.clip(np.rint(points), 0, 9999).astype(np.int64))
        return strokes


def _curve(control: np.ndarray, spacing: float) -> np.ndarray:
    """Points along a smooth curve through control points (Catmull and Rom 1974), about `spacing` apart."""
    ends = np.concatenate([2 * control[:1] - control[1:2], control, 2 * control[-1:] - control[-2:-1]])
    parts = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:]):
        t = np.linspace(0, 1, max(2, int(np.linalg.norm(c - b) / spacing)), endpoint=False)[:, None]
        parts.append(b + t * (c - a) / 2 + t**2 * (a - 2.5 * b + 2 * c - d / 2) + t**3 * (1.5 * (b - c) + (d - a) / 2))
    return np.concatenate([*parts, control[-1:]])


def assamese(folder: Path, classes: int = 60, writers: int = 45) -> None:
    """Write CHARACTER.WRITER.txt for characters 1 ... classes by writers 1 ... writers, a folder for each writer."""
    for number in range(1, writers + 1):
        writer = Writer(number)
        (folder / f"W{number}").mkdir(parents=True, exist_ok=True)
        for kind in range(1, classes + 1):
            path = folder / f"W{number}" / f"{kind}.{number}.txt"
            path.write_text(assamese_text(kind, writer.write(kind)), encoding="ascii")


def assamese_text(kind: int, strokes: list[np.ndarray]) -> str:
    """A file of the Assamese set: four lines of a header, whose words readers skip, the strokes, a last line."""
    lines = [f"CHARACTER_NAME {kind}", f"STROKE_COUNT {len(strokes)}", "UNITS 0.01 mm", "START"]
    for stroke in strokes:
        lines += ["PEN_DOWN", *(f"{x}      {y}      " for x, y in stroke), "PEN_UP"]
    return "\n".join([*lines, "END", ""])


def chinese(folder: Path, classes: int = 60, writers: int = 32, test_writers: int = 8) -> None:
    """Write 1001-c.pot ... for as many writers, and 1241-c.pot ... for others: the first characters of GB 2312, and
    some symbols."""
    folder.mkdir(parents=True, exist_ok=True)
    for first, count in ((FIRST_TRAINING_WRITER, writers), (FIRST_TEST_WRITER, test_writers)):
        for number in range(first, first + count):
            writer = Writer(number)
            samples = [pot_sample(ord(symbol), writer.write(LEVEL_1 + i)) for i, symbol in enumerate(SYMBOLS)]
            samples += [pot_sample(gb_code(kind), writer.write(kind)) for kind in range(classes)]
            (folder / f"{number}-c.pot").write_bytes(b"".join(samples))


def gb_code(kind: int) -> int:
    """The code of a character of GB 2312's level 1, 0 ... 3754: 0xB0A1 ... 0xD7F9."""
    row, column = divmod(kind, CHARACTERS_OF_A_ROW)
    return (LEVEL_1_ROW + row) << 8 | 0xA1 + column


def pot_sample(code: int, strokes: list[np.ndarray]) -> bytes:
    """A sample of a .pot file, in little-endian integers: size, code, number of strokes, strokes, end."""
    numbers = [number for stroke in strokes for number in (*stroke.ravel().tolist(), -1, 0)]
    body = struct.pack(f"<{len(numbers) + 2}h", *numbers, -1, -1)
    return struct.pack("<HIH", 8 + len(body), code, len(strokes)) + body


def number_up_to(most: int) -> Callable[[str], int]:
    """The type of an option that is 1 ... most."""

    def number(text: str) -> int:
        if not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not 1 ... {most}")
        return int(text)

    return number


def main() -> None:
    """Make what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sets = parser.add_subparsers(dest="set", required=True)
    for make, most in (
        (assamese, {"classes": 183, "writers": 45}),
        (chinese, {"classes": LEVEL_1, "writers": 240, "test_writers": 60}),
    ):
        options = sets.add_parser(make.__name__, help=make.__doc__.split(":")[0])
        options.add_argument("folder", type=Path, help="where the files go")
        defaults = inspect.signature(make).parameters
        for name, limit in most.items():
            default = defaults[name].default
            help_text = f"1 ... {limit} ({default})"
            option = f"--{name.replace('_', '-')}"
            options.add_argument(option, type=number_up_to(limit), default=default, metavar="N", help=help_text)
    options = vars(parser.parse_args())
    {"assamese": assamese, "chinese": chinese}[options.pop("set")](**options)


if __name__ == "__main__":
    main()
