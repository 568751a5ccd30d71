"""Sparse layers computed by torch on dense arrays, with masks: what the tests of scn.spconv compare with."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import scn.spconv.pytorch as spconv

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def drawn(random, shape, count, planes, batch=2, dtype=torch.float64):
    """A sparse tensor on different sites, in no order; its features are a leaf."""
    cells = random.permutation(batch * int(np.prod(shape)))[:count]
    sites = np.stack(np.unravel_index(cells, (batch, *shape)), 1).astype(np.int32).reshape(-1, 1 + len(shape))
    features = torch.from_numpy(random.standard_normal((len(sites), planes))).to(dtype).requires_grad_()
    return spconv.SparseConvTensor(features, torch.from_numpy(sites), shape, batch)


def places(indices):
    return tuple(indices.long().T)


def dense_of(features, indices, shape, batch):
    """[batch, planes, *shape], with gradients."""
    result = features.new_zeros(batch, *shape, features.shape[1]).index_put(places(indices), features)
    return result.movedim(-1, 1)


def mask_of(x):
    return dense_of(torch.ones(len(x.indices), 1, dtype=torch.float64), x.indices, x.spatial_shape, x.batch_size)


def at(dense, indices):
    """Rows of a dense array [batch, planes, *shape]."""
    return dense.movedim(1, -1)[places(indices)]


def sorted_rows(indices):
    return np.lexsort(indices.numpy().T[::-1])


def planes_first(weight):
    """[out, *size, in] -> [out, in, *size]."""
    return weight.movedim(-1, 1)


def expected_strided(layer, x, weight, bias):
    """The sites [n, 1 + d] and the features of an ordinary convolution."""
    settings = (layer.stride, layer.padding, layer.dilation)
    conv = CONV[layer.ndim]
    dense = conv(dense_of(x.features, x.indices, x.spatial_shape, x.batch_size), planes_first(weight), bias, *settings)
    reached = conv(mask_of(x), torch.ones(1, 1, *layer.kernel_size, dtype=torch.float64), None, *settings)
    sites = (reached[:, 0] > 0.5).nonzero().int()
    return sites, at(dense, sites), list(dense.shape[2:])


def expected_submanifold(layer, x, weight, bias):
    around = [(size // 2) * step for size, step in zip(layer.kernel_size, layer.dilation)]
    dense = CONV[layer.ndim](
        dense_of(x.features, x.indices, x.spatial_shape, x.batch_size),
        planes_first(weight),
        bias,
        1,
        around,
        layer.dilation,
    )
    return x.indices, at(dense, x.indices), x.spatial_shape


def expected_transposed(layer, x, weight, bias):
    dense = CONV_TRANSPOSE[layer.ndim](
        dense_of(x.features, x.indices, x.spatial_shape, x.batch_size),
        weight.movedim(-1, 0),
        bias,
        layer.stride,
        layer.padding,
    )
    reached = CONV_TRANSPOSE[layer.ndim](
        mask_of(x), torch.ones(1, 1, *layer.kernel_size, dtype=torch.float64), None, layer.stride, layer.padding
    )
    sites = (reached[:, 0] > 0.5).nonzero().int()
    return sites, at(dense, sites), list(dense.shape[2:])


def expected_by_loops(x, taps, weight, bias, output_sites):
    """The sums over pairs that `taps` names: [(weight of a tap [out, in], from an output site to its input site)]."""
    row = {tuple(site): number for number, site in enumerate(x.indices.tolist())}
    result = torch.zeros(len(output_sites), weight.shape[0], dtype=x.features.dtype)
    rows = [[] for _ in output_sites]
    for number, site in enumerate(output_sites):
        for matrix, where in taps:
            source = row.get((site[0], *where(site[1:])))
            if source is not None:
                rows[number].append(matrix @ x.features[source])
    result = torch.stack([sum(parts, result[number]) for number, parts in enumerate(rows)]) if rows else result
    return result if bias is None else result + bias


def taps_of(layer, weight):
    """A filter's matrices, and which input site each reads for an output site."""
    found = []
    for tap in itertools.product(*map(range, layer.kernel_size)):
        offset = [t * d - p for t, d, p in zip(tap, layer.dilation, layer.padding)]
        found.append(
            (weight[(slice(None), *tap)], lambda o, e=offset: [a * s + b for a, s, b in zip(o, layer.stride, e)])
        )
    return found


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_where_all_places_are_active_a_sparse_convolution_is_a_dense_one(dimension):
    random = np.random.default_rng(dimension)
    shape = [5, 4, 6][:dimension]
    dense = torch.from_numpy(random.standard_normal((2, 3, *shape)))
    layer = getattr(spconv, f"SparseConv{dimension}d")(3, 4, 3, 2, 1).double()
    result = layer(spconv.SparseConvTensor.from_dense(dense.movedim(1, -1)))
    expected = CONV[dimension](dense, planes_first(layer.weight), layer.bias, 2, 1)
    torch.testing.assert_close(result.dense(), expected)
