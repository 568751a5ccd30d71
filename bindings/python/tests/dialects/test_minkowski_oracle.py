"""What layers of scn.minkowski are compared with: sites in a dictionary, sums in loops over taps, by torch alone."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import scn.minkowski as ME


def drawn(random, count, dimension=3, low=-4, span=8, batch=2, step=1):
    """Distinct coordinates [n, 1 + dimension] int32 in no order, batch index first, multiples of a step."""
    rows = np.concatenate(
        [random.integers(0, batch, (count, 1)), (random.integers(0, span, (count, dimension)) + low) * step], 1
    )
    return torch.from_numpy(random.permutation(np.unique(rows, axis=0))).int()


def leaf(random, rows, planes):
    """Features that require a gradient, float64."""
    return torch.from_numpy(random.standard_normal((rows, planes))).requires_grad_()


def tensor(random, count=40, planes=3, **settings):
    """A float64 tensor at drawn sites whose features require a gradient."""
    named = {name: settings.pop(name) for name in ("dimension", "low", "span", "batch", "step") if name in settings}
    coordinates = drawn(random, count, **named)
    return ME.SparseTensor(leaf(random, len(coordinates), planes), coordinates=coordinates, **settings)


def each_axis(value, dimension):
    return list(value) if isinstance(value, (list, tuple)) else [value] * dimension


def taps_of(size, dilation, dimension):
    """The taps of a box, the first axis fastest: odd sizes around 0, even ones from 0 on."""
    axes = []
    for extent, step in zip(each_axis(size, dimension), each_axis(dilation, dimension)):
        first = -(extent // 2) if extent % 2 else 0
        axes.append([(first + place) * step for place in range(extent)])
    return [taps[::-1] for taps in itertools.product(*axes[::-1])]


def cross_of(size, dimension):
    """The taps of a cross: the middle, then on each axis 1 ... r, -r ... -1."""
    taps = [(0,) * dimension]
    for axis, extent in enumerate(each_axis(size, dimension)):
        for place in [*range(1, extent // 2 + 1), *range(-(extent // 2), 0)]:
            taps.append(tuple(place if axis == each else 0 for each in range(dimension)))
    return taps


def rounded_down(coordinates, stride):
    """The distinct coordinates rounded down to multiples of a stride."""
    steps = torch.tensor([1, *each_axis(stride, coordinates.shape[1] - 1)])
    return torch.unique(torch.div(coordinates, steps, rounding_mode="floor") * steps, dim=0)


def pairs(inputs, outputs, taps, scale):
    """For each tap which input row lies at which output row's place + tap * scale: lists of input and output rows."""
    known = {tuple(row): index for index, row in enumerate(inputs.tolist())}
    found = []
    for tap in taps:
        reads, writes = [], []
        for index, (sample, *place) in enumerate(outputs.tolist()):
            at = (sample, *(a + t * s for a, t, s in zip(place, tap, scale)))
            if at in known:
                reads.append(known[at])
                writes.append(index)
        found.append((torch.tensor(reads, dtype=torch.int64), torch.tensor(writes, dtype=torch.int64)))
    return found


def convolved(features, meeting, kernel, rows):
    """The sum over taps of input rows times the tap's matrix [in, out], at output rows."""
    result = features.new_zeros(rows, kernel.shape[-1])
    for (reads, writes), matrix in zip(meeting, kernel):
        result = result.index_add(0, writes, features[reads] @ matrix)
    return result


def turned(meeting):
    return [(writes, reads) for reads, writes in meeting]


def in_order(coordinates, features):
    """Coordinates and features sorted by coordinates."""
    where = coordinates.detach().numpy()
    order = torch.from_numpy(np.lexsort(where.T[::-1]).copy())
    return coordinates[order].tolist(), features[order]


def check(result, coordinates, features, leaves):
    """Compare a tensor's sites, features and gradients with those of the oracle."""
    where, ours = in_order(result.C, result.F)
    expected, theirs = in_order(coordinates, features)
    assert where == expected
    torch.testing.assert_close(ours, theirs)
    weights = torch.from_numpy(np.random.default_rng(3).standard_normal(tuple(theirs.shape)))
    found = torch.autograd.grad((ours * weights).sum(), leaves, retain_graph=True, allow_unused=True)
    wanted = torch.autograd.grad((theirs * weights).sum(), leaves, retain_graph=True, allow_unused=True)
    for mine, other in zip(found, wanted):
        torch.testing.assert_close(
            torch.zeros(1).double() if mine is None else mine, torch.zeros(1).double() if other is None else other
        )


@pytest.mark.parametrize("size", [1, 3, [3, 1, 5]])
def test_the_oracle_is_torchs_convolution_where_every_place_is_a_site(random, size):
    places = ME.dense_coordinates([2, 1, 5, 4, 6])
    features = leaf(random, len(places), 3)
    taps = taps_of(size, 1, 3)
    kernel = leaf(random, len(taps), 12).reshape(-1, 3, 4)
    result = convolved(features, pairs(places, places, taps, [1] * 3), kernel, len(places))
    sizes = each_axis(size, 3)
    weight = kernel.reshape(*sizes[::-1], 3, 4).permute(4, 3, 2, 1, 0)
    dense = features.reshape(2, 5, 4, 6, 3).permute(0, 4, 1, 2, 3)
    expected = torch.nn.functional.conv3d(dense, weight, padding=[extent // 2 for extent in sizes])
    torch.testing.assert_close(result, expected.permute(0, 2, 3, 4, 1).reshape(-1, 4))


def test_the_oracle_of_size_2_and_stride_2_is_torchs_convolution(random):
    places = ME.dense_coordinates([1, 1, 6, 4])
    coarse = rounded_down(places, 2)
    features, kernel = leaf(random, len(places), 2), leaf(random, 4, 6).reshape(4, 2, 3)
    result = convolved(features, pairs(places, coarse, taps_of(2, 1, 2), [1, 1]), kernel, len(coarse))
    weight = kernel.reshape(2, 2, 2, 3).permute(3, 2, 1, 0)
    dense = features.reshape(1, 6, 4, 2).permute(0, 3, 1, 2)
    expected = torch.nn.functional.conv2d(dense, weight, stride=2)
    torch.testing.assert_close(result, expected.permute(0, 2, 3, 1).reshape(-1, 3))
