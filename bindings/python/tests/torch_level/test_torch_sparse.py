"""Sparse tensors of scn.torch: the order of their rows, their parts, and copies of them."""

import copy
import io
import pickle
import subprocess
import sys
import warnings

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import scn
import scn.torch as st

COORDS = torch.tensor([[5, 2, 0], [1, 1, 0], [5, 3, 1], [4, 2, 1], [0, 0, 0], [1, 1, 0], [5, 2, 0], [7, 7, 1]])
FIRST = torch.tensor([0, 1, 2, 3, 4, 7])


def make(mode=3):
    features = torch.arange(16.0).reshape(8, 2).requires_grad_()
    return features, st.InputLayer(2, 8, mode)([COORDS, features])


def test_rows_are_shown_as_they_first_appear():
    features, x = make()
    assert torch.equal(x.get_spatial_locations(), COORDS[FIRST])
    want = features[FIRST].clone()
    want[0] += features[6]
    want[1] += features[5]
    assert torch.equal(x.features, want)
    assert x.features is x.features
    (x.features * torch.arange(6.0)[:, None]).sum().backward()
    assert features.grad[:, 0].tolist() == [0, 1, 2, 3, 4, 1, 0, 5]
    assert torch.equal(st.OutputLayer(2)(x)[FIRST], want)
    assert x.spatial_size.tolist() == [8, 8] and x.batch_size() == 2
    assert torch.equal(x.metadata.get_spatial_locations([8, 8]), COORDS[FIRST])


def test_layers_work_on_sorted_rows_and_the_order_comes_back():
    torch.manual_seed(0)
    _, x = make()
    down, up = st.Convolution(2, 2, 3, 2, 2, False), st.Deconvolution(2, 3, 4, 2, 2, False)
    y = down(x)
    where = y.get_spatial_locations()
    keys = (where[:, 2] * 100 + where[:, 0] * 10 + where[:, 1]).tolist()
    assert keys == sorted(keys)
    z = up(y)
    assert torch.equal(z.get_spatial_locations(), COORDS[FIRST])
    assert torch.equal(x.get_spatial_locations([4, 4]), where)
    # Made from what was shown, a tensor is the same.
    again = st.SparseConvNetTensor(x.features, x.metadata, x.spatial_size)
    assert torch.equal(up(down(again)).features, z.features)


def test_what_a_program_does_to_features_reaches_layers():
    torch.manual_seed(0)
    layer = st.SubmanifoldConvolution(2, 2, 2, 3, False)
    _, x = make()
    want = layer(st.SparseConvNetTensor(x.features.detach() * 2, x.metadata, x.spatial_size)).features
    with torch.no_grad():
        x = x.detach()
        x.features.mul_(2)
    assert torch.equal(layer(x).features, want)
    _, x = make()
    x.features = x.features * 2
    assert torch.equal(layer(x).features, want)
    _, x = make()
    features = x.features
    (gradient,) = torch.autograd.grad(layer(x).features.square().sum(), features, retain_graph=True)
    features.retain_grad()
    layer(x).features.square().sum().backward()
    assert torch.equal(x.features.grad, gradient) and gradient.any()
    seen = []
    x = make()[1].detach().requires_grad_()
    x.features.register_hook(seen.append)
    layer(x).features.sum().backward()
    assert len(seen) == 1 and torch.equal(seen[0], x.features.grad) and x.requires_grad


def test_parts_can_be_assigned():
    features, x = make()
    y = st.SparseConvNetTensor()
    assert y.features is None and y.metadata is None and y.spatial_size is None
    with pytest.raises(scn.StateError, match="^features: is None"):
        y._sorted()
    y.metadata, y.spatial_size, y.features = x.metadata, x.spatial_size, x.features
    assert torch.equal(st.OutputLayer(2)(y), st.OutputLayer(2)(x))
    pooled = st.MaxPooling(2, 2, 2)(x)
    y.spatial_size, y.features = [4, 4], pooled.features
    assert torch.equal(y.get_spatial_locations(), pooled.get_spatial_locations())
    assert st.Identity()(y) is y and "sites=" in repr(y)
    batch = st.InputBatch(2, 8)
    batch.add_sample()
    batch.set_location([1, 2], torch.ones(1))
    batch.features = torch.full((1, 1), 7.0)
    assert batch.features.item() == 7
    with pytest.raises(TypeError, match="expected a torch.Tensor"):
        y.features = [1, 2]
    with pytest.raises(TypeError, match="expected a Metadata"):
        y.metadata = 3
    with pytest.raises(scn.StateError):
        x.get_spatial_locations(5)
    assert x.type() == "torch.FloatTensor"
    assert x.cpu().features.grad_fn is not None and not x.detach().features.requires_grad
    again = copy.copy(x)
    assert again.to(torch.float64) is again and again.features.dtype is torch.float64
    assert again.type(torch.float16) is again and again.type() == "torch.HalfTensor"
    assert x.features.dtype is torch.float32 and again.cpu() is again


def test_numpy_and_lists_go_in():
    x = st.InputLayer(2, 8)([COORDS.numpy(), features_of(COORDS).numpy()])
    y = st.InputLayer(2, torch.LongTensor([8, 8]))([COORDS.int(), features_of(COORDS).tolist(), torch.tensor(4)])
    assert torch.equal(x.features, y.features) and y.batch_size() == 4


def features_of(coords):
    return torch.arange(2.0 * len(coords)).reshape(-1, 2)


@pytest.mark.parametrize("mode", [0, 1, 3, 4])
def test_copies_and_pickles(mode):
    st.swap_input_modes(False)
    coords = COORDS[FIRST] if mode == 0 else COORDS
    x = st.InputLayer(2, 8, mode)([coords, features_of(coords), 3])
    if mode == 4:
        x.requires_grad_()
    pooled = st.AveragePooling(2, 2, 2)(x)
    leave = st.OutputLayer(2)
    file = io.BytesIO()
    torch.save({"x": x, "pooled": pooled}, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    for again in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), loaded["x"], copy.copy(x)):
        assert torch.equal(again.features, x.features) and again.batch_size() == 3
        assert again.requires_grad == x.requires_grad
        assert torch.equal(again.get_spatial_locations(), x.get_spatial_locations())
        assert torch.equal(leave(again), leave(x))
    for again in (copy.deepcopy(pooled), pickle.loads(pickle.dumps(pooled)), loaded["pooled"]):
        assert torch.equal(again.features, pooled.features) and again.spatial_size.tolist() == [4, 4]
        assert torch.equal(again.get_spatial_locations(), pooled.get_spatial_locations())
    copied = copy.deepcopy(x)
    with torch.no_grad():
        copied.features.zero_()
    assert x.features.any()
    # A shallow copy has the same values, history included, and parts of its own.
    shown, shallow = pooled.features, copy.copy(pooled)
    assert shallow.features is shown
    shallow.features = torch.zeros_like(shown)
    assert pooled.features is shown
    st.swap_input_modes(None)


def test_scores_of_sites_go_with_a_tensor_but_not_through_a_layer():
    torch.manual_seed(1)
    _, x = make()
    y = st.Sparsify(2, 2)(x)
    assert x.mask is None and st.ReLU()(y).mask is None and y.mask.grad_fn is not None
    loaded = pickle.loads(pickle.dumps(y))
    moved = [copy.copy(y).to(torch.float64), copy.copy(y).type(torch.float16), copy.copy(y).cpu()]
    for again in (*moved, y.detach(), copy.copy(y), copy.deepcopy(y), loaded):
        assert again.mask.dtype == again.features.dtype and again.mask.requires_grad == again.features.requires_grad
        assert torch.equal(again.mask, y.mask.to(again.mask.dtype))
    assert loaded.mask.is_leaf and not y.detach().requires_grad


def test_batched_samples_keep_their_order_and_pickle():
    coords = torch.tensor([[[4, 2], [1, 1], [-1, -1]], [[3, 3], [-1, -1], [0, 0]]])
    x = st.BLInputLayer(2, 8)([coords, torch.arange(12.0).reshape(2, 3, 2)])
    assert x.get_spatial_locations().tolist() == [[4, 2, 0], [1, 1, 0], [3, 3, 1], [0, 0, 1]]
    leave = st.BLOutputLayer(2)
    again = pickle.loads(pickle.dumps(x))
    assert torch.equal(leave(again), leave(x)) and leave(x).shape == (2, 3, 2) and not leave(x)[0, 2].any()
    with pytest.raises(scn.StateError, match="expected those of the InputLayer"):
        st.OutputLayer(2)(x)


@pytest.mark.parametrize("mode", [1, 2])
def test_a_warning_says_once_that_sparseconvnet_swaps_two_modes(mode):
    coords, values = torch.tensor([[3, 3], [3, 3]]), torch.tensor([[1.0], [2.0]])
    layer = st.InputLayer(2, 8, mode)
    st.swap_input_modes(None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            layer([coords[:1], values[:1]])
        with pytest.warns(st.InputModeWarning, match="SparseConvNet keeps the"):
            kept = layer([coords, values]).features.item()
        assert kept == {1: 2.0, 2: 1.0}[mode]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            layer([coords, values])
            st.swap_input_modes(True)
            x = layer([coords, values])
            assert x.features.item() == {1: 1.0, 2: 2.0}[mode]
            assert st.OutputLayer(2)(x).view(-1).tolist() == {1: [1.0, 0.0], 2: [0.0, 2.0]}[mode]
        with pytest.raises(scn.InvalidArgumentError):
            st.swap_input_modes("yes")
    finally:
        st.swap_input_modes(None)


def test_input_batches_are_built_site_by_site():
    batch = st.InputBatch(2, torch.LongTensor([8, 8]))
    assert batch.batch_size() == 0
    batch.add_sample()
    batch.set_location(torch.LongTensor([5, 5]), torch.FloatTensor([1.0, 2.0]))
    batch.set_location(torch.LongTensor([1, 1]), torch.FloatTensor([3.0, 4.0]))
    batch.set_location(torch.LongTensor([5, 5]), torch.FloatTensor([9.0, 9.0]))
    assert batch.features.tolist() == [[1, 2], [3, 4]]
    batch.add_sample_from_tensor(torch.eye(3)[:, :, None] * torch.ones(2), torch.LongTensor([1, 1]))
    batch.set_locations(torch.LongTensor([[5, 5, 0]]), torch.FloatTensor([[7.0, 8.0]]), True)
    assert batch.batch_size() == 2 and batch.spatial_size.tolist() == [8, 8]
    assert batch.get_spatial_locations()[:2].tolist() == [[5, 5, 0], [1, 1, 0]]
    assert batch.features[0].tolist() == [7, 8]
    batch.precompute_metadata(2)
    net = st.Sequential(st.SubmanifoldConvolution(2, 2, 3, 3, False), st.MaxPooling(2, 2, 2), st.SparseToDense(2, 3))
    dense = net(batch)
    assert dense.shape == (2, 3, 4, 4)
    again = pickle.loads(pickle.dumps(batch))
    assert type(again) is st.SparseConvNetTensor and torch.equal(net(again), dense)


def test_memory_goes_both_ways_between_torch_and_the_package():
    tensor = scn.Tensor([[1.0, 2.0]])
    shared = torch.from_numpy(tensor.numpy())
    shared[0, 0] = 5
    assert tensor.numpy()[0, 0] == 5
    x = st.SparseConvNetTensor(torch.ones(1, 2), scn.Metadata(2, 8, [[1, 2]]))
    assert st.SubmanifoldConvolution(2, 2, 2, 3, False)(x).features.shape == (1, 2)


def test_the_package_itself_does_without_torch(subprocess_environment):
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "import scn\n"
        "try:\n    import scn.torch\n"
        "except ImportError as error:\n    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], env=subprocess_environment, capture_output=True, text=True, check=True
    )
    assert "pip install torch" in result.stdout
