"""How good found instances and boxes are: average precision, as ScanNet's benchmark and VoteNet compute it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grouping import FEWEST, Instance


@dataclass(frozen=True)
class Labeled:
    """A scene to be compared: the class and the instance of each site [n], 0 for what is no instance; what was found.

    corners: [n, 2, 3], the least and the largest corner of each site, in meters; only boxes need them.
    """

    classes: np.ndarray
    instances: np.ndarray
    found: Sequence[Instance]
    corners: np.ndarray | None = None


def area_of_steps(scores: Sequence[float], right: Sequence[bool], missed: int) -> float:
    """The area under precision over recall, as ScanNet's benchmark computes it; NaN if there is nothing to find.

    scores, right: of each instance that was found, whether it is one. missed: instances that none was. Each distinct
    score gives a point (recall, precision), and (0, 1) is one too; a precision counts for half the way from the recall
    before to the one after it.
    """
    if not len(right) and not missed:
        return np.nan
    truths = int(np.sum(right)) + missed
    if not truths:
        return np.nan
    if not len(right):
        return 0.0
    levels, place = np.unique(scores, return_inverse=True)
    hits = np.bincount(place, right, len(levels))[::-1].cumsum()[::-1]
    all_found = np.bincount(place, minlength=len(levels))[::-1].cumsum()[::-1]
    precision = np.append(hits / all_found, 1)
    recall = np.append(hits / truths, 0)
    around = np.concatenate([recall[:1], recall, [0]])
    return float(precision @ (around[:-2] - around[2:]) / 2)


def area_of_envelope(scores: Sequence[float], right: Sequence[bool], truths: int) -> float:
    """The area under the largest precision at each recall or above, as VOC 2010 has it; NaN without truths."""
    if not truths:
        return np.nan
    order = np.argsort(-np.asarray(scores, float), kind="stable")
    hits = np.asarray(right, float)[order].cumsum()
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(precision @ np.diff(hits / truths, prepend=0))


def _compare(scene: Labeled, kind: int, threshold: float) -> tuple[list[float], list[bool], int]:
    """Scores of the found instances of a class, whether they are right, and how many instances none of them is."""
    sizes = np.bincount(scene.instances)
    kinds = np.zeros(len(sizes), np.int64)
    kinds[scene.instances] = scene.classes
    counted = [name for name in range(1, len(sizes)) if kinds[name] == kind and sizes[name] >= FEWEST]
    found = [one for one in scene.found if one.kind == kind and len(one.sites) >= FEWEST]
    common = np.array([np.bincount(scene.instances[one.sites], minlength=len(sizes)) for one in found])
    common = common.reshape(len(found), len(sizes))
    lengths = np.array([len(one.sites) for one in found], np.int64)
    over = common / (lengths[:, None] + sizes - common).clip(1) > threshold
    scores: list[float] = []
    right: list[bool] = []
    missed, used = 0, np.zeros(len(found), bool)
    order = np.argsort([-one.score for one in found], kind="stable")
    for name in counted:
        matching = order[over[order, name] & ~used[order]]
        missed += not len(matching)
        used[matching[:1]] = True
        # The surest is the instance; what else overlaps it as much is too many.
        scores += [found[one].score for one in matching]
        right += [place == 0 for place in range(len(matching))]
    # What belongs to no instance that counts is no mistake: the room itself, or too few sites to say.
    ignored = [name for name in range(len(sizes)) if name == 0 or (kinds[name] == kind and sizes[name] < FEWEST)]
    for one in np.flatnonzero(~over[:, counted].any(axis=1)):
        if common[one, ignored].sum() / lengths[one] <= threshold:
            scores.append(found[one].score)
            right.append(False)
    return scores, right, missed


def of_instances(scenes: Sequence[Labeled], kinds: Sequence[int], threshold: float) -> np.ndarray:
    """The average precision of each class at a threshold of intersection over union; NaN for classes that are absent.

    Instances of fewer than FEWEST sites do not count (ScanNet: of 100 vertices), nor do found ones that lie for more
    than the threshold in what is no instance.
    """
    result = []
    for kind in kinds:
        compared = [_compare(scene, kind, threshold) for scene in scenes]
        scores = [score for part, _, _ in compared for score in part]
        right = [is_right for _, part, _ in compared for is_right in part]
        result.append(area_of_steps(scores, right, sum(missed for _, _, missed in compared)))
    return np.array(result)


def box(corners: np.ndarray, sites: np.ndarray) -> np.ndarray:
    """The least and the largest corner [2, 3] of the box along the axes around sites."""
    return np.stack([corners[sites, 0].min(axis=0), corners[sites, 1].max(axis=0)])


def overlap(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box [2, 3] with others [n, 2, 3]."""
    common = np.maximum(np.minimum(one[1], others[:, 1]) - np.maximum(one[0], others[:, 0]), 0).prod(axis=1)
    volumes = (others[:, 1] - others[:, 0]).prod(axis=1)
    return common / ((one[1] - one[0]).prod() + volumes - common)


def of_boxes(scenes: Sequence[Labeled], kinds: Sequence[int], threshold: float) -> np.ndarray:
    """The average precision of each class of the boxes along the axes around instances, at a threshold of their
    intersection over union, as VoteNet (Qi, Litany, He, Guibas 2019) computes it; NaN for classes that are absent.

    The truth are the boxes around what was seen of instances with at least FEWEST sites. The surest box takes the truth
    that it overlaps most; another one that does is wrong.
    """
    result = []
    for kind in kinds:
        scores, right, truths = [], [], 0
        for scene in scenes:
            assert scene.corners is not None
            names = np.unique(scene.instances[(scene.classes == kind) & (scene.instances > 0)])
            members = [np.flatnonzero(scene.instances == name) for name in names]
            there = [box(scene.corners, sites) for sites in members if len(sites) >= FEWEST]
            boxes, taken = np.array(there).reshape(-1, 2, 3), set()
            truths += len(boxes)
            for one in sorted((one for one in scene.found if one.kind == kind), key=lambda one: -one.score):
                shares = overlap(box(scene.corners, one.sites), boxes)
                best = int(shares.argmax()) if len(shares) else -1
                scores.append(one.score)
                right.append(best >= 0 and shares[best] > threshold and best not in taken)
                if right[-1]:
                    taken.add(best)
        result.append(area_of_envelope(scores, right, truths))
    return np.array(result)


def mean(values: np.ndarray) -> float:
    """The mean over the classes that are there."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
