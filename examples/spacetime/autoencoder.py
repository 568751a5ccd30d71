"""An autoencoder of active sites in space and time: strided convolutions down, full convolutions with sparsify up."""

from __future__ import annotations

import numpy as np

import scn
import shapes

DIMENSION = 4
PLANES = (16, 32, 64, 96)  # of each level, the finest first
BLOCKS = (0, 3, 2, 1)  # of each level, on the way down and again on the way up; fine levels are the hard ones
CODE = 32  # planes of the code
BATCH_NORM_MOMENTUM = 0.9  # the fraction of the running statistics that is kept


def _activated(planes: int) -> scn.BatchNormReLU:
    return scn.BatchNormReLU(planes, momentum=BATCH_NORM_MOMENTUM)


def _blocks(level: int) -> scn.Sequential:
    """What a level computes on its own sites: residual blocks, a batch normalization, ReLU."""
    planes, blocks = PLANES[level], scn.Sequential()
    for _ in range(BLOCKS[level]):
        inner = scn.Sequential(_activated(planes), scn.SubmanifoldConvolution(DIMENSION, planes, planes, 3, False))
        blocks.add(scn.ConcatTable(scn.Identity(), inner)).add(scn.AddTable())
    return blocks.add(_activated(planes))


class Encoder(scn.Module):
    """From sites to a few sites of many planes; each level halves space and time."""

    def __init__(self) -> None:
        self.enter = scn.InputLayer(DIMENSION, shapes.FIELD, mode=0)
        self.down = scn.Sequential()
        for level in range(1, len(PLANES)):
            planes = PLANES[level - 1] if level > 1 else 1
            halved = scn.Convolution(DIMENSION, planes, PLANES[level], 2, 2, False)
            self.down.add(scn.Sequential(halved, _blocks(level)))
        self.leave = scn.NetworkInNetwork(PLANES[-1], CODE, True)

    def forward(self, points: list) -> tuple[scn.SparseConvNetTensor, list[scn.SparseConvNetTensor]]:
        """The code, and the tensors of all levels but the coarsest, the finest first: their sites are what to
        rebuild."""
        levels = [self.enter(points)]
        for step in self.down:
            levels.append(step(levels[-1]))
        return self.leave(levels[-1]), levels[:-1]


class Decoder(scn.Module):
    """From the code back to sites: each level makes every site into 16 and keeps those that it scores above 0."""

    def __init__(self) -> None:
        self.enter = scn.NetworkInNetwork(CODE, PLANES[-1], True)
        self.up, self.choose = scn.Sequential(), scn.Sequential()
        for level in range(len(PLANES) - 1, 0, -1):
            doubled = scn.FullConvolution(DIMENSION, PLANES[level], PLANES[level - 1], 2, 2, False)
            self.up.add(scn.Sequential(_blocks(level), doubled, _activated(PLANES[level - 1])))
            self.choose.add(scn.Sparsify(DIMENSION, PLANES[level - 1]))

    def forward(
        self, code: scn.SparseConvNetTensor, truth: list[scn.SparseConvNetTensor] | None = None
    ) -> tuple[scn.SparseConvNetTensor, list[scn.Tensor]]:
        """Return the reconstruction and the loss of each level's scores, the coarsest first.

        truth: the encoder's tensors of the levels to rebuild, the finest first. With it the scores are compared with
        the sites that were there, and the next level goes on with these, whatever was chosen (teacher forcing), so that
        all levels learn at once. Without it there are no losses, and each level builds on what the coarser one chose.
        """
        losses = []
        result = self.enter(code)
        for level, (up, choose) in enumerate(zip(self.up, self.choose), 1):
            candidates = up(result)
            result = choose(candidates)
            if truth is not None:
                is_true = is_active(candidates, truth[-level])
                losses.append(scn.binary_cross_entropy(result.mask, is_true))
                if level < len(truth):
                    result = keep(candidates, is_true)
        return result, losses


def is_active(candidates: scn.SparseConvNetTensor, truth: scn.SparseConvNetTensor) -> np.ndarray:
    """Which sites of `candidates` are sites of `truth` too: [sites] bool."""
    size = candidates.spatial_size
    return np.isin(*(shapes.keys(tensor.get_spatial_locations(), size) for tensor in (candidates, truth)))


def keep(sparse: scn.SparseConvNetTensor, rows: np.ndarray) -> scn.SparseConvNetTensor:
    """The sites whose entry in `rows` is true, through which gradients flow."""
    choice = sparse.detach()
    choice.features = np.where(rows, 1, -1)[:, None]
    kept = scn.SparsifyFCS(DIMENSION)(scn.JoinTable()([choice, sparse]))
    return scn.AveragePooling(DIMENSION, 1, 1, nFeaturesToDrop=1)(kept)  # leaves out the plane that chose


class Autoencoder(scn.Module):
    """Encoder and decoder; as a whole it maps points to the reconstruction from the code alone."""

    def __init__(self) -> None:
        self.encoder, self.decoder = Encoder(), Decoder()

    def loss(self, points: list) -> scn.Tensor:
        """The sum of the losses of all levels."""
        _, losses = self.decoder(*self.encoder(points))
        return sum(losses[1:], losses[0])

    def forward(self, points: list) -> scn.SparseConvNetTensor:
        """The reconstruction, whose sites are what counts."""
        return self.decoder(self.encoder(points)[0])[0]
