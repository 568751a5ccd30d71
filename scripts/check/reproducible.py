#!/usr/bin/env python3
"""Make the packages of the last commit twice from nothing, in different folders and under different settings, and
compare all bytes: make check-reproducible.

usage: reproducible.py [--keep FOLDER]      --keep: build in FOLDER, which is new, and leave it

Both builds use the tools of this folder's .venv. Where something differs, what differs is said: members of archives,
sections of libraries. Last line: N passed, N failed.
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parents[2]
# Each of these has made archives of other programs differ.
SETTINGS = {
    "first/scn": (0o022, {"TZ": "UTC", "LC_ALL": "C.UTF-8"}),
    "second/in another folder with a longer name/scn": (0o077, {"TZ": "Asia/Kolkata", "LC_ALL": "C"}),
}


def build(commit, folder, umask, settings):
    """Make all packages of the commit in a clone; return the files, by name."""
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", ROOT, folder], check=True)
    subprocess.run(["git", "-C", folder, "checkout", "--quiet", "--detach", commit], check=True)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    for name in ("requirements.txt", "scripts/build/setup.sh"):
        os.utime(folder / name, (0, 0))  # older than .venv, or make would prepare that again, for the clone
    home = folder.parent / "home"
    home.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **settings}
    command = ["make", "--no-print-directory", "release", "ARGS=--trial --no-site"]
    subprocess.run(command, cwd=folder, env=environment, umask=umask, check=True)
    libraries = [path for path in (folder / "build/lib").iterdir() if not path.is_symlink()]
    return {path.name: path for path in [*libraries, *(folder / "dist").iterdir()]}


def members(data, name):
    """What an archive consists of: (description, content) of each member, by name; None where it is no archive."""
    if name.endswith(".whl"):
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return {m.filename: ((m.date_time, oct(m.external_attr)), archive.read(m)) for m in archive.infolist()}
    if name.endswith(".tar.gz"):
        with tarfile.open(fileobj=BytesIO(data)) as archive:
            return {
                m.name: (
                    (m.mtime, oct(m.mode), m.uid, m.gid, m.uname, m.gname, m.linkname),
                    archive.extractfile(m).read() if m.isreg() else b"",
                )
                for m in archive.getmembers()
            }
    return None


def sections(data):
    """The sections of a library, by name; None where it is none."""
    if not data.startswith(b"\x7fELF"):
        return None
    return {
        section.name: b"" if section["sh_type"] == "SHT_NOBITS" else section.data()
        for section in ELFFile(BytesIO(data)).iter_sections()
    }


def differences(name, first, second):
    """A line for each thing that differs between two files of one name."""
    if first == second:
        return
    old, new = members(first, name), members(second, name)
    if old is not None:
        if list(old) != list(new):
            yield f"{name}: members, or their order: {sorted(set(old) ^ set(new))}"
        for member in sorted(set(old) & set(new)):
            if old[member][0] != new[member][0]:
                yield f"{name}: {member}: {old[member][0]} and {new[member][0]}"
            yield from (f"{name}: {line}" for line in differences(member, old[member][1], new[member][1]))
        if old == new:
            yield f"{name}: the same members, packed differently"
        return
    old, new = sections(first), sections(second)
    if old is not None and new is not None:
        for section in sorted(set(old) | set(new)):
            if old.get(section) != new.get(section):
                yield f"{name}: section {section}: {place(old.get(section), new.get(section))}"
        return
    yield f"{name}: {place(first, second)}"


def place(first, second):
    if first is None or second is None:
        return "in one of them only"
    at = next((i for i, (a, b) in enumerate(zip(first, second)) if a != b), min(len(first), len(second)))
    count = sum(a != b for a, b in zip(first, second))
    return (
        f"{len(first)} and {len(second)} bytes, {count} differ, the first at {at}: "
        f"{first[at : at + 16]!r} and {second[at : at + 16]!r}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    if subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout:
        print("reproducible: changes that are not committed are left out", file=sys.stderr)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True).strip()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.keep.resolve() if options.keep else Path(temporary)
        work.mkdir(parents=True, exist_ok=options.keep is None)
        builds = []
        for name, (umask, settings) in SETTINGS.items():
            print(f"== {name}", flush=True)
            builds.append(build(commit, work / name, umask, settings))
        first, second = builds
        passed = failed = 0
        for name in sorted(set(first) | set(second)):
            if name in first and name in second:
                lines = list(differences(name, first[name].read_bytes(), second[name].read_bytes()))
            else:
                lines = [f"{name}: made by one build only"]
            print(f"{'FAIL' if lines else 'ok  '}  {name}")
            for line in lines:
                print(f"      {line}")
            passed, failed = passed + (not lines), failed + bool(lines)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
