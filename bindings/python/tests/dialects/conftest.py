"""What the tests of dialects share."""

import subprocess
import sys
import textwrap

import pytest


@pytest.fixture(autouse=True)
def small_matrices_go_the_way_of_large_ones(monkeypatch):
    """Tests are of the engine's sums, joins and ReLUs, which programs meet in scenes of some size only."""
    # Imported here, since without PyTorch there is no test that asks for it.
    from scn.dialects import elementwise

    monkeypatch.setattr(elementwise, "SMALL", 0)


@pytest.fixture
def run(tmp_path, subprocess_environment):
    """Run a program, or `python` with arguments, in an empty folder; return what it printed, or fail with its
    errors."""

    def run(program=None, *arguments, status=0, also_found=()):
        environment = dict(subprocess_environment)
        for folder in also_found:
            environment["PYTHONPATH"] = f"{folder}:{environment['PYTHONPATH']}"
        if program is not None:
            (tmp_path / "written.py").write_text(textwrap.dedent(program))
            arguments = ("written.py",)
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout if status == 0 else done.stderr

    return run
