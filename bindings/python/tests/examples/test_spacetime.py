"""The space-and-time example: its made-up sequences, the parts of its network, and a shortened run."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import scn

EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "spacetime"


@pytest.fixture(scope="module")
def example():
    """The example's modules; other examples have files of the same names."""
    names = ("shapes", "autoencoder")
    before = {name: sys.modules.pop(name, None) for name in names}
    sys.path.insert(0, str(EXAMPLE))
    try:
        import autoencoder
        import shapes

        yield shapes, autoencoder
    finally:
        sys.path.remove(str(EXAMPLE))
        for name in names:
            sys.modules.pop(name, None)
            if before[name] is not None:
                sys.modules[name] = before[name]


def points(shapes, count, seed=3):
    random = np.random.default_rng(seed)
    sites = shapes.batch(
        [shapes.sequence(kind, random) for kind in itertools.islice(itertools.cycle(shapes.DISTANCES), count)]
    )
    return sites, [sites, np.ones((len(sites), 1), np.float32)]


def test_sequences_are_reproducible_distinct_and_in_the_field(example):
    shapes, _ = example
    sites, _ = points(shapes, 12)
    assert np.array_equal(sites, points(shapes, 12)[0])
    assert len(np.unique(shapes.keys(sites))) == len(sites)
    assert sites.min() >= 0 and np.all(sites[:, :4].max(axis=0) < shapes.FIELD)
    moments = np.zeros((12, shapes.FIELD[3]), int)
    np.add.at(moments, (sites[:, 4], sites[:, 3]), 1)
    assert moments.min() > 30, "every moment shows the shape"


def test_mirroring_keeps_the_number_of_sites_and_the_order_of_times(example):
    shapes, _ = example
    sites = shapes.sequence("ring", np.random.default_rng(0))
    ways = {shapes.mirrored(sites, np.random.default_rng(seed)).tobytes() for seed in range(50)}
    assert len(ways) > 20
    turned = shapes.mirrored(sites, np.random.default_rng(1))
    times = np.bincount(turned[:, 3], minlength=shapes.FIELD[3])
    same = np.bincount(sites[:, 3], minlength=shapes.FIELD[3])
    assert times.tolist() in (same.tolist(), same[::-1].tolist())


def test_keep_takes_the_rows_and_passes_gradients(example):
    _, autoencoder = example
    sites = np.array([[1, 2, 3, 4, 0], [1, 2, 3, 5, 0], [7, 0, 0, 0, 1]])
    features = scn.tensor(np.arange(6, dtype=np.float32).reshape(3, 2), requires_grad=True)
    sparse = scn.InputLayer(4, 8, mode=0)([sites, features])
    kept = autoencoder.keep(sparse, np.array([True, False, True]))
    assert np.array_equal(kept.get_spatial_locations(), sites[[0, 2]])
    assert kept.numpy().tolist() == [[0, 1], [4, 5]]
    kept.sum().backward()
    assert features.grad.tolist() == [[1, 1], [0, 0], [1, 1]]
    assert autoencoder.is_active(sparse, kept).tolist() == [True, False, True]


def test_levels_are_rebuilt_on_their_own_sizes_and_all_weights_learn(example):
    shapes, autoencoder = example
    network = autoencoder.Autoencoder()
    _, given = points(shapes, 2)
    code, levels = network.encoder(given)
    assert code.numpy().shape[1] == autoencoder.CODE and code.spatial_size.tolist() == [4, 4, 4, 2]
    _, losses = network.decoder(code, levels)
    assert len(losses) == 3 and all(np.isfinite(loss.item()) for loss in losses)
    sum(losses[1:], losses[0]).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    network.eval()
    with scn.no_grad():
        assert network(given).spatial_size.tolist() == list(shapes.FIELD)


def quick_run(output, environment, *arguments):
    command = [
        sys.executable,
        str(EXAMPLE / "train.py"),
        "--quick",
        "--epochs",
        "2",
        "--output",
        str(output),
        *arguments,
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert run.returncode == 0, run.stderr
    return run


def test_a_short_run_learns_and_goes_on_where_it_stopped(tmp_path, subprocess_environment):
    whole = quick_run(tmp_path / "whole", subprocess_environment)
    last = whole.stdout.splitlines()[-1]
    assert re.fullmatch(r"reconstruction IoU [01]\.\d{3} on 3 held-out sequences", last), whole.stdout
    losses = re.findall(r"epoch  [12] of 2: loss (\d\.\d{4}), reconstruction IoU", whole.stdout)
    assert float(losses[0]) < 2.07, "three levels that guess lose 3 * log 2"
    assert float(losses[1]) < float(losses[0])
    assert "48/48" in whole.stderr and "sequences/s" in whole.stderr and "Warning" not in whole.stderr
    assert (tmp_path / "whole" / "spacetime.png").stat().st_size > 10_000
    parts = tmp_path / "parts"
    quick_run(parts, subprocess_environment, "--stop-after", "1", "--threads", "1")
    resumed = quick_run(parts, subprocess_environment, "--resume")
    assert resumed.stdout.splitlines()[-1] == last and "epoch  1" not in resumed.stdout
    for name in ("training.safetensors", "epochs.json", "spacetime.png"):
        assert (parts / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_wrong_arguments_are_refused(refusals, subprocess_environment):
    wrong = [["--epochs", "0"], ["--threads", "-1"], ["--seed", "-1"], ["--nonsense"]]
    for status, errors in refusals(EXAMPLE / "train.py", wrong, subprocess_environment):
        assert status == 2 and "usage:" in errors and "Traceback" not in errors
