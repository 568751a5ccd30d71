"""Train a sparse network to read Assamese characters from pen strokes, and read those of other writers.

The last line is `test accuracy 9x.xx% (N of M), among the first five ...%`; the picture shows what was misread.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import scn

EXAMPLE = Path(__file__).resolve().parent
sys.path.insert(0, str(EXAMPLE.parent / "common"))
sys.path.append(str(EXAMPLE.parents[1] / "bindings" / "python" / "tests" / "examples"))

import make_handwriting

import reading
import running
from handwriting import Characters

CLASSES, WRITERS = 183, 45
TEST_WRITERS = {6, 15, 16, 19, 26, 28, 29, 30, 43}  # those of SparseConvNet's example
NAME = re.compile(r"(\d{1,4})\.(\d{1,4})\.txt")
LARGEST_FILE, LARGEST_COORDINATE = 1 << 20, 65535  # a real file has some kilobytes
BOX = 63  # sites along a character's longer side, in a field of 95
NETWORKS = ("VGGplus", "ResNet")


def body(network: str) -> scn.Sequential:
    """The networks of SparseConvNet's example, VGGplus.py and ResNet.py, down to 64 planes on one site."""
    if network == "VGGplus":
        layers = scn.SparseVggNet(2, 3, "C8 C8 MP C16 C16 MP C16,8 C16,8 MP C24,8 C24,8 MP")
    else:
        layers = scn.Sequential(scn.SubmanifoldConvolution(2, 3, 8, 3, False), scn.MaxPooling(2, 3, 2))
        layers.add(scn.SparseResNet(2, 8, "b8x2 b16x2/2 b24x2/2 b32x2/2"))
    layers.add(scn.Convolution(2, 32, 64, 5, 1, False)).add(scn.BatchNormReLU(64))
    return layers.add(scn.SparseToDense(2, 64))


def parse_strokes(lines: Iterable[str], name: str) -> list[list[tuple[int, int]]]:
    """The strokes of a file's character, each a list of (x, y); `name` stands for the file in messages.

    What comes before the first PEN_DOWN is the header; what comes between strokes and is no point is left alone.
    """
    strokes: list[list[tuple[int, int]]] = []
    down_line = 0

    def wrong(what: str, line: int) -> reading.DataError:
        return reading.DataError(f"{name}, line {line}: {what}")

    for number, line in enumerate(lines, 1):
        words = line.split()
        if words[:1] == ["PEN_DOWN"]:
            if down_line:
                raise wrong(f"a stroke within the stroke of line {down_line}", number)
            down_line = number
            strokes.append([])
        elif words[:1] == ["PEN_UP"]:
            if not down_line:
                raise wrong("the end of a stroke that did not begin", number)
            down_line = 0
        elif down_line and words:
            if len(words) < 2 or not all(re.fullmatch(r"[+-]?[0-9]{1,9}", word) for word in words[:2]):
                raise wrong(f"expected a point, two integers x y, got {line.strip()[:40]!r}", number)
            point = int(words[0]), int(words[1])
            if max(map(abs, point)) > LARGEST_COORDINATE:
                raise wrong(f"a coordinate greater than {LARGEST_COORDINATE}", number)
            strokes[-1].append(point)
        elif strokes and words and re.fullmatch(r"[+-]?[0-9]+", words[0]):
            raise wrong("a point outside a stroke", number)
    if down_line:
        raise wrong("this stroke does not end: is the file cut off?", down_line)
    strokes = [stroke for stroke in strokes if stroke]
    if not strokes:
        raise reading.DataError(f"{name}: expected strokes, points between PEN_DOWN and PEN_UP, and there are none")
    return strokes


def read_file(path: Path) -> Characters:
    """Read the character of a file, whose label is the first number of its name less 1. y grows downward."""
    if path.stat().st_size > LARGEST_FILE:
        raise reading.DataError(f"{path}: has over {LARGEST_FILE} bytes, which is no file of one character")
    with open(path, encoding="latin-1") as lines:
        strokes = parse_strokes(lines, str(path))
    points = np.concatenate([np.array(stroke, np.int32) for stroke in strokes])
    stroke = np.repeat(np.arange(len(strokes)), [len(stroke) for stroke in strokes])
    label = int(path.name.split(".")[0]) - 1
    return Characters(points, np.zeros(len(points), np.int64), stroke, np.array([label]))


def read_folder(folder: Path, most_writers: int | None = None) -> tuple[reading.Sample, reading.Sample]:
    """Read all CHARACTER.WRITER.txt in a folder and those in it, the characters to learn from and those to test.

    most_writers: leave out training writers beyond so many, in the order of their numbers.
    """
    found = reading.find(folder, NAME)
    for (character, writer), path in found.items():
        if not (1 <= character <= CLASSES and 1 <= writer <= WRITERS):
            raise reading.DataError(f"{path}: expected CHARACTER.WRITER.txt of 1 ... {CLASSES}, 1 ... {WRITERS}")
    writers = {writer for _, writer in found}
    training, test = sorted(writers - TEST_WRITERS)[:most_writers], sorted(writers & TEST_WRITERS)
    if not training or not test:
        needed = ", ".join(map(str, sorted(TEST_WRITERS)))
        raise reading.DataError(
            f"{folder}: expected files CHARACTER.WRITER.txt by writers to test ({needed}) and by others to learn from, "
            f"found those of {len(test)} and {len(training)} writers"
        )
    paths = [[path for (_, writer), path in sorted(found.items()) if writer in part] for part in (training, test)]
    *characters, names = reading.read_files(*paths, read_file, lambda label: str(label + 1))
    return reading.Sample(characters[0], names, len(training)), reading.Sample(characters[1], names, len(test))


def main() -> None:
    """Read the data, train, read characters of other writers, draw."""
    options = reading.parse(__doc__.splitlines()[0], NETWORKS, 100, 12, 4, "demo-output/assamese")
    classes, writers = (6, 30) if options.quick else (60, WRITERS)
    folder = reading.data_folder(
        options, lambda folder: make_handwriting.assamese(folder, classes, writers), f"{classes}x{writers}"
    )
    training, test = read_folder(folder, options.writers)
    reading.learn("assamese", reading.Reader(body(options.network), 64, BOX), training, test, options)


if __name__ == "__main__":
    running.run(main, "assamese", reading.DataError)
