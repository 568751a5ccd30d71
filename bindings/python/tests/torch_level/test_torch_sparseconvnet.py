"""Programs written for SparseConvNet, to the letter: attributes, module paths, functions, what layers do with odd
inputs."""

import copy
import pathlib
import pickle
import re
import subprocess
import sys
import types
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import scn
import scn.torch as st

ATTRIBUTES = pathlib.Path(__file__).with_name("sparseconvnet_attributes.txt").read_text()
ATTRIBUTES = [part.partition("\n")[::2] for part in re.split(r"\n(?=[A-Z])", ATTRIBUTES)[1:]]


@pytest.mark.parametrize("call,listed", ATTRIBUTES, ids=[call for call, _ in ATTRIBUTES])
def test_attributes(call, listed):
    made = eval(call, vars(st))
    names = {}
    for entry in " ".join(listed.split()).split("; ") if listed.strip() else []:
        name, has_value, value = entry.partition("=")
        names[name.removesuffix("()")] = value
        found = getattr(made, name.removesuffix("()"))
        kind, bracket, rest = value.partition("[")
        if name.endswith("()"):
            assert callable(found), name
        elif kind == "long":
            assert type(found) is torch.Tensor and found.dtype is torch.int64 and found.device.type == "cpu"
            assert found.tolist() == eval(bracket + rest), name
        elif kind in ("parameter", "buffer"):
            assert list(found.shape) == eval(bracket + rest) and found.dtype is torch.float32, name
            assert isinstance(found, torch.nn.Parameter) == (kind == "parameter"), name
        elif has_value:
            expected = eval(value)
            number = isinstance(expected, (int, float)) and not isinstance(expected, bool)
            assert found == expected and isinstance(found, (int, float) if number else type(expected)), name
    for name in ("weight", "bias"):
        assert hasattr(made, name) == (name in names), name


def test_sizes_are_copies_that_cannot_be_assigned():
    layer = st.Convolution(2, 1, 1, 3, 2, False)
    layer.filter_size[0] = 7
    assert layer.filter_size[0].item() == 3 and (
        (torch.tensor([9, 9]) - layer.filter_size) // layer.filter_stride
    ).tolist() == [3, 3]
    with pytest.raises(AttributeError):
        layer.filter_size = torch.tensor([5, 5])
    with torch.device("meta"):
        assert st.MaxPooling(2, 3, 2).pool_size.tolist() == [3, 3]
    fractional = st.FractionalMaxPooling(2, output_size=5, pool_size=3)
    assert fractional.pool_size.tolist() == [3, 3] and fractional.output_size.tolist() == [5, 5]


def test_input_layers_note_their_device():
    layer = st.InputLayer(2, 8)
    assert layer.to("cpu") is layer and layer.device == "cpu"
    assert st.BLInputLayer(2, 8).to(torch.device("cpu")).device == torch.device("cpu")
    assert layer.to(torch.float32) is layer and layer.device == "cpu"
    assert layer.to("meta").device == "meta"


def test_a_threshold_can_be_assigned():
    where = torch.cartesian_prod(torch.arange(4), torch.arange(4))
    x = st.InputLayer(2, 4)([where, torch.randn(16, 3)])
    layer = st.Sparsify(2, 3, "sigmoid")
    scores = layer(x).mask
    layer.threshold = scores.median().item()
    assert len(layer(x).features) == (scores > layer.threshold).sum() < 16
    with pytest.raises(scn.UnsupportedError, match="^module: is a Sparsify with the threshold"):
        st.to_module(layer)


def test_norms_of_networks_are_of_the_class_that_they_are_there():
    def kinds(network):
        return {type(module).__name__ for module in network.modules() if isinstance(module, st.BatchNormalization)}

    leaky, relu = {"BatchNormLeakyReLU"}, {"BatchNormReLU"}
    for residual in (False, True):
        for leakiness in (0, 0.2, 1):
            assert kinds(st.UNet(2, 1, [2, 3], residual, [2, 2], leakiness)) == leaky
            assert kinds(st.FullConvolutionalNetIntegratedLinear(2, 1, [2, 3], 4, residual, [2, 2], leakiness)) == leaky
        assert kinds(st.FullyConvolutionalNet(2, 1, [2, 3], residual)) == relu
    assert kinds(st.SparseVggNet(2, 2, [["C", 3], ["C", 3, 4], "C3/2"])) == relu
    assert kinds(st.SparseResNet(2, 2, [["b", 3, 2, 1], ["b", 4, 1, 2]])) == relu
    assert kinds(st.MultiscaleShapeContext(2, 1, 2)) == {"BatchNormalization"}
    net = scn.UNet(2, 1, [2, 3])
    assert {type(module) for module in net.modules() if isinstance(module, scn.BatchNormalization)} == {
        scn.BatchNormLeakyReLU
    }
    again = st.to_module(st.UNet(2, 1, [2, 3], leakiness=1))
    assert any(type(module) is scn.BatchNormLeakyReLU and module.leakiness == 1 for module in again.modules())


def test_group_norm_has_the_names_of_torch():
    layer = st.SparseGroupNorm(num_groups=2, num_channels=4, eps=1e-3, affine=False)
    assert isinstance(layer, torch.nn.GroupNorm) and layer.weight is None and not list(layer.parameters())
    where = torch.tensor([[1, 1, 0], [2, 2, 0], [0, 3, 1]])
    x = st.InputLayer(2, 4, 0)([where, torch.randn(3, 4)])
    other = st.SparseGroupNorm(2, 4, 1e-3)
    assert torch.allclose(layer(x).features, other(x).features, atol=1e-6)
    assert st.to_module(other).num_groups == 2 and st.from_module(st.to_module(other)).num_channels == 4
    with pytest.raises(scn.UnsupportedError, match="without weight and bias"):
        st.to_module(layer)
    with pytest.raises(scn.InvalidArgumentError, match="num_groups: is 3, expected a divisor of num_channels, 4"):
        st.SparseGroupNorm(3, 4)


def test_without_duplicates_an_output_layer_copies_features():
    where = torch.tensor([[3, 3], [1, 1], [0, 1]])
    features = torch.randn(3, 2, requires_grad=True)
    x = st.InputLayer(2, 8, 0)([where, features])
    pooled = st.MaxPooling(2, 2, 2)(x)
    copied = st.OutputLayer(2)(pooled)
    assert torch.equal(copied, pooled.features) and copied.data_ptr() != pooled.features.data_ptr()
    copied.sum().backward()
    assert features.grad.any()
    assert torch.equal(st.OutputLayer(2)(x), features)
    with pytest.raises(scn.StateError, match="expected those of the InputLayer for OutputLayer$"):
        st.OutputLayer(2)(st.MaxPooling(2, 2, 2)(st.InputLayer(2, 8, 3)([where, features])))
    with pytest.raises(scn.ShapeError, match="^input: has dimension"):
        st.OutputLayer(3)(pooled)


def test_inputs_of_the_same_sites_are_joined_and_added():
    where = torch.tensor([[3, 3, 0], [1, 1, 0], [0, 1, 1]])
    features = torch.randn(3, 2, requires_grad=True)
    x = st.InputLayer(2, 8)([where, features])
    y = st.InputLayer(2, 8)([where.flip(0), 10 * features.flip(0)])
    layer = st.SubmanifoldConvolution(2, 2, 2, 3, False)
    for a, b in ((x, y), (layer(x), layer(y)), (st.MaxPooling(2, 2, 2)(x), st.MaxPooling(2, 2, 2)(y))):
        first = a.features.detach()
        total = st.AddTable()([a, b])
        assert torch.allclose(total.features, 11 * first, rtol=1e-4, atol=1e-5)
        assert torch.equal(total.get_spatial_locations(), a.get_spatial_locations())
        assert torch.allclose(st.JoinTable()([a, b]).features, torch.cat([first, 10 * first], 1), rtol=1e-4, atol=1e-5)
    st.add_feature_planes([x, y]).features.sum().backward()
    assert torch.equal(features.grad, torch.full((3, 2), 11.0))
    others = [
        st.InputLayer(2, 8)([where, torch.ones(3, 2), 3]),
        st.InputLayer(2, 9)([where, torch.ones(3, 2)]),
        st.InputLayer(2, 8)([where[:2], torch.ones(2, 2)]),
        st.InputLayer(2, 8)([where + torch.tensor([1, 0, 0]), torch.ones(3, 2)]),
        st.InputLayer(3, 8)([torch.cat([where[:, :1], where], 1), torch.ones(3, 2)]),
    ]
    for other in others:
        with pytest.raises(scn.ShapeError, match="^tensor 1: has other sites"):
            st.JoinTable()([x, other])


@pytest.mark.parametrize("kind", ["BatchNormalization", "BatchNormReLU", "BatchNormLeakyReLU", "BatchNormELU"])
def test_a_norm_leaves_the_gradient_that_flows_elsewhere(kind):
    where, given = torch.cartesian_prod(torch.arange(4), torch.arange(4)), torch.randn(16, 3)
    weights, norm = torch.randn(16, 3), getattr(st, kind)(3)
    features = given.clone().requires_grad_()
    x = st.InputLayer(2, 4, 0)([where, features])
    (st.AddTable()([norm(x), x]).features * weights).sum().backward()
    expected = given.double().requires_grad_()
    values = (expected - expected.mean(0)) / (expected.var(0, unbiased=False) + 1e-4).sqrt()
    values = (
        torch.nn.functional.elu(values)
        if kind == "BatchNormELU"
        else torch.where(values > 0, values, values * norm.leakiness)
    )
    ((values + expected) * weights).sum().backward()
    assert torch.allclose(features.grad.double(), expected.grad, atol=1e-5)


def test_modules_of_its_files():
    from scn.torch.activations import ReLU
    from scn.torch.denseToSparse import DenseToSparse
    from scn.torch.ioLayers import InputLayerFunction, OutputLayerFunction  # noqa: F401
    from scn.torch.sparseConvNetTensor import SparseConvNetTensor
    from scn.torch.sparseToDense import SparseToDense
    from scn.torch.spectral_norm import spectral_norm
    from scn.torch.utils import optionalTensor, optionalTensorReturn, toLongTensor

    from scn.torch.metadata import Metadata

    assert (ReLU, Metadata, spectral_norm) == (st.ReLU, st.Metadata, st.spectral_norm)
    assert (SparseConvNetTensor, SparseToDense, DenseToSparse) == (
        st.SparseConvNetTensor,
        st.SparseToDense,
        st.DenseToSparse,
    )
    assert toLongTensor(3, 2).tolist() == [2, 2, 2] and toLongTensor(2, [3, 1]).tolist() == [3, 1]
    layer = st.NetworkInNetwork(2, 3, True)
    assert optionalTensor(layer, "bias") is layer.bias and optionalTensor(layer, "none").numel() == 0
    assert optionalTensorReturn(torch.empty(0)) is None and optionalTensorReturn(layer.bias) is layer.bias
    for path in ("ioLayers", "tables", "unPooling", "submanifoldConvolution", "networkArchitectures", "utils", "SCN"):
        assert getattr(st, path).__name__ == f"scn.torch.{path}"


PROGRAM = """
import sys
import sparseconvnet as scn
import sparseconvnet.SCN
from sparseconvnet.utils import *
from sparseconvnet.metadata import Metadata
from sparseconvnet.submanifoldConvolution import SubmanifoldConvolution
import beside
assert scn.SCN.is_cuda_build() == torch.cuda.is_available() and isinstance(scn.SCN.Metadata_2(), Metadata)
net = scn.Sequential(scn.InputLayer(2, 8), SubmanifoldConvolution(2, 1, 1, 3, False), scn.OutputLayer(2))
print(__name__, sys.argv[1:], beside.value, list(net([torch.LongTensor([[1, 2]]), torch.ones(1, 1)]).shape))
scn.forward_pass_hidden_states = 0
"""


def test_programs_run_without_a_change(tmp_path, subprocess_environment):
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "beside.py").write_text("value = 7\n")
    command = [sys.executable, "-m", "scn.torch", str(tmp_path / "program.py"), "a"]
    run = subprocess.run(command, env=subprocess_environment, capture_output=True, text=True, timeout=120)
    assert run.stdout == "__main__ ['a'] 7 [1, 1]\n", run.stderr


def test_its_name_leads_here(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "beside.py").write_text("value = 7\n")
    st.install()
    st.install()
    exec(PROGRAM, {"__name__": "p"})
    assert capsys.readouterr().out.startswith("p [")
    sys.modules["sparseconvnet"] = types.ModuleType("sparseconvnet")
    with pytest.raises(scn.StateError, match="^sparseconvnet: is imported from elsewhere already"):
        st.install()


def test_its_extension_module_is_a_clear_error():
    with pytest.raises(AttributeError, match="^scn.torch has no SCN.Convolution_backward: .*torch.autograd.grad"):
        st.SCN.Convolution_backward
    assert not hasattr(st.SCN, "__wrapped__") and st.SCN.n_rulebook_bits() == 32


def cloud(planes=4, dimension=2):
    where = torch.cartesian_prod(*[torch.arange(1, 5)] * dimension)[torch.randperm(4**dimension)[:11]]
    return where, torch.randn(11, planes)


def test_functions_do_what_their_layers_do():
    where, features = cloud()
    x = st.InputLayer(2, 8, 0)([where, features])
    size, none = x.spatial_size, torch.empty(0)
    module = st.submanifoldConvolution.SubmanifoldConvolutionFunction

    def checked(result, layer, given=x):
        expected = layer(given)
        assert torch.equal(result, expected if isinstance(expected, torch.Tensor) else expected.features)
        return expected

    layer = st.SubmanifoldConvolution(2, 4, 6, 3, True, 2)
    place = (x.metadata, size, 2, layer.filter_size)
    checked(module.apply(x.features, layer.weight, layer.bias, *place), layer)
    down = st.Convolution(2, 4, 6, 2, 2, False)
    place = (x.metadata, size, torch.tensor([4, 4]), 2, down.filter_size, down.filter_stride)
    y = checked(st.convolution.ConvolutionFunction.apply(x.features, down.weight, none, *place), down)
    up = st.Deconvolution(2, 6, 3, 2, 2, True)
    place = (y.metadata, y.spatial_size, size, 2, up.filter_size, up.filter_stride)
    checked(st.deconvolution.DeconvolutionFunction.apply(y.features, up.weight, up.bias, *place), up, y)
    full = st.FullConvolution(2, 4, 6, 3, 2, False)
    made = st.Metadata(2)
    place = (x.metadata, made, size, torch.tensor([17, 17]), 2, full.filter_size, full.filter_stride)
    z = checked(st.fullConvolution.FullConvolutionFunction.apply(x.features, full.weight, none, *place), full)
    assert torch.equal(made.getSpatialLocations(z.spatial_size), z.get_spatial_locations())
    lattice = st.PermutohedralSubmanifoldConvolution(2, 4, 6, False)
    path = st.permutohedralSubmanifoldConvolution.PermutohedralSubmanifoldConvolutionFunction
    checked(path.apply(x.features, lattice.weight, none, x.metadata, size, 2), lattice)
    context = st.ShapeContext(2, 4)
    place = (x.metadata, size, 2, context.filter_size)
    result = st.shapeContext.ShapeContextFunction.apply(x.features, context.weight, none, *place)
    assert torch.allclose(result, context(x).features)
    place = (x.metadata, size, torch.tensor([4, 4]), 2, down.filter_size, down.filter_stride, 1)
    pooled = checked(st.maxPooling.MaxPoolingFunction.apply(x.features, *place), st.MaxPooling(2, 2, 2, 1))
    checked(st.averagePooling.AveragePoolingFunction.apply(x.features, *place), st.AveragePooling(2, 2, 2, 1))
    place = (x.metadata, pooled.spatial_size, size, 2, down.filter_size, down.filter_stride, 0)
    checked(st.unPooling.UnPoolingFunction.apply(pooled.features, *place), st.UnPooling(2, 2, 2), pooled)
    norm, mean, variance = st.BatchNormLeakyReLU(4), torch.zeros(4), torch.ones(4)
    path = st.batchNormalization.BatchNormalizationFunction
    result = path.apply(x.features, norm.weight, norm.bias, mean, variance, 1e-4, 0.99, True, 0.333)
    checked(result, norm)
    assert torch.equal(mean, norm.running_mean) and torch.equal(variance, norm.running_var) and mean.any()
    product = st.NetworkInNetwork(4, 6, True)
    checked(st.networkInNetwork.NetworkInNetworkFunction.apply(x.features, product.weight, product.bias), product)
    dense = checked(
        st.sparseToDense.SparseToDenseFunction.apply(x.features, x.metadata, size, 2, 4), st.SparseToDense(2, 4)
    )
    made = st.Metadata(2)
    checked(st.denseToSparse.DenseToSparseFunction.apply(dense, made, size, 2), st.DenseToSparse(2), dense)
    assert made.getSpatialLocations(size).shape == (11, 3)
    with pytest.raises(scn.ShapeError, match=r"^weight: has shape \[9, 2, 2, 3\], expected \[4, groups, 4 / groups"):
        st.convolution.ConvolutionFunction.apply(
            x.features, layer.weight, none, x.metadata, size, size, 2, [2, 2], [2, 2]
        )


@pytest.mark.parametrize("mode", range(5))
def test_functions_of_input_and_output(mode):
    where, features = cloud()
    if mode:
        where = where // 2
    features.requires_grad_()
    metadata = st.Metadata(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", st.InputModeWarning)
        rows = st.ioLayers.InputLayerFunction.apply(2, metadata, torch.tensor([8, 8]), where, features, 0, mode)
        x = st.InputLayer(2, 8, mode)([where, features])
    assert torch.equal(rows, x.features) and torch.equal(
        metadata.getSpatialLocations([8, 8]), x.get_spatial_locations()
    )
    result = st.ioLayers.OutputLayerFunction.apply(2, metadata, rows)
    assert torch.equal(result, st.OutputLayer(2)(x))
    result.sum().backward()
    assert features.grad.any()
    padded = torch.stack([where, where.flip(0)])
    both = torch.stack([features, features.flip(0)]).detach()
    metadata = st.Metadata(2)
    rows = st.ioLayers.BLInputLayerFunction.apply(2, metadata, torch.tensor([8, 8]), padded, both, mode)
    x = st.BLInputLayer(2, 8, mode)([padded, both])
    assert torch.equal(rows, x.features)
    assert torch.equal(st.ioLayers.BLOutputLayerFunction.apply(2, metadata, rows), st.BLOutputLayer(2)(x))


def test_transposed_convolutions_stand_in_for_each_other():
    where, features = cloud()
    x = st.MaxPooling(2, 2, 2)(st.InputLayer(2, 8, 0)([where, features]))
    reverse, full = st.Deconvolution(2, 4, 3, 2, 2, True), st.FullConvolution(2, 4, 3, 2, 2, True)
    full.load_state_dict(reverse.state_dict())
    assert torch.equal(reverse.fullForward(x).features, full(x).features)
    assert torch.equal(full.deconvolutionForward(x).features, reverse(x).features)


def test_a_full_convolution_s_sites_are_known_apart_from_others_of_their_size():
    def by_parts(x):
        result = st.SparseConvNetTensor()
        result.metadata, result.spatial_size, result.features = x.metadata, x.spatial_size, 2 * x.features
        return result

    where, features = cloud()
    features.requires_grad_()
    x = st.Convolution(2, 4, 4, 2, 2, False)(st.InputLayer(2, 16, 0)([where, features]))
    y = st.FullConvolution(2, 4, 3, 2, 2, True)(st.Convolution(2, 4, 4, 2, 2, False)(x))
    assert y.spatial_size.tolist() == x.spatial_size.tolist() == [8, 8] and len(y.features) > len(x.features)
    layer = st.SubmanifoldConvolution(2, 3, 2, 3, False)
    assert torch.allclose(layer(by_parts(y)).features, 2 * layer(y).features, atol=1e-5)
    assert torch.equal(by_parts(y).get_spatial_locations(), y.get_spatial_locations())
    thinned, keep = st.Metadata(2), torch.arange(len(y.features)) % 2
    y.metadata.sparsifyMetadata(thinned, y.spatial_size, keep.byte(), keep.cumsum(0))
    assert torch.equal(thinned.getSpatialLocations([8, 8]), y.get_spatial_locations()[keep.bool()])
    assert f"spatial_size=[8, 8], sites={len(y.features)}" in repr(y.metadata)
    with pytest.raises(scn.StateError, match="no site set has size .4, 4."):
        y.metadata.getSpatialLocations([4, 4])
    for other in (pickle.loads(pickle.dumps(y)), copy.deepcopy(y), pickle.loads(pickle.dumps(by_parts(y)))):
        assert torch.equal(other.get_spatial_locations(), y.get_spatial_locations())
        assert len(layer(other).features) == len(y.features)
    # A level of a decoder goes down and comes back.
    again = st.UnPooling(2, 2, 2)(st.MaxPooling(2, 2, 2)(y))
    st.AddTable()([again, y]).features.sum().backward()
    assert features.grad.any()


def test_its_checkpointing_of_functions():
    where, features = cloud()
    layer, grads = st.SubmanifoldConvolution(2, 4, 4, 3, False), []
    for apply in (lambda x: layer(layer(x)), lambda x: st.checkpoint101(lambda x: layer(layer(x)), x, down=1)):
        layer.zero_grad()
        given = features.clone().requires_grad_()
        apply(st.InputLayer(2, 8)([where, given])).features.square().sum().backward()
        grads.append((given.grad, layer.weight.grad.clone()))
    assert all(torch.equal(a, b) for a, b in zip(*grads))


def as_pickled_there(layer, **attributes):
    """The result of unpickling a layer that SparseConvNet pickled with these attributes and the state of one of
    ours."""
    plain = {name: value for name, value in vars(layer).items() if name in vars(torch.nn.Module())}
    made = type(layer).__new__(type(layer))
    made.__setstate__({**plain, **attributes})
    return made


def test_layers_that_were_pickled_there():
    size, stride = torch.LongTensor([3, 3]), torch.LongTensor([2, 2])
    common = {"dimension": 2, "nIn": 4, "nOut": 3, "groups": 1, "filter_size": size, "filter_volume": 9}
    where, features = cloud()
    x = st.InputLayer(2, 9, 0)([where, features])
    for layer, attributes in (
        (st.SubmanifoldConvolution(2, 4, 3, 3, True), common),
        (st.Convolution(2, 4, 3, 3, 2, False), {**common, "filter_stride": stride}),
        (st.FullConvolution(2, 4, 3, 3, 2, True), {**common, "filter_stride": stride}),
        (st.PermutohedralSubmanifoldConvolution(2, 4, 3, True), {**common, "filter_volume": 7}),
        (st.MaxPooling(2, 3, 2, 1), {"dimension": 2, "pool_size": size, "pool_stride": stride, "nFeaturesToDrop": 1}),
        (st.ShapeContext(2, 4), {**common, "nOut": 36, "_buffers": {"weight": torch.eye(36).view(9, 4, 36)}}),
        (st.NetworkInNetwork(4, 3, False), {"nIn": 4, "nOut": 3}),
        (st.BatchNormReLU(4), {"nPlanes": 4, "eps": 1e-4, "momentum": 0.99, "affine": True, "leakiness": 0}),
        (st.Sparsify(2, 4, "sigmoid"), {"dimension": 2, "activation": "sigmoid", "threshold": 0.5}),
    ):
        made = as_pickled_there(layer, **attributes)
        assert torch.equal(made(x).features, layer(x).features), layer
        assert repr(made) == repr(layer) and list(made.state_dict()) == list(layer.state_dict())
        again = pickle.loads(pickle.dumps(made))
        assert torch.equal(again(x).features, layer(x).features)
    old = st.SubmanifoldConvolution(2, 4, 3, 3, False)
    weight = torch.nn.Parameter(old.weight.detach().squeeze(1))
    made = as_pickled_there(old, **{**common, "_parameters": {"weight": weight}})
    assert torch.equal(made(x).features, old(x).features)


def test_small_functions_of_utils():
    assert [st.is_square(number) for number in (-1, 0, 1, 2, 4, 8, 9)] == [False, True, True, False, True, False, True]
    assert [n for n in range(45) if st.has_only_one_nonzero_digit(n)] == [*range(1, 10), 10, 20, 30, 40]
    assert st.has_only_one_nonzero_digit(7 * 10**18)
    layer = st.NetworkInNetwork(5, 3, True)
    assert st.spectral_norm_svd(layer).item() == pytest.approx(
        np.linalg.svd(layer.weight.detach().numpy())[1][0], rel=1e-5
    )
    with pytest.raises(TypeError, match="^module: is a scn.torch.ReLU, expected a convolution or a product"):
        st.spectral_norm_svd(st.ReLU())
    assert list(st.threadDatasetIterator([number * 2 for number in range(40)])()) == list(range(0, 80, 2))
    xyz, rgb = torch.tensor([[1, 1], [0, 0], [1, 1]]), torch.tensor([[2.0], [3.0], [4.0]])
    sites, means, inverse, counts = st.voxelize_pointcloud(xyz, rgb, return_inverse=True, return_counts=True)
    assert torch.equal(sites[inverse], xyz) and counts.tolist() == [1, 2] and means.tolist() == [[3.0], [3.0]]
    sites, first, counts = st.voxelize_pointcloud(xyz, rgb, average=False, return_counts=True)
    assert first.tolist() == [[3.0], [2.0]] and counts.tolist() == [1, 2]
    assert [len(part) for part in st.voxelize_pointcloud(xyz[:0], rgb[:0], return_inverse=True)] == [0, 0, 0]
    batch = st.InputBatch(2, 8)
    batch.addSample()
    batch.setLocation(torch.tensor([1, 2]), torch.tensor([3.0]))
    batch.set_locations_(torch.tensor([[4, 5]]), torch.tensor([[6.0]]))
    assert batch.features.tolist() == [[3.0], [6.0]]


def test_permutohedral_weights_of_two_dimensions(random):
    weight = random.standard_normal((7, 2, 3, 2)).astype(np.float32)
    result = scn.weights_from_sparseconvnet_permutohedral(weight, 2)
    offsets = scn.permutohedral_offsets(2).tolist()
    below, center = offsets.index([0, -1]), offsets.index([0, 0])
    others = [k for k in range(7) if k not in (below, center)]
    assert np.array_equal(result[center], weight[center] + weight[below]) and not result[below].any()
    assert np.array_equal(result[others], weight[others])
    assert np.array_equal(
        scn.weights_from_sparseconvnet_permutohedral(torch.from_numpy(weight[:, 0]), 2), result[:, :1]
    )
    weight = random.standard_normal((13, 1, 3, 2)).astype(np.float32)
    assert np.array_equal(scn.weights_from_sparseconvnet_permutohedral(weight, 3), weight)
    with pytest.raises(scn.ShapeError, match=r"^weight: has shape \[13, 1, 3, 2\], expected \[7, groups"):
        scn.weights_from_sparseconvnet_permutohedral(weight, 2)
    # As there: the site itself with two weights, its other neighbors with one each.
    layer = st.PermutohedralSubmanifoldConvolution(2, 1, 1, False)
    given = torch.arange(1.0, 8.0).view(7, 1, 1, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(scn.weights_from_sparseconvnet_permutohedral(given, 2)))
    where = torch.tensor(offsets) + 3
    features = layer(st.InputLayer(2, 8, 0)([where, 10.0 ** torch.arange(7).view(7, 1)])).features
    total = sum(given[k].item() * 10.0 ** (center if k == below else k) for k in range(7))
    assert features[center].item() == pytest.approx(total, rel=1e-6)
