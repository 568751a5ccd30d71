"""Convolutions of the dialects under torch.autocast multiply bfloat16, and their gradients are close to float32's."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import scn.minkowski as ME
import scn.spconv.pytorch as spconv
import scn.torchsparse as torchsparse
import scn.torchsparse.nn as spnn

PLANES = (32, 20)


def sites(columns_last):
    rng = np.random.default_rng(3)
    places = np.unique(rng.integers(0, 12, (300, 3)), axis=0)
    batch = np.zeros((len(places), 1), np.int64)
    return torch.from_numpy(np.concatenate([places, batch] if columns_last else [batch, places], 1)).int()


def with_spconv(kind):
    if kind == "strided":
        return spconv.SparseConv3d(*PLANES, 2, 2, bias=True)
    return spconv.SubMConv3d(*PLANES, 3, bias=True)


def run(library, kind, rows):
    torch.manual_seed(1)
    where = sites(False)
    stride = 2 if kind == "strided" else 1
    if library == "spconv":
        layer = with_spconv(kind)
        return layer, lambda: layer(spconv.SparseConvTensor(rows, where, [12, 12, 12], 1)).features
    if library == "minkowski":
        layer = ME.MinkowskiConvolution(*PLANES, 3, stride=stride, bias=True, dimension=3)
        return layer, lambda: layer(ME.SparseTensor(rows, where)).F
    layer = spnn.Conv3d(*PLANES, 3, stride, bias=True)
    return layer, lambda: layer(torchsparse.SparseTensor(rows, where)).feats


@pytest.mark.parametrize("kind", ["submanifold", "strided"])
@pytest.mark.parametrize("library", ["spconv", "minkowski", "torchsparse"])
def test_gradients_are_close(library, kind):
    found = []
    for is_on in (True, False):
        count = len(sites(False))
        rows = torch.from_numpy(np.random.default_rng(5).normal(size=(count, PLANES[0])).astype(np.float32))
        rows.requires_grad_()
        layer, forward = run(library, kind, rows)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_on):
            result = forward()
        assert result.dtype is (torch.bfloat16 if is_on else torch.float32)
        torch.manual_seed(2)
        result.backward(torch.randn(result.shape).to(torch.bfloat16).to(result.dtype))
        gradients = [rows.grad, *(parameter.grad for parameter in layer.parameters())]
        assert all(gradient.dtype is torch.float32 for gradient in gradients)
        found.append([result.detach().float(), *gradients])
    for ours, theirs in zip(*found):
        assert (ours - theirs).abs().max() <= 0.02 * theirs.abs().max()
