#!/usr/bin/env python3
"""Make the pages of the Python packages for the site, of what a program sees: names, signatures and docstrings of
`scn.__all__` and `scn.torch.__all__`.

usage: generate_python_reference.py [--check | FOLDER]      needs .venv/bin/python with PyTorch

The packages are imported and inspected, and not read as text: layers of scn.torch take their signatures from those of
scn, and its networks are made by functions; neither is in the source. Names stand together by the module that defines
them, under the first sentence of its docstring. --check: write nothing; fail where a name has no heading, no signature
or no docstring.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

from reference_text import Linker, arranged, escaped, fenced, inline, linked, markdown, write_pages

PACKAGES = ("scn", "scn.torch")
# Pages, in the navigation's order: the beginning of the modules' names, the longest that fits, and the title.
PAGES = {
    "scn": {
        "scn.nn": "Modules",
        "scn.values": "Values",
        "scn.training": "Training",
        "scn.conversion": "Conversion",
        "scn": "The library and helpers",
    },
    "scn.torch": {
        "scn.torch.layers": "Layers and networks",
        "scn.torch.networks": "",
        "scn.torch": "All else",
        "scn": "",
    },
}


class Package:
    """The public names of a package, and where the site explains them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.module = importlib.import_module(name)
        self.things = {key: getattr(self.module, key) for key in sorted(set(self.module.__all__), key=str.lower)}
        self.pages: dict[str, list[str]] = {}
        for key, thing in self.things.items():
            self.pages.setdefault(self.page_of(key, thing), []).append(key)

    def page_of(self, key: str, thing: Any) -> str:
        """The file of the page that a name stands on."""
        defined, titles = home(thing, self.module), PAGES[self.name]
        prefix = max((p for p in titles if f"{defined}.".startswith(f"{p}.")), key=len)
        if not titles[prefix]:
            # No title of its own: the page before.
            prefix = list(titles)[list(titles).index(prefix) - 1]
        return f"{self.name}-{titles[prefix].lower().replace(' ', '-')}.md".replace("scn.torch", "torch").removeprefix(
            "scn-"
        )

    def link_from(self, page: str) -> Linker:
        """How a page links names of this package: `Convolution`, `scn.Convolution`, `Tensor.numpy`."""

        def link(name: str) -> Optional[str]:
            name = name.removeprefix(f"{self.name}.").removeprefix("scn.").removesuffix("()")
            key, _, member = name.partition(".")
            thing = self.things.get(key)
            if thing is None or (member and member not in members(thing)):
                return None
            path = self.page_of(key, thing)
            anchor = f"#{self.name}.{name}"
            return anchor if path == page else path + anchor

        return link


def home(thing: Any, package: ModuleType) -> str:
    """The module that defines a thing."""
    return getattr(thing, "__module__", None) or package.__name__


def members(thing: Any) -> dict[str, Any]:
    """The documented methods and properties of a class, with those of bases that are not public."""
    if not inspect.isclass(thing):
        return {}
    found: dict[str, Any] = {}
    for kind in reversed(thing.__mro__):
        if kind is thing or (kind.__name__.startswith("_") and kind.__module__.split(".")[0] == "scn"):
            for name, value in vars(kind).items():
                if not name.startswith("_") and is_documented(value):
                    found[name] = value
    return found


def is_documented(value: Any) -> bool:
    """Whether a member of a class is a function or a property with a docstring of its own."""
    value = getattr(value, "__func__", value)
    return (inspect.isfunction(value) or isinstance(value, property)) and bool(value.__doc__)


def annotation(value: Any) -> str:
    """A type as a reader wants it."""
    text = value if isinstance(value, str) else inspect.formatannotation(value)
    text = re.sub(r"ForwardRef\('([^']*)'[^)]*\)", r"\1", text)
    return re.sub(r"\b(?:typing|collections\.abc|scn(?:\.\w+)*)\.(?=[A-Z])", "", text.strip("'"))


def default(value: Any) -> str:
    """A default as Python code."""
    return getattr(value, "__qualname__", None) or repr(value)


def signature(name: str, thing: Any) -> Optional[str]:
    """A function's or a class's call, by its name; None where it has none."""
    try:
        found = inspect.signature(thing)
    except (ValueError, TypeError):
        return None
    parts: list[str] = []
    kinds = inspect.Parameter
    was_keyword_only = False
    for parameter in found.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is kinds.KEYWORD_ONLY and not was_keyword_only and not any(p.startswith("*") for p in parts):
            parts.append("*")
        was_keyword_only |= parameter.kind is kinds.KEYWORD_ONLY
        stars = {kinds.VAR_POSITIONAL: "*", kinds.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        text = stars + parameter.name
        has_type = parameter.annotation is not kinds.empty
        if has_type:
            text += f": {annotation(parameter.annotation)}"
        if parameter.default is not kinds.empty:
            text += f" = {default(parameter.default)}" if has_type else f"={default(parameter.default)}"
        parts.append(text)
    returned = found.return_annotation
    is_told = returned is not inspect.Signature.empty and not inspect.isclass(thing) and annotation(returned) != "None"
    return arranged(name, parts, f" -> {annotation(returned)}" if is_told else "")


def entry(package: Package, key: str, link: Linker) -> str:
    """A public name: heading, signature, docstring; of a class also its bases and members."""
    thing = package.things[key]
    path = f"{package.name}.{key}"
    parts = [f"### `{key}` {{ #{path} }}"]
    if inspect.ismodule(thing):
        names = list(vars(thing).get("__all__", ()) or public_names(thing))
        parts.append(fenced(f"import {package.name}\n{path}", "python"))
        parts.append(markdown(documentation(thing), link, "python"))
        parts.append("Names: " + ", ".join(linked(name, link) for name in names) + ".")
        return "\n\n".join(parts)
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        call: Optional[str] = path
    else:
        call = signature(path, thing)
    parts.append(fenced(f"{'class ' if inspect.isclass(thing) else ''}{call or path}", "python"))
    if getattr(thing, "__name__", key) != key:
        parts.append(f"Another name of {linked(thing.__name__, link)}.")
    parts.append(markdown(documentation(thing), link, "python"))
    if inspect.isclass(thing):
        if base := public_base(thing, link):
            parts.append(f"Base: {base}.")
        attributes = instance_attributes(thing)
        if attributes:
            parts.append("Attributes: " + ", ".join(f"`{name}: {kind}`" for name, kind in attributes.items()) + ".")
        if getattr(thing, "__name__", key) == key:
            parts += [member(f"{path}.{name}", value, link) for name, value in members(thing).items()]
    return "\n\n".join(part for part in parts if part)


def public_base(thing: type, link: Linker) -> Optional[str]:
    """The nearest base that programs know: one that the site explains, or one of another package."""
    for base in thing.__mro__[1:]:
        package = base.__module__.split(".")[0]
        if package == "scn" and link(base.__name__):
            return linked(base.__name__, link)
        if package not in ("scn", "builtins"):
            return f"`{package}.{base.__name__}`" if package != "torch" else f"`{base.__module__}.{base.__name__}`"
        if package == "builtins" and base is not object:
            return f"`{base.__name__}`"
    return None


def public_names(module: ModuleType) -> list[str]:
    """What a module without `__all__` offers: what it defines or imports from this package."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value) and home(value, module).split(".")[0] == "scn"
    ]


def instance_attributes(thing: type) -> dict[str, str]:
    """The annotated attributes of a class and of its bases that are not public."""
    found: dict[str, str] = {}
    for kind in reversed(thing.__mro__):
        if kind is thing or (kind.__name__.startswith("_") and kind.__module__.split(".")[0] == "scn"):
            for name, value in vars(kind).get("__annotations__", {}).items():
                if not name.startswith("_") and "ClassVar" not in str(value):
                    found[name] = annotation(value)
    return {} if issubclass(thing, tuple) else found


def member(path: str, value: Any, link: Linker) -> str:
    """A method or a property."""
    name = path.rpartition(".")[2]
    if isinstance(value, property):
        returned = inspect.signature(value.fget).return_annotation if value.fget else inspect.Signature.empty
        call = name + ("" if returned is inspect.Signature.empty else f": {annotation(returned)}")
        text = value.__doc__
    else:
        function = getattr(value, "__func__", value)
        call = signature(name, function) or name
        if isinstance(value, classmethod):
            call = re.sub(r"\(cls(?:, )?", "(", call, count=1)
        text = function.__doc__
    return f"#### `{name}` {{ #{path} }}\n\n{fenced(call, 'python')}\n\n{markdown(inspect.cleandoc(text or ''), link, 'python')}"


def documentation(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def section_title(module: str) -> str:
    """The first sentence of a module's docstring."""
    return documentation(importlib.import_module(module)).partition("\n")[0].partition(". ")[0].rstrip(".")


def page(package: Package, path: str, title: str) -> str:
    """A page: the names that it has, by the module that defines them."""
    link = package.link_from(path)
    groups: dict[str, list[str]] = {}
    for key in package.pages[path]:
        groups.setdefault(home(package.things[key], package.module), []).append(key)
    parts = [f"# {title}"]
    for module in sorted(groups):
        heading = "Modules and aliases" if module == package.name else section_title(module)
        parts.append(f"## {inline(heading, link)}")
        parts += [entry(package, key, link) for key in groups[module]]
    return "\n\n".join(parts) + "\n"


def index(packages: list[Package]) -> str:
    """The first page: what the packages say of themselves, and all their names."""
    parts = ["# The Python packages"]
    for package in packages:
        first, _, example = documentation(package.module).partition("\n\n")
        summary = first.partition(": ")[2]
        parts += [f"## `{package.name}`", escaped(summary[0].upper() + summary[1:]), fenced(example, "python")]
        rows = [
            f"| [{title_of(package, path)}]({path}) | {', '.join(linked(k, package.link_from('README.md')) for k in keys)} |"
            for path, keys in sorted_pages(package)
        ]
        parts.append("\n".join(["| page | names |", "| --- | --- |", *rows]))
    return "\n\n".join(parts) + "\n"


def title_of(package: Package, path: str) -> str:
    thing = package.things[package.pages[path][0]]
    for title in PAGES[package.name].values():
        if title and path.endswith(f"{title.lower().replace(' ', '-')}.md"):
            return title
    raise KeyError(f"{path} of {thing} has no title")


def sorted_pages(package: Package) -> list[tuple[str, list[str]]]:
    """The pages of a package in the order of PAGES."""
    titles = list(PAGES[package.name].values())
    return sorted(package.pages.items(), key=lambda item: titles.index(title_of(package, item[0])))


def problems(packages: list[Package], made: dict[str, str]) -> list[str]:
    """What is wrong: each public name has one heading, a signature where it can be called, and a docstring."""
    found, text = [], "\n".join(made.values())
    for package in packages:
        for key, thing in package.things.items():
            name = f"{package.name}.{key}"
            count = text.count(f"### `{key}` {{ #{name} }}\n")
            if count != 1:
                found.append(f"{name}: has {count} headings, expected 1")
            is_error = inspect.isclass(thing) and issubclass(thing, BaseException)
            if callable(thing) and not is_error and signature(name, thing) is None:
                found.append(f"{name}: has no signature")
            if not documentation(thing):
                found.append(f"{name}: has no docstring")
    return found


def made_pages() -> tuple[dict[str, str], list[str]]:
    """The pages by their paths, in the order of the navigation, and what is wrong with them."""
    packages = [Package(name) for name in PACKAGES]
    made = {"README.md": index(packages)}
    for package in packages:
        for path, _ in sorted_pages(package):
            made[path] = page(package, path, f"{package.name}: {title_of(package, path)}")
    return made, problems(packages, made)


def main() -> None:
    """Make the pages, or check them."""
    if len(sys.argv) != 2:
        sys.exit("usage: generate_python_reference.py [--check | FOLDER]")
    made, found = made_pages()
    if found:
        sys.exit("\n".join(f"generate_python_reference: {problem}" for problem in found))
    if sys.argv[1] == "--check":
        count = len(re.findall(r"^### `", "\n".join(made.values()), re.M))
        print(f"generate_python_reference: {count} public names have a signature and a docstring")
        return
    write_pages(Path(sys.argv[1]), made)


if __name__ == "__main__":
    main()
