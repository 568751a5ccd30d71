"""Programs in C and C++ find the package through CMake, as any project does."""

import os

from conan import ConanFile
from conan.tools.cmake import CMake, cmake_layout


class TestScn(ConanFile):
    """Tests/cmake, by find_package."""

    settings = "os", "arch", "compiler", "build_type"
    generators = "CMakeDeps", "CMakeToolchain", "VirtualRunEnv"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def layout(self):
        cmake_layout(self)

    def build(self):
        cmake = CMake(self)
        cmake.configure(
            variables={"HOW": "find_package"}, build_script_folder=os.path.join("..", "..", "..", "Tests", "cmake")
        )
        cmake.build()

    def test(self):
        for language in ("c", "cpp"):
            self.run(os.path.join(".", f"version_{language}"), env="conanrun")
