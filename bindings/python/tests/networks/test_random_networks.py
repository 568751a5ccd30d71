"""Random networks over all kinds of layers: see random_networks.py, which can also run for as long as one likes."""

import pytest

import random_networks
import scn
from drawn_networks import Drawn, kinds_of

FIRST, NETWORKS = 0, 24


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(FIRST, FIRST + NETWORKS))
def test_what_holds_for_every_network(seed):
    assert not random_networks.problems_of(seed)


def test_instruction_sets_agree(subprocess_environment):
    assert not random_networks.instruction_set_problems(FIRST, NETWORKS, subprocess_environment)


def test_the_networks_are_of_all_kinds():
    drawn = [Drawn(seed) for seed in range(600)]
    modules = {
        name for name in scn.__all__ if isinstance(kind := getattr(scn, name), type) and issubclass(kind, scn.Module)
    }
    networks = {"UNet", "FullyConvolutionalNet", "FullConvolutionalNetIntegratedLinear", "MultiscaleShapeContext"}
    networks |= {"SparseVggNet", "SparseResNet", "SparseDenseNet", "BatchNormELU", "spectral_norm"}
    # The base class, what optimizing makes, what prints, and second names of two layers.
    others = {"Module", "InferenceNetwork", "VerboseIdentity", "ValidConvolution", "TransposeConvolution"}
    assert set().union(*(kinds_of(one.source) for one in drawn)) == (modules | networks) - others
    assert {one.dimension for one in drawn} == {1, 2, 3, 4, 5, 6}
