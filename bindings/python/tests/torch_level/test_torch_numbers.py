"""What happens to NaN, infinities and large batch indices in scn.torch, compared with torch where docs/numbers.md says
so."""

import pytest

torch = pytest.importorskip("torch")
import scn.torch as st


def test_group_norm_takes_event_numbers_as_batch_indices():
    def normalized(last):
        where = torch.tensor([[0, 0], [3, 0], [1, last], [2, last]])
        return st.SparseGroupNorm(1, 3)(st.InputLayer(1, 8, 0)([where, torch.arange(12.0).reshape(4, 3) ** 2])).features

    assert torch.equal(normalized(1), normalized(2**31 - 2))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("layer", [st.BatchNormalization(2), st.BatchNormReLU(2), st.MeanOnlyBNLeakyReLU(2)])
def test_in_evaluation_what_is_not_finite_stays_in_its_row(layer, value):
    rows = (torch.rand(6, 2) + 1).requires_grad_()
    gradient = torch.ones(6, 2)
    gradient[1, 0] = value
    (by_rows,) = torch.autograd.grad(layer.eval()(rows), rows, gradient)
    assert not by_rows[1, 0].isfinite() and by_rows[1, 0].isnan() == gradient[1, 0].isnan()
    by_rows[1, 0] = 0
    assert by_rows.isfinite().all()


def test_momentum_takes_and_keeps_no_nan():
    for layer in (st.BatchNormalization(2, momentum=1), st.MeanOnlyBNLeakyReLU(2, momentum=1)):
        layer(torch.full((3, 2), float("nan")))
        assert torch.equal(layer.running_mean, torch.zeros(2))
    for layer in (st.BatchNormalization(2, momentum=0), st.MeanOnlyBNLeakyReLU(2, momentum=0)):
        layer.running_mean.fill_(float("nan"))
        layer(torch.ones(3, 2))
        assert torch.equal(layer.running_mean, torch.ones(2))


@pytest.mark.parametrize("weight", [None, [1.0, 0.0], [1.0, 2.0]])
def test_cross_entropy_shows_a_nan_in_loss_and_gradient(weight):
    logits = torch.tensor([[0.0, 1.0], [float("nan"), 1.0]], requires_grad=True)
    weights = None if weight is None else torch.tensor(weight)
    loss = st.cross_entropy(logits, torch.tensor([0, 1]), weights)
    (by_logits,) = torch.autograd.grad(loss, logits)
    want = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1]), weights)
    (wanted,) = torch.autograd.grad(want, logits)
    assert loss.isnan() and torch.allclose(by_logits, wanted, equal_nan=True)
    loss = st.cross_entropy(logits, torch.tensor([0, -100]), weights)
    (by_logits,) = torch.autograd.grad(loss, logits)
    assert loss.isfinite() and by_logits.isfinite().all()
