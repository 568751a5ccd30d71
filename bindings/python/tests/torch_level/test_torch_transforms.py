"""What torch does with whole modules: recording, hooks on gradients, statistics of averaged weights."""

import io
import warnings

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch.fx.experimental.proxy_tensor import make_fx

import scn
import scn.torch as st


def network():
    return st.Sequential(
        st.InputLayer(2, 8), st.SubmanifoldConvolution(2, 1, 2, 3, True), st.BatchNormReLU(2), st.OutputLayer(2)
    )


def points(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.cartesian_prod(torch.arange(4), torch.arange(4)), torch.randn(16, 1, generator=generator)]


RECORDERS = {
    "trace": lambda module, input: torch.jit.trace(module, (input,)),
    "script": lambda module, input: torch.jit.script(torch.nn.Sequential(torch.nn.ReLU(), module)),
    "onnx": lambda module, input: torch.onnx.export(module, (input,), io.BytesIO(), dynamo=False),
    "export": lambda module, input: torch.export.export(module, (input,)),
    "make_fx": lambda module, input: make_fx(module.requires_grad_(False))(input),
}


@pytest.mark.parametrize("recorder", RECORDERS)
@pytest.mark.parametrize("make", [lambda: (network(), points()), lambda: (st.Linear(1, 2), points()[1])])
def test_recording_is_an_error_that_names_the_way_to_cpp(recorder, make):
    if recorder == "export" and not hasattr(torch.compiler, "is_exporting"):
        pytest.skip("torch.export names tensors without memory before torch 2.7")
    if recorder == "onnx" and tuple(map(int, torch.__version__.split(".")[:2])) < (2, 5):
        pytest.skip("torch.onnx.export has no argument dynamo")
    module, input = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(
            scn.UnsupportedError, match=r"^scn computes its layers itself: .*scn\.save\(scn\.torch\.to_module"
        ):
            RECORDERS[recorder](module, input)
    assert module(input).shape[0] == 16


def test_statistics_of_averaged_weights():
    net, inputs = network().eval(), [points(seed) for seed in range(3)]
    net[2].momentum = 0.5
    averaged = torch.optim.swa_utils.AveragedModel(net).eval()
    st.update_bn(iter(inputs), averaged)
    norm = averaged.module[2]
    outputs = [net[1](net[0](input)).features for input in inputs]
    assert torch.allclose(norm.running_mean, torch.stack([rows.mean(0) for rows in outputs]).mean(0), atol=1e-6)
    assert torch.allclose(norm.running_var, torch.stack([rows.var(0) for rows in outputs]).mean(0), atol=1e-5)
    assert norm.momentum == 0.5 and not any(module.training for module in averaged.modules())
    assert not net[2].running_mean.any()


def test_statistics_stay_where_a_pass_fails():
    net = torch.nn.Sequential(network(), torch.nn.BatchNorm1d(2))
    net[1].eval()
    st.update_bn([points()], net)
    before = {name: values.clone() for name, values in net.state_dict().items()}
    assert before["1.num_batches_tracked"] == 1 and before["0.2.running_mean"].any()
    with pytest.raises(scn.ShapeError):
        st.update_bn([points(1), [points()[0], torch.ones(3, 1)]], net)
    st.update_bn([], net)
    assert all(torch.equal(values, before[name]) for name, values in net.state_dict().items())
    assert net[0][2].momentum == 0.99 and net[1].momentum == 0.1 and net.training and not net[1].training


def test_hooks_on_gradients_are_of_features():
    net, seen = network(), []
    net[1].register_full_backward_hook(lambda *arguments: seen.append("layer"))
    net.register_full_backward_hook(lambda module, by_input, by_output: seen.append(by_output[0].shape))
    net[1].register_forward_hook(
        lambda module, inputs, output: output.features.register_hook(lambda g: seen.append(g.shape)) and None
    )
    with pytest.warns(UserWarning):
        net(points()).sum().backward()
    assert seen.count((16, 2)) == 2 and "layer" not in seen
