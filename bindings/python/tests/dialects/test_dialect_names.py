"""The pages on porting have the names that the code has."""

import importlib
import subprocess
import sys
import types

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from scn.dialects.names import Name, modules_of


@pytest.mark.parametrize("library", ["spconv", "MinkowskiEngine", "torchsparse"])
def test_the_page_of_a_library_is_up_to_date(library, repository):
    script = repository / "scripts" / "build" / "generate_dialect_names.py"
    if not script.exists():
        pytest.skip("not in a checkout")
    done = subprocess.run([sys.executable, str(script), "--check", library], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_names_say_whether_they_work(monkeypatch):
    package, part, inner = (types.ModuleType(name) for name in ("made", "made.part", "made._inner"))
    package.__path__ = []

    def works():
        """Return something."""

    def refuses():
        """Raise `UnsupportedError`: there is no GPU. More of it."""

    class Differs:
        """Something."""

    for each in (works, refuses):
        each.__module__ = "made.part"
    Differs.__module__ = "made._inner"
    inner.DIFFERS = {"Differs": "it is slow"}
    part.MISSING = {"gone": "it went"}
    for each in (works, refuses, Differs):
        setattr(part, each.__name__, each)
    part.torch = types.ModuleType("torch")
    part.loads = importlib.import_module
    for module in (package, part, inner):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr("scn.dialects.names._inside", lambda root, without: ["made.part"])
    (found,) = modules_of("made", "shown")
    assert found.name == "shown.part"
    assert found.names == [
        Name("Differs", "differs", "it is slow"),
        Name("gone", "raises", "it went"),
        Name("refuses", "raises", "there is no GPU"),
        Name("works", "works", ""),
    ]
