"""What errors say: `name: is X, expected Y`, the same at both levels."""

import ast
import pathlib
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

import scn
import scn.torch as st

# Errors of these types are always about an argument.
OF_ARGUMENTS = {"InvalidArgumentError", "ShapeError", "CoordinateError", "SizeOverflowError"}


def pieces():
    """Yield the place and the text of each message in the package, {} where a value stands."""
    package = pathlib.Path(scn.__file__).parent
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) in OF_ARGUMENTS and node.args:
                text = node.args[0]
                parts = text.values if isinstance(text, ast.JoinedStr) else [text]
                shown = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts)
                # What passes on another error's text has its name.
                if shown != "{}":
                    yield f"{path.relative_to(package)}:{node.lineno}", shown


def test_messages_about_arguments_have_one_grammar():
    found = dict(pieces())
    assert len(found) > 20
    wrong = {place: text for place, text in found.items() if not re.match(r"[^:]+: \S.*, expected ", text)}
    assert wrong == {}


def test_a_shape_is_shown_one_way():
    package = pathlib.Path(scn.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Attribute):
                assert node.value.attr != "shape", f"{path}:{node.lineno} shows a shape in parentheses"


SITES = [[[1, 1]], [[1.0]]]


def sparse(level):
    return level.InputLayer(2, 4)(SITES if level is scn else [torch.tensor(SITES[0]), torch.tensor(SITES[1])])


@pytest.mark.parametrize("level", [scn, st])
@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda level: level.SubmanifoldConvolution(2, "a", 1, 3, False),
            ValueError,
            "nIn: is 'a', expected an integer",
        ),
        (lambda level: level.MaxPooling(2, (3, 3, 3), 2), ValueError, "pool_size: has 3 entries, expected 2"),
        (
            lambda level: level.MaxPooling(2, None, 2),
            ValueError,
            "pool_size: is None, expected an integer or one for each axis",
        ),
        (
            lambda level: level.BatchNormReLU(2, eps=np.float32("nan")),
            ValueError,
            "eps: is nan, expected a finite number",
        ),
        (
            lambda level: level.Sparsify(2, 3, "relu"),
            ValueError,
            "activation: is 'relu', expected None, 'sigmoid' or 'fakeGradHardSigmoid'",
        ),
        (lambda level: level.Convolution(2, 1, 1, 2, 2, "no"), ValueError, "bias: is 'no', expected True or False"),
        (
            lambda level: level.SubmanifoldConvolution(2, 10**30, 1, 3, False),
            OverflowError,
            re.compile("nIn: is 10{30}, expected an integer of at most 64 bits"),
        ),
        (
            lambda level: level.SubmanifoldConvolution(2, 10**5000, 1, 3, False),
            OverflowError,
            "nIn: is an int, expected an integer of at most 64 bits",
        ),
        (
            lambda level: level.InputLayer(2, 4)(7),
            ValueError,
            "input: is an int, expected [coords, features] or [coords, features, batch_size]",
        ),
        (lambda level: level.BLInputLayer(2, 4)([1]), ValueError, "input: has 1 entry, expected [coords, features]"),
        (
            lambda level: level.InputLayer(2, 4)([[1, 2], [[1.0]]]),
            ValueError,
            "coords: has shape [2], expected [rows, 1 ... 11]",
        ),
        (
            lambda level: level.InputLayer(2, 4)([[[0.5, 1]], [[1.0]]]),
            ValueError,
            "coords: has 0.5, expected whole numbers",
        ),
        (
            lambda level: level.InputLayer(2, 4)([[["a", "b"]], [[1.0]]]),
            TypeError,
            "coords: has elements of type <U1, expected integers",
        ),
        (lambda level: level.append_tensors([]), ValueError, "tensors: is empty, expected at least one tensor"),
        (
            lambda level: level.append_tensors([sparse(level), 3]),
            TypeError,
            "tensors[1]: is an int, expected a SparseConvNetTensor",
        ),
        (
            lambda level: level.compare_sparse(sparse(level), None),
            TypeError,
            "y: is None, expected a SparseConvNetTensor",
        ),
        (
            lambda level: level.append_tensors([sparse(level), level.MaxPooling(2, 2, 2)(sparse(level))]),
            ValueError,
            "tensors[1]: has spatial size [2, 2], expected [4, 4] as the first",
        ),
        (
            lambda level: level.SparseConvNetTensor(metadata="here"),
            TypeError,
            "metadata: is a str, expected a Metadata",
        ),
        (
            lambda level: level.cross_entropy(np.zeros((2, 3), np.float32), [[0, 1]]),
            ValueError,
            "labels: has shape [1, 2], expected [2]",
        ),
        (
            lambda level: level.cross_entropy(np.zeros((2, 3), np.float32), [0, 1], [1.0]),
            ValueError,
            "weight: has shape [1], expected [3], one for each class",
        ),
        (
            lambda level: level.binary_cross_entropy(np.zeros((2, 3), np.float32), [0.5]),
            ValueError,
            "targets: has shape [1], expected [2, 3]",
        ),
        (
            lambda level: level.spectral_norm(level.ReLU()),
            (TypeError, ValueError),
            re.compile("module: is a .*, expected a convolution"),
        ),
        (lambda level: level.squareroot_rotation(-np.eye(3)), ValueError, "a: is a reflection, expected a rotation"),
        (
            lambda level: level.batch_location_tensors([[[1, 2]], [[1, 2, 3]]]),
            ValueError,
            "location_tensors[1]: has 3 columns, expected 2 as the first",
        ),
        (
            lambda level: level.prepare_BLInput([([[1]], [[1.0]]), ([[1, 2]], [[1.0]])]),
            ValueError,
            "batch[1]: has 2 coordinates, expected 1 as the first",
        ),
        (
            lambda level: level.InputBatch(2, 4).set_locations([[1, 4, 0]], [[1.0]]),
            ValueError,
            "locations: row 0 has 4 on axis 1, expected 0 ... 3",
        ),
        (
            lambda level: level.InputBatch(2, 4).set_location([1], [1.0]),
            ValueError,
            "locations: has shape [1, 1], expected [n, 2] or [n, 3]",
        ),
    ],
)
def test_both_levels_say_the_same(level, call, error, message):
    with pytest.raises(error) as caught:
        call(level)
    text = str(caught.value)
    assert message.match(text) if isinstance(message, re.Pattern) else text == message


@pytest.mark.parametrize("level", [scn, st])
@pytest.mark.parametrize("count, text", [(0, "0 entries"), (1, "1 entry"), (3, "3 entries")])
def test_what_is_counted_is_in_the_singular_if_it_is_one(level, count, text):
    with pytest.raises(scn.ShapeError, match=f"^pool_size: has {text}, expected 2$"):
        level.MaxPooling(2, [3] * count, 2)


def wrong_layer(level):
    return level.SubmanifoldConvolution(2, 3, 4, 3, False)


def said(module, input, error=scn.ShapeError):
    with pytest.raises(error) as caught:
        module(input)
    return str(caught.value)


def of_level(level, sites=SITES):
    return [np.array(sites[0]), np.array(sites[1], np.float32)] if level is scn else list(map(torch.tensor, sites))


@pytest.mark.parametrize("level", [scn, st])
def test_an_error_says_where_in_the_network_it_happened(level):
    class Residual(level.Module if level is scn else torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x)

    first, wrong = level.InputLayer(2, 4), wrong_layer(level)
    plain = said(wrong, first(of_level(level)))
    assert plain.startswith("input: has ") and plain.endswith(" for SubmanifoldConvolution")
    tower = level.Sequential(level.Sequential(wrong))
    assert said(level.Sequential(first, level.Identity(), tower), of_level(level)) == f"{plain} (in module 2.0.0)"
    # The same once more, and of a part.
    assert said(tower, first(of_level(level))) == f"{plain} (in module 0.0)"
    table = level.ConcatTable().add(level.Identity()).add(level.Sequential(wrong))
    assert said(level.Sequential(first, table), of_level(level)) == f"{plain} (in module 1.1.0)"
    checkpointed = level.CheckpointedSequential(level.Identity(), level.Sequential(wrong))
    assert said(level.Sequential(first, checkpointed), of_level(level)) == f"{plain} (in module 1.1.0)"
    between = level.Sequential(first, Residual(level.Sequential(level.Identity(), wrong)))
    assert said(between, of_level(level)) == f"{plain} (in module 1.inner.1)"
    with pytest.raises(scn.ShapeError, match=r"\(in module 2.0.0\)$"):
        level.Sequential(first, level.Identity(), tower).reweight(of_level(level))


def test_an_error_says_where_in_a_module_of_one_s_own_and_in_an_optimized_network(tmp_path):
    class Own(scn.Module):
        def __init__(self):
            self.body = scn.Sequential(scn.Identity(), wrong_layer(scn))
            self.head = wrong_layer(scn)

        def forward(self, x):
            return self.body(x) if x.features.shape[1] == 1 else self.head(x)

    own, sparse_input = Own(), sparse(scn)
    assert said(own, sparse_input).endswith("for SubmanifoldConvolution (in module body.1)")
    two = scn.InputLayer(2, 4)([[[1, 1]], [[1.0, 2.0]]])
    assert said(scn.Sequential(own), two).endswith("for SubmanifoldConvolution (in module 0.head)")
    fast = scn.optimize_for_inference(scn.Sequential(scn.InputLayer(2, 4), wrong_layer(scn)).eval())
    text = said(scn.Sequential(scn.Identity(), fast), of_level(scn))
    assert text.endswith("for SubmanifoldConvolution (in module 1.1)")
    # Exceptions go from process to process as they are.
    with pytest.raises(scn.ShapeError) as caught:
        scn.Sequential(own)(two)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.skipif(not hasattr(BaseException, "add_note"), reason="exceptions have notes from Python 3.11 on")
@pytest.mark.parametrize("level", [scn, st])
def test_errors_of_others_keep_their_text_and_have_the_place_as_a_note(level):
    class Failing(scn.Module if level is scn else torch.nn.Module):
        def forward(self, x):
            raise LookupError("nothing")

    with pytest.raises(LookupError) as caught:
        level.Sequential(level.Identity(), level.Sequential(level.Identity(), Failing()))(sparse(level))
    assert caught.value.args == ("nothing",) and caught.value.__notes__ == ["scn: in module 1.1"]
    with pytest.raises(TypeError) as caught:
        level.Sequential(level.Identity(), level.BatchNormReLU(1))("text")
    assert "in module" not in str(caught.value) and caught.value.__notes__ == ["scn: in module 1"]


def test_attributes_of_other_arrays_are_found_through_numpy():
    for value in (scn.tensor([[1.0, 3.0]]), sparse(scn)):
        kind = type(value).__name__
        with pytest.raises(AttributeError) as caught:
            value.argmax(1)
        assert str(caught.value) == (
            f"'{kind}' object has no attribute 'argmax'; the values are a numpy array, which has it: .numpy().argmax"
        )
        with pytest.raises(AttributeError, match=f"^'{kind}' object has no attribute 'nothing'$"):
            value.nothing
        with pytest.raises(AttributeError, match="leave .cpu\\(\\) out$"):
            value.cpu()
    assert scn.tensor([[1.0, 3.0]]).numpy().argmax(1).tolist() == [1]


def test_scn_torch_says_how_to_import_it(subprocess_environment):
    program = """
import sys
import scn
for name in ("torch", "spconv", "Sequental"):
    assert not hasattr(scn, name)
    try:
        getattr(scn, name)
    except AttributeError as error:
        print(error)
        assert error.name == name and error.obj is scn
assert "torch" not in sys.modules
import scn.torch
assert scn.torch.Sequential is not scn.Sequential
from scn import torch
assert torch is scn.torch
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=subprocess_environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "module 'scn' has no attribute 'torch'; it is a package of its own, which needs PyTorch: import scn.torch",
        "module 'scn' has no attribute 'spconv'; it is a package of its own, which needs PyTorch: import scn.spconv",
        "module 'scn' has no attribute 'Sequental'",
    ]


@pytest.mark.parametrize("package", ["torch", "spconv.pytorch", "minkowski", "torchsparse.v1"])
def test_what_stands_on_pytorch_says_that_it_needs_it(package, subprocess_environment):
    program = f"""
import importlib
import sys

sys.modules["torch"] = None
try:
    importlib.import_module("scn.{package}")
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=subprocess_environment)
    assert done.returncode == 0, done.stderr
    assert "needs PyTorch, which is not installed: pip install torch" in done.stdout
