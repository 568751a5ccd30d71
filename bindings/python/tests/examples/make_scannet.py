"""Writes synthetic rooms in the files of ScanNet: make_scannet.py FOLDER.

Rooms with doors, windows, pictures, curtains and furniture of random sizes and colors; every third is a bathroom. As in
ScanNet, each is a mesh SCENE_vh_clean_2.ply in binary little-endian PLY with colors, z pointing up, in meters, and a
copy of it in SCENE_vh_clean_2.labels.ply, whose vertices have the id of one of NYU's 40 classes, or 0.
`scannetv2_train.txt` and `scannetv2_val.txt` say which scenes of the folder `scans` are which, and
`scannetv2_test.txt` names one of `scans_test`, which has no labels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

Random = np.random.Generator
HEIGHT = 2.2
NOISE = 0.004  # meters, of each vertex
WALL, FLOOR, CABINET, BED, CHAIR, SOFA, TABLE, DOOR, WINDOW, BOOKSHELF, PICTURE, COUNTER = range(1, 13)
DESK, CURTAIN, REFRIGERATOR, SHOWER_CURTAIN, TOILET, SINK, BATHTUB, OTHER_FURNITURE = 14, 16, 24, 28, 33, 34, 36, 39
LAMP, OTHER = 35, 40  # not in the benchmark
VERTEX = [(name, "<f4") for name in "xyz"] + [(name, "u1") for name in ("red", "green", "blue", "alpha")]
FACE = [("corners", "u1"), ("vertex_indices", "<i4", 3)]


class Mesh:
    """Pieces of surface, each with a class and a color."""

    def __init__(self, spacing: float, random: Random) -> None:
        self.spacing, self.random = spacing, random
        self.points, self.colors, self.labels, self.faces = [], [], [], []
        self.count = 0
        self.turn, self.shift = np.eye(3), np.zeros(3)  # of what is added next

    def patch(self, corner, across, up, color, label: int, wave: float = 0.0) -> None:
        """A rectangle from a corner along two edges; wave: how far it bends to and fro, in meters."""
        corner, across, up = (self.turn @ value for value in (corner, across, up))
        corner = corner + self.shift
        columns, rows = (max(2, round(np.linalg.norm(edge) / self.spacing) + 1) for edge in (across, up))
        s, t = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows), indexing="ij")
        points = corner + s.reshape(-1, 1) * across + t.reshape(-1, 1) * up
        normal = np.cross(across, up) / np.linalg.norm(np.cross(across, up))
        points += (wave * np.sin(s.reshape(-1, 1) * 40)) * normal + NOISE * self.random.standard_normal(points.shape)
        light = 0.8 + 0.2 * abs(normal @ [0.3, 0.5, 0.8])
        tones = np.asarray(color) * light + 6 * self.random.standard_normal((len(points), 1))
        first = (np.arange(columns - 1)[:, None] * rows + np.arange(rows - 1)).reshape(-1, 1) + self.count
        halves = first + [0, rows, rows + 1], first + [0, rows + 1, 1]
        self.points.append(points)
        self.colors.append(np.clip(tones, 0, 255).astype(np.uint8))
        self.labels.append(np.full(len(points), label, np.uint16))
        self.faces.append(np.concatenate(halves))
        self.count += len(points)

    def box(self, low, size, color, label: int) -> None:
        """The sides of a box but for the lower one."""
        low, (x, y, z) = np.asarray(low, float), size
        for corner, across, up in (
            ([0, 0, z], [x, 0, 0], [0, y, 0]),
            ([0, 0, 0], [x, 0, 0], [0, 0, z]),
            ([0, y, 0], [x, 0, 0], [0, 0, z]),
            ([0, 0, 0], [0, y, 0], [0, 0, z]),
            ([x, 0, 0], [0, y, 0], [0, 0, z]),
        ):
            self.patch(low + corner, across, up, color, label)

    def write(self, stem: Path, is_labeled: bool) -> None:
        """Write SCENE_vh_clean_2.ply, and with labels SCENE_vh_clean_2.labels.ply."""
        vertices = np.zeros(self.count, [*VERTEX, ("label", "<u2")])
        for name, column in zip("xyz", np.concatenate(self.points).T):
            vertices[name] = column
        for name, column in zip(("red", "green", "blue"), np.concatenate(self.colors).T):
            vertices[name] = column
        vertices["alpha"], vertices["label"] = 255, np.concatenate(self.labels)
        faces = np.zeros(sum(map(len, self.faces)), FACE)
        faces["corners"], faces["vertex_indices"] = 3, np.concatenate(self.faces)
        stem.parent.mkdir(parents=True, exist_ok=True)
        bare = np.zeros(self.count, VERTEX)
        for name, _ in VERTEX:
            bare[name] = vertices[name]
        for ending, values in (("", bare), (".labels", vertices)):
            if ending and not is_labeled:
                continue
            kinds = {"<f4": "float", "|u1": "uchar", "<u2": "ushort"}
            properties = [f"property {kinds[values.dtype[name].str]} {name}" for name in values.dtype.names]
            count = [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header", ""]
            head = ["ply", "format binary_little_endian 1.0", f"element vertex {len(values)}", *properties, *count]
            data = "\n".join(head).encode() + values.tobytes() + faces.tobytes()
            Path(f"{stem}_vh_clean_2{ending}.ply").write_bytes(data)


def legs(mesh: Mesh, low, size, height: float, color, label: int, thickness: float = 0.06) -> None:
    """Four legs below a plate."""
    for x in (0, size[0] - thickness):
        for y in (0, size[1] - thickness):
            mesh.box([low[0] + x, low[1] + y, 0], [thickness, thickness, height], color, label)


def bed(mesh: Mesh, x: float, y: float, size, random: Random) -> None:
    """Against the wall y = 0: mattress, headboard, pillows."""
    mesh.box([x, y, 0.15], [size[0], size[1], random.uniform(0.25, 0.4)], random.uniform(100, 240, 3), BED)
    mesh.box([x, y, 0], [size[0], 0.08, random.uniform(0.8, 1)], [120, 85, 60], BED)
    mesh.box([x + 0.15, y + 0.12, 0.45], [size[0] - 0.3, 0.35, 0.12], [230, 230, 235], BED)


def sofa(mesh: Mesh, x: float, y: float, size, random: Random) -> None:
    """Against the wall y = 0: seat, back, arms."""
    color = random.uniform(60, 170, 3)
    mesh.box([x, y, 0], [size[0], size[1], 0.42], color, SOFA)
    mesh.box([x, y, 0.42], [size[0], 0.25, 0.42], color, SOFA)
    for side in (x, x + size[0] - 0.2):
        mesh.box([side, y, 0.3], [0.2, size[1], 0.33], color, SOFA)


def bookshelf(mesh: Mesh, x: float, y: float, size, random: Random) -> None:
    """Open towards +y: sides, boards, rows of books."""
    height, wood = random.uniform(1.6, 2.1), random.uniform([110, 70, 40], [190, 140, 90])
    mesh.patch([x, y + 0.02, 0], [size[0], 0, 0], [0, 0, height], wood, BOOKSHELF)
    for side in (x, x + size[0]):
        mesh.patch([side, y, 0], [0, size[1], 0], [0, 0, height], wood, BOOKSHELF)
    for board in np.arange(0.1, height, 0.38):
        mesh.patch([x, y, board], [size[0], 0, 0], [0, size[1], 0], wood, BOOKSHELF)
        books = random.uniform(40, 230, 3)
        mesh.patch(
            [x, y + 0.6 * size[1], board], [size[0] * random.uniform(0.4, 0.9), 0, 0], [0, 0, 0.25], books, BOOKSHELF
        )


def cabinet(mesh: Mesh, x: float, y: float, size, random: Random) -> None:
    """A low box; half of them have a lamp on top, which the benchmark ignores."""
    height = random.uniform(0.7, 0.95)
    mesh.box([x, y, 0], [size[0], size[1], height], random.uniform([120, 80, 50], [210, 180, 150]), CABINET)
    if random.random() < 0.5:
        mesh.box([x + 0.2, y + 0.15, height], [0.2, 0.2, 0.35], [250, 240, 190], LAMP)


def refrigerator(mesh: Mesh, x: float, y: float, size, random: Random) -> None:
    """A tall bright box."""
    mesh.box(
        [x, y, 0], [size[0], size[1], random.uniform(1.6, 1.9)], random.uniform(190, 245) * np.ones(3), REFRIGERATOR
    )


def desk(mesh: Mesh, x: float, y: float, size, random: Random) -> None:
    """A plate on two side panels, with drawers below, things on top, which are unlabeled, and a chair before it."""
    wood = random.uniform([110, 80, 50], [220, 190, 150])
    mesh.box([x, y, 0.7], [size[0], 0.6, 0.05], wood, DESK)
    mesh.box([x, y, 0], [0.4, 0.55, 0.7], wood, DESK)
    mesh.patch([x + size[0], y, 0], [0, 0.6, 0], [0, 0, 0.7], wood, DESK)
    mesh.box([x + 0.5 * size[0], y + 0.15, 0.75], [0.5, 0.06, 0.35], [35, 35, 40], 0)
    chair(mesh, x + 0.6 * size[0], y + 0.6, random, back_is_far=True)


def chair(mesh: Mesh, x: float, y: float, random: Random, back_is_far: bool) -> None:
    """Seat, back, legs; the back is on the side of greater or lesser y."""
    color, side = random.uniform(40, 200, 3), random.uniform(0.4, 0.48)
    mesh.box([x, y, 0.43], [side, side, 0.05], color, CHAIR)
    mesh.box([x, y + (side - 0.05 if back_is_far else 0), 0.48], [side, 0.05, random.uniform(0.4, 0.5)], color, CHAIR)
    legs(mesh, [x, y], [side, side], 0.43, color, CHAIR, 0.04)


def table(mesh: Mesh, x: float, y: float, size, random: Random) -> None:
    """A plate on four legs, chairs on two sides of it, and a box on top, which the benchmark ignores."""
    wood = random.uniform([110, 80, 50], [230, 200, 170])
    top = [size[0], size[1] - 0.9]
    y += 0.45
    mesh.box([x, y, 0.7], [*top, 0.05], wood, TABLE)
    legs(mesh, [x, y], top, 0.7, wood, TABLE)
    mesh.box([x + 0.3 * size[0], y + 0.2, 0.75], [0.25, 0.2, 0.15], random.uniform(30, 230, 3), OTHER)
    for place in np.arange(0.15, top[0] - 0.5, 0.65):
        if random.random() < 0.8:
            chair(mesh, x + place, y - 0.25, random, back_is_far=False)
        if random.random() < 0.8:
            chair(mesh, x + place, y + top[1] - 0.2, random, back_is_far=True)


def bathtub(mesh: Mesh, x: float, y: float, size, random: Random) -> None:
    """Against the wall y = 0: four sides, a bottom, and a shower curtain before a part of it."""
    color, height, side = random.uniform(215, 250) * np.ones(3), random.uniform(0.5, 0.6), 0.08
    wide, deep = size[0], size[1] - 0.12
    for corner, extent in (
        ([x, y, 0], [wide, side, height]),
        ([x, y + deep - side, 0], [wide, side, height]),
        ([x, y, 0], [side, deep, height]),
        ([x + wide - side, y, 0], [side, deep, height]),
    ):
        mesh.box(corner, extent, color, BATHTUB)
    mesh.patch([x, y, 0.15], [wide, 0, 0], [0, deep, 0], color, BATHTUB)
    drawn = wide * random.uniform(0.4, 0.7)
    mesh.patch([x, y + deep + 0.06, 0.2], [drawn, 0, 0], [0, 0, 1.7], random.uniform(120, 240, 3), SHOWER_CURTAIN, 0.03)


def toilet(mesh: Mesh, x: float, y: float, size, random: Random) -> None:
    """Against the wall y = 0: tank and bowl."""
    white = random.uniform(225, 250) * np.ones(3)
    mesh.box([x, y, 0], [size[0], 0.2, random.uniform(0.7, 0.8)], white, TOILET)
    mesh.box([x + 0.03, y + 0.2, 0], [size[0] - 0.06, size[1] - 0.2, 0.4], white, TOILET)


def counter(mesh: Mesh, x: float, y: float, size, random: Random) -> None:
    """Against the wall y = 0: a plate with a sink, on cabinets."""
    mesh.box([x, y, 0], [size[0], size[1] - 0.05, 0.85], random.uniform([120, 80, 50], [210, 180, 150]), CABINET)
    mesh.box([x, y, 0.86], [size[0], size[1], 0.05], random.uniform(60, 160, 3), COUNTER)
    mesh.box([x + random.uniform(0.2, size[0] - 0.7), y + 0.1, 0.91], [0.5, 0.4, 0.08], [235, 235, 240], SINK)


def basket(mesh: Mesh, x: float, y: float, size, random: Random) -> None:
    """A low box of a loud color, which the benchmark counts as other furniture."""
    mesh.box(
        [x, y, 0],
        [size[0], size[1], random.uniform(0.4, 0.6)],
        random.uniform([150, 20, 20], [250, 120, 90]),
        OTHER_FURNITURE,
    )


# The least and the greatest sides of each, in meters; all but tables stand against the wall y = 0.
BATHROOM = {
    bathtub: ([1.5, 0.8], [1.7, 0.95]),
    toilet: ([0.4, 0.65], [0.5, 0.75]),
    counter: ([1.3, 0.55], [1.9, 0.65]),
    basket: ([0.4, 0.4], [0.6, 0.55]),
    cabinet: ([0.8, 0.4], [1.4, 0.5]),
}
FURNITURE = {
    bed: ([1.2, 1.9], [1.6, 2.1]),
    sofa: ([1.6, 0.8], [2.1, 0.95]),
    bookshelf: ([0.8, 0.28], [1.2, 0.35]),
    cabinet: ([0.8, 0.4], [1.4, 0.5]),
    refrigerator: ([0.6, 0.6], [0.75, 0.7]),
    desk: ([1.2, 1.1], [1.6, 1.1]),
    table: ([1.1, 1.7], [1.8, 1.8]),
}


def room(spacing: float, is_bathroom: bool, random: Random) -> Mesh:
    """A rectangle of walls with what hangs there, and as much furniture as finds a place."""
    mesh = Mesh(spacing, random)
    width, depth = random.uniform([3.4, 3], [4.4, 3.8])
    paint = random.uniform(170, 240, 3)
    mesh.patch([0, 0, 0], [width, 0, 0], [0, depth, 0], random.uniform([90, 70, 50], [190, 170, 150]), FLOOR)
    for corner, across in (
        ([0, 0, 0], [width, 0, 0]),
        ([0, depth, 0], [width, 0, 0]),
        ([0, 0, 0], [0, depth, 0]),
        ([width, 0, 0], [0, depth, 0]),
    ):
        mesh.patch(corner, across, [0, 0, HEIGHT], paint, WALL)
    near = random.uniform(0.2, depth - 1.1)
    mesh.patch([0.04, near, 0], [0, 0.9, 0], [0, 0, 2], random.uniform([120, 80, 50], [230, 220, 210]), DOOR)
    pane = random.uniform(0.5, depth - 2)
    mesh.patch([width - 0.05, pane, 0.9], [0, 1.3, 0], [0, 0, 1.2], [200, 225, 250], WINDOW)
    for edge in (pane - 0.35, pane + 1.3):
        mesh.patch([width - 0.12, edge, 0.3], [0, 0.35, 0], [0, 0, 1.8], random.uniform(90, 220, 3), CURTAIN, wave=0.03)
    for _ in range(random.integers(1, 4)):
        place, high = random.uniform(0.3, width - 1), random.uniform(1.3, 1.5)
        mesh.patch([place, depth - 0.03, high], [0.6, 0, 0], [0, 0, 0.5], random.uniform(20, 230, 3), PICTURE)
    # What stands in the door's way stays free.
    taken = [np.array([[0, near], [0.7, near + 0.9]])]
    furniture = BATHROOM if is_bathroom else FURNITURE
    for make in random.permutation(np.array(list(furniture), object)):
        low, high = furniture[make]
        size = random.uniform(low, high)
        for _ in range(20):
            quarter = random.integers(4)  # a wall: the room is turned until that is y = 0
            turn = np.round([[np.cos(quarter * np.pi / 2), -np.sin(quarter * np.pi / 2)],
                             [np.sin(quarter * np.pi / 2), np.cos(quarter * np.pi / 2)]])  # fmt: skip
            space = np.array([width, depth])[:: 1 - 2 * (quarter % 2)]
            corner = random.uniform([0.2, 0.05], np.maximum(space - size - 0.2, [0.25, 0.1]))
            corner[1] = corner[1] if make is table else 0.06
            shift = np.array([width, depth]) / 2 - turn @ space / 2
            ends = np.sort([turn @ corner + shift, turn @ (corner + size) + shift], axis=0)
            is_free = all(((ends[0] > other[1]) | (ends[1] < other[0])).any() for other in taken)
            if is_free and (ends[0] > 0.04).all() and (ends[1] < [width - 0.04, depth - 0.04]).all():
                taken.append(ends)
                mesh.turn[:2, :2], mesh.shift[:2] = turn, shift
                make(mesh, *corner, size, random)
                break
    return mesh


def write(folder: Path, training: int = 16, validation: int = 4, spacing: float = 0.05, seed: int = 1) -> None:
    """Write so many scenes to train and to validate with, and one to test; spacing: of vertices, in meters."""
    kinds = {"train": ("scans", training), "val": ("scans", validation), "test": ("scans_test", 1)}
    first = 0
    for kind, (place, count) in kinds.items():
        names = [f"scene{first + index:04}_00" for index in range(count)]
        for name in names:
            number = int(name[5:9])
            mesh = room(spacing, number % 3 == 2, np.random.default_rng([seed, number]))
            # Rooms do not lie along the axes, and begin anywhere.
            angle, shift = mesh.random.uniform(0, 2 * np.pi), mesh.random.uniform([0, 0, -0.1], [3, 3, 0.1])
            turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
            mesh.points = [points @ turn + shift for points in mesh.points]
            mesh.write(folder / place / name / name, is_labeled=kind != "test")
        (folder / f"scannetv2_{kind}.txt").write_text("".join(f"{name}\n" for name in names))
        first += count


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_scannet.py FOLDER")
    write(Path(sys.argv[1]))
