"""Networks optimized for inference: the results, what is folded, files, and what is refused."""

import copy
import pickle

import numpy as np
import pytest

import scn


def network():
    return scn.Sequential(
        scn.InputLayer(2, 15, mode=4),
        scn.SubmanifoldConvolution(2, 3, 8, 3, False),
        scn.UNet(2, 1, [8, 12], residual_blocks=True, downsample=[3, 2], leakiness=0.2),
        scn.BatchNormReLU(8),
        scn.OutputLayer(2),
        scn.Linear(8, 5),
    )


@pytest.fixture
def trained(points):
    net = network()
    optimizer = scn.SGD(net.parameters(), lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        scn.cross_entropy(net(points), np.arange(40) % 5).backward()
        optimizer.step()
    return net.eval()


def test_results_are_those_of_the_evaluation(trained, points):
    expected = trained(points).numpy()
    before = {name: values.copy() for name, values in trained.state_dict().items()}
    fast = scn.optimize_for_inference(trained)
    np.testing.assert_allclose(fast(points).numpy(), expected, rtol=1e-4, atol=1e-5)
    assert isinstance(fast, scn.InferenceNetwork)
    assert trained.train()(points).requires_grad and not fast(points).requires_grad
    for name, values in before.items():
        if "running" not in name:
            np.testing.assert_array_equal(trained.state_dict()[name], values)


def test_bfloat16_is_close_and_its_files_say_so(trained, points, tmp_path):
    expected = scn.optimize_for_inference(trained)(points).numpy()
    fast = scn.optimize_for_inference(trained, precision="bfloat16")
    results = fast(points).numpy().copy()
    assert results.dtype == np.float32 and np.abs(results - expected).max() > 0
    np.testing.assert_allclose(results, expected, rtol=0, atol=0.02 * np.abs(expected).max())
    scn.save(fast, tmp_path / "fast.safetensors")
    loaded = scn.load(tmp_path / "fast.safetensors")
    assert repr(loaded) == repr(fast) and "bfloat16" in repr(loaded)
    np.testing.assert_array_equal(loaded(points).numpy(), results)
    np.testing.assert_array_equal(scn.optimize_for_inference(fast, "float32")(points).numpy(), expected)
    # As a program does that opens whatever file it gets.
    again = scn.optimize_for_inference(loaded)
    assert "bfloat16" in repr(again)
    np.testing.assert_array_equal(again(points).numpy(), results)
    for precision in ("float16", "", 16):
        with pytest.raises(scn.InvalidArgumentError, match="precision: is .*, expected 'float32' or 'bfloat16'"):
            scn.optimize_for_inference(trained, precision)


def test_it_stays_in_evaluation_mode(trained, points):
    fast = scn.optimize_for_inference(trained)
    expected = fast(points).numpy().copy()
    whole = scn.Sequential(fast, scn.Linear(5, 2)).train()
    assert whole.training and not fast.training
    assert whole(points).requires_grad
    np.testing.assert_array_equal(fast(points).numpy(), expected)
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    assert sum(1 for _ in fast.parameters()) > 0


def test_inputs_that_require_a_gradient_are_refused(trained, points):
    fast = scn.optimize_for_inference(trained)
    coordinates, features = points[0], scn.Parameter(points[1])
    with pytest.raises(scn.StateError, match="requires a gradient"):
        fast([coordinates, features])
    with scn.no_grad():
        np.testing.assert_array_equal(fast([coordinates, features]).numpy(), fast(points).numpy())


def test_files_and_pickles_give_the_same_bits(trained, points, tmp_path):
    fast = scn.optimize_for_inference(trained)
    expected = fast(points).numpy().copy()
    scn.save(fast, tmp_path / "fast.safetensors")
    loaded = scn.load(tmp_path / "fast.safetensors")
    assert isinstance(loaded, scn.InferenceNetwork) and repr(loaded) == repr(fast)
    for other in [loaded, pickle.loads(pickle.dumps(fast)), copy.deepcopy(fast), scn.optimize_for_inference(fast)]:
        np.testing.assert_array_equal(other(points).numpy(), expected)
        assert not other.training


def test_changed_weights_count(trained, points):
    fast = scn.optimize_for_inference(trained)
    before = fast(points).numpy().copy()
    weight = fast.state_dict()["1.weight"]
    weight *= 2
    doubled = fast(points).numpy().copy()
    assert np.abs(doubled - before).max() > 0
    weight /= 2
    np.testing.assert_array_equal(fast(points).numpy(), before)
    other = scn.optimize_for_inference(network())
    assert np.abs(other(points).numpy() - before).max() > 0
    other.load_state_dict(fast.state_dict())
    np.testing.assert_array_equal(other(points).numpy(), before)


def test_batch_norm_after_convolutions_disappears():
    net = scn.SparseVggNet(2, 3, [["C", 8], ["C", 8, 4], "MP", ["C", 4]])
    assert "BatchNorm" not in repr(scn.optimize_for_inference(net))


def test_what_python_computes_is_refused():
    class Doubled(scn.Module):
        def forward(self, x):
            return x * 2

    with pytest.raises(scn.UnsupportedError, match="written in Python"):
        scn.optimize_for_inference(scn.Sequential(scn.Linear(2, 2), Doubled()))
    with pytest.raises(TypeError):
        scn.optimize_for_inference(None)
    with pytest.raises(scn.UnsupportedError):
        scn.InferenceNetwork()
