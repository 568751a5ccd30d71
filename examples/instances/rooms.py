"""Rooms with solids on the floor and on top of each other, and what a depth camera sees of them.

Everything follows from a seed: the same number gives the same room, views and noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CLASSES = ("room", "box", "cylinder", "ring", "ball", "L-shape")
WIDTH, HEIGHT = 160, 120  # pixels of an image
FOCAL_LENGTH = 115.0  # pixels: a field of view of 70 degrees
VIEWS = 4  # of a room
FEWEST, MOST = 10, 16  # solids that a room is to have; fewer where no place is left
DROPPED = 0.02  # the fraction of pixels without depth
FARTHEST = 8.0  # meters that the camera measures
BASE, JUMP = 3, 0.05  # pixels between which normals are measured; the fraction of a depth that is a jump
CELL = 0.02  # meters: of the floor plan in which places are looked for
GAP = 0.04  # meters that stay free around a solid
TRIES = 60  # places that are tried for each solid

# Tones of wood, stone, cloth and paint: neighbors often have the same, so that colors alone do not tell them apart.
TONES = np.array(
    [[150, 105, 70], [196, 160, 120], [235, 230, 220], [120, 125, 130], [65, 70, 80], [170, 60, 55], [60, 100, 150]],
    np.float64,
)
WALLS = np.array([[225, 222, 214], [200, 208, 212], [212, 200, 180]], np.float64)

Rays = tuple[np.ndarray, np.ndarray]  # where they begin [3] or [n, 3], and where they go [n, 3]


@dataclass(frozen=True)
class Solid:
    """A solid: its class, the middle of its bottom [3] in meters, its turn about z in radians, sizes, and its color.

    Sizes, in meters: of a box its edges; of a cylinder radius and height; of a ring the radius of its circle, that of
    its tube, and 1 if it stands upright; of a ball its radius; of an L-shape both arms' lengths, their width, height.
    """

    kind: str
    place: np.ndarray
    turn: float
    sizes: tuple[float, ...]
    color: np.ndarray

    @property
    def height(self) -> float:
        """How high the solid is, in meters."""
        if self.kind == "ring":
            return 2 * (self.sizes[1] + self.sizes[2] * self.sizes[0])
        return 2 * self.sizes[0] if self.kind == "ball" else self.sizes[-1]

    @property
    def reach(self) -> float:
        """The radius of a circle about the middle that holds the solid as seen from above, in meters."""
        if self.kind == "ring":
            return self.sizes[0] + self.sizes[1]
        if self.kind in ("cylinder", "ball"):
            return self.sizes[0]
        return float(np.hypot(*self.sizes[:2])) / 2

    def boxes(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The middle and half the edges of each box of which a box or an L-shape consists, in its own axes."""
        x, y = self.sizes[:2]
        if self.kind == "box":
            return [(np.array([0, 0, self.height / 2]), np.array([x, y, self.height]) / 2)]
        width = self.sizes[2]
        arms = ((0, (width - y) / 2, x, width), ((width - x) / 2, 0, width, y))
        halves = [
            (np.array([at_x, at_y, self.height / 2]), np.array([a, b, self.height]) / 2) for at_x, at_y, a, b in arms
        ]
        return halves

    def covers(self, points: np.ndarray, margin: float) -> np.ndarray:
        """Which points [n, 2] of the plan lie under the solid, or nearer to it than the margin: [n] bool."""
        x, y = (turned(self.turn) @ (points - self.place[:2]).T)[:2]
        if self.kind in ("cylinder", "ball") or (self.kind == "ring" and not self.sizes[2]):
            return x**2 + y**2 <= (self.reach + margin) ** 2
        if self.kind == "ring":
            return (abs(x) <= self.reach + margin) & (abs(y) <= self.sizes[1] + margin)
        near = [
            (abs(x - at[0]) <= half[0] + margin) & (abs(y - at[1]) <= half[1] + margin) for at, half in self.boxes()
        ]
        return np.any(near, axis=0)

    def distances(self, start: np.ndarray, ways: np.ndarray) -> np.ndarray:
        """How far rays from start [3] along unit vectors [n, 3] come before they hit, in meters; infinity: never."""
        matrix = np.eye(3)
        matrix[:2, :2] = turned(self.turn)
        middle = self.place + [0, 0, self.height / 2]
        found = np.full(len(ways), np.inf)
        # Only rays that pass the ball around the solid can hit it.
        along = ways @ (middle - start)
        radius = np.hypot(self.reach, self.height / 2)
        near = np.flatnonzero((along > -radius) & (((middle - start) ** 2).sum() - along**2 <= radius**2))
        begin, go = matrix @ (start - self.place), ways[near] @ matrix.T
        if self.kind == "cylinder":
            found[near] = _to_cylinder(begin, go, *self.sizes)
        elif self.kind == "ball":
            found[near] = _to_ball(begin - [0, 0, self.sizes[0]], go, self.sizes[0])
        elif self.kind == "ring":
            begin = begin - [0, 0, self.height / 2]
            if self.sizes[2]:
                begin, go = begin[[0, 2, 1]], go[:, [0, 2, 1]]
            found[near] = _to_ring(begin, go, *self.sizes[:2])
        else:
            found[near] = np.min([_to_box(begin - at, go, half) for at, half in self.boxes()], axis=0)
        return found


@dataclass(frozen=True)
class Room:
    """A room from (0, 0, 0) to `size` [3] in meters, without a ceiling; the solids; colors of floor and four walls."""

    size: np.ndarray
    solids: list[Solid]
    surfaces: np.ndarray


@dataclass(frozen=True)
class View:
    """What the camera saw: points [n, 3] in meters, unit normals [n, 3], colors [n, 3] 0 ... 255, instances [n].

    Normals look at the camera; where depth jumps they are 0. Instances are 0 for the room itself, and for a solid its
    place in the room's list, plus 1.
    """

    points: np.ndarray
    normals: np.ndarray
    colors: np.ndarray
    instances: np.ndarray


def turned(angle: float) -> np.ndarray:
    """The matrix [2, 2] from the plan into axes that are turned by an angle."""
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _first(enter: np.ndarray, leave: np.ndarray) -> np.ndarray:
    """Where a ray enters a convex solid, given where it does and where it leaves; infinity where it does not."""
    return np.where((enter <= leave) & (enter > 0), enter, np.inf)


def _between(begin: np.ndarray, go: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays enter and leave the slab between -half and half: one axis, or one for each column."""
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (-half - begin) / go, (half - begin) / go
    low, high = np.fmin(low, high), np.fmax(low, high)
    outside = (go == 0) & (abs(begin) > half)
    return np.where(outside, np.inf, low), np.where(outside, -np.inf, high)


def _to_box(begin: np.ndarray, go: np.ndarray, half: np.ndarray) -> np.ndarray:
    enter, leave = _between(begin, go, half)
    return _first(enter.max(axis=1), leave.min(axis=1))


def _round(begin: np.ndarray, go: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Where rays enter and leave a ball, or, given two columns, a cylinder without ends, about the origin."""
    a, b, c = (go**2).sum(axis=1), go @ begin, (begin**2).sum() - radius**2
    under = b**2 - a * c
    with np.errstate(divide="ignore", invalid="ignore"):
        middle, half = -b / a, np.sqrt(np.maximum(under, 0)) / a
    return np.where(under >= 0, middle - half, np.inf), np.where(under >= 0, middle + half, -np.inf)


def _to_ball(begin: np.ndarray, go: np.ndarray, radius: float) -> np.ndarray:
    return _first(*_round(begin, go, radius))


def _to_cylinder(begin: np.ndarray, go: np.ndarray, radius: float, height: float) -> np.ndarray:
    enter, leave = _round(begin[:2], go[:, :2], radius)
    low, high = _between(begin[2] - height / 2, go[:, 2], height / 2)
    return _first(np.fmax(enter, low), np.fmin(leave, high))


def _to_ring(begin: np.ndarray, go: np.ndarray, radius: float, tube: float) -> np.ndarray:
    """Sphere tracing (Hart 1996): go on by the distance from the surface until it is small."""
    enter, leave = _round(begin, go, radius + tube)
    at, hits = np.fmax(enter, 0), np.full(len(go), np.inf)
    rest = np.flatnonzero(enter <= leave)
    for _ in range(60):
        points = begin + at[rest, None] * go[rest]
        distance = np.hypot(np.hypot(points[:, 0], points[:, 1]) - radius, points[:, 2]) - tube
        hit = distance < 1e-4
        hits[rest[hit]] = at[rest[hit]]
        at[rest] += distance
        rest = rest[~hit & (at[rest] < leave[rest])]
        if not len(rest):
            break
    return hits


def _sizes(kind: str, random: np.random.Generator, small: bool) -> tuple[float, ...]:
    """Sizes of a new solid, of those that stand on others if small."""
    ranges: dict[str, Sequence[tuple[float, float]]] = {
        "box": [(0.25, 1.2), (0.25, 0.7), (0.25, 1.2)],
        "cylinder": [(0.12, 0.4), (0.25, 1.2)],
        "ring": [(0.2, 0.45), (0.07, 0.14)],
        "ball": [(0.15, 0.4)],
        "L-shape": [(0.8, 1.7), (0.8, 1.7), (0.25, 0.45), (0.3, 0.7)],
    }
    drawn = [random.uniform(low, low + (high - low) * (0.2 if small else 1)) for low, high in ranges[kind]]
    return (*drawn, float(random.random() < 0.5)) if kind == "ring" else tuple(drawn)


class _Plan:
    """The floor plan of a room with the cells that are taken."""

    def __init__(self, size: np.ndarray) -> None:
        self.size = size
        steps = [np.arange(CELL / 2, length, CELL) for length in size[:2]]
        self.cells = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1)
        self.free = np.ones(self.cells.shape[:2], bool)

    def settle(self, solid: Solid) -> bool:
        """Take the cells of a solid if they are all free and inside of the room; return whether they were."""
        low, high = solid.place[:2] - solid.reach - GAP, solid.place[:2] + solid.reach + GAP
        window = tuple(slice(max(int(a / CELL), 0), int(b / CELL) + 1) for a, b in zip(low, high))
        cells = self.cells[window]
        covered = solid.covers(cells.reshape(-1, 2), GAP).reshape(cells.shape[:2])
        corners = (low >= 0).all() and (high <= self.size[:2]).all()
        if not corners or not self.free[window][covered].all():
            return False
        self.free[window] &= ~covered
        return True


def furnish(size: np.ndarray, count: int, random: np.random.Generator) -> Room:
    """A room of a size [3] with up to `count` solids, a third of them on top of boxes if these have the room."""
    plan, solids, tops = _Plan(size), [], []
    for _ in range(count):
        kind = str(random.choice(CLASSES[1:]))
        color = np.clip(TONES[random.integers(len(TONES))] + random.normal(0, 8, 3), 0, 255)
        if kind != "L-shape" and tops and random.random() < 0.35:
            base = tops[random.integers(len(tops))]
            solid = Solid(kind, base.place + [0, 0, base.height], base.turn, _sizes(kind, random, True), color)
            if solid.reach <= min(base.sizes[:2]) / 2 + 0.02:
                tops = [other for other in tops if other is not base]
                solids.append(solid)
                continue
        sizes = _sizes(kind, random, False)
        for _ in range(TRIES):
            place = np.append(random.uniform(0, size[:2]), 0)
            solid = Solid(kind, place, random.uniform(0, 2 * np.pi), sizes, color)
            if plan.settle(solid):
                solids.append(solid)
                if kind == "box" and solid.height < 1:
                    tops.append(solid)
                break
    surfaces = WALLS[random.integers(len(WALLS), size=5)] + random.normal(0, 6, (5, 3))
    surfaces[0] = TONES[random.integers(len(TONES))] + random.normal(0, 6, 3)
    return Room(size, solids, np.clip(surfaces, 0, 255))


def look(
    room: Room, position: np.ndarray, target: np.ndarray, random: np.random.Generator, farthest: float = FARTHEST
) -> View:
    """What a depth camera at a position [3] sees that is turned to a target [3] and measures up to `farthest`, meters.

    Depths have the noise of a Kinect (Nguyen, Izadi, Lovell 2012: 1.2 mm + 1.9 mm (z / m - 0.4)^2), colors some too.
    """
    ahead = (target - position) / np.linalg.norm(target - position)
    right = np.cross(ahead, [0, 0, 1])
    right /= np.linalg.norm(right)
    columns, rows = np.meshgrid(np.arange(WIDTH) - (WIDTH - 1) / 2, np.arange(HEIGHT) - (HEIGHT - 1) / 2)
    pixels = np.stack([columns.ravel(), -rows.ravel()], axis=1) / FOCAL_LENGTH
    ways = ahead + pixels @ np.stack([right, np.cross(right, ahead)])
    depth_of_way = 1 / np.linalg.norm(ways, axis=1)
    ways *= depth_of_way[:, None]
    nearest, instances, colors = _walls(room, position, ways)
    for number, solid in enumerate(room.solids, 1):
        distances = solid.distances(position, ways)
        nearer = distances < nearest
        nearest[nearer], instances[nearer], colors[nearer] = distances[nearer], number, solid.color
    depth = nearest * depth_of_way
    noise = random.normal(0, 1, len(ways)) * (0.0012 + 0.0019 * (depth - 0.4) ** 2) / depth_of_way
    with np.errstate(invalid="ignore"):
        points = position + (nearest + noise)[:, None] * ways
    seen = np.flatnonzero((depth < farthest) & (random.random(len(ways)) >= DROPPED))
    normals = _normals(points.reshape(HEIGHT, WIDTH, 3), depth.reshape(HEIGHT, WIDTH), position).reshape(-1, 3)
    noisy = colors[seen] * random.uniform(0.85, 1.1) + random.normal(0, 6, (len(seen), 3))
    return View(points[seen], normals[seen], np.clip(noisy, 0, 255).astype(np.uint8), instances[seen])


def _normals(points: np.ndarray, depth: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Normals of an image of points [rows, columns, 3] with depths in meters, across BASE pixels to all sides.

    They are 0 at the image's edge and where the depths of opposite pixels do not lie around that of the middle one.
    """
    result = np.zeros_like(points)
    inner, base = (slice(BASE, -BASE), slice(BASE, -BASE)), 2 * BASE
    ways, smooth = [], np.isfinite(depth[inner])
    for axis in (1, 0):
        before, after = [slice(BASE, -BASE)] * 2, [slice(BASE, -BASE)] * 2
        before[axis], after[axis] = slice(0, -base), slice(base, None)
        with np.errstate(invalid="ignore"):
            ways.append(points[tuple(after)] - points[tuple(before)])
            bend = abs(depth[tuple(after)] + depth[tuple(before)] - 2 * depth[inner])
            smooth &= bend < JUMP * depth[inner]
    with np.errstate(invalid="ignore"):
        normals = np.cross(*ways)
        lengths = np.linalg.norm(normals, axis=2)
        normals *= np.sign((normals * (position - points[inner])).sum(axis=2) / lengths)[..., None] / lengths[..., None]
    result[inner] = np.where(smooth[..., None] & np.isfinite(normals), normals, 0)
    return result


def _walls(room: Room, position: np.ndarray, ways: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where rays from inside of the room hit its floor or walls: distances, instances, colors."""
    nearest, colors = np.full(len(ways), np.inf), np.zeros((len(ways), 3))
    planes = [(2, 0.0), (0, 0.0), (0, room.size[0]), (1, 0.0), (1, room.size[1])]
    with np.errstate(divide="ignore", invalid="ignore"):
        for (axis, at), color in zip(planes, room.surfaces):
            distances = (at - position[axis]) / ways[:, axis]
            height = position[2] + distances * ways[:, 2]
            nearer = (distances > 0) & (distances < nearest) & (height < room.size[2])
            nearest[nearer], colors[nearer] = distances[nearer], color
    return nearest, np.zeros(len(ways), np.int64), colors


def is_free(room: Room, position: np.ndarray) -> bool:
    """Whether a camera can be at a position [3]: inside of the room and not in or right beside a solid."""
    inside = (position[:2] > 0.1).all() and (position[:2] < room.size[:2] - 0.1).all()
    return inside and not any(
        solid.covers(position[None, :2], 0.1)[0] and position[2] < solid.place[2] + solid.height + 0.1
        for solid in room.solids
    )


def generate(seed: int) -> tuple[Room, list[View]]:
    """The room of a number and its views, from positions near the corners toward the middle."""
    random = np.random.default_rng([seed, 2020])
    size = np.array([random.uniform(3, 4.5), random.uniform(3, 4), 2.0])
    room = furnish(size, int(random.integers(FEWEST, MOST + 1)), random)
    views = []
    for corner in random.permutation(4)[:VIEWS]:
        away = np.array([corner % 2, corner // 2]) * (1 - 2 * 0.12)
        for _ in range(TRIES):
            spot = (away + 0.12 + random.uniform(-0.08, 0.1, 2) * (1 - 2 * np.round(away))) * size[:2]
            position = np.append(spot, random.uniform(1.4, 1.95))
            if is_free(room, position):
                break
        target = np.append(size[:2] * random.uniform(0.35, 0.65, 2), random.uniform(0.1, 0.6))
        views.append(look(room, position, target, random))
    return room, views
