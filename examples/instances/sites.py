"""From what a depth camera saw to sites with their truth, and the network that labels them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

import scn
import segmentation
from rooms import CLASSES, Room, View

VOXEL = 0.07  # meters
QUICK_VOXEL = 0.1
PLANES = (16, 32, 48, 64, 80, 96)
INPUTS = 7  # planes, means over the points of a site: red, green, blue in -1 ... 1; the normal's x, y, z; 1
OFFSET = len(CLASSES)  # the first of the three columns with the way to the instance's center, in meters
OCCUPANCY = OFFSET + 3  # the column with the logarithm of how many sites the instance has
OUTPUTS = OCCUPANCY + 1
USUAL_OCCUPANCY = 6.0  # the logarithm of some 400 sites
OFFSET_WEIGHT, OCCUPANCY_WEIGHT = 0.5, 0.25  # of these parts of the loss
ROOM_WEIGHT = 0.15  # of a site of floor or walls in the loss; of others 1


@dataclass(frozen=True)
class Scan:
    """A room as sites.

    coordinates: [n, 3] int64, in voxels; features: [n, INPUTS] float32; centers: [n, 3], where in the site its points
    lie on average, in meters; classes: [n], places in CLASSES; instances: [n], 0 for the room and 1 and above.
    """

    coordinates: np.ndarray
    features: np.ndarray
    centers: np.ndarray
    classes: np.ndarray
    instances: np.ndarray

    def __len__(self) -> int:
        return len(self.coordinates)


def build_network(normalized: bool = False) -> scn.Sequential:
    """From sites to a matrix [n, OUTPUTS]: scores of classes, the way to the center, the occupancy.

    The field has no bounds. normalized: whether submanifold convolutions divide their sums by how many sites the filter
    meets (Knutsson and Westin 1993), as those of TensorFlow 3D do.
    """
    network = scn.Sequential(
        scn.InputLayer(3, None, mode=0), scn.SubmanifoldConvolution(3, INPUTS, PLANES[0], 3, False)
    )
    network.add(scn.UNet(3, 1, PLANES)).add(scn.BatchNormReLU(PLANES[0])).add(scn.OutputLayer(3))
    network.add(scn.Linear(PLANES[0], OUTPUTS))
    bias = np.zeros(OUTPUTS, np.float32)
    bias[OCCUPANCY] = USUAL_OCCUPANCY
    network[-1].bias.copy_(bias)
    return with_normalized_convolutions(network) if normalized else network


def with_normalized_convolutions(module: scn.Module) -> scn.Module:
    """The same network with new submanifold convolutions, which are normalized."""
    if isinstance(module, (scn.Sequential, scn.ConcatTable)):
        return type(module)(*(with_normalized_convolutions(inner) for inner in module))
    if isinstance(module, scn.SubmanifoldConvolution):
        planes = module.nIn, module.nOut
        return scn.SubmanifoldConvolution(module.dimension, *planes, module.filter_size, False, normalized=True)
    return module


def scan_of(room: Room, views: Sequence[View], size: float, random: np.random.Generator | None = None) -> Scan:
    """The sites of a room of which there are views; turned, mirrored, scaled, recolored at random if random is given.

    A site belongs to the instance that most of its points do.
    """
    points = np.concatenate([view.points for view in views])
    colors = np.concatenate([view.colors for view in views]).astype(np.float32) / 127.5 - 1
    normals = np.concatenate([view.normals for view in views])
    instances = np.concatenate([view.instances for view in views])
    if random is not None:
        matrix = np.eye(3)
        angle = random.uniform(0, 2 * np.pi)
        matrix[:2, :2] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        matrix[0] *= random.choice([-1, 1])
        points = (points - room.size / 2) @ (matrix * random.uniform(0.9, 1.1)) + random.uniform(0, 4, 3)
        normals = normals @ matrix
        colors = colors * random.uniform(0.8, 1.2) + random.normal(0, 0.1, 3).astype(np.float32)
    origin = np.floor(points.min(axis=0) / size - 1)
    voxels = scn.voxelize(
        points, size, np.column_stack([points - origin * size, colors, normals]), origin=origin * size
    )
    count = len(room.solids) + 1
    votes = np.bincount(voxels.voxel_of_point * count + instances, minlength=len(voxels.coords) * count)
    of_sites = votes.reshape(-1, count).argmax(axis=1)
    kinds = np.array([0, *(CLASSES.index(solid.kind) for solid in room.solids)])
    features = np.column_stack([voxels.features[:, 3:], np.ones(len(of_sites), np.float32)])
    centers = voxels.features[:, :3] + origin * size
    return Scan(voxels.coords + origin.astype(np.int64), features, centers, kinds[of_sites], of_sites)


def truth(scan: Scan) -> np.ndarray:
    """What columns OFFSET to OCCUPANCY should be at the sites of instances: [n, 4] float32; zeros elsewhere."""
    counts = np.bincount(scan.instances)
    sums = np.stack([np.bincount(scan.instances, column) for column in scan.centers.T], axis=1)
    middles = sums / np.maximum(counts, 1)[:, None]
    result = np.column_stack([middles[scan.instances] - scan.centers, np.log(counts[scan.instances])])
    return np.where(scan.instances[:, None] > 0, result, 0).astype(np.float32)


class Loss:
    """The loss of a batch: a number and where it pulls the network's output, for `running.learn`.

    The weighted sum of three means: of the cross-entropy of the classes over all sites, weighted too, and, over the
    sites of instances, of the distance along the axes (L1) from the truth of the centers in meters and of the
    occupancy.
    """

    def __init__(self, output: scn.Tensor, classes: np.ndarray, wanted: np.ndarray) -> None:
        values = output.numpy()
        self.output, self.gradient = output, np.zeros_like(values)
        rows = np.arange(len(values))
        weights = np.where(classes > 0, np.float32(1), np.float32(ROOM_WEIGHT))
        weights /= weights.sum()
        scores = values[:, :OFFSET] - values[:, :OFFSET].max(axis=1, keepdims=True)
        exponentials = np.exp(scores)
        sums = exponentials.sum(axis=1)
        self.parts = [float((weights * (np.log(sums) - scores[rows, classes])).sum())]
        self.gradient[:, :OFFSET] = exponentials / sums[:, None]
        self.gradient[rows, classes] -= 1
        self.gradient[:, :OFFSET] *= weights[:, None]
        thing = (classes > 0)[:, None] / np.float32(max((classes > 0).sum(), 1))
        errors = values[:, OFFSET:] - wanted
        for columns, weight in ((slice(0, 3), OFFSET_WEIGHT), (slice(3, 4), OCCUPANCY_WEIGHT)):
            self.gradient[:, OFFSET:][:, columns] = np.sign(errors[:, columns]) * (weight * thing)
            self.parts.append(weight * float((abs(errors[:, columns]) * thing).sum()))

    def item(self) -> float:
        """The loss as a number."""
        return sum(self.parts)

    def backward(self) -> None:
        """Run the backward pass."""
        self.output.backward(self.gradient)


def batches(
    rooms: list[tuple[Room, list[View]]], size: float, count: int, random: np.random.Generator
) -> Iterator[segmentation.Batch]:
    """All rooms in a random order, `count` at a time, each distorted and seen from all of its views or all but one.

    Labels are the classes and what `truth` gives.
    """
    order = random.permutation(len(rooms))
    for first in range(0, len(rooms), count):
        scans = []
        for index in order[first : first + count]:
            room, views = rooms[index]
            chosen = random.permutation(len(views))[: random.integers(max(len(views) - 1, 1), len(views) + 1)]
            scans.append(scan_of(room, [views[view] for view in chosen], size, random))
        coordinates = np.concatenate(
            [np.insert(scan.coordinates, 3, sample, axis=1) for sample, scan in enumerate(scans)]
        )
        wanted = np.concatenate([scan.classes for scan in scans]), np.concatenate([truth(scan) for scan in scans])
        yield [coordinates, np.concatenate([scan.features for scan in scans])], wanted, len(scans)


def predict(network: scn.Module, scan: Scan) -> np.ndarray:
    """The network's output for each site, [n, OUTPUTS]."""
    with scn.no_grad():
        return network([scan.coordinates, scan.features]).numpy()
