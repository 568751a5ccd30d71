"""No work is done for parameters of a layer that are not trained."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import scn.torch as st

FREEZABLE = {
    "submanifold": (lambda: st.SubmanifoldConvolution(2, 3, 4, 3, True), "scn_convolution_backward_weight_in_layout"),
    "convolution": (lambda: st.Convolution(2, 3, 4, 3, 2, True), "scn_convolution_backward_weight_in_layout"),
    "network in network": (lambda: st.NetworkInNetwork(3, 4, True), "scn_linear_backward_weight"),
    "norm": (lambda: st.BatchNormReLU(3), "scn_batch_norm_backward_training"),
}


@pytest.mark.parametrize("kind", FREEZABLE)
@pytest.mark.parametrize("trained", ["weight", "bias"])
def test_a_frozen_parameter_is_not_worked_for(kind, trained, monkeypatch):
    make, function = FREEZABLE[kind]
    layer, where = make(), torch.cartesian_prod(torch.arange(5), torch.arange(4))
    x = st.InputLayer(2, 7)([where, torch.randn(20, 3).requires_grad_()])
    layer(x).features.square().sum().backward()
    expected = getattr(layer, trained).grad
    layer.zero_grad()
    frozen = "bias" if trained == "weight" else "weight"
    getattr(layer, frozen).requires_grad_(False)
    calls = []
    original = getattr(st.functions.library, function)
    monkeypatch.setattr(
        st.functions.library, function, lambda *arguments: calls.append(arguments) or original(*arguments)
    )
    layer(x).features.square().sum().backward()
    assert getattr(layer, frozen).grad is None and torch.equal(getattr(layer, trained).grad, expected)
    results = calls[0][-3:-1] if kind == "norm" else calls[0][-2:]
    assert len(calls) == 1 and [place is None for place in results] == [frozen == "weight", frozen == "bias"]
