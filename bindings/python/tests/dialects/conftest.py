"""What the tests of dialects share."""

import pytest

from scn.dialects import elementwise


@pytest.fixture(autouse=True)
def small_matrices_go_the_way_of_large_ones(monkeypatch):
    """Tests are of the engine's sums, joins and ReLUs, which programs meet in scenes of some size only."""
    monkeypatch.setattr(elementwise, "SMALL", 0)
