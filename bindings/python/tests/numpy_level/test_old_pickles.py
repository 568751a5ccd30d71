"""What version 0.1 pickled: its modules had other places."""

import pickle

import numpy as np
import pytest

import scn

FOLDER = "bindings/python/tests/pickles"
WHERE, VALUES = [[4, 5, 0], [4, 6, 0], [9, 2, 1]], [[1.0], [2.0], [-1.0]]


def test_values_and_networks(repository):
    old = pickle.loads((repository / FOLDER / "numpy.pickle").read_bytes())
    assert np.allclose(old["network"]([np.array(WHERE), np.array(VALUES)]), old["output"])
    assert old["sparse"].get_spatial_locations().tolist() == WHERE
    assert type(old["sparse"].metadata) is type(old["metadata"]) is scn.Metadata
    assert type(old["tensor"]) is scn.Parameter and old["tensor"].numpy().tolist() == [1.0, 2.0]
    assert type(old["result"]) is scn.ClassificationResult and old["result"].nll == 0.3
    assert old["function"] is scn.cross_entropy


def test_networks_of_torch(repository):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    import scn.torch as st

    old = torch.load(repository / FOLDER / "torch.pth", weights_only=False)
    assert torch.allclose(old["network"]([torch.tensor(WHERE), torch.tensor(VALUES)]), old["output"])
    assert old["sparse"].get_spatial_locations().tolist() == WHERE
    assert type(old["sparse"].metadata) is type(old["metadata"]) is st.Metadata
    assert old["function"] is st.checkpoint_save
