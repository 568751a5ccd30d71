"""What looks right at a glance but is not: refused, or exact."""

import contextlib
import importlib

import numpy as np
import pytest

import scn


def points(planes):
    return [np.array([[0, 0, 0], [1, 1, 0]]), np.ones((2, planes), np.float32)]


def test_relu_of_infinite_values_is_exact():
    values = np.array([[-np.inf, -1, 0, 2, np.inf]], np.float32)
    tensor = scn.tensor(values, requires_grad=True)
    result = scn.ReLU()(tensor)
    assert (result.numpy() == [[0, 0, 0, 2, np.inf]]).all() and not np.signbit(result.numpy()).any()
    result.backward(np.full_like(values, np.inf))
    assert (tensor.grad == [[0, 0, 0, np.inf, np.inf]]).all()
    assert np.isnan(scn.ReLU()(np.array([[np.nan]], np.float32)).numpy()).all()


def test_batch_norm_relu_of_an_infinite_value():
    norm = scn.BatchNormReLU(1)
    norm.eval()
    assert norm(np.array([[-np.inf], [1]], np.float32)).numpy()[0, 0] == 0


@pytest.mark.parametrize("eps", [0, 1e-60, 1.1e-38, 1e39, float("nan")])
def test_epsilon_is_what_float32_holds(eps):
    modules = [scn]
    with contextlib.suppress(ImportError):
        modules.append(importlib.import_module("scn.torch"))
    for module in modules:
        makers = [
            lambda: module.BatchNormalization(2, eps=eps),
            lambda: module.BatchNormELU(2, eps=eps),
            lambda: module.SparseGroupNorm(1, 2, eps=eps),
            lambda: module.spectral_norm(module.NetworkInNetwork(2, 2, False), eps=eps),
        ]
        for make in makers:
            with pytest.raises(scn.InvalidArgumentError, match="^eps"):
                make()
        module.BatchNormalization(2, eps=1.17549436e-38)
        with pytest.raises(scn.InvalidArgumentError, match="^leakiness"):
            module.BatchNormLeakyReLU(2, leakiness=1e39)


def test_sparse_to_dense_demands_its_planes():
    sparse = scn.InputLayer(2, 4)(points(3))
    assert scn.SparseToDense(2, 3)(sparse).shape == (1, 3, 4, 4)
    with pytest.raises(scn.ShapeError, match="has 3 planes, expected 5"):
        scn.SparseToDense(2, 5)(sparse)


def test_sparse_to_dense_of_nothing_has_the_planes_it_names():
    nothing = scn.tensor(np.zeros((0, 7), np.float32), requires_grad=True)
    dense = scn.SparseToDense(2, 5)(scn.InputLayer(2, 4)([np.zeros((0, 3), np.int64), nothing, 2]))
    assert dense.shape == (2, 5, 4, 4) and not dense.numpy().any()
    dense.backward(np.ones((2, 5, 4, 4), np.float32))
    assert nothing.grad.shape == (0, 7)


def test_arguments_in_the_wrong_place_are_refused():
    with pytest.raises(scn.InvalidArgumentError, match="bias"):
        scn.Convolution(2, 1, 1, 3, 2, 4)
    with pytest.raises(scn.InvalidArgumentError, match="seed"):
        scn.manual_seed(1.5)
    with pytest.raises(AttributeError, match="learning_rate"):
        scn.SGD(scn.Linear(2, 2).parameters()).learning_rate = 1
    with pytest.raises(scn.InvalidArgumentError, match="whole numbers"):
        scn.cross_entropy(np.zeros((2, 3), np.float32), [0.5, 1])


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: scn.BatchNormalization(3, eps=-1), "^eps: is -1"),
        (lambda: scn.BatchNormalization(0), "^nPlanes: is 0"),
        (lambda: scn.SparseGroupNorm(1, 0), "^num_channels: is 0"),
        (lambda: scn.NetworkInNetwork(0, 1, False), "^nIn: is 0"),
        (lambda: scn.Convolution(2, 1, 0, 3, 2, False), "^nOut: is 0"),
        (lambda: scn.MaxPooling(2, 3, 2, -1), "^nFeaturesToDrop"),
        (lambda: scn.LeakyReLU(float("inf")), "^leak: is inf"),
        (lambda: scn.UNet(2, 0, [4]), "^reps: is 0"),
        (lambda: scn.UNet(2, 1, [0]), r"^nPlanes\[0\]: is 0"),
        (lambda: scn.MultiscaleShapeContext(2, 0), "^n_features: is 0"),
        (lambda: scn.MultiscaleShapeContext(2, 1, 0), "^n_layers: is 0"),
        (lambda: scn.FullyConvolutionalNet(2, 0, [4]), "^reps: is 0"),
        (lambda: scn.FullConvolutionalNetIntegratedLinear(2, 1, [4], 0), "^nClasses: is 0"),
        (lambda: scn.SparseResNet(2, 0, [["b", 4, 1, 1]]), "^nInputPlanes: is 0"),
        (lambda: scn.UNet(2, 1, [4], downsample=2), r"^downsample: is 2, expected \[size, stride\]"),
        (lambda: scn.UNet(2, 1, [4], leakiness=None), "^leakiness: is None, expected a number"),
        (lambda: scn.UNet(2, 1, [4], leakiness="0.1"), "^leakiness: is '0.1', expected a number"),
        (lambda: scn.UNet(2, 1, [4, 4.5]), r"^nPlanes\[1\]: is 4.5, expected an integer"),
        *(
            (
                lambda network=network: network(2, 1, 8),
                "^nPlanes: is 8, expected a list of integers, one for each level",
            )
            for network in (scn.UNet, scn.FullyConvolutionalNet, scn.FullConvolutionalNetIntegratedLinear)
        ),
        *(
            (lambda network=network: network(2, 1, 8), "^layers: is 8, expected a list of layers, or a text")
            for network in (scn.SparseVggNet, scn.SparseResNet, scn.SparseDenseNet)
        ),
        (lambda: scn.SparseVggNet(2, 1, [8]), r"^layers\[0\]: is 8, expected 'MP'"),
        (lambda: scn.SparseResNet(2, 1, [8]), r"^layers\[0\]: is 8, expected \['b', planes, reps, stride\]"),
        (
            lambda: scn.SparseDenseNet(2, 1, [{"pool": "BN-R-C-AP", "compression": "0"}]),
            r"^layers\[0\]: is .*compression",
        ),
    ],
)
def test_messages_name_the_arguments_of_python(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_tables_name_the_tensor_that_does_not_fit():
    a, b = (scn.InputLayer(2, 4)(points(planes)) for planes in (2, 3))
    for table in ([a, b], [a, scn.MaxPooling(2, 2, 2)(a)], [a, a.features]):
        with pytest.raises(scn.ShapeError, match="^tensor 1: "):
            scn.AddTable()(table)


def test_layers_as_text_may_have_any_white_space():
    assert len(scn.SparseVggNet(2, 1, "C8\nMP\tC9")) == 5
