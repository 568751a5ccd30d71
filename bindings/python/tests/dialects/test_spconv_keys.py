"""What an `indice_key` names: rules that layers share, ways back, and what programs read of them."""

import copy
import io

import pytest
import torch
from test_spconv_oracle import drawn, expected_submanifold

import scn
import scn.spconv.pytorch as spconv
from scn.spconv.core import ConvAlgo
from scn.spconv.pytorch.core import ImplicitGemmIndiceData, IndiceData


def pairs_of(data):
    """{(tap, input row, output row)}"""
    pairs = data.indice_pairs
    return {
        (tap, int(i), int(o))
        for tap in range(pairs.shape[1])
        for i, o in zip(pairs[0, tap].tolist(), pairs[1, tap].tolist())
        if i >= 0
    }


def pairs_by_loops(indices, outputs, size, stride, padding):
    row = {tuple(site): number for number, site in enumerate(indices.tolist())}
    found = set()
    for number, (sample, y, x) in enumerate(outputs.tolist()):
        for tap in range(size * size):
            where = (sample, y * stride - padding + tap // size, x * stride - padding + tap % size)
            if where in row:
                found.add((tap, row[where], number))
    return found


def test_pairs_name_rows_as_the_program_numbers_them(random):
    x = drawn(random, [9, 8], 40, 3)
    y = spconv.SparseConv2d(3, 4, 3, 2, 1, indice_key="down").double()(x)
    data = y.indice_dict["down"]
    assert isinstance(data, IndiceData) and x.indice_dict == {}
    assert data.indice_pairs.shape == (2, 9, 40) and data.indice_pairs.dtype is torch.int32
    assert pairs_of(data) == pairs_by_loops(x.indices, y.indices, 3, 2, 1)
    counts = (data.indice_pairs[0] >= 0).sum(1)
    assert data.indice_pair_num.tolist() == counts.tolist() and data.indice_pair_num.dtype is torch.int32
    for tap, count in enumerate(counts.tolist()):  # those of a tap come first
        assert (data.indice_pairs[:, tap, count:] == -1).all()
    assert data.indices is x.indices and data.out_indices is y.indices
    about = (data.spatial_shape, data.out_spatial_shape, data.ksize, data.stride, data.padding, data.dilation)
    assert about == ([9, 8], [5, 4], [3, 3], [2, 2], [1, 1], [1, 1])
    assert data.is_subm is False and data.algo is ConvAlgo.Native and data.voxel_num is None


def test_counts_of_a_submanifold_layer_end_before_the_center_as_in_spconv(random):
    x = drawn(random, [6, 6], 20, 3)
    y = spconv.SubMConv2d(3, 4, 3, indice_key="s").double()(x)
    data = y.find_indice_pair("s")
    assert data.is_subm and data.out_indices is x.indices
    counts = (data.indice_pairs[0] >= 0).sum(1).tolist()
    assert data.indice_pair_num.tolist() == [*counts[:4], 0, 0, 0, 0, 0]
    assert counts[4] == 20 and counts[:4] == counts[:4:-1]
    assert y.find_indice_pair(None) is None and y.find_indice_pair("other") is None


def test_tables_of_implicit_gemm_say_the_same(random):
    x = drawn(random, [9, 8], 40, 3)
    y = spconv.SparseConv2d(3, 4, 3, 2, 1, indice_key="k", algo=ConvAlgo.MaskImplicitGemm).double()(x)
    data = y.indice_dict["k"]
    assert isinstance(data, ImplicitGemmIndiceData)
    forward = {(tap, i, o) for tap, row in enumerate(data.pair_fwd.tolist()) for o, i in enumerate(row) if i >= 0}
    backward = {(tap, i, o) for tap, row in enumerate(data.pair_bwd.tolist()) for i, o in enumerate(row) if o >= 0}
    assert forward == backward == pairs_of(data)
    assert data.pair_fwd.shape == (9, len(y.indices)) and data.pair_bwd.shape == (9, 40)


def test_layers_with_a_key_share_rules_and_the_dictionary_is_copied(random):
    x = drawn(random, [6, 6], 20, 3)
    first, second = (spconv.SubMConv2d(3, 3, 3, indice_key="s").double() for _ in range(2))
    y = first(x)
    z = second(y)
    assert z.indice_dict["s"] is y.indice_dict["s"] and z.indice_dict is not y.indice_dict
    _, expected, _ = expected_submanifold(second, y, second.weight, second.bias)
    torch.testing.assert_close(z.features, expected)


def test_a_key_that_was_made_for_other_sites_gives_right_results(random):
    layer = spconv.SubMConv2d(3, 4, 3, indice_key="s").double()
    x, other = drawn(random, [6, 6], 20, 3), drawn(random, [6, 6], 20, 3)
    known = layer(x).indice_dict
    mixed = spconv.SparseConvTensor(other.features, other.indices, [6, 6], 2, indice_dict=known)
    y = layer(mixed)
    torch.testing.assert_close(y.features, layer(other).features)
    assert y.indice_dict["s"].indices is other.indices and known["s"].indices is x.indices


def test_a_key_serves_equal_sites_of_another_tensor(random):
    layer = spconv.SubMConv2d(3, 4, 3, indice_key="s").double()
    x = drawn(random, [6, 6], 20, 3)
    known = layer(x).indice_dict
    again = spconv.SparseConvTensor(x.features, x.indices.clone(), [6, 6], 2, indice_dict=known)
    y = layer(again)
    assert y.indice_dict["s"] is known["s"]
    torch.testing.assert_close(y.features, layer(x).features)


def test_indices_changed_in_place_or_replaced_are_noticed(random):
    layer = spconv.SubMConv2d(3, 4, 3, indice_key="s").double()
    x = drawn(random, [6, 6], 20, 3)
    x.spatial_shape = [12, 12]
    y = layer(x)
    y.indices[:, 1:] *= 2  # the same tensor as x.indices: now no two sites touch
    apart = layer(y.replace_feature(x.features))
    center = layer.weight[:, 1, 1]
    torch.testing.assert_close(apart.features, x.features @ center.t() + layer.bias)
    assert apart.indice_dict["s"] is not y.indice_dict["s"]
    y.indices = drawn(random, [6, 6], 20, 3).indices
    moved = spconv.SparseConvTensor(x.features, y.indices, [12, 12], 2)
    torch.testing.assert_close(layer(y.replace_feature(x.features)).features, layer(moved).features)


@pytest.mark.parametrize("key", [None, "a"])
@pytest.mark.parametrize("way", ["numpy", "data"])
def test_a_buffer_that_is_filled_anew_for_each_frame_is_noticed(random, key, way):
    """Torch does not count what others write into a tensor's memory."""
    frames = [drawn(random, [9, 9], 40, 3) for _ in range(3)]
    conv = spconv.SubMConv2d(3, 4, 3, bias=False, indice_key=key).double()
    buffer = frames[0].indices.clone()
    shown, version = buffer.numpy(), buffer._version
    for frame in frames:
        if way == "numpy":
            shown[:] = frame.indices.numpy()
        else:
            buffer.data[:] = frame.indices
        found = conv(spconv.SparseConvTensor(frame.features, buffer, [9, 9], 2)).features
        assert buffer._version == version
        assert torch.allclose(found, expected_submanifold(conv, frame, conv.weight, None)[1])


def test_inference_tensors_are_looked_at_again(random):
    layer = spconv.SubMConv1d(1, 1, 3, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1)
    with torch.inference_mode():
        x = spconv.SparseConvTensor(torch.ones(2, 1), torch.tensor([[0, 1], [0, 2]]).int(), [9], 1)
        assert layer(x).features.tolist() == [[2], [2]]
        x.indices[1, 1] = 7
        assert layer(x).features.tolist() == [[1], [1]]


def test_a_way_back_follows_rows_of_its_layer_even_if_their_places_changed(random):
    x = drawn(random, [8, 8], 30, 3)
    down = spconv.SparseConv2d(3, 4, 2, 2, indice_key="d").double()
    up = spconv.SparseInverseConv2d(4, 2, 2, "d").double()
    y = down(x)
    expected = up(y).features
    y.indices[:, 1:] += 1
    assert torch.equal(up(y).features, expected)
    order = torch.randperm(len(y.indices))
    y.indices[:, 1:] -= 1
    shuffled = spconv.SparseConvTensor(y.features[order], y.indices[order], [4, 4], 2, indice_dict=y.indice_dict)
    z = up(shuffled)
    torch.testing.assert_close(z.features, expected)
    assert z.indices is x.indices


def test_a_way_back_from_a_pooling(random):
    x = drawn(random, [8, 8], 30, 3)
    y = spconv.SparseMaxPool2d(2, 2, indice_key="p")(x)
    z = spconv.SparseInverseConv2d(3, 2, 2, "p").double()(y)
    assert z.indices is x.indices and z.spatial_shape == [8, 8]


def test_wrong_uses_of_keys_raise_and_leave_the_tensor_alone(random):
    x = drawn(random, [8, 8], 30, 3)
    y = spconv.SparseConv2d(3, 3, 2, 2, indice_key="d").double()(x)
    s = spconv.SubMConv2d(3, 3, 3, indice_key="s").double()(x)
    before = dict(y.indice_dict)
    for layer, tensor, message in (
        (spconv.SparseConv2d(3, 3, 2, 2, indice_key="d"), y, "names rules already"),
        (spconv.SparseMaxPool2d(2, 2, indice_key="d"), y, "names rules already"),
        (spconv.SubMConv2d(3, 3, 3, indice_key="d"), y, "another kind of layer"),
        (spconv.SubMConv2d(3, 3, 5, indice_key="s"), s, r"kernel_size: is \[5, 5\], expected \[3, 3\]"),
        (spconv.SubMConv2d(3, 3, 3, dilation=2, indice_key="s"), s, "dilation"),
        (spconv.SparseInverseConv2d(3, 3, 2, "other"), y, "indice_key: is 'other', .* this tensor has 'd'"),
        (spconv.SparseInverseConv2d(3, 3, 2, None), y, "indice_key: is None"),
        (spconv.SparseInverseConv2d(3, 3, 3, "s"), s, "cannot be reversed"),
        (spconv.SparseInverseConv2d(3, 3, 3, "d"), y, "kernel_size"),
    ):
        for kind in (AssertionError, ValueError, RuntimeError):
            with pytest.raises(kind, match=message):
                layer.double()(tensor)
    fewer = y.select_by_index(torch.arange(2))
    fewer.indice_dict = y.indice_dict
    with pytest.raises(ValueError, match="rows of indices: is 2"):
        spconv.SparseInverseConv2d(3, 3, 2, "d").double()(fewer)
    elsewhere = spconv.SparseConvTensor(y.features, y.indices.clone(), [4, 4], 2, indice_dict=y.indice_dict)
    free = set(map(tuple, torch.cartesian_prod(*map(torch.arange, (2, 4, 4))).tolist()))
    elsewhere.indices[0] = torch.tensor(sorted(free - set(map(tuple, y.indices.tolist())))[0])
    with pytest.raises(ValueError, match="other sites"):
        spconv.SparseInverseConv2d(3, 3, 2, "d").double()(elsewhere)
    with pytest.raises(TypeError, match="IndiceData"):
        spconv.SubMConv2d(3, 3, 3, indice_key="s").double()(
            spconv.SparseConvTensor(x.features, x.indices, [8, 8], 2, indice_dict={"s": 1})
        )
    assert y.indice_dict == before


@pytest.mark.parametrize("kind", ["SparseConv2d", "SparseConvTranspose2d"])
@pytest.mark.parametrize("how", ["copy", "pickle"])
def test_copied_and_loaded_tensors_find_their_way_back(random, kind, how):
    x = drawn(random, [8, 8], 30, 3)
    y = getattr(spconv, kind)(3, 4, 2, 2, indice_key="d").double()(x)
    y = y.replace_feature(y.features.detach())
    if how == "copy":
        other = copy.deepcopy(y)
    else:
        file = io.BytesIO()
        torch.save(y, file)
        file.seek(0)
        other = torch.load(file, weights_only=False)
    up = spconv.SparseInverseConv2d(4, 2, 2, "d").double()
    z = up(other)
    torch.testing.assert_close(z.features, up(y).features)
    assert z.indices is other.indice_dict["d"].indices and torch.equal(z.indices, x.indices)
    assert pairs_of(other.indice_dict["d"]) == pairs_of(y.indice_dict["d"])


def test_data_made_by_a_program_serves_a_way_back(random):
    x = drawn(random, [8, 8], 30, 3)
    y = spconv.SparseConv2d(3, 4, 2, 2, indice_key="d").double()(x)
    order = torch.randperm(len(y.indices))
    outputs = y.indices[order]
    data = IndiceData(
        outputs, x.indices, None, None, [8, 8], [4, 4], False, ConvAlgo.Native, [2, 2], [2, 2], [1, 1], [0, 0]
    )
    tensor = spconv.SparseConvTensor(y.features[order], outputs, [4, 4], 2, indice_dict={"d": data})
    up = spconv.SparseInverseConv2d(4, 2, 2, "d").double()
    torch.testing.assert_close(up(tensor).features, up(y).features)
    wrong = IndiceData(
        outputs[:3], x.indices, None, None, [8, 8], [4, 4], False, ConvAlgo.Native, [2, 2], [2, 2], [1, 1], [0, 0]
    )
    with pytest.raises(RuntimeError, match="out_indices"):
        wrong.indice_pairs


def test_new_tensors_on_the_same_indices_use_what_is_known_of_them(random, monkeypatch):
    from scn.spconv.pytorch import _geometry

    x = drawn(random, [8, 8], 30, 3)
    made = []
    whole = _geometry.Rows.made
    monkeypatch.setattr(_geometry.Rows, "made", lambda *a, **n: made.append(1) or whole(*a, **n))
    layer = spconv.SubMConv2d(3, 3, 3).double()
    y = layer(x)
    for _ in range(3):
        y = layer(spconv.SparseConvTensor(y.features, y.indices, y.spatial_shape, y.batch_size))
    down = spconv.SparseConv2d(3, 3, 2, 2).double()(y)
    layer(spconv.SparseConvTensor(down.features, down.indices, down.spatial_shape, down.batch_size))
    assert len(made) == 1


@pytest.mark.parametrize("name", ["indice_pairs", "indice_pair_num", "pair_fwd", "pair_bwd"])
def test_tables_that_were_changed_in_place_are_refused(random, name):
    """Layers compute with the rules, so that what a program took out of a table would still count."""
    x = drawn(random, [9, 8], 40, 3)
    y = spconv.SubMConv2d(3, 3, 3, indice_key="near").double()(x)
    layer = spconv.SubMConv2d(3, 3, 3, indice_key="near").double()
    wanted = layer(y).features
    table = getattr(y.indice_dict["near"], name)
    assert torch.equal(layer(y).features, wanted)
    table[0] = -1
    with pytest.raises(ValueError, match=f"{name}: was changed in place"):
        layer(y)
    with pytest.raises(ValueError, match=f"{name}: was changed in place"):
        copy.deepcopy(y.indice_dict["near"])


def saved_by_spconv(data):
    """Return a copy of data as spconv pickles it: tables as attributes, and not whether the layer was transposed."""
    names = ("out_indices", "indices", "spatial_shape", "out_spatial_shape", "is_subm", "algo", "ksize", "stride",
             "dilation", "padding", "indice_pairs", "indice_pair_num", "voxel_num")  # fmt: skip
    made = IndiceData.__new__(IndiceData)
    made.__setstate__({**{name: getattr(data, name) for name in names}, "spatial_shape": tuple(data.spatial_shape)})
    return made


@pytest.mark.parametrize(
    "layer",
    [
        spconv.SparseConv2d(3, 3, 3, 2, 1, bias=False, indice_key="k"),
        spconv.SparseConv2d(3, 3, 3, 1, 2, bias=False, indice_key="k"),
        spconv.SparseConvTranspose2d(3, 3, 3, 2, 1, bias=False, indice_key="k"),
        spconv.SubMConv2d(3, 3, 3, bias=False, indice_key="k"),
    ],
    ids=str,
)
def test_data_that_spconv_saved_has_the_same_rules(random, layer):
    y = layer.double()(drawn(random, [9, 7], 30, 3))
    data = y.indice_dict["k"]
    saved = saved_by_spconv(data)
    assert torch.equal(saved.indice_pairs, data.indice_pairs) and pairs_of(saved) == pairs_of(data)
    assert torch.equal(saved.pair_fwd, data.pair_fwd)
    shallow = copy.copy(saved)
    assert torch.equal(shallow.pair_bwd, data.pair_bwd)
    saved.require_unchanged()


def test_data_whose_sizes_do_not_tell_what_made_it_is_refused(random):
    y = spconv.SparseConv2d(3, 3, 3, 1, 1, bias=False, indice_key="k").double()(drawn(random, [9, 7], 30, 3))
    with pytest.raises(scn.StateError, match="do not tell whether the layer was transposed"):
        saved_by_spconv(y.indice_dict["k"]).rules
