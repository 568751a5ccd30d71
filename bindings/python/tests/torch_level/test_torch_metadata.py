"""Metadata that a program fills and compares itself, as programs for SparseConvNet do."""

import copy
import pickle

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import scn
import scn.torch as st

SIZE = torch.LongTensor([8, 8])


def filled(*samples):
    """Metadata and features of samples, lists of locations, whose vectors are 1, 2, ..."""
    metadata, features = st.Metadata(2), torch.FloatTensor()
    metadata.setInputSpatialSize(SIZE)
    for locations in samples:
        metadata.batchAddSample()
        vectors = torch.arange(1.0, len(locations) + 1).view(-1, 1).repeat(1, 2)
        metadata.setInputSpatialLocations(features, torch.tensor(locations), vectors, False)
    return metadata, features


def test_sites_are_named_one_after_the_other():
    metadata, features = filled([[3, 3], [1, 1], [3, 3]], [[5, 5]])
    assert metadata.getSpatialLocations(SIZE).tolist() == [[3, 3, 0], [1, 1, 0], [5, 5, 1]]
    assert features.tolist() == [[1, 1], [2, 2], [1, 1]] and metadata.getBatchSize(SIZE) == 2
    metadata.setInputSpatialLocation(features, torch.tensor([5, 5]), torch.tensor([7.0, 7.0]), True)
    metadata.setInputSpatialLocation(features, torch.tensor([0, 5]), torch.tensor([8.0, 8.0]), False)
    more = torch.tensor([[7, 7, 2], [3, 3, 0]])
    metadata.setInputSpatialLocations(features, more, torch.tensor([[9.0, 9.0], [0.0, 0.0]]), False)
    assert metadata.getSpatialLocations(SIZE).tolist() == [[3, 3, 0], [1, 1, 0], [5, 5, 1], [0, 5, 1], [7, 7, 2]]
    assert features.tolist() == [[1, 1], [2, 2], [7, 7], [8, 8], [9, 9]] and metadata.getBatchSize(SIZE) == 3
    # As a tensor it is what an input layer makes from the same points.
    x = st.SparseConvNetTensor(features, metadata, SIZE)
    y = st.InputLayer(2, 8, 0)([metadata.getSpatialLocations(SIZE), features])
    layer = st.SubmanifoldConvolution(2, 2, 3, 3, True)
    assert torch.equal(layer(x).features, layer(y).features)
    metadata.generateRuleBooks2s2()
    metadata.generateRuleBooks3s2()
    assert torch.equal(st.MaxPooling(2, 2, 2)(x).features, st.MaxPooling(2, 2, 2)(y).features)
    with pytest.raises(scn.StateError, match="expected those of the InputLayer"):
        st.OutputLayer(2)(x)


def test_many_rows_one_by_one():
    metadata, features = st.Metadata(1), torch.FloatTensor()
    metadata.setInputSpatialSize([3000])
    metadata.batchAddSample()
    for place in range(2999, 0, -1):
        metadata.setInputSpatialLocation(features, [place], [float(place)], False)
    assert torch.equal(features[:, 0].long(), metadata.getSpatialLocations([3000])[:, 0])
    assert features.untyped_storage().nbytes() <= 4 * 2 * 2999


def test_what_cannot_be_named_is_refused_and_changes_nothing():
    metadata, features = filled([[3, 3], [1, 1]])
    before, vectors = features.clone(), torch.ones(1, 2)
    for locations, values, error, message in (
        ([[8, 0]], vectors, scn.CoordinateError, "^locations: row 0 has 8 on axis 0, expected 0 ... 7"),
        ([[2, 2], [-1, 0]], torch.ones(2, 2), scn.CoordinateError, "^locations: row 1 has -1 on axis 0"),
        ([[1, 1, 1, 1]], vectors, scn.ShapeError, r"^locations: has shape \[1, 4\], expected \[n, 2\] or \[n, 3\]"),
        ([[2, 2]], torch.ones(2, 2), scn.ShapeError, r"^vecs: has shape \[2, 2\]"),
        ([[2, 2]], torch.ones(1, 3), scn.ShapeError, r"^features: has shape \[2, 2\], expected \[2, 3\]"),
    ):
        with pytest.raises(error, match=message):
            metadata.setInputSpatialLocations(features, torch.tensor(locations), values, False)
    with pytest.raises(TypeError, match="^features: is a .* expected a torch.FloatTensor"):
        metadata.setInputSpatialLocations(features.double(), torch.tensor([[2, 2]]), vectors, False)
    with pytest.raises(scn.ShapeError, match="^spatialSize: is .9, 9., expected .8, 8."):
        metadata.addSampleFromThresholdedTensor(features, torch.ones(1, 1, 2), [0, 0], [9, 9], 0)
    assert torch.equal(features, before) and metadata.batch_size() == 1
    assert metadata.getSpatialLocations(SIZE).tolist() == [[3, 3, 0], [1, 1, 0]]
    with pytest.raises(TypeError, match="^features: is in memory that is not torch's"):
        metadata.setInputSpatialLocations(
            torch.from_numpy(features.numpy().copy()), torch.tensor([[2, 2]]), vectors, False
        )
    for call in (
        metadata.compareSparseHelper,
        metadata.sparsifyCompare,
        metadata.appendMetadata,
        metadata.sparsifyMetadata,
    ):
        with pytest.raises(TypeError, match=": is an int, expected a Metadata"):
            call(3, SIZE, *[torch.ones(2)] * (call == metadata.sparsifyMetadata))
    for size in ([0, 8], [8], [8, -1], [1.5, 2]):
        with pytest.raises(scn.Error):
            metadata.setInputSpatialSize(size)
    assert len(metadata.getSpatialLocations(SIZE)) == 2
    empty = st.Metadata(2)
    assert "Metadata(2)" in repr(st.SparseConvNetTensor(features, empty, SIZE))
    for call in (empty.batchAddSample, empty.batch_size, lambda: empty.getSpatialLocations(SIZE)):
        with pytest.raises(scn.StateError, match="^spatial_size: is None, expected setInputSpatialSize first"):
            call()
    empty.setInputSpatialSize(SIZE)
    with pytest.raises(scn.StateError, match="no sample yet"):
        empty.setInputSpatialLocation(torch.FloatTensor(), [1, 1], [1.0], False)
    with pytest.raises(scn.InvalidArgumentError, match="^lower: is 3, expected None"):
        st.Metadata(2, lower=3)
    assert st.Metadata(2, coordinates=[[1, -1]]).get_spatial_locations([1, 1]).tolist() == [[1, -1, 0]]
    assert repr(st.Metadata(2)) == "Metadata(2)" and len(empty.getSpatialLocations(SIZE)) == 0


def test_results_on_sites_that_were_rebuilt_are_an_error():
    metadata, features = filled([[3, 3], [1, 1]])
    x = st.SparseConvNetTensor(features, metadata, SIZE)
    layer = st.SubmanifoldConvolution(2, 2, 2, 3, False)
    old, pooled = layer(x), st.MaxPooling(2, 2, 2)(x)
    metadata.setInputSpatialLocation(features, [2, 2, 0], [5.0, 5.0], False)
    assert len(layer(x).features) == 3
    for call in (lambda: layer(old), lambda: layer(pooled), lambda: st.AddTable()([layer(x), old])):
        with pytest.raises((scn.ShapeError, scn.InvalidArgumentError)):
            call()
    metadata.clear()
    with pytest.raises(scn.StateError):
        layer(x)


def test_cells_above_a_threshold_and_of_dense_tensors():
    metadata, features = st.Metadata(2), torch.FloatTensor()
    metadata.setInputSpatialSize(SIZE)
    cells = torch.tensor([[[0.0, 0.5], [0, 0.1]], [[-2.0, 0], [0, 3]]])
    metadata.addSampleFromThresholdedTensor(features, cells, torch.LongTensor([1, 7]), SIZE, 0.2)
    assert metadata.getSpatialLocations(SIZE).tolist() == [[1, 7, 0], [2, 7, 0]] and features.tolist() == [
        [0, 0.5],
        [-2, 0],
    ]
    metadata.createMetadataForDenseToSparse(SIZE, torch.tensor([[0, 3, 2], [0, 1, 2], [1, 3, 4]]), 3)
    assert (
        metadata.getSpatialLocations(SIZE).tolist() == [[3, 2, 0], [1, 2, 0], [3, 4, 1]]
        and metadata.getBatchSize(SIZE) == 3
    )


def test_metadata_are_compared_thinned_and_appended():
    a, _ = filled([[3, 3], [1, 1]], [[5, 5], [0, 5]], [[7, 7]])
    b, _ = filled([[1, 1], [2, 2]], [[5, 5], [6, 6]])
    has, rows = a.sparsifyCompare(b, SIZE)
    assert has.dtype is torch.uint8 and has.tolist() == [0, 1, 1, 0, 0] and rows.tolist() == [1, -1, 2, -1]
    assert [part.tolist() for part in a.compareSparseHelper(b, SIZE)] == [[1, 2], [0, 2], [0, 3, 4], [1, 3]]
    pairs = a.copyFeaturesHelper(b, SIZE)
    assert pairs.dtype is torch.int32 and pairs.tolist() == [1, 0, 2, 2]
    out, keep = st.Metadata(2), torch.ByteTensor([1, 0, 1, 1, 0])
    a.sparsifyMetadata(out, SIZE, keep, keep.long().cumsum(0))
    assert out.getSpatialLocations(SIZE).tolist() == [[3, 3, 0], [5, 5, 1], [0, 5, 1]] and out.batch_size() == 3
    with pytest.raises(scn.ShapeError, match=r"^filter: has shape \[4\], expected \[5\]"):
        a.sparsifyMetadata(out, SIZE, keep[:4])
    both = st.Metadata(2)
    both.appendMetadata(a, SIZE)
    both.appendMetadata(b, SIZE)
    assert both.getSpatialLocations(SIZE)[5:].tolist() == [[1, 1, 3], [2, 2, 3], [5, 5, 4], [6, 6, 4]]
    assert both.getBatchSize(SIZE) == 5 and len(both.getSpatialLocations(SIZE)) == 9
    with pytest.raises(scn.StateError):
        both.appendMetadata(b, [9, 9])
    with pytest.raises(scn.ShapeError, match="^metadata: has dimension"):
        a.sparsifyMetadata(st.Metadata(3), SIZE, keep)


def test_sites_of_layers_can_be_filled_further():
    where = torch.tensor([[3, 3, 0], [1, 1, 0]])
    x = st.InputLayer(2, 8)([where, torch.ones(2, 2)])
    metadata, features = x.metadata, x.features.detach().clone()
    for location, vector in (([8, 8, 0], [3.0, 3.0]), ([2, 2], [3.0, 3.0]), ([2, 2, 0], [3.0])):
        with pytest.raises(scn.Error):
            metadata.setInputSpatialLocation(features, location, vector, False)
    assert len(st.OutputLayer(2)(x)) == 2 and len(features) == 2
    metadata.batchAddSample()
    metadata.setInputSpatialLocation(features, [2, 2], [3.0, 3.0], False)
    assert metadata.getSpatialLocations(SIZE).tolist() == [[3, 3, 0], [1, 1, 0], [2, 2, 1]]
    metadata.setInputSpatialSize([9, 9])
    assert metadata.batch_size() == 0


def test_copies_of_what_is_being_filled_stand_alone():
    metadata, features = filled([[3, 3], [1, 1]])
    copies = [copy.deepcopy(metadata), pickle.loads(pickle.dumps(metadata))]
    copies.append(copy.deepcopy(st.SparseConvNetTensor(features, metadata, SIZE)).metadata)
    metadata.setInputSpatialLocation(features, [2, 2], [3.0, 3.0], False)
    for each in copies:
        assert each.getSpatialLocations(SIZE).tolist() == [[3, 3, 0], [1, 1, 0]]
    assert len(metadata.getSpatialLocations(SIZE)) == 3
    for empty in (copy.deepcopy(st.Metadata(2)), pickle.loads(pickle.dumps(st.Metadata(2)))):
        assert repr(empty) == "Metadata(2)"


def test_metadata_of_the_finer_sites_suffice_to_go_back():
    """A program brings pooled features to other metadata, whose coarse sites nothing has asked for yet."""
    fine = torch.tensor([[0, 0, 0], [4, 4, 0]]), torch.tensor([[1.0], [2.0]])
    other = torch.tensor([[1, 1, 0], [0, 1, 0], [5, 4, 0]]), torch.zeros(3, 1)
    enter, layer = st.InputLayer(2, 8, 3), st.Deconvolution(2, 1, 1, 2, 2, False)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(1.0, 5).view_as(layer.weight))
    for back, wanted in ((st.UnPooling(2, 2, 2), [1, 1, 2]), (layer, [4, 2, 6])):
        x = st.MaxPooling(2, 2, 2)(enter(list(fine)))
        x.metadata = enter(list(other)).metadata
        y = back(x)
        assert y.features.flatten().tolist() == wanted
        assert y.get_spatial_locations().tolist() == other[0].tolist()
    x = st.MaxPooling(2, 2, 2)(enter(list(fine)))
    x.metadata = enter([torch.tensor([[1, 1, 0]]), torch.zeros(1, 1)]).metadata
    for back in (st.UnPooling(2, 2, 2), st.Deconvolution(2, 7, 1, 2, 2, False)):
        with pytest.raises(scn.StateError, match="no site set has size"):
            back(x)
        with pytest.raises(scn.StateError, match="no site set has size"):
            x.metadata.getSpatialLocations([4, 4])
    x.metadata = st.InputLayer(2, 16, 3)([torch.tensor([[1, 1, 0]]), torch.zeros(1, 1)]).metadata
    with pytest.raises(scn.StateError, match="no site set has size"):
        st.UnPooling(2, 2, 2)(x)
