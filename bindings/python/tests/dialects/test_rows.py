"""Sites in a program's order."""

import numpy as np
import torch

from scn.dialects.rows import Rows


def test_sites_that_another_set_has_in_another_order_keep_theirs():
    where = np.array([[3, 1, 0], [0, 2, 0], [5, 5, 1], [1, 1, 0]])
    first = Rows.made(where, "coordinates")
    second = Rows.made(where[::-1].copy(), "coordinates", beside=first.sites)
    for rows, given in ((first, where), (second, where[::-1])):
        assert rows.coordinates("last").tolist() == given.tolist()
        features = torch.arange(4.0)[:, None]
        assert torch.equal(rows.shown(rows.sorted(features)), features)
    assert second.find(where).tolist() == [3, 2, 1, 0]
