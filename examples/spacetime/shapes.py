"""Made-up sequences: the surface of a ball, a box or a ring that flies and spins through a field of space and time."""

from __future__ import annotations

import numpy as np

FIELD = (32, 32, 32, 16)  # three axes of space, then time
SMALLEST, LARGEST = 5.0, 8.0  # radii, in sites
MARGIN = LARGEST + 1  # how near to the field's faces a shape's center may come
THICKNESS = 1.2  # of a surface: it has the sites whose middle is within half of that, on either side


def _ball(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points, axis=-1) - 1


def _box(points: np.ndarray) -> np.ndarray:
    beyond = np.abs(points) - np.array([0.75, 0.55, 0.35], np.float32)
    return np.linalg.norm(np.maximum(beyond, 0), axis=-1) + np.minimum(beyond.max(axis=-1), 0)


def _ring(points: np.ndarray) -> np.ndarray:
    return np.hypot(np.hypot(points[..., 0], points[..., 1]) - 0.7, points[..., 2]) - 0.3


# The distance of points [..., 3] from the surface of each shape of radius 1, negative inside.
DISTANCES = {"box": _box, "ring": _ring, "ball": _ball}

# The cells around a shape's center.
_NEARBY = np.stack(np.meshgrid(*3 * [np.arange(-int(MARGIN), int(MARGIN) + 1)], indexing="ij"), axis=-1).reshape(-1, 3)


def _rotations(axis: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Rotation matrices about a unit axis, [angles, 3, 3] (Rodrigues' formula)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angles)[:, None, None] * cross + (1 - np.cos(angles))[:, None, None] * (cross @ cross)


def sequence(kind: str, random: np.random.Generator) -> np.ndarray:
    """A shape of that kind on a straight path through the field, spinning evenly: its active sites [sites, 4], x, y, z
    and time."""
    progress = np.linspace(0, 1, FIELD[3])
    begin, end = random.uniform(MARGIN, np.array(FIELD[:3]) - MARGIN, (2, 3))
    centers = begin + (end - begin) * progress[:, None]
    first, spin = (axis / np.linalg.norm(axis) for axis in random.standard_normal((2, 3)))
    turns = _rotations(spin, random.uniform(0, np.pi) * progress) @ _rotations(first, random.uniform(0, np.pi, 1))
    radius = random.uniform(SMALLEST, LARGEST)
    cells = np.floor(centers).astype(np.int64)[:, None] + _NEARBY
    points = ((cells + 0.5 - centers[:, None]) / radius).astype(np.float32) @ turns.astype(np.float32)
    times, near = np.nonzero(np.abs(DISTANCES[kind](points)) * radius < THICKNESS / 2)
    return np.column_stack([cells[times, near], times]).astype(np.int16)


def mirrored(sites: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same sequence with the axes of space exchanged, and each of the four mirrored or not: one of 96 ways."""
    sites = sites[:, [*random.permutation(3), 3]]
    return np.where(random.integers(0, 2, 4) == 1, np.array(FIELD) - 1 - sites, sites)


def batch(sequences: list[np.ndarray]) -> np.ndarray:
    """Sequences side by side: [sites, 5] int64, the last column says which."""
    return np.concatenate([np.insert(sites.astype(np.int64), 4, index, 1) for index, sites in enumerate(sequences)])


def keys(sites: np.ndarray, size: tuple[int, ...] | np.ndarray = FIELD) -> np.ndarray:
    """A number for each site [sites, 5] of a field of the given size."""
    number = sites[:, 4]
    for axis, length in enumerate(size):
        number = number * length + sites[:, axis]
    return number
