"""From a network's output for each site to instances: the sites move to their centers, and occupancy says how many
join.

A network that predicts how many sites an instance has is the idea of OccuSeg (Han, Zheng, Xu, Fang 2020): what lies
together and has too few sites for what they say is a part of something, and is joined with what is near; what would
have too many is not joined. Where large and small things stand side by side no fixed distance does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sites import OCCUPANCY, OFFSET, Scan

REACH = 0.5  # how far apart parts of an instance may be, in the edges of a square of as many sites as it has
DISAGREEMENT = 0.6  # what a difference of 1 between two parts' occupancies counts, in the same unit
TOLERANCE = 1.8  # how many times the sites it is said to have an instance may have
LEAST = 0.3  # the fraction of the sites it is said to have that an instance must have
FEWEST = 20  # sites of an instance; what is smaller is not counted, neither here nor in the truth


@dataclass(frozen=True)
class Instance:
    """An instance that was found: its class, how sure this is (0 ... 1), and which sites it has, int64 [k]."""

    kind: int
    score: float
    sites: np.ndarray


@dataclass(frozen=True)
class Parts:
    """Parts of instances: which one each site belongs to, [n], and of each how many sites, where, what they say."""

    of_site: np.ndarray
    counts: np.ndarray
    centers: np.ndarray
    occupancies: np.ndarray


def softmax(scores: np.ndarray) -> np.ndarray:
    """The probabilities of scores [n, classes]."""
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def uphill(places: np.ndarray) -> np.ndarray:
    """Number the cells' hills: each cell [n, 3] int64 leads to the fullest of the 27 around it, until there is none.

    Returns for each row the number of its hill, 0 and above.
    """
    low = places.min(axis=0) - 1
    extent = places.max(axis=0) - low + 2
    strides = np.array([extent[1] * extent[2], extent[2], 1])
    keys, rows, counts = np.unique((places - low) @ strides, return_inverse=True, return_counts=True)
    steps = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ strides
    found = np.minimum(np.searchsorted(keys, keys[:, None] + steps), len(keys) - 1)
    there = keys[found] == keys[:, None] + steps
    density = np.where(there, counts[found], 0).sum(axis=1)
    order = np.argsort(np.argsort(density, kind="stable"))  # no two are equal, so that no way leads in a circle
    ahead = np.where(there, order[found], -1).argmax(axis=1)
    leads = found[np.arange(len(keys)), ahead]
    while True:
        further = leads[leads]
        if np.array_equal(further, leads):
            return np.unique(leads, return_inverse=True)[1][rows]
        leads = further


def parts_of(shifted: np.ndarray, occupancies: np.ndarray, size: float) -> Parts:
    """The hills of sites that moved to `shifted` [n, 3] in meters, in cells of a size."""
    of_site = uphill(np.floor(shifted / size).astype(np.int64))
    counts = np.bincount(of_site).astype(float)
    sums = [np.bincount(of_site, column) for column in (*shifted.T, occupancies)]
    means = np.stack(sums, axis=1) / counts[:, None]
    return Parts(of_site, counts, means[:, :3], means[:, 3])


def join(parts: Parts, size: float, radius: float | None = None) -> np.ndarray:
    """Join parts, the nearest first, and return for each site the number of its instance.

    How near two parts are depends on the occupancy of both together: see REACH and DISAGREEMENT; and they stay apart if
    they have more sites than it says. radius: join what is within so many meters instead, without occupancy.
    """
    counts, centers, said = parts.counts.copy(), parts.centers.copy(), parts.occupancies.copy()
    names = np.arange(len(counts))
    apart = np.full((len(counts), len(counts)), np.inf)

    def compare(one: int, others: np.ndarray) -> np.ndarray:
        distance = np.sqrt(((centers[others] - centers[one]) ** 2).sum(axis=1))
        if radius is not None:
            return np.where(distance <= radius, distance, np.inf)
        both = counts[others] + counts[one]
        joint = (counts[others] * said[others] + counts[one] * said[one]) / both
        cost = distance / (size * np.exp(joint / 2)) + DISAGREEMENT * abs(said[others] - said[one])
        return np.where((cost <= REACH) & (both <= TOLERANCE * np.exp(joint)), cost, np.inf)

    for one in range(1, len(counts)):
        apart[one, :one] = apart[:one, one] = compare(one, np.arange(one))
    alive = np.ones(len(counts), bool)
    nearest, nearest_is = apart.argmin(axis=1), apart.min(axis=1)
    while True:
        one = int(nearest_is.argmin())
        other = int(nearest[one])
        if not np.isfinite(nearest_is[one]):
            break
        weights = counts[[one, other]] / counts[[one, other]].sum()
        centers[one], said[one] = weights @ centers[[one, other]], weights @ said[[one, other]]
        counts[one] += counts[other]
        names[names == other] = one
        apart[other], apart[:, other], nearest_is[other] = np.inf, np.inf, np.inf
        alive[[one, other]] = False
        rest = np.flatnonzero(alive)
        alive[one] = True
        row = compare(one, rest)
        apart[one, rest] = apart[rest, one] = row
        closer = rest[row < nearest_is[rest]]
        nearest[closer], nearest_is[closer] = one, apart[closer, one]
        # Whoever had one of the two as its nearest looks again, and so does what they are now.
        again = np.append(rest[(nearest[rest] == one) | (nearest[rest] == other)], one)
        nearest[again], nearest_is[again] = apart[again].argmin(axis=1), apart[again].min(axis=1)
    return names[parts.of_site]


def group(scan: Scan, output: np.ndarray, size: float, radius: float | None = None) -> list[Instance]:
    """The instances of a scan, given what the network says of its sites, [n, OUTPUTS].

    The class is the one with the most probability over the instance's sites; the score is that probability, times, with
    occupancy, how well the number of sites agrees with it. radius: see `join`.
    """
    probabilities = softmax(output[:, :OFFSET])
    things = np.flatnonzero(probabilities.argmax(axis=1))
    if not len(things):
        return []
    shifted = scan.centers[things] + output[things, OFFSET:OCCUPANCY]
    occupancies = np.clip(output[things, OCCUPANCY], 0, 15)
    names = join(parts_of(shifted, occupancies, size), size, radius)
    found = []
    for name in np.unique(names):
        chosen = np.flatnonzero(names == name)
        if len(chosen) < FEWEST:
            continue
        ratio = len(chosen) / np.exp(occupancies[chosen].mean())
        means = probabilities[things[chosen]].mean(axis=0)
        kind = int(means[1:].argmax()) + 1
        if radius is not None or ratio >= LEAST:
            fit = 1.0 if radius is not None else min(ratio, 1 / ratio)
            found.append(Instance(kind, float(means[kind] * fit), things[chosen]))
    return found
