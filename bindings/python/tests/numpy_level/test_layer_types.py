"""The library's table of layers, and the classes of both levels, which must agree with it."""

import ctypes
import inspect
import json

import numpy as np
import pytest

import scn
import scn.torch as st
from scn._native.library import library
from scn.nn.layer_types import LAYER_TYPES

# Containers, and the layer that only optimize_for_inference makes.
WITHOUT_SIGNATURE = {"CheckpointedSequential", "ConcatTable", "InferenceNetwork", "Sequential"}
NETWORKS = {name for name, layer_type in LAYER_TYPES.items() if layer_type.is_network}
# Those with torch's own signature or with additional arguments, and those that scn.torch lacks.
OF_TORCH = {"Flatten", "Linear"}
MORE_IN_TORCH = {"InputLayer": ["truncate"], "SparseGroupNorm": ["affine"]}
# SparseConvNet's layer has a bias unless told otherwise.
OTHER_DEFAULTS = {(st.NetworkInNetwork, "bias"): True}


def table():
    text = ctypes.c_char_p()
    library.scn_layer_types(ctypes.byref(text))
    return {entry["type"]: entry for entry in json.loads(text.value)}


@pytest.mark.parametrize("name", sorted(set(LAYER_TYPES) - WITHOUT_SIGNATURE - NETWORKS))
@pytest.mark.parametrize("level", [scn, st])
def test_signatures_are_those_of_the_table(level, name):
    if level is st and name in OF_TORCH:
        return
    kind = getattr(level, name)
    own = (
        []
        if "__init__" not in vars(kind) and not LAYER_TYPES[name].arguments
        else list(inspect.signature(kind).parameters.values())
    )
    if level is st:
        own = [parameter for parameter in own if parameter.name not in MORE_IN_TORCH.get(name, [])]
    entries = [entry for entry in table()[name]["arguments"] if not entry.get("is_taken_over")]
    assert [parameter.name for parameter in own] == [
        entry.get("sparseconvnet_name", entry["name"]) for entry in entries
    ]
    for parameter, entry in zip(own, entries):
        assert (parameter.kind is parameter.KEYWORD_ONLY) == entry.get("is_addition", False), parameter
        if parameter.default is parameter.empty:
            continue
        assert parameter.default == OTHER_DEFAULTS.get((kind, parameter.name), entry["default"]), parameter


def test_every_layer_of_the_package_is_in_the_table():
    from scn.nn.layer import Layer

    own = {name for name in scn.__all__ if inspect.isclass(kind := getattr(scn, name)) and issubclass(kind, Layer)}
    aliases = {"ValidConvolution", "TransposeConvolution", "BatchNormReLU", "BatchNormLeakyReLU"}
    assert own - aliases == set(LAYER_TYPES) - {"CheckpointedSequential", "ConcatTable", "Sequential"} - NETWORKS


def layer_of(name, **changes):
    """Return a layer with small arguments."""
    small = {"dimension": 2, "nIn": 4, "nOut": 6, "nPlanes": 4, "num_groups": 2, "num_channels": 4, "spatial_size": 8}
    required = [argument.name for argument in LAYER_TYPES[name].arguments if argument.is_required]
    given = {argument: small.get(argument, 2) for argument in required}
    if name == "FractionalMaxPooling":
        given["ratio"] = 1.5
    if "bias" in inspect.signature(getattr(scn, name)).parameters:
        given["bias"] = True
    return getattr(scn, name)(**{**given, **changes})


@pytest.mark.parametrize("name", sorted(set(LAYER_TYPES) - WITHOUT_SIGNATURE - NETWORKS))
def test_state_and_attributes_are_those_of_the_table(name):
    layer = layer_of(name)
    state = [part["name"] for part in table()[name]["state"]]
    assert list(layer.state_dict()) == state
    assert [part for part, _ in layer.named_parameters()] == [
        part["name"] for part in table()[name]["state"] if part["is_parameter"]
    ]
    for argument in LAYER_TYPES[name].arguments:
        value = getattr(layer, argument.attribute)
        assert argument.is_nullable or value is not None
        if argument.name == "momentum":
            layer.momentum = 0.5
            assert layer.momentum == 0.5
        else:
            with pytest.raises(AttributeError, match="is fixed"):
                setattr(layer, argument.attribute, value)


def test_a_constructor_argument_goes_to_the_checkpoint_and_back(tmp_path):
    layer = scn.Convolution(2, 4, 6, [3, 2], 2, True, 2, padding=[1, 0], dilation=[1, 2])
    scn.save(layer, tmp_path / "layer.safetensors")
    found = scn.load(tmp_path / "layer.safetensors")
    for name in (
        "dimension",
        "nIn",
        "nOut",
        "filter_size",
        "filter_stride",
        "has_bias",
        "groups",
        "padding",
        "dilation",
    ):
        assert getattr(found, name) == getattr(layer, name)
    assert np.array_equal(found.weight.numpy(), layer.weight.numpy())


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: scn.Convolution(2, 0, 4, 3, 2, False), scn.InvalidArgumentError, "nIn: is 0, expected at least 1"),
        (lambda: st.Convolution(2, 0, 4, 3, 2, False), scn.InvalidArgumentError, "nIn: is 0, expected at least 1"),
        (
            lambda: scn.Convolution(2, 4, 4, [3] * 3, 2, False),
            scn.ShapeError,
            "filter_size: has 3 entries, expected 2",
        ),
        (
            lambda: st.MaxPooling(2, 3, 2, -1),
            scn.InvalidArgumentError,
            "nFeaturesToDrop: is -1, expected at least 0",
        ),
        (
            lambda: scn.BatchNormalization(4, eps=float("nan")),
            scn.InvalidArgumentError,
            "eps: is nan, expected a finite number",
        ),
        (lambda: st.BatchNormalization(4, momentum=2), scn.InvalidArgumentError, "momentum: is 2.0, expected 0 ... 1"),
        (lambda: scn.Dropout(1.5), scn.InvalidArgumentError, "p: is 1.5, expected 0 ... 1"),
        (lambda: scn.Linear(2**31, 1), scn.SizeOverflowError, "nIn: is 2147483648, expected at most 2147483647"),
        (
            lambda: st.SubmanifoldConvolution(2, 4, 6, 3, False, 4),
            scn.InvalidArgumentError,
            "groups: is 4, expected a divisor of nOut, 6",
        ),
        (
            lambda: scn.FractionalMaxPooling(2, 1.5, output_size=3),
            scn.InvalidArgumentError,
            "ratio: is given as output_size is, expected one of the two",
        ),
        (lambda: scn.InputLayer(2, 0), scn.InvalidArgumentError, "spatial_size: is 0 on axis 0, expected at least 1"),
    ],
)
def test_messages_call_arguments_as_python_does(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def test_architectures_are_completed_without_making_them():
    arguments = {"dimension": 3, "nIn": 10**6, "nOut": 10**6, "filter_size": 3, "bias": False}
    completed = LAYER_TYPES["SubmanifoldConvolution"].completed(arguments)
    assert completed["filter_size"] == [3, 3, 3] and completed["groups"] == 1 and completed["nOut"] == 10**6


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_networks_take_arguments_by_the_names_of_the_table(name):
    own = list(inspect.signature(getattr(scn, name)).parameters)
    names = [argument.name for argument in LAYER_TYPES[name].arguments]
    pair = {"downsample[0]": "downsample", "downsample[1]": None}
    named = [pair.get(argument, argument) for argument in names]
    # FullyConvolutionalNet and the integrated one have fewer arguments in SparseConvNet.
    assert own == [argument for argument in named if argument in own]
