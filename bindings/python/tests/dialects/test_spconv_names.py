"""The names of spconv 2.3 and 1.x, where programs look for them; functions along pairs; the hash table."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from test_spconv_oracle import drawn

import scn.spconv
import scn.spconv.pytorch as spconv
from scn.spconv._cumm.tensorview.gemm import Activation
from scn.spconv.core import AlgoHint, ConvAlgo
from scn.spconv.pytorch import functional, ops
from scn.spconv.pytorch.constants import PYTORCH_VERSION, is_amp_enabled
from scn.spconv.pytorch.hash import HashTable

PROGRAM = """
import scn
scn.stand_in("spconv")
import spconv
assert spconv.__version__ == "2.3.8" and float(spconv.__version__[2:]) >= 2.2
spconv.constants.SPCONV_USE_DIRECT_TABLE = False
import importlib, scn.spconv.constants
assert scn.spconv.constants.SPCONV_USE_DIRECT_TABLE is False
assert spconv.SPCONV_VERSION_NUMBERS == [2, 3, 8]
one_x = [spconv.SubMConv3d, spconv.SparseConvTensor, spconv.modules.SparseModule, spconv.ops.ConvAlgo, spconv.ToDense]
from spconv.modules import SparseModule
from spconv.pytorch.modules import SparseModule as same, is_spconv_module
assert same is SparseModule
import spconv.pytorch as spconv
assert spconv is importlib.import_module("spconv.pytorch")
assert spconv.conv.SparseConvolution and spconv.modules.is_spconv_module and spconv.ops and spconv.functional
from spconv.pytorch.utils import PointToVoxel, gather_features_by_pc_voxel_id
from spconv.utils import Point2VoxelCPU3d, Point2VoxelGPU3d
from spconv.core import ConvAlgo, AlgoHint
from spconv.pytorch import ConvAlgo as again
assert again is ConvAlgo
from spconv.pytorch.spatial import RemoveDuplicate
from spconv.pytorch.cppcore import torch_tensor_to_tv
from spconv.pytorch.functional import sparse_add
from spconv.pytorch.hash import HashTable
from spconv.pytorch.pool import SparseMaxPool3d, SparseGlobalAvgPool
from spconv.pytorch.core import SparseConvTensor, IndiceData, ImplicitGemmIndiceData, expand_nd
from spconv.pytorch.tables import AddTable, AddTableMisaligned
from spconv.tools import CUDAKernelTimer
from spconv.cppconstants import CPU_ONLY_BUILD
import cumm.tensorview as tv
from cumm import tensorview
assert tv is tensorview and tv.from_numpy
from spconv.pytorch import (SparseConv1d, SparseConv2d, SparseConv3d, SparseConv4d, SparseConvTranspose1d,
    SparseConvTranspose2d, SparseConvTranspose3d, SparseConvTranspose4d, SparseInverseConv1d, SparseInverseConv2d,
    SparseInverseConv3d, SparseInverseConv4d, SubMConv1d, SubMConv2d, SubMConv3d, SubMConv4d, SparseMaxPool1d,
    SparseMaxPool4d, SparseAvgPool1d, SparseModule, SparseSequential, Identity, RemoveGrid, ToDense, SparseBatchNorm,
    SparseReLU, SparseIdentity, assign_name_for_sparse_modules)
try:
    from spconv.utils import VoxelGeneratorV2
except ImportError:
    pass
else:
    raise SystemExit("VoxelGeneratorV2 is there")
print("fine")
"""


def test_programs_find_all_names_after_stand_in(subprocess_environment):
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=subprocess_environment, capture_output=True, text=True, timeout=120
    )
    assert found.stdout == "fine\n", found.stderr


def test_names_that_are_nowhere_raise_what_python_does():
    for package in (scn.spconv, ops):
        with pytest.raises(AttributeError):
            package.nowhere
    with pytest.raises(ImportError):
        from scn.spconv import nowhere  # noqa: F401
    assert scn.spconv.SubMConv2d is spconv.SubMConv2d and scn.spconv.utils.Point2VoxelCPU3d


def test_what_scn_does_not_have_says_so():
    from scn.spconv.pytorch import quantization

    with pytest.raises(NotImplementedError, match="quantization.get_spconv_backend_config"):
        quantization.get_spconv_backend_config
    with pytest.raises(NotImplementedError, match="ops.implicit_gemm"):
        ops.implicit_gemm
    assert not hasattr(ops, "implicit_gemm") and getattr(ops, "implicit_gemm", None) is None
    for module in (spconv, spconv.conv):
        with pytest.raises(NotImplementedError, match="FocalsConv3d: is a layer of a fork"):
            module.FocalsConv3d
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            module.nothing
    assert spconv.functional.SubMConvFunction.apply is spconv.functional.indice_subm_conv
    with pytest.raises(ImportError):
        exec("from scn.spconv.pytorch.ops import implicit_gemm")
    assert [algo.name for algo in ConvAlgo] == ["Native", "MaskImplicitGemm", "MaskSplitImplicitGemm"]
    assert AlgoHint.BackwardWeight.value == 4 and PYTORCH_VERSION >= [2, 1] and not is_amp_enabled()


def test_sizes_are_those_of_dense_layers():
    dense = torch.nn.Conv2d(1, 1, (3, 2), (2, 3), (1, 0), (2, 1))(torch.zeros(1, 1, 11, 14))
    assert ops.get_conv_output_size([11, 14], [3, 2], [2, 3], [1, 0], [2, 1]) == list(dense.shape[2:])
    dense = torch.nn.ConvTranspose2d(1, 1, (3, 2), (2, 3), (1, 0), (1, 0))(torch.zeros(1, 1, 11, 14))
    assert ops.get_deconv_output_size([11, 14], [3, 2], [2, 3], [1, 0], [1, 1], [1, 0]) == list(dense.shape[2:])


@pytest.mark.parametrize("are_known", [True, False])
@pytest.mark.parametrize("kind", ["SubMConv2d", "SparseConv2d", "SparseConvTranspose2d", "SparseInverseConv2d"])
def test_functions_along_pairs_are_the_layers(random, kind, are_known):
    x = drawn(random, [7, 8], 25, 3)
    is_subm, is_transposed, is_inverse = kind == "SubMConv2d", "Transpose" in kind, "Inverse" in kind
    layer = getattr(spconv, "SparseConv2d" if is_inverse else kind)(3, 4, 3, 2, 1, indice_key="k").double()
    y = layer(x)
    indices, pairs, counts = ops.get_indice_pairs(
        x.indices, 2, [7, 8], ConvAlgo.Native, [3, 3], [2, 2], [1, 1], [1, 1], [0, 0], is_subm, is_transposed
    )
    assert torch.equal(indices, y.indices)
    pairs = pairs if are_known else pairs.clone()
    source = x
    if is_inverse:
        layer, source = spconv.SparseInverseConv2d(4, 3, 3, "k").double(), y
        y = layer(y)
    function = {"SubMConv2d": functional.indice_subm_conv, "SparseInverseConv2d": functional.indice_inverse_conv}
    apply = function.get(kind, functional.indice_conv)
    found = apply(source.features, layer.weight, pairs, counts, len(y.indices), ConvAlgo.Native, bias=layer.bias)
    torch.testing.assert_close(found, y.features)
    leaves = [x.features, layer.weight, layer.bias]
    gradients = (torch.autograd.grad(values.pow(2).sum(), leaves, retain_graph=True) for values in (found, y.features))
    for ours, theirs in zip(*gradients):
        torch.testing.assert_close(ours, theirs)
    active = apply(source.features, layer.weight, pairs, counts, len(y.indices), act_type=Activation.ReLU)
    torch.testing.assert_close(active, torch.relu(found - layer.bias))
    if not is_inverse:
        table = y.indice_dict["k"].pair_fwd
        masks = [[]] * 4
        result = functional.implicit_gemm(
            x.features, layer.weight, table, None, *masks, len(y.indices), [], True, is_subm, bias=layer.bias
        )
        torch.testing.assert_close(result, y.features)


def test_poolings_along_pairs_are_the_layers(random):
    x = drawn(random, [7, 8], 25, 3)
    y = spconv.SparseMaxPool2d(2, 2, indice_key="k")(x)
    data = y.indice_dict["k"]
    rows = len(y.indices)
    found = functional.indice_maxpool(x.features, data.indice_pairs, data.indice_pair_num, rows)
    torch.testing.assert_close(found, y.features)
    (gradient,) = torch.autograd.grad(found.pow(2).sum(), x.features)
    (expected,) = torch.autograd.grad(y.features.pow(2).sum(), x.features)
    torch.testing.assert_close(gradient, expected)
    found = functional.indice_maxpool_implicit_gemm(x.features, data.pair_fwd, data.pair_bwd, rows)
    torch.testing.assert_close(found, y.features)
    found = functional.indice_avgpool_implicit_gemm(x.features, data.pair_fwd, data.pair_bwd, rows)
    torch.testing.assert_close(found, spconv.SparseAvgPool2d(2)(x).features)


def test_pairs_and_filters_of_other_shapes_are_refused(random):
    x = drawn(random, [7, 8], 25, 3)
    weight = torch.zeros(4, 3, 3, 3, dtype=torch.float64)
    known = ops.get_indice_pairs(x.indices, 2, [7, 8], ConvAlgo.Native, *([[3, 3]] * 2), *([[1, 1]] * 3), True)[1]
    known[:, 0] = -1  # no longer what was made
    weight[:, 0, 0] = 1
    assert not functional.indice_subm_conv(x.features, weight, known, None, 25).any()
    with pytest.raises(ValueError, match="indice_pairs: has shape"):
        functional.indice_conv(x.features, weight, torch.zeros(9, 25).int(), torch.zeros(9).int(), 5)
    with pytest.raises(ValueError, match="filters: has shape"):
        functional.indice_conv(x.features, weight, torch.zeros(2, 8, 25).int(), torch.zeros(8).int(), 5)


def test_rows_are_arranged_by_sample():
    coords = torch.tensor([[1, 0], [0, 3], [1, 2], [3, 1]]).int()
    rows, counts = ops.global_pool_rearrange(coords, 4)
    assert counts.tolist() == [1, 2, 0, 1] and rows.dtype is torch.int32
    assert [rows[sample, :count].tolist() for sample, count in enumerate(counts)] == [[1], [0, 2], [], [3]]
    most = torch.tensor([3, 9])
    ops.maximum_value_int_(most, 5)
    assert most.tolist() == [5, 9]


@pytest.mark.parametrize("keys, values", [(torch.int32, torch.int64), (torch.int64, torch.int32)])
def test_a_hash_table_keeps_first_values_and_finds_them(keys, values):
    table = HashTable(torch.device("cpu"), keys, values, max_size=100)
    assert table.query(torch.tensor([4], dtype=keys))[1].tolist() == [True]
    table.insert(torch.tensor([5, 3, 7, 3], dtype=keys), torch.tensor([1, 2, 3, 4], dtype=values))
    table.insert(torch.tensor([5, -8], dtype=keys))
    found, is_empty = table.query(torch.tensor([3, 5, 9, -8], dtype=keys))
    assert found.tolist() == [2, 1, 0, 0] and is_empty.tolist() == [False, False, True, False]
    given = torch.full((2,), 77, dtype=values)
    assert table.query(torch.tensor([9, 7], dtype=keys), given)[0] is given and given.tolist() == [77, 3]
    missing = table.insert_exist_keys(torch.tensor([7, 99], dtype=keys), torch.tensor([30, 40], dtype=values))
    assert missing.tolist() == [0, 1] and missing.dtype is torch.uint8
    all_keys, all_values, count = table.items()
    assert all_keys.tolist() == [-8, 3, 5, 7] and all_values.tolist() == [0, 2, 1, 30] and count.item() == 4
    assert table.assign_arange_().item() == 4 and table.items()[1].tolist() == [0, 1, 2, 3]
    assert table.items(max_size=2)[0].tolist() == [-8, 3]
    with pytest.raises(TypeError, match="keys"):
        table.insert(torch.tensor([1.0]))
    with pytest.raises(ValueError, match="values"):
        table.insert(torch.tensor([1], dtype=keys), torch.tensor([1, 2], dtype=values))
    with pytest.raises(ValueError, match="key_dtype"):
        HashTable(torch.device("cpu"), torch.float32, values)


def test_what_layers_of_programs_call(tmp_path, monkeypatch, capsys):
    from scn.spconv import constants
    from scn.spconv.debug_utils import spconv_save_debug_data
    from scn.spconv.pytorch.conv import SparseConvolution, SparseConvolutionBase
    from scn.spconv.pytorch.functional import _indice_to_scalar

    rows = torch.tensor([[0, 1, 2], [1, 0, 3]]).int()
    assert (
        _indice_to_scalar(rows, [2, 4, 5]).tolist() == [7, 23]
        and _indice_to_scalar(rows, [2, 4, 5]).dtype is torch.int32
    )
    monkeypatch.setattr(constants, "SPCONV_DEBUG_SAVE_PATH", "")
    spconv_save_debug_data(rows)
    assert "no data for debugging was saved" in capsys.readouterr().out
    monkeypatch.setattr(constants, "SPCONV_DEBUG_SAVE_PATH", str(tmp_path / "data"))
    spconv_save_debug_data(rows)
    assert torch.equal(pickle.loads((tmp_path / "data").read_bytes()), rows)
    monkeypatch.setattr(constants, "SPCONV_DEBUG_SAVE_PATH", str(tmp_path / "no" / "data"))
    spconv_save_debug_data(rows)
    assert "no data for debugging was saved" in capsys.readouterr().out

    class Grouped(SparseConvolution):
        def __init__(self):
            spconv.SparseModule.__init__(self)
            self.kernel_size, self.dilation = [3, 3], [1, 1]

        def forward(self, x):
            self._check_subm_reuse_valid(x, x.spatial_shape, x.find_indice_pair("near"))
            return x

    x = spconv.SparseConvTensor(torch.ones(2, 2), rows, [4, 5], 2)
    y = spconv.SubMConv2d(2, 2, 3, indice_key="near")(x)
    assert Grouped()(y) is y and copy.deepcopy(Grouped())(y) is y
    z = spconv.SubMConv2d(2, 2, 5, indice_key="near")(x)
    with pytest.raises(ValueError, match="kernel_size"):
        Grouped()(z)
    asked = []
    monkeypatch.setattr(
        SparseConvolutionBase, "_check_inverse_reuse_valid", lambda self, *given: asked.append(len(given))
    )
    down = spconv.SparseConv2d(2, 2, 2, 2, indice_key="down")(x)
    spconv.SparseInverseConv2d(2, 2, 2, indice_key="down")(down)
    assert asked == [3]
