"""The names of MinkowskiEngine 0.5.4, where programs look for them, and whole networks made of its blocks."""

import copy
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from test_minkowski_oracle import drawn, leaf, tensor
from torch import nn

import scn.minkowski as ME
from scn.errors import UnsupportedError
from scn.minkowski.modules.resnet_block import BasicBlock, Bottleneck
from scn.minkowski.modules.senet_block import SEBasicBlock, SEBottleneck, SELayer

PROGRAM = """
import scn
scn.stand_in("MinkowskiEngine")
import MinkowskiEngine as ME
import MinkowskiEngine
assert ME.__version__ == "0.5.4" and tuple(int(part) for part in ME.__version__.split(".")) >= (0, 5)
import MinkowskiEngine.MinkowskiOps as me
assert me.cat is ME.cat and me.to_sparse is ME.to_sparse
import MinkowskiEngine.MinkowskiFunctional as MF
assert MF.relu and ME.MinkowskiFunctional is MF
from MinkowskiEngine import CoordinateMapKey, CoordinateManager, KernelGenerator, SparseTensor, TensorField
from MinkowskiEngine import SparseTensorQuantizationMode, SparseTensorOperationMode, MinkowskiAlgorithm, PoolingMode
from MinkowskiEngine import MinkowskiNetwork, MinkowskiReLU, MinkowskiConvolution, RegionType, BroadcastMode
from MinkowskiEngine.MinkowskiSparseTensor import SparseTensor as a, _get_coordinate_map_key
from MinkowskiEngine.MinkowskiTensor import SparseTensorQuantizationMode as b, SparseTensorOperationMode as c
from MinkowskiEngine.MinkowskiTensorField import TensorField as d
from MinkowskiEngine.MinkowskiKernelGenerator import KernelGenerator as e
from MinkowskiEngine.MinkowskiCoordinateManager import CoordinateManager as f
from MinkowskiEngine.MinkowskiNonlinearity import MinkowskiNonlinearityBase, MinkowskiReLU as g
from MinkowskiEngine.MinkowskiNormalization import MinkowskiBatchNorm, MinkowskiInstanceNorm
from MinkowskiEngine.MinkowskiPooling import MinkowskiMaxPooling, MinkowskiGlobalPooling
from MinkowskiEngine.MinkowskiCommon import convert_to_int_list, convert_to_int_tensor, MinkowskiModuleBase
from MinkowskiEngine.MinkowskiConvolution import MinkowskiConvolutionFunction, MinkowskiConvolutionBase
from MinkowskiEngine.MinkowskiNetwork import MinkowskiNetwork
from MinkowskiEngine.MinkowskiInterpolation import MinkowskiInterpolation
from MinkowskiEngine.MinkowskiUnion import MinkowskiUnion
from MinkowskiEngine.MinkowskiPruning import MinkowskiPruning
from MinkowskiEngine.MinkowskiBroadcast import MinkowskiBroadcast
from MinkowskiEngine.diagnostics import print_diagnostics
from MinkowskiEngine.modules.resnet_block import BasicBlock, Bottleneck
from MinkowskiEngine.modules.senet_block import SELayer
from MinkowskiEngine.utils import sparse_quantize, sparse_collate, batch_sparse_collate, batched_coordinates
from MinkowskiEngine.utils.quantization import fnv_hash_vec
from MinkowskiEngine.utils.collation import SparseCollation
from MinkowskiEngine.utils.gradcheck import gradcheck
assert (a, b, c, d) == (SparseTensor, SparseTensorQuantizationMode, SparseTensorOperationMode, TensorField)
assert (e, f, g) == (KernelGenerator, CoordinateManager, MinkowskiReLU)
for name in ("MinkowskiInterpolation", "MinkowskiUnion", "MinkowskiPruning", "MinkowskiBroadcast", "MinkowskiNetwork"):
    assert isinstance(getattr(ME, name), type), name
assert isinstance(ME.MinkowskiConvolution, type) and ME.MinkowskiConvolution is MinkowskiConvolution
assert ME.is_cuda_available() is False and ME.cuda_version() == -1 and ME.get_gpu_memory_info() == (0, 0)
print("all there")
"""


def test_programs_find_every_name(subprocess_environment, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=tmp_path,
        env=subprocess_environment,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == ("all there\n", 0), done.stderr


def test_every_module_lists_its_public_names():
    """They are what `from ... import *` gives, and each of them says what it is."""
    for entry in pkgutil.walk_packages(ME.__path__, "scn.minkowski."):
        module = importlib.import_module(entry.name)
        assert module.__doc__, entry.name
        for name in getattr(module, "__all__", []):
            value = getattr(module, name)
            assert value.__doc__ or not (inspect.isclass(value) or inspect.isfunction(value)), f"{entry.name}.{name}"
    assert not [name for name in ME.__all__ if not hasattr(ME, name)]


def test_functions_of_the_extension_say_that_they_are_not_there():
    with pytest.raises(UnsupportedError, match="ConvolutionForward"):
        ME.MinkowskiCommon.get_minkowski_function("ConvolutionForward", torch.ones(1))
    assert ME.MinkowskiCommon.get_postfix(torch.ones(1)) == "CPU"


@pytest.mark.parametrize("kind", [BasicBlock, SEBasicBlock])
def test_basic_blocks_are_their_layers(random, kind):
    x = tensor(random, planes=4)
    down = nn.Sequential(ME.MinkowskiConvolution(4, 6, 1, 2, dimension=3), ME.MinkowskiBatchNorm(6))
    settings = {"dimension": 3} if kind is BasicBlock else {"reduction": 2, "D": 3}
    block = kind(4, 6, stride=2, downsample=down, **settings).double()
    inner = block.norm2(block.conv2(block.relu(block.norm1(block.conv1(x)))))
    if kind is SEBasicBlock:
        inner = block.se(inner)
    torch.testing.assert_close(block(x).F, (inner.F + down(x).F).relu())
    assert block(x).tensor_stride == [2, 2, 2]
    names = {name for name, _ in block.named_parameters()}
    assert {"conv1.kernel", "norm1.bn.weight", "conv2.kernel", "norm2.bn.bias", "downsample.0.kernel"} <= names


@pytest.mark.parametrize("kind", [Bottleneck, SEBottleneck])
def test_bottlenecks_are_their_layers(random, kind):
    x = tensor(random, planes=8)
    block = kind(8, 2, **({"dimension": 3} if kind is Bottleneck else {"reduction": 2, "D": 3})).double()
    inner = block.relu(block.norm2(block.conv2(block.relu(block.norm1(block.conv1(x))))))
    inner = block.norm3(block.conv3(inner))
    if kind is SEBottleneck:
        inner = block.se(inner)
    torch.testing.assert_close(block(x).F, (inner.F + x.F).relu())


def test_a_squeeze_layer_scales_planes_by_sample(random):
    x = tensor(random, planes=4)
    layer = SELayer(4, 2, 3).double()
    samples = torch.stack([x.F[x.C[:, 0] == sample].mean(0) for sample in range(2)])
    first, second = (part for part in layer.fc if hasattr(part, "linear"))
    weights = second.linear(first.linear(samples).relu()).sigmoid()
    torch.testing.assert_close(layer(x).F, x.F * weights[x.C[:, 0].long()])


class UNet(ME.MinkowskiNetwork):
    """Two levels with a skip, in the manner of the library's examples."""

    def __init__(self, planes_in, planes_out, D):
        super().__init__(D)
        self.first = nn.Sequential(
            ME.MinkowskiConvolution(planes_in, 8, 3, dimension=D), ME.MinkowskiBatchNorm(8), ME.MinkowskiReLU()
        )
        self.down = nn.Sequential(
            ME.MinkowskiConvolution(8, 16, 3, 2, dimension=D), ME.MinkowskiBatchNorm(16), ME.MinkowskiReLU(inplace=True)
        )
        self.block = BasicBlock(16, 16, dimension=D)
        self.up = ME.MinkowskiConvolutionTranspose(16, 8, 3, 2, dimension=D)
        self.last = ME.MinkowskiConvolution(16, planes_out, 1, bias=True, dimension=D)

    def forward(self, x):
        first = self.first(x)
        return self.last(ME.cat(self.up(self.block(self.down(first))), first))


@pytest.mark.parametrize("dimension", [2, 3, 4])
def test_a_network_learns(random, dimension):
    torch.manual_seed(0)
    coordinates = drawn(random, 200, dimension, low=-10, span=20)
    labels = (coordinates[:, 1] > 0).long()
    features = leaf(random, len(coordinates), 2).detach().float()
    features[:, 0] = labels + 0.3 * features[:, 0]
    net = UNet(2, 2, dimension)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(ME.SparseTensor(features, coordinates=coordinates)).F, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_float32_and_float64_networks_agree(random):
    coordinates = drawn(random, 100, low=-6, span=12)
    given = leaf(random, len(coordinates), 3)
    torch.manual_seed(1)
    net = UNet(3, 2, 3)
    wide = copy.deepcopy(net).double()
    for model, features in ((net, given.detach().float()), (wide, given)):
        for _ in range(2):
            result = model(ME.SparseTensor(features, coordinates=coordinates)).F
        result.square().sum().backward()
    for (name, mine), (_, wanted) in zip(net.named_parameters(), wide.named_parameters()):
        torch.testing.assert_close(mine.grad.double(), wanted.grad, rtol=2e-2, atol=2e-3, msg=name)
    narrow = net.eval()(ME.SparseTensor(given.detach().float(), coordinates=coordinates))
    torch.testing.assert_close(
        narrow.F.double(), wide.eval()(ME.SparseTensor(given, coordinates=coordinates)).F, rtol=1e-3, atol=1e-4
    )


def test_enumerations_have_what_those_of_pybind11_have():
    entries = getattr(ME.RegionType, "__entries")
    assert {name: member for name, (member, _) in entries.items()} == dict(ME.RegionType.__members__)
    assert list(getattr(ME.PoolingMode, "__entries")) == [mode.name for mode in ME.PoolingMode]


def test_names_of_older_versions_say_so():
    with pytest.raises(NotImplementedError, match="MinkowskiAvgUnpooling: is of MinkowskiEngine 0.4"):
        ME.MinkowskiAvgUnpooling
    assert not hasattr(ME, "initialize_coords")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        ME.nothing
