#!/usr/bin/env python3
"""List what the tarball and the wheel contain and need, as a software bill of materials: CycloneDX 1.5, JSON.

usage: sbom.py VERSION      of dist/, into dist/scn-VERSION.cdx.json

It says what is in the files: which libraries each names as needed, with the newest symbol versions that it asks for;
that the Swift runtime is inside, from the toolchain whose compiler the file names; and of which package of the system
each library in the wheel is, found by its build id. SOURCE_DATE_EPOCH is its moment.
"""

import datetime
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from elftools.elf.elffile import ELFFile
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[2]
# Of what a package may contain; licenses/README.md says the same in words.
LICENSES = {
    "libscn": "Apache-2.0",
    "libopenblas": "BSD-3-Clause AND BSD-2-Clause",
    "libgfortran": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libquadmath": "LGPL-2.1-or-later",
}
SWIFT_LICENSE = "Apache-2.0 WITH Swift-exception"


@dataclass
class Binary:
    """What a shared library says of itself."""

    path: Path
    sha256: str
    needs: list
    versions: dict  # needed library: the newest of each family of versions that its symbols have
    build_id: str
    comment: str
    sections: set


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def newest(names):
    """The newest version of each family: GLIBC_2.34, GLIBCXX_3.4.29."""
    families = {}
    for name in names:
        match = re.fullmatch(r"([A-Za-z_]+)_([0-9][0-9.]*)", name)
        if match:
            family, number = match.group(1), tuple(int(part) for part in match.group(2).split("."))
            families[family] = max(families.get(family, ()), number)
    return [f"{family}_{'.'.join(map(str, number))}" for family, number in sorted(families.items())]


def read_binary(path):
    with open(path, "rb") as file:
        elf = ELFFile(file)
        needs = [tag.needed for tag in elf.get_section_by_name(".dynamic").iter_tags("DT_NEEDED")]
        wanted = elf.get_section_by_name(".gnu.version_r")
        versions = {entry.name: newest(part.name for part in parts) for entry, parts in wanted.iter_versions()}
        notes = elf.get_section_by_name(".note.gnu.build-id")
        build_id = next((note["n_desc"] for note in notes.iter_notes()), "") if notes else ""
        comment = elf.get_section_by_name(".comment")
        text = comment.data().replace(b"\0", b"\n").decode(errors="replace") if comment else ""
        sections = {section.name for section in elf.iter_sections()}
    return Binary(Path(path), sha256(path), sorted(needs), versions, build_id, text, sections)


def output_of(*command):
    return subprocess.check_output(command, text=True, cwd=ROOT).strip()


def system_libraries(path):
    """Where this system has each library that `path` loads, by soname."""
    lines = re.findall(r"^\s*(\S+) => (/\S+)", output_of("ldd", str(path)), re.M)
    return {soname: os.path.realpath(found) for soname, found in lines}


def system_package(path):
    """Name and version of the Debian package that installed `path`."""
    try:
        owner = output_of("dpkg-query", "--search", path).split(":")[0]
        return owner, output_of("dpkg-query", "--show", "--showformat", "${Version}", owner)
    except (OSError, subprocess.CalledProcessError):
        raise SystemExit(f"sbom: no Debian package is known for {path}; make packages on Debian or Ubuntu") from None


def swift_runtime(binary):
    """The version of the Swift runtime inside `binary`, which was linked by the toolchain that is installed."""
    if "swift5_protocols" not in binary.sections or any(need.startswith("libswift") for need in binary.needs):
        raise SystemExit(f"sbom: {binary.path.name} has no Swift runtime inside")
    clang = output_of(output_of("scripts/build/toolchain.sh", "clang"), "--version").splitlines()[0]
    if clang not in binary.comment:
        raise SystemExit(f"sbom: {binary.path.name} was not built by the toolchain that is installed ({clang})")
    return re.search(r"Swift version (\S+)", output_of("swift", "--version")).group(1)


def license_of(name, expression):
    if not expression:
        raise SystemExit(f"sbom: {name}: its license is not known; state it in scripts/package/sbom.py and licenses")
    return [LicenseFactory().make_from_string(expression)]


def properties_of(pairs):
    return [Property(name=f"scn:{name}", value=value) for name, value in pairs]


class Materials:
    """The components, and which needs which."""

    def __init__(self, version):
        self.version = version
        self.root = Component(
            name="scn",
            version=version,
            type=ComponentType.LIBRARY,
            bom_ref="scn",
            licenses=license_of("scn", "Apache-2.0"),
        )
        self.bom = Bom()
        self.bom.metadata.component = self.root
        self.known = {}
        self.wanted = {}  # library of the system: the newest versions that anything wants of it

    def add(self, reference, owner, **fields):
        """A component under its reference, made at the first call; `owner` depends on it."""
        if reference not in self.known:
            self.known[reference] = Component(bom_ref=reference, **fields)
            self.bom.components.add(self.known[reference])
        self.bom.register_dependency(owner, [self.known[reference]])
        return self.known[reference]

    def add_file(self, path):
        return self.add(
            path.name,
            self.root,
            name=path.name,
            version=self.version,
            type=ComponentType.FILE,
            licenses=license_of(path.name, "Apache-2.0"),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256(path))],
        )

    def add_binary(self, archive, reference, binary, **fields):
        """A shared library inside an archive."""
        facts = [("build-id", binary.build_id), ("linkage", "a file in the archive")]
        return self.add(
            f"{archive.name}/{reference}",
            archive,
            name=binary.path.name,
            type=ComponentType.LIBRARY,
            scope=ComponentScope.REQUIRED,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=binary.sha256)],
            properties=properties_of(facts),
            **fields,
        )

    def add_swift(self, owner, binary):
        version = swift_runtime(binary)
        self.add(
            "swift-runtime",
            owner,
            name="Swift standard library and runtime",
            version=version,
            type=ComponentType.LIBRARY,
            scope=ComponentScope.REQUIRED,
            licenses=license_of("Swift", SWIFT_LICENSE),
            purl=PackageURL("github", "swiftlang", "swift", f"swift-{version}-RELEASE"),
            properties=properties_of([("linkage", "static, inside libscn")]),
        )

    def add_needs(self, owner, binary, bundled):
        """What `binary` needs: of the archive, where `bundled` has it, and else of the system."""
        for need in binary.needs:
            if need in bundled:
                self.bom.register_dependency(owner, [bundled[need]])
                continue
            self.wanted.setdefault(need, set()).update(binary.versions.get(need, []))
            facts = [("linkage", "dynamic, of the system where the program runs")]
            self.add(
                f"system/{need}",
                owner,
                name=need,
                type=ComponentType.LIBRARY,
                scope=ComponentScope.REQUIRED,
                properties=properties_of(facts),
            )

    def finish(self):
        for need, versions in self.wanted.items():
            facts = [("symbol-versions", version) for version in newest(versions)]
            self.known[f"system/{need}"].properties.update(properties_of(facts))
        moment = int(os.environ["SOURCE_DATE_EPOCH"])
        self.bom.metadata.timestamp = datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)
        contents = sorted(str(h.content) for c in self.bom.components for h in c.hashes)
        self.bom.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, " ".join([self.version, *contents]))
        text = make_outputter(self.bom, OutputFormat.JSON, SchemaVersion.V1_5).output_as_string(indent=2) + "\n"
        error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
        if error:
            raise SystemExit(f"sbom: not CycloneDX 1.5: {error}")
        return text


def add_tarball(materials, path, folder):
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    binary = read_binary(next(folder.glob(f"*/lib/libscn.so.{materials.version}")))
    owner = materials.add_file(path)
    library = materials.add_binary(
        owner,
        f"lib/{binary.path.name}",
        binary,
        version=materials.version,
        licenses=license_of("libscn", LICENSES["libscn"]),
    )
    materials.add_swift(library, binary)
    materials.add_needs(library, binary, {})


def add_wheel(materials, path, folder):
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    owner = materials.add_file(path)
    metadata = next(folder.glob("*.dist-info/METADATA")).read_text(encoding="utf-8")
    for name, bounds in re.findall(r"^Requires-Dist: ([\w-]+)([^;\n]*)$", metadata, re.M):
        facts = [
            ("versions", bounds.strip()),
            ("linkage", "imported, of the Python environment where the program runs"),
        ]
        materials.add(
            f"pypi/{name}",
            owner,
            name=name,
            type=ComponentType.LIBRARY,
            scope=ComponentScope.REQUIRED,
            purl=PackageURL("pypi", None, name),
            properties=properties_of(facts),
        )
    binaries = {path.relative_to(folder).as_posix(): read_binary(path) for path in sorted(folder.rglob("*.so*"))}
    originals = {
        read_binary(found).build_id: found for found in system_libraries(ROOT / "build/lib/libscn.so").values()
    }
    release = platform.freedesktop_os_release()
    bundled = {}
    for reference, binary in binaries.items():
        name = binary.path.name
        expression = next((text for stem, text in LICENSES.items() if name.startswith(stem)), None)
        fields = {"version": materials.version, "licenses": license_of(name, expression)}
        if name != "libscn.so":
            if binary.build_id not in originals:
                raise SystemExit(f"sbom: {name} is no library of this system: no other has its build id")
            package, fields["version"] = system_package(originals[binary.build_id])
            distribution = f"{release['ID']}-{release['VERSION_ID']}"
            qualifiers = {"arch": output_of("dpkg", "--print-architecture"), "distro": distribution}
            fields["purl"] = PackageURL("deb", release["ID"], package, fields["version"], qualifiers)
        bundled[name] = materials.add_binary(owner, reference, binary, **fields)
    for binary in binaries.values():
        if binary.path.name == "libscn.so":
            materials.add_swift(bundled["libscn.so"], binary)
        materials.add_needs(bundled[binary.path.name], binary, bundled)


def make(version):
    """Write the bill of materials of what is in dist; return its path."""
    materials = Materials(version)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for glob, name, add in (
            (f"scn-{version}-linux-*.tar.gz", "tarball", add_tarball),
            (f"scn_engine-{version}-*.whl", "wheel", add_wheel),
        ):
            found = sorted((ROOT / "dist").glob(glob))
            if len(found) != 1:
                raise SystemExit(f"sbom: dist has {len(found)} files {glob}, expected 1: run 'make {name}'")
            (work / name).mkdir()
            add(materials, found[0], work / name)
    materials.add_file(ROOT / "dist" / f"scn_engine-{version}.tar.gz")
    path = ROOT / "dist" / f"scn-{version}.cdx.json"
    path.write_text(materials.finish(), encoding="utf-8")
    return path


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    path = make(sys.argv[1])
    count = len(json.loads(path.read_text(encoding="utf-8"))["components"])
    print(f"{path.relative_to(ROOT)}: {count} components")


if __name__ == "__main__":
    main()
