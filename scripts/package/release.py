#!/usr/bin/env python3
"""What `make release` does beside the packages themselves.

usage: release.py check VERSION [--trial] [--no-site]
       release.py pack VERSION [--trial] [--no-site]

`check`, before anything is built: wherever the sources state a version it is VERSION, CHANGELOG.md has a section of it
with a date, and what is released is committed; --trial makes a warning of the last two. `pack`, of the packages in
dist: that they state the same version, release notes (scn-VERSION-notes.md) from the section, the site that is in
build/site (scn-site-VERSION.tar.gz), a bill of materials (scn-VERSION.cdx.json), and SHA256SUMS of all of these files.
"""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
# Where a version is stated besides include/scn.h: files, what stands around the version, how many of its numbers.
STATED = [
    (("packaging/vcpkg/scn/vcpkg.json",), r'"version(?:-semver)?": "([^"]+)"', 3),
    (("*.md", "*.cmake", "*.in", "*CMakeLists.txt"), r"find_package\(scn (\d[\d.]*)", 2),
    (("*.md",), r"from: \"(\d[\d.]*)\"", 3),
    (("*.md", "*.py", "*.txt"), r"\bscn/(\d+\.\d+\.\d+)\b", 3),
    (("*.md", "*.cmake"), r"GIT_TAG v?(\d+\.\d+\.\d+)", 3),
    (("bindings/python/pyproject.toml",), r"^version = \"([^\"]+)\"", 3),
]


def fail(message):
    raise SystemExit(f"release: {message}")


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def stated_elsewhere(version):
    """Each place of the sources that states another version."""
    for patterns, expression, count in STATED:
        expected = ".".join(version.split(".")[:count])
        for name in git("ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns).splitlines():
            text = (ROOT / name).read_text(encoding="utf-8") if name != "CHANGELOG.md" else ""
            for match in re.finditer(expression, text, re.M):
                if match.group(1) != expected:
                    line = text[: match.start()].count("\n") + 1
                    yield f"{name}:{line}: version is {match.group(1)}, expected {expected}"
    for tag in git("tag", "--points-at", "HEAD").split():
        if re.fullmatch(r"v?\d+\.\d+\.\d+", tag) and tag.lstrip("v") != version:
            yield f"the tag of this commit: is {tag}, expected v{version}"


def section(version):
    """Date and text of the section of CHANGELOG.md."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    match = re.search(rf"^## \[{re.escape(version)}\] - ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    if not match or not match.group(2).strip():
        fail(f"CHANGELOG.md: has no section '## [{version}] - DATE' with a text")
    return match.group(1).strip(), match.group(2).strip()


def check(version, is_trial):
    differing = list(stated_elsewhere(version))
    if differing:
        fail(f"include/scn.h states version {version}, and\n  " + "\n  ".join(differing))
    date, _ = section(version)
    doubts = []
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date):
        doubts.append(f"CHANGELOG.md: the date of version {version} is '{date}', expected YYYY-MM-DD")
    if git("status", "--porcelain"):
        doubts.append("the working tree has changes that are not committed")
    if doubts and not is_trial:
        fail("; ".join(doubts) + " (ARGS=--trial makes the files all the same)")
    for doubt in doubts:
        print(f"release: WARNING: {doubt}: not to be published", file=sys.stderr)


def only(pattern):
    found = sorted(DIST.glob(pattern))
    if len(found) != 1:
        fail(f"dist has {len(found)} files {pattern}, expected 1")
    return found[0]


def packages(version):
    """The packages in dist, each of which states its version inside, too."""
    tarball, wheel = only(f"scn-{version}-linux-*.tar.gz"), only(f"scn_engine-{version}-*.whl")
    archive = only(f"scn_engine-{version}.tar.gz")
    with tarfile.open(tarball) as file:
        root = file.getnames()[0].split("/")[0]
        texts = [
            (tarball, file.extractfile(f"{root}/lib/pkgconfig/scn.pc").read(), rf"^Version: {version}$"),
            (
                tarball,
                file.extractfile(f"{root}/lib/cmake/scn/scnConfigVersion.cmake").read(),
                rf'^set\(PACKAGE_VERSION "{version}"\)$',
            ),
        ]
    with zipfile.ZipFile(wheel) as file:
        metadata = file.read(f"scn_engine-{version}.dist-info/METADATA")
    with tarfile.open(archive) as file:
        information = file.extractfile(f"scn_engine-{version}/PKG-INFO").read()
    texts += [(wheel, metadata, rf"^Version: {version}$"), (archive, information, rf"^Version: {version}$")]
    for path, text, expression in texts:
        if not re.search(expression, text.decode(), re.M):
            fail(f"{path.name}: does not state version {version}")
    return [tarball, wheel, archive]


def write_notes(version):
    date, text = section(version)
    path = DIST / f"scn-{version}-notes.md"
    path.write_text(f"# scn {version} ({date})\n\n{text}\n", encoding="utf-8")
    return path


def pack_site(version):
    """The folder build/site as one archive, of the form of the tarball."""
    site = ROOT / "build/site"
    if not (site / "index.html").is_file():
        fail("build/site has no index.html, which `make site` makes")
    path = DIST / f"scn-site-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(site, f"scn-site-{version}")
    subprocess.run([sys.executable, ROOT / "scripts/package/normalize.py", path], check=True)
    return path


def pack(version, with_site):
    import sbom

    files = [*packages(version), write_notes(version), sbom.make(version)]
    if with_site:
        files.append(pack_site(version))
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(files, key=lambda path: path.name)
    ]
    (DIST / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    for path in [*files, DIST / "SHA256SUMS"]:
        print(f"dist/{path.name}: {os.path.getsize(path):,} bytes")


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("check", "pack"):
        raise SystemExit(__doc__)
    command, version, *options = sys.argv[1:]
    unknown = set(options) - {"--trial", "--no-site"}
    if unknown:
        fail(f"option: is {min(unknown)}, expected --trial or --no-site")
    if command == "check":
        check(version, "--trial" in options)
    else:
        pack(version, "--no-site" not in options)


if __name__ == "__main__":
    main()
