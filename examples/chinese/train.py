"""Train a sparse network to read Chinese characters from pen strokes, and read those of other writers.

The last line is `test accuracy 9x.xx% (N of M), among the first five ...%`; the picture shows what was misread.
"""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import Path

import numpy as np

import scn

EXAMPLE = Path(__file__).resolve().parent
sys.path.insert(0, str(EXAMPLE.parent / "common"))
sys.path.append(str(EXAMPLE.parents[1] / "bindings" / "python" / "tests" / "examples"))

import make_handwriting

import reading
import running
from handwriting import Characters, Distortion

FIRST_ROW, FIRST_COLUMN, COLUMNS, CLASSES = 0xB0, 0xA1, 94, 3755  # GB 2312, level 1: 0xB0A1 ... 0xD7F9
TRAINING_WRITERS, TEST_WRITERS = range(1001, 1241), range(1241, 1301)
NAME = re.compile(r"(\d{4})(?:-c)?\.pot")
LARGEST_FILE = 1 << 26  # a real file has a megabyte
BOX = 48  # sites along a character's longer side, in a field of 63
DISTORTION = partial(Distortion, rotation=0.15, shear=0.15, scale=0.1, shift=2)  # stays within the field
NETWORKS = ("VGG-C", "VGG-Cplus", "ResNet")
VGG = {
    "VGG-C": ("C16 C16 MP C32 C32 MP C48 C48 MP C64 C64 MP C96 C96", 96),
    "VGG-Cplus": ("C16,8 C16,8 MP C32,8 C32,8 MP C48,16 C48,16 MP C64,16 C64,16 MP C96,16 C96,16", 112),
}


def body(network: str) -> scn.Sequential:
    """The networks of SparseConvNet's example, VGG-C.py, VGG-Cplus.py, ResNet-A-VSC.py, down to 128 planes on a
    site."""
    if network == "ResNet":
        layers = scn.Sequential(scn.SubmanifoldConvolution(2, 3, 16, 3, False), scn.MaxPooling(2, 3, 2))
        layers.add(scn.SparseResNet(2, 16, "b16x2 b32x2/2 b48x2/2 b96x2/2"))
        layers.add(scn.Convolution(2, 96, 128, 3, 1, False))
    else:
        text, planes = VGG[network]
        layers = scn.SparseVggNet(2, 3, text).add(scn.Convolution(2, planes, 128, 3, 2, False))
    return layers.add(scn.BatchNormReLU(128)).add(scn.SparseToDense(2, 128))


def read_pot(path: Path) -> Characters:
    """Read a file of CASIA-OLHWDB: the characters of GB 2312's level 1, with labels 0 ... 3754 in the order of the
    code.

    Samples of other characters, symbols above all, are left out. points are int16, y grows downward.
    """
    size = path.stat().st_size
    if size == 0 or size % 4 or size > LARGEST_FILE:
        raise reading.DataError(f"{path}: expected a .pot file, 4 to {LARGEST_FILE} bytes in fours, got {size} bytes")
    pairs = np.fromfile(path, "<i2").reshape(-1, 2)
    # Everything has 4 bytes or 8, so that each pair (-1, -1) is the end of a sample.
    ends = np.flatnonzero((pairs == -1).all(axis=1))
    begins = np.concatenate([[0], ends + 1])
    if begins[-1] != len(pairs):
        raise reading.DataError(
            f"{path}: the sample at byte {4 * begins[-1]} has no end, (-1, -1): is the file cut off?"
        )
    begins = begins[:-1]

    def check(right: np.ndarray, what: str) -> None:
        if not right.all():
            raise reading.DataError(f"{path}: the sample at byte {4 * begins[np.argmin(right)]} {what}")

    check(ends - begins >= 2, "has no header: expected size, code and number of strokes")
    header = pairs.view("<u2")
    code = header[begins, 1].astype(np.int64) + (header[begins + 1, 0].astype(np.int64) << 16)
    sample = np.repeat(np.arange(len(begins)), ends - begins + 1)
    in_body = np.ones(len(pairs), bool)
    in_body[begins] = in_body[begins + 1] = in_body[ends] = False
    marks = in_body & (pairs[:, 0] == -1)
    check(np.bincount(sample[marks & (pairs[:, 1] != 0)], minlength=len(begins)) == 0, "has a point with x = -1")
    counts = np.bincount(sample[marks], minlength=len(begins))
    check(counts == header[begins + 1, 1], "has another number of strokes than its header says")
    check(marks[ends - 1] | (ends - begins == 2), "has a stroke that does not end with (-1, 0)")

    row, column = (code >> 8) - FIRST_ROW, (code & 255) - FIRST_COLUMN
    label = row * COLUMNS + column
    wanted = (row >= 0) & (column >= 0) & (column < COLUMNS) & (label < CLASSES)
    points = in_body & ~marks
    check((np.bincount(sample[points], minlength=len(begins)) > 0) | ~wanted, "has no point")
    kept = points & wanted[sample]
    number = np.cumsum(wanted) - 1
    character, stroke = number[sample[kept]].astype(np.int32), np.cumsum(marks, dtype=np.int32)[kept]
    return Characters(pairs[kept], character, stroke, label[wanted])


def name_of(label: int) -> str:
    """The character of a label, 0 ... 3754."""
    row, column = divmod(label, COLUMNS)
    return bytes([FIRST_ROW + row, FIRST_COLUMN + column]).decode("gb2312")


def read_folder(folder: Path, most_writers: int | None = None) -> tuple[reading.Sample, reading.Sample]:
    """Read the .pot files in a folder and those in it: 1001 ... 1240 to learn from, 1241 ... 1300 to test.

    Their names are those numbers, with -c behind them or not. most_writers: leave out training writers beyond so many.
    """
    found = {writer: path for (writer,), path in sorted(reading.find(folder, NAME).items())}
    training = [path for writer, path in found.items() if writer in TRAINING_WRITERS][:most_writers]
    test = [path for writer, path in found.items() if writer in TEST_WRITERS]
    if not training or not test:
        raise reading.DataError(
            f"{folder}: expected files 1001-c.pot ... 1240-c.pot to learn from and 1241-c.pot ... 1300-c.pot to test, "
            f"found {len(training)} and {len(test)}"
        )
    *characters, names = reading.read_files(training, test, read_pot, name_of)
    return reading.Sample(characters[0], names, len(training)), reading.Sample(characters[1], names, len(test))


def main() -> None:
    """Read the data, train, read characters of other writers, draw."""
    options = reading.parse(__doc__.splitlines()[0], NETWORKS, 10, 12, 4, "demo-output/chinese")
    classes, writers, others = (6, 20, 5) if options.quick else (60, 32, 8)
    folder = reading.data_folder(
        options,
        lambda folder: make_handwriting.chinese(folder, classes, writers, others),
        f"{classes}x{writers}+{others}",
    )
    training, test = read_folder(folder, options.writers)
    reading.learn("chinese", reading.Reader(body(options.network), 128, BOX, DISTORTION), training, test, options)


if __name__ == "__main__":
    running.run(main, "chinese", reading.DataError)
