"""Writes synthetic shapes with parts in the files of the ShapeNet Core55 challenge of 2017: make_shapenet.py FOLDER.

Tables, chairs, lamps, mugs and skateboards of random proportions, made of boxes, cones and rings. As in the challenge,
`KIND_data/CATEGORY/NUMBER.pts` has a point `x y z` of the surface in each line, and `KIND_label/CATEGORY/NUMBER.seg`
the part of that point, counted from 1, for the kinds train, val and test; y points up.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

Random = np.random.Generator
Surface = tuple[int, np.ndarray]  # a part, and points [n, 3] spread evenly over its surface
DENSITY = 3000  # points drawn for each unit of area; a shape keeps some of them


def box(part: int, center: list[float], size: list[float], random: Random) -> Surface:
    """The six sides of a box."""
    sides = []
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        for end in (-0.5, 0.5):
            places = random.uniform(-0.5, 0.5, (_count(size[others[0]] * size[others[1]], random), 3))
            places[:, axis] = end
            sides.append(places * size + center)
    return part, np.concatenate(sides)


def cone(part: int, start: list[float], end: list[float], radii: tuple[float, float], random: Random) -> Surface:
    """The side of a cone from one radius to another, and its two ends."""
    start, end = np.array(start, float), np.array(end, float)
    length = np.linalg.norm(end - start)
    axis = (end - start) / length
    across = np.linalg.svd(axis[None])[2][1:]  # two directions at right angles to the axis
    pieces = []
    along = random.random(_count(np.pi * sum(radii) * np.hypot(length, radii[1] - radii[0]), random))
    # More points where the cone is wider.
    heavy = random.random(len(along)) * max(radii) < radii[0] + along * (radii[1] - radii[0])
    along = along[heavy]
    pieces.append((along, radii[0] + along * (radii[1] - radii[0])))
    for which, radius in enumerate(radii):
        reach = radius * np.sqrt(random.random(_count(np.pi * radius**2, random)))
        pieces.append((np.full(len(reach), float(which)), reach))
    along, reach = (np.concatenate(column) for column in zip(*pieces))
    angle = random.uniform(0, 2 * np.pi, len(along))
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1) * reach[:, None]
    return part, start + along[:, None] * (end - start) + around @ across


def ring(part: int, center: list[float], radius: float, thickness: float, random: Random) -> Surface:
    """Half a torus in the plane of x and y that bulges towards +x, as a mug's handle does."""
    count = _count(2 * np.pi**2 * radius * thickness, random)
    turn, around = random.uniform(-np.pi / 2, np.pi / 2, count), random.uniform(0, 2 * np.pi, count)
    reach = radius + thickness * np.cos(around)
    return part, np.stack([np.cos(turn) * reach, np.sin(turn) * reach, thickness * np.sin(around)], axis=1) + center


def _count(area: float, random: Random) -> int:
    return int(area * DENSITY + random.random())


def table(random: Random) -> list[Surface]:
    """1: the top; 2: the legs, or a pedestal; 3: a shelf, which half of the tables have."""
    width, depth, height = random.uniform([0.6, 0.4, 0.3], [1, 0.7, 0.6])
    made, thickness = [], random.uniform(0.03, 0.06)
    is_round = random.random() < 0.3
    if is_round:
        made.append(cone(1, [0, height, 0], [0, height + thickness, 0], (depth / 1.6,) * 2, random))
        made.append(cone(2, [0, 0, 0], [0, height, 0], (random.uniform(0.1, 0.25), 0.04), random))
    else:
        made.append(box(1, [0, height, 0], [width, thickness, depth], random))
        leg = random.uniform(0.03, 0.07)
        for x in (-1, 1):
            for z in (-1, 1):
                foot = [x * (width - leg) / 2, (height - thickness) / 2, z * (depth - leg) / 2]
                made.append(box(2, foot, [leg, height - thickness, leg], random))
    if not is_round and random.random() < 0.5:
        made.append(box(3, [0, height * random.uniform(0.25, 0.5), 0], [0.9 * width, 0.03, 0.9 * depth], random))
    return made


def chair(random: Random) -> list[Surface]:
    """1: the back; 2: the seat; 3: the legs; 4: the arms, which half of the chairs have."""
    width, depth, height, back = random.uniform([0.35, 0.35, 0.3, 0.35], [0.5, 0.5, 0.45, 0.6])
    thickness = random.uniform(0.03, 0.08)
    made = [box(2, [0, height, 0], [width, thickness, depth], random)]
    made.append(box(1, [0, height + (back + thickness) / 2, -depth / 2], [width, back, 0.04], random))
    for x in (-1, 1):
        for z in (-1, 1):
            foot = [x * (width / 2 - 0.03), (height - thickness / 2) / 2, z * (depth / 2 - 0.03)]
            made.append(box(3, foot, [0.04, height - thickness / 2, 0.04], random))
    if random.random() < 0.5:
        up = random.uniform(0.15, 0.22)
        for x in (-1, 1):
            made.append(box(4, [x * width / 2, height + up, 0], [0.04, 0.03, depth * 0.8], random))
            made.append(box(4, [x * width / 2, height + up / 2, depth * 0.35], [0.03, up, 0.03], random))
    return made


def lamp(random: Random) -> list[Surface]:
    """1: the shade; 2: the foot; 4: the pole."""
    height, shade = random.uniform([0.5, 0.2], [0.9, 0.3])
    wide = random.uniform(0.15, 0.25)
    made = [cone(1, [0, height, 0], [0, height + shade, 0], (wide, wide * random.uniform(0.4, 0.9)), random)]
    made.append(cone(2, [0, 0, 0], [0, random.uniform(0.02, 0.06), 0], (random.uniform(0.12, 0.2), 0.08), random))
    return [*made, cone(4, [0, 0.05, 0], [0, height, 0], (0.018, 0.018), random)]


def mug(random: Random) -> list[Surface]:
    """1: the handle; 2: the body."""
    radius, height = random.uniform([0.22, 0.45], [0.32, 0.75])
    handle = random.uniform(0.25, 0.4) * height
    body = cone(2, [0, 0, 0], [0, height, 0], (radius * random.uniform(0.8, 1), radius), random)
    return [ring(1, [radius * 0.95, height / 2, 0], handle, random.uniform(0.03, 0.05), random), body]


def skateboard(random: Random) -> list[Surface]:
    """1: the wheels; 2: the deck; 3: the axles."""
    length, width, wheel = random.uniform([0.8, 0.2, 0.04], [1, 0.3, 0.06])
    made = [box(2, [0, 0, 0], [0.8 * length, 0.025, width], random)]
    for end in (-1, 1):
        rise = random.uniform(0.03, 0.08)
        tip, slope = random.uniform(-0.5, 0.5, (_count(0.2 * length * width, random), 2)), 0.1 * length
        along = (tip[:, 0] + 0.5) * 2 * slope
        made.append(
            (2, np.stack([end * (0.4 * length + along), along / (2 * slope) * rise, tip[:, 1] * width], axis=1))
        )
        x, down = end * 0.3 * length, -0.02 - wheel
        made.append(cone(3, [x, down, -0.4 * width], [x, down, 0.4 * width], (0.018, 0.018), random))
        for z in (-1, 1):
            made.append(cone(1, [x, down, z * 0.4 * width], [x, down, z * 0.55 * width], (wheel, wheel), random))
    return made


SHAPES = {"04379243": table, "03001627": chair, "03636649": lamp, "03797390": mug, "04225987": skateboard}


def write(folder: Path, training: int = 24, test: int = 8, points: int = 2000, seed: int = 1) -> None:
    """Write so many shapes of each category for train, `test` for test, and half as many for val.

    points: how many the largest shapes have; others have down to half of it.
    """
    first = 1  # numbers go on from kind to kind
    for kind, (name, count) in enumerate({"train": training, "val": (test + 1) // 2, "test": test}.items()):
        for number, (category, make) in enumerate(SHAPES.items()):
            data, label = (folder / f"{name}_{what}" / category for what in ("data", "label"))
            data.mkdir(parents=True, exist_ok=True)
            label.mkdir(parents=True, exist_ok=True)
            for index in range(count):
                random = np.random.default_rng([seed, kind, number, index])
                surfaces = make(random)
                parts = np.repeat([part for part, _ in surfaces], [len(places) for _, places in surfaces])
                kept = random.choice(len(parts), min(len(parts), random.integers(points // 2, points)), replace=False)
                places = np.concatenate([places for _, places in surfaces])[kept]
                places -= (places.min(axis=0) + places.max(axis=0)) / 2
                places += 0.003 * random.standard_normal(places.shape)
                rows = (f"{x:.5f} {y:.5f} {z:.5f}\n" for x, y, z in places)
                (data / f"{first + index:06}.pts").write_text("".join(rows))
                (label / f"{first + index:06}.seg").write_text("".join(f"{part}\n" for part in parts[kept]))
        first += count


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_shapenet.py FOLDER")
    write(Path(sys.argv[1]))
