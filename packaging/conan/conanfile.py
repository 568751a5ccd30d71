"""scn for Conan 2, built from the sources that this file lies among: conan create packaging/conan"""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.files import copy, load, rename, rmdir
from conan.tools.system.package_manager import Apt, Dnf, PacMan, Zypper

# What `make install` reads. The manifest of the Swift package names the tests, too.
SOURCES = [
    "LICENSE", "Makefile", "Package.swift", "exports.map", "licenses/*", "Sources/*", "Tests/*.swift", "include/*",
    "bindings/c/*.in", "bindings/cpp/scn.hpp", "scripts/build/*", "scripts/package/*",
]  # fmt: skip


class Scn(ConanFile):
    """The library is plain C to whoever links it: one package serves all compilers and build types."""

    name = "scn"
    description = "Submanifold sparse convolutional networks on a CPU"
    license = "Apache-2.0"
    topics = ("sparse-convolution", "point-cloud", "deep-learning")
    package_type = "shared-library"
    settings = "os", "arch", "compiler", "build_type"

    def set_version(self):
        header = load(self, os.path.join(self.recipe_folder, "..", "..", "include", "scn.h"))
        parts = dict(re.findall(r"^#define SCN_VERSION_(MAJOR|MINOR|PATCH) (\d+)", header, re.M))
        self.version = ".".join(parts[name] for name in ("MAJOR", "MINOR", "PATCH"))

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        for pattern in SOURCES:
            copy(self, pattern, root, self.export_sources_folder)

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration(f"os: is {self.settings.os}, expected Linux")

    def package_id(self):
        del self.info.settings.compiler
        del self.info.settings.build_type

    def system_requirements(self):
        # By default Conan only checks for these; see its option tools.system.package_manager:mode.
        Apt(self).install(["libopenblas-dev"])
        Dnf(self).install(["openblas-devel"])
        Zypper(self).install(["openblas-devel"])
        PacMan(self).install(["openblas"])

    def build(self):
        self.run("SCN_NO_INSTALL=1 make --no-print-directory lib")

    def package(self):
        self.run(f'SCN_NO_INSTALL=1 make --no-print-directory install PREFIX="{self.package_folder}"')
        # Conan makes the files for CMake and pkg-config.
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))
        rename(
            self,
            os.path.join(self.package_folder, "share", "doc", "scn"),
            os.path.join(self.package_folder, "licenses"),
        )
        rmdir(self, os.path.join(self.package_folder, "share"))

    def package_info(self):
        self.cpp_info.libs = ["scn"]
        self.cpp_info.set_property("cmake_file_name", "scn")
        self.cpp_info.set_property("cmake_target_name", "scn::scn")
        self.cpp_info.set_property("pkg_config_name", "scn")
