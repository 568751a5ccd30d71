"""What pyproject.toml cannot say: the version comes from scn.h, and the built library goes into the wheel.

A source archive has neither: its version comes from PKG-INFO, and it builds a package for any platform that opens the
system's libscn.so.1, or the library that SCN_LIBRARY names.
"""

import os
import re
import shutil

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:
    from wheel.bdist_wheel import bdist_wheel

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
IS_SOURCE_ARCHIVE = os.path.exists(os.path.join(HERE, "PKG-INFO"))


def version():
    if IS_SOURCE_ARCHIVE:
        with open(os.path.join(HERE, "PKG-INFO"), encoding="utf-8") as information:
            return re.search(r"^Version: (\S+)$", information.read(), re.M).group(1)
    with open(os.path.join(ROOT, "include", "scn.h"), encoding="utf-8") as header:
        parts = dict(re.findall(r"^#define SCN_VERSION_(MAJOR|MINOR|PATCH) (\d+)", header.read(), re.M))
    return ".".join(parts[name] for name in ("MAJOR", "MINOR", "PATCH"))


class BuildWithLibrary(build_py):
    """Put build/lib/libscn.so beside the modules, in wheels only: an editable install finds it where it was built."""

    def run(self):
        super().run()
        if self.editable_mode or IS_SOURCE_ARCHIVE:
            return
        library = os.path.join(ROOT, "build", "lib", "libscn.so")
        if not os.path.exists(library):
            raise SystemExit("build/lib/libscn.so is missing: run 'make lib' first, or 'make wheel' for both")
        shutil.copyfile(library, os.path.join(self.build_lib, "scn", "libscn.so"))


class AnyPythonWheel(bdist_wheel):
    """A wheel for this platform and any Python 3: the library is opened by ctypes and knows nothing of Python."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class BinaryDistribution(Distribution):
    def has_ext_modules(self):
        return True


commands = {"build_py": BuildWithLibrary}
if not IS_SOURCE_ARCHIVE:
    commands["bdist_wheel"] = AnyPythonWheel
setup(version=version(), distclass=Distribution if IS_SOURCE_ARCHIVE else BinaryDistribution, cmdclass=commands)
