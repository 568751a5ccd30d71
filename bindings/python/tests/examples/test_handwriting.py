"""The examples on handwriting: readers of UCI's and CASIA's files, networks, and a shortened run of each."""

import re
import struct

import make_handwriting
import numpy as np
import pytest
from programs import EXAMPLES, ending, program

import scn

assamese, chinese = program("assamese"), program("chinese")

import handwriting
import handwriting_views
import reading

ONE_CHARACTER = """NAME ka
STROKES 2
anything
-
PEN_DOWN
100      200
150      210
PEN_UP
PEN_DOWN
120      180
PEN_UP
END
"""


def parse(text):
    return assamese.parse_strokes(text.splitlines(), "1.2.txt")


def test_assamese_strokes_are_the_points_between_their_marks():
    assert parse(ONE_CHARACTER) == [[(100, 200), (150, 210)], [(120, 180)]]
    assert parse(ONE_CHARACTER.replace("\n", "      \r\n")) == parse(ONE_CHARACTER)
    assert parse(ONE_CHARACTER.replace("150      210", "150 210 7")) == parse(ONE_CHARACTER), "a third column"
    empty_stroke = ONE_CHARACTER.replace("PEN_UP\nPEN_DOWN", "PEN_UP\nPEN_DOWN\nPEN_UP\nPEN_DOWN")
    assert parse(empty_stroke) == parse(ONE_CHARACTER)


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("150      210", "150", "line 7: expected a point, two integers x y, got '150'"),
        ("150      210", "nan nan", "line 7: expected a point"),
        ("150      210", "1.5 2", "line 7: expected a point"),
        ("150      210", "1 " + "9" * 5000, "line 7: expected a point"),
        ("150      210", "1 65536", "line 7: a coordinate greater than 65535"),
        ("150      210", "-65536 1", "line 7: a coordinate greater than 65535"),
        ("150      210", "PEN_DOWN", "line 7: a stroke within the stroke of line 5"),
        ("PEN_UP\nPEN_DOWN", "PEN_UP\n1 2\nPEN_DOWN", "line 9: a point outside a stroke"),
        ("PEN_UP\nPEN_DOWN", "PEN_UP\nPEN_UP\nPEN_DOWN", "line 9: the end of a stroke that did not begin"),
        ("PEN_UP\nEND\n", "", "line 9: this stroke does not end: is the file cut off?"),
        ("PEN_", "pen-", ": expected strokes, points between PEN_DOWN and PEN_UP, and there are none"),
    ],
)
def test_assamese_reader_names_file_and_line_of_what_is_wrong(old, new, message):
    assert old in ONE_CHARACTER
    with pytest.raises(reading.DataError, match=r"^1\.2\.txt(, )?" + re.escape(message)):
        parse(ONE_CHARACTER.replace(old, new))


def test_assamese_files_that_are_cut_off_or_no_text_are_refused(tmp_path, random):
    path = tmp_path / "3.1.txt"
    path.write_text(ONE_CHARACTER)
    whole = assamese.read_file(path)
    assert whole.labels.tolist() == [2] and [len(stroke) for stroke in whole.strokes(0)] == [2, 1]
    refused = 0
    for length in range(len(ONE_CHARACTER)):
        path.write_text(ONE_CHARACTER[:length])
        try:
            part = assamese.read_file(path)
        except reading.DataError:
            refused += 1
        else:
            assert len(part.points) in (2, 3), "whole strokes"
    assert refused > 0.7 * len(ONE_CHARACTER)
    for garbage in (b"", random.bytes(3000), b"PEN_DOWN\n" + random.bytes(3000), b"\0" * 100):
        path.write_bytes(garbage)
        with pytest.raises(reading.DataError, match=re.escape(str(path))):
            assamese.read_file(path)
    path.write_bytes(b" " * (assamese.LARGEST_FILE + 1))
    with pytest.raises(reading.DataError, match="which is no file of one character"):
        assamese.read_file(path)


def test_assamese_writers_are_those_of_the_original(tmp_path):
    make_handwriting.assamese(tmp_path, classes=2, writers=45)
    training, test = assamese.read_folder(tmp_path)
    assert (training.writers, test.writers) == (36, 9)
    assert (len(training.characters), len(test.characters)) == (72, 18)
    assert training.names == test.names == ["1", "2"]
    for sample, writers in ((training, [1, 2, 3, 4, 5, 7]), (test, [6, 15, 16, 19, 26, 28, 29, 30, 43])):
        for position, writer in enumerate(writers):  # all of the first character come first
            wanted = make_handwriting.Writer(writer).write(1)
            found = sample.characters.strokes(position)
            assert [stroke.tolist() for stroke in found] == [stroke.tolist() for stroke in wanted]
    few, _ = assamese.read_folder(tmp_path, most_writers=3)
    assert few.writers == 3 and len(few.characters) == 6
    assert few.characters.points.dtype == np.int32 and few.characters.character.dtype == np.int32


def test_assamese_folders_that_cannot_be_learned_from_are_refused(tmp_path):
    with pytest.raises(reading.DataError, match="found those of 0 and 0 writers"):
        assamese.read_folder(tmp_path)
    (tmp_path / "1.1.txt").write_text(ONE_CHARACTER)
    with pytest.raises(reading.DataError, match="found those of 0 and 1 writers"):
        assamese.read_folder(tmp_path)
    (tmp_path / "184.6.txt").write_text(ONE_CHARACTER)
    with pytest.raises(reading.DataError, match=r"184\.6\.txt: expected CHARACTER\.WRITER\.txt of 1 \.\.\. 183"):
        assamese.read_folder(tmp_path)
    (tmp_path / "184.6.txt").rename(tmp_path / "1.6.txt")
    assert [len(sample.characters) for sample in assamese.read_folder(tmp_path)] == [1, 1]
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "1.6.txt").write_text(ONE_CHARACTER)
    with pytest.raises(reading.DataError, match="there is another file of this name"):
        assamese.read_folder(tmp_path)


def pot(*samples):
    """Bytes of a .pot file; samples: (bytes of the code on disk, strokes), spelled out number by number."""
    data = b""
    for code, strokes in samples:
        body = b"".join(struct.pack("<hh", x, y) for stroke in strokes for x, y in [*stroke, (-1, 0)])
        body += struct.pack("<hh", -1, -1)
        data += struct.pack("<H", len(body) + 8) + code + struct.pack("<H", len(strokes)) + body
    return data


FIRST, LAST = b"\xa1\xb0\0\0", b"\xf9\xd7\0\0"  # 0xB0A1 and 0xD7F9, the lower byte first
TWO = pot((FIRST, [[(10, 20), (30, 40)], [(-5, 32767)]]), (b"A\0\0\0", [[(1, 2)]]), (LAST, [[(7, 8), (9, 10)]]))


@pytest.fixture
def read_pot(tmp_path):
    def read(data):
        path = tmp_path / "1001-c.pot"
        path.write_bytes(data)
        return chinese.read_pot(path)

    return read


def test_pot_files_are_read(read_pot):
    characters = read_pot(TWO)
    assert characters.labels.tolist() == [0, 3754]
    assert [stroke.tolist() for stroke in characters.strokes(0)] == [[[10, 20], [30, 40]], [[-5, 32767]]]
    assert [stroke.tolist() for stroke in characters.strokes(1)] == [[[7, 8], [9, 10]]]
    assert characters.points.dtype == np.int16


def test_labels_are_the_3755_characters_of_level_1(read_pot, monkeypatch):
    codes = [(row << 8 | column) for row in range(0xB0, 0xD8) for column in range(0xA1, 0xFF)][:3755]
    others = [0x41, 0xB0A0, 0xB0FF, 0xAFA1, 0xD7FA, 0xD8A1, 0xFFFF, 0x1B0A1, 0xB0A1B0A1]
    data = pot(*((struct.pack("<I", code), [[(1, 2)]]) for code in (*codes, *others)))
    assert read_pot(data).labels.tolist() == list(range(3755))
    characters = [struct.pack(">H", code).decode("gb2312") for code in codes]
    assert characters[0] == "\N{CJK UNIFIED IDEOGRAPH-554A}" and characters[-1] == "\N{CJK UNIFIED IDEOGRAPH-5EA7}"
    assert list(map(chinese.name_of, range(3755))) == characters
    for has_font, shown in ((False, ["7", "b0a1", "d7f9"]), (True, ["7", characters[0], characters[-1]])):
        monkeypatch.setattr(handwriting_views, "_use_chinese_font", lambda: has_font)
        assert handwriting_views.printable(["7", characters[0], characters[-1]]) == shown


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "expected a .pot file, 4 to 67108864 bytes in fours, got 0 bytes"),
        (TWO[:-1], f"got {len(TWO) - 1} bytes"),
        (TWO[:-4], "the sample at byte 52 has no end"),
        (TWO[:8], "the sample at byte 0 has no end"),
        (TWO + b"\xff" * 4, f"the sample at byte {len(TWO)} has no header"),
        (b"\xff" * 8, "the sample at byte 0 has no header"),
        (TWO[:6] + b"\xff\xff" + TWO[8:], "the sample at byte 0 has another number of strokes than its header says"),
        (TWO[:12] + struct.pack("<hh", -1, 0) + TWO[16:], "the sample at byte 0 has another number of strokes"),
        (TWO[:28] + struct.pack("<hh", 3, 0) + TWO[32:], "the sample at byte 0 has another number of strokes"),
        (TWO[:8] + struct.pack("<hh", -1, 7) + TWO[12:], "the sample at byte 0 has a point with x = -1"),
        (pot((FIRST, [])), "the sample at byte 0 has no point"),
        (pot((FIRST, [[(1, 2)]]), (FIRST, [[], []])), "the sample at byte 20 has no point"),
        (struct.pack("<HIHhhhh", 16, 0xB0A1, 0, 1, 2, -1, -1), "has a stroke that does not end with (-1, 0)"),
    ],
)
def test_pot_files_that_are_wrong_are_refused(read_pot, data, message):
    with pytest.raises(reading.DataError, match=r"1001-c\.pot: .*" + re.escape(message)):
        read_pot(data)


def test_garbage_is_refused_or_read_but_never_a_crash(read_pot, random):
    outcomes = {True: 0, False: 0}
    for _ in range(300):
        data = bytearray(TWO)
        for place in random.integers(0, len(data), random.integers(1, 4)):
            data[place] = random.choice([0, 255, random.integers(256)])
        try:
            characters = read_pot(bytes(data[: 4 * random.integers(1, len(data) // 4 + 1)]))
        except reading.DataError:
            outcomes[False] += 1
        else:
            outcomes[True] += 1
            assert len(characters) == len(np.unique(characters.character))
    assert min(outcomes.values()) > 5
    with pytest.raises(reading.DataError):
        read_pot(random.bytes(1 << 20))


def test_written_characters_are_read_again(tmp_path):
    make_handwriting.chinese(tmp_path / "deep" / "POT", classes=3, writers=2, test_writers=1)
    training, test = chinese.read_folder(tmp_path)
    assert (training.writers, test.writers, len(training.names)) == (2, 1, 3)
    assert training.characters.labels.tolist() == [0, 1, 2] * 2 and test.characters.labels.tolist() == [0, 1, 2]
    writer = make_handwriting.Writer(1002)
    for symbol in range(4):
        writer.write(3755 + symbol)
    for kind in range(3):
        found = training.characters.strokes(3 + kind)
        assert [stroke.tolist() for stroke in found] == [stroke.tolist() for stroke in writer.write(kind)]
    assert len(chinese.read_folder(tmp_path, 1)[0].characters) == 3


def test_chinese_folders_that_cannot_be_learned_from_are_refused(tmp_path):
    (tmp_path / "1300.pot").write_bytes(TWO)
    (tmp_path / "0001-c.pot").write_bytes(TWO)
    with pytest.raises(reading.DataError, match="to test, found 0 and 1"):
        chinese.read_folder(tmp_path)
    (tmp_path / "1001-c.pot").write_bytes(pot((b"A\0\0\0", [[(1, 2)]])))
    with pytest.raises(reading.DataError, match="its files hold none of the characters to read"):
        chinese.read_folder(tmp_path)
    (tmp_path / "1001-c.pot").write_bytes(TWO)
    assert [len(sample.characters) for sample in chinese.read_folder(tmp_path)] == [2, 2]


@pytest.mark.parametrize(
    "example, network, classes, parameters",
    [
        # What SparseConvNet's programs print or would print.
        (assamese, "VGGplus", 183, 97295),
        (assamese, "ResNet", 183, 139551),
        (chinese, "VGG-C", 3755, 850139),
        (chinese, "VGG-Cplus", 3755, 1033715),
        (chinese, "ResNet", 3755, 1064955),
    ],
)
def test_networks_are_those_of_the_original(example, network, classes, parameters):
    reader = reading.Reader(example.body(network), 64 if example is assamese else 128, example.BOX)
    assert reader.field == (95 if example is assamese else 63)
    whole = reader.network(classes)
    assert sum(parameter.numel() for parameter in whole.parameters()) == parameters
    strokes = [np.array([[0, 0], [1000, 50], [400, 900]]), np.array([[7, 7]])]
    stroke = np.repeat([0, 1], [3, 1])
    one = handwriting.Characters(np.concatenate(strokes), np.zeros(4, np.int64), stroke, np.array([0]))
    guesses = reading.read(whole.eval(), one.take(np.zeros(3, np.int64)), reader)
    assert guesses.shape == (3, 5) and (guesses == guesses[0]).all()


def test_distorted_characters_keep_within_the_field(random):
    writer = make_handwriting.Writer(1)
    strokes = [writer.write(kind) for kind in range(50)]
    points = [stroke for character in strokes for stroke in character]
    lengths = [sum(map(len, character)) for character in strokes]
    characters = handwriting.Characters(
        np.concatenate(points),
        np.repeat(np.arange(50), lengths),
        np.repeat(np.arange(len(points)), list(map(len, points))),
        np.zeros(50, np.int64),
    )
    for example, distortion, field in ((assamese, handwriting.Distortion, 95), (chinese, chinese.DISTORTION, 63)):
        at_edge = 0
        for _ in range(20):
            moved = distortion(field)(handwriting.fit(characters, field, example.BOX), random).points
            assert moved.min() >= 0 and moved.max() < field * handwriting.UNIT
            at_edge += int(((moved == 0) | (moved == field * handwriting.UNIT - 1)).any(axis=1).sum())
        assert at_edge < 0.01 * 20 * len(characters.points), "what would leave the field is pressed against its edge"


def test_accuracy_counts_the_first_and_the_first_five():
    guesses = np.array([[3, 1, 2, 0, 4], [0, 1, 2, 3, 4], [5, 4, 3, 2, 1], [9, 8, 7, 6, 5]])
    said = reading.accuracy(guesses, np.array([3, 4, 0, 8]))
    assert said == "test accuracy 25.00% (1 of 4), among the first five 75.00%"


def test_the_picture_shows_what_was_misread_and_what_was_not(tmp_path):
    make_handwriting.chinese(tmp_path, classes=4, writers=1, test_writers=1)
    _, test = chinese.read_folder(tmp_path)
    sizes = []
    for guesses in (test.characters.labels, np.zeros(4, np.int64), np.full(4, 9)):
        test.names.extend("?" for _ in range(10 - len(test.names)))
        reading.picture(test, guesses, tmp_path / "page.png")
        sizes.append((tmp_path / "page.png").stat().st_size)
    assert min(sizes) > 10_000 and len(set(sizes)) == 3


def learned(name, environment, output, *arguments):
    """The last line of a shortened run that reads more than half of the characters."""
    done = ending(name, environment, "--quick", "--output", output, *arguments)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("The data are synthetic")
    last = re.fullmatch(r"test accuracy \d+\.\d\d% \((\d+) of (\d+)\), among the first five .*%", lines[-1])
    assert last and int(last[1]) > 0.5 * int(last[2]), "a guess at random is right for a sixth of the characters"
    assert (output / f"{name}.png").stat().st_size > 10_000
    assert len((output / "classes.txt").read_text(encoding="utf-8").splitlines()) == 6
    return lines[-1]


def test_a_short_run_learns_and_goes_on_where_it_stopped(tmp_path, subprocess_environment):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    last = learned("assamese", subprocess_environment, whole)
    stopped = ending(
        "assamese", subprocess_environment, "--quick", "--output", parts, "--stop-after", 2, "--threads", 1
    )
    assert stopped.returncode == 0, stopped.stderr
    assert learned("assamese", subprocess_environment, parts, "--resume") == last
    assert (parts / "assamese.safetensors").read_bytes() == (whole / "assamese.safetensors").read_bytes()
    other = ending("assamese", subprocess_environment, "--quick", "--output", parts, "--resume", "--network", "ResNet")
    assert other.returncode == 1 and "Traceback" not in other.stderr
    assert re.fullmatch(r"assamese: .*training.safetensors: .*", other.stderr.splitlines()[-1])


def test_a_short_run_on_pot_files_learns(tmp_path, subprocess_environment):
    learned("chinese", subprocess_environment, tmp_path)
    opened = scn.load(tmp_path / "chinese.safetensors")
    assert sum(parameter.numel() for parameter in opened.parameters()) > 300_000


def test_what_is_wrong_with_the_data_is_said_in_a_line(refusals, tmp_path, subprocess_environment):
    (tmp_path / "1001-c.pot").write_bytes(b"no pot file!")
    (tmp_path / "1241-c.pot").write_bytes(TWO)
    output = ["--output", str(tmp_path / "out")]
    wrong = [
        ["--data", str(tmp_path / "nowhere"), *output],
        ["--data", str(tmp_path), *output],
        ["--quick", "--data", str(tmp_path), *output],
        ["--network", "VGG", *output],
        ["--writers", "0", *output],
        ["--epochs", "-1", *output],
    ]
    answers = refusals(EXAMPLES / "chinese" / "train.py", wrong, subprocess_environment)
    assert answers[0][0] == f"chinese: --data: there is no folder {tmp_path / 'nowhere'}"
    said = "the sample at byte 0 has no end, (-1, -1): is the file cut off?"
    assert answers[1][0] == f"chinese: {tmp_path / '1001-c.pot'}: {said}"
    for status, errors in answers[2:]:
        assert status == 2 and "usage:" in errors and "Traceback" not in errors
