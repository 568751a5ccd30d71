"""What MkDocs makes the site of: pages of the repository at their own paths, so that links between them stay as they
are, pages that scripts/build makes of the packages and headers, and docc's pages.

A link to a file that is no page leads to the repository, whose address the environment variable SCN_SITE_REPOSITORY
gives (a path is appended: https://host/owner/scn/blob/main), or, without one, to a page that shows the file.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any, Optional

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.nav import Link, Navigation

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "scripts/build"))

import generate_c_reference
import generate_cpp_reference
import generate_python_reference
import generate_swift_reference

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "docs/*.md",
    "bindings/*/README.md",
    "examples/*/README.md",
    "examples/*/data/README.md",
    "Tests/README.md",
    "licenses/README.md",
)
# Pages that stand for a file which others link.
INSTEAD = {"include/scn.h": "reference/c/README.md", "bindings/cpp/scn.hpp": "reference/cpp.md"}
LANGUAGES = {".py": "python", ".c": "c", ".h": "c", ".hpp": "cpp", ".cpp": "cpp", ".swift": "swift", ".txt": "cmake"}
ARCHIVE = ROOT / "build/docc/SparseConvNet.doccarchive"
_LINK = re.compile(r'(?<=\]\()[^)\s]+(?=[)\s])|(?<=\]: )\S+|\b(?:src|srcset|href)="[^"]+"', re.M)
_ROW = re.compile(r"^\| \[([^\]]+)\]\((\S+\.md)\)", re.M)


class Site:
    """The pages, and what they link."""

    def __init__(self) -> None:
        self.repository = os.environ.get("SCN_SITE_REPOSITORY", "").rstrip("/")
        found = (path.relative_to(ROOT).as_posix() for pattern in PAGES for path in sorted(ROOT.glob(pattern)))
        self.texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in found}
        self.written = set(self.texts)
        self.references = self._references()
        self.shown: dict[str, str] = {}
        self.pictures: set[str] = set()
        for path in sorted(self.written):
            self.texts[path] = self._relinked(path, self.texts[path])
        self.texts["README.md"] = "---\nhide: [navigation]\n---\n\n" + self.texts["README.md"]

    def _references(self) -> list[Any]:
        """Make the reference, and the part of the navigation that shows it."""
        c, problems = generate_c_reference.made_pages()
        python, found = generate_python_reference.made_pages()
        problems += found
        link_c = generate_c_reference.links_from("c/")
        made = {f"reference/c/{path}": text for path, text in c.items()}
        made |= {f"reference/python/{path}": text for path, text in python.items()}
        made["reference/cpp.md"] = generate_cpp_reference.made_page(link_c, generate_c_reference.NAMES)
        made["reference/swift.md"] = generate_swift_reference.made_page("../swift")
        problems += generate_swift_reference.problems(made["reference/swift.md"])
        if problems:
            raise PluginError("\n".join(problems))
        self.texts |= made
        return [
            {"Python": ["bindings/python/README.md", *(f"reference/python/{path}" for path in python)]},
            {"C": ["bindings/c/README.md", *(f"reference/c/{path}" for path in c)]},
            {"C++": ["bindings/cpp/README.md", "reference/cpp.md"]},
            {"Swift": ["reference/swift.md"]},
        ]

    def navigation(self) -> list[Any]:
        """The navigation: the index of the documentation gives the order and the titles of its pages."""
        sections: list[Any] = ["docs/README.md"]
        for table in re.split(r"\n\n", self.texts["docs/README.md"]):
            head = re.match(r"\| ([\w ]+) \| \|\n", table)
            rows = _ROW.findall(table)
            if head and rows:
                pages = [{title: f"docs/{path}"} for title, path in rows]
                sections.append({head[1].capitalize(): pages})
        written = sorted(self.written)
        examples = [path for path in written if path.startswith("examples/")]
        project = ["CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "Tests/README.md", "licenses/README.md"]
        return [
            {"Home": "README.md"},
            {"Documentation": sections},
            {"Examples": [{_title(self.texts[path]): path} for path in examples]},
            {"Reference": self.references},
            {"Project": [{_title(self.texts[path]): path} for path in project]},
        ]

    def _relinked(self, page: str, text: str) -> str:
        """A page with links that lead somewhere on the site; comments for the tests of the pages are left out."""
        lines, is_code = [], False
        for line in text.split("\n"):
            if line.startswith("```"):
                is_code = not is_code
            elif not is_code and line.startswith("<!-- within: "):
                continue
            lines.append(line if is_code else _LINK.sub(lambda match: self._target(page, match.group()), line))
        return "\n".join(lines)

    def _target(self, page: str, link: str) -> str:
        attribute = re.fullmatch(r'(src|srcset|href)="([^" ]+)"', link)
        if attribute:
            target = self._target(page, attribute[2])
            return f'{attribute[1]}="{re.sub(r"README[.]md(?=#|$)", "index.html", target).replace(".md", ".html")}"'
        if re.match(r"[a-z]+:|#", link):
            return link
        path, hash_, anchor = link.partition("#")
        wanted = os.path.normpath(os.path.join(os.path.dirname(page), path))
        place = self._place(wanted)
        if place is None or place.startswith("http"):
            return link if place is None else place + hash_ + anchor
        return os.path.relpath(place, os.path.dirname(page) or ".") + hash_ + anchor

    def _place(self, path: str) -> Optional[str]:
        """Where on the site, or elsewhere, a file or folder of the repository is; None where there is no such file."""
        if path in self.texts:
            return path
        if f"{path}/README.md" in self.texts:
            return f"{path}/README.md"
        if path in INSTEAD:
            return INSTEAD[path]
        if not (ROOT / path).exists():
            return None
        if path.endswith((".png", ".jpg", ".svg", ".gif", ".webp")):
            self.pictures.add(path)
            return path
        if self.repository:
            return f"{self.repository}/{path}"
        shown = f"files/{path}.md"
        self.shown[shown] = self._folder(path) if (ROOT / path).is_dir() else self._file(path)
        return shown

    def _file(self, path: str) -> str:
        """A page that shows a file."""
        text = (ROOT / path).read_text(encoding="utf-8")
        language = LANGUAGES.get(os.path.splitext(path)[1], "text")
        return f"---\nsearch: {{exclude: true}}\n---\n\n# {path}\n\n````{language}\n{text.rstrip()}\n````\n"

    def _folder(self, path: str) -> str:
        """A page that lists the files of a folder."""
        found = sorted((ROOT / path).rglob("[!.]*"))
        names = "".join(f"- `{name.relative_to(ROOT)}`\n" for name in found if name.is_file())
        return f"---\nsearch: {{exclude: true}}\n---\n\n# {path}\n\nIn the repository:\n\n{names}"

    def files(self, config: Any) -> list[File]:
        """All files of the site but the theme's."""
        files = [File.generated(config, path, content=text) for path, text in self.texts.items()]
        for path, text in self.shown.items():
            files.append(File.generated(config, path, content=text, inclusion=InclusionLevel.NOT_IN_NAV))
        files += [File.generated(config, path, abs_src_path=str(ROOT / path)) for path in sorted(self.pictures)]
        for name in ("site.css", "iframe-worker.js"):
            files.append(File.generated(config, f"site/{name}", abs_src_path=str(Path(__file__).parent / name)))
        # What docc's pages ask for, to see whether colors are others.
        files.append(File.generated(config, "swift/theme-settings.json", content="{}\n"))
        for path in sorted(ARCHIVE.rglob("*")):
            if path.is_file():
                where = f"swift/{path.relative_to(ARCHIVE).as_posix()}"
                if path.name == "index.html":
                    files.append(File.generated(config, where, content=movable(path)))
                else:
                    files.append(File.generated(config, where, abs_src_path=str(path)))
        return files


def movable(path: Path) -> str:
    """A page of docc's that works in any folder of any server: docc writes addresses from the server's root."""
    upward = "../" * (len(path.relative_to(ARCHIVE).parts) - 1) or "./"
    # Its program knows folders, and no index.html in them.
    script = (
        f'var baseUrl = new URL("{upward}", location.href).pathname;'
        'if (location.pathname.endsWith("/index.html"))'
        ' history.replaceState(null, "", location.pathname.slice(0, -10) + location.hash)'
    )
    changed, count = re.subn(r'var baseUrl = "/"', lambda _: script, path.read_text(encoding="utf-8"))
    if count != 1:
        raise PluginError(f"{path}: has {count} places that say where it is, expected 1")
    return re.sub(r'(src|href)="/(?!/)', rf'\1="{upward}', changed)


def _title(text: str) -> str:
    """A page's first heading."""
    match = re.search(r"^# (.+)$", text, re.M)
    return match[1].replace("`", "") if match else ""


_site: list[Site] = []


def on_config(config: Any) -> Any:
    """Read and make the pages, and set the navigation."""
    _site[:] = [Site()]
    config.nav = _site[0].navigation()
    return config


def on_files(files: Files, config: Any) -> Files:
    """Replace what is in docs/ by the pages at their paths in the repository."""
    theme = [file for file in files if not file.src_uri.endswith(".md") and file.src_dir != config.docs_dir]
    return Files([*theme, *_site[0].files(config)])


def on_nav(nav: Navigation, config: Any, files: Files) -> Navigation:
    """Add docc's pages, which are no Markdown."""
    (reference,) = (item for item in nav.items if item.title == "Reference")
    (swift,) = (item for item in reference.children or [] if item.title == "Swift")
    assert swift.children is not None, "the section has the overview"
    for title, page in (
        ("All pages", ""),
        ("A first network", "firstnetwork/"),
        ("Writing a layer", "writingalayer/"),
    ):
        address = f"swift/documentation/sparseconvnet/{page}index.html"
        if files.get_file_from_path(address) is None:
            raise PluginError(f"{address}: is not among the pages of docc")
        swift.children.append(Link(title, address))
    return nav
