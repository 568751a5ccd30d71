#!/usr/bin/env python3
"""Check a built site: check_site.py build/site

- each link, picture, script and style leads to a file of the site, and where it names a place, that is in the file;
- nothing is loaded from elsewhere (links may lead there);
- each page of docc's that another one links is there;
- the search knows each public name of the Python packages and each function of scn.h.
"""

import glob
import html.parser
import json
import os
import re
import sys
from urllib.parse import unquote, urlsplit

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts/build"))

from scn_header import parse

LOADED = {"img", "script", "link", "source", "iframe"}


class Page(html.parser.HTMLParser):
    """The places of a page that links can name, and its links: tag and address."""

    def __init__(self, path):
        super().__init__()
        self.places, self.links = set(), []
        with open(path, encoding="utf-8") as file:
            self.feed(file.read())

    def handle_starttag(self, tag, attributes):
        for key, value in attributes:
            if key == "id" or (key == "name" and tag == "a"):
                self.places.add(value)
            elif key in ("href", "src") and value:
                self.links.append((tag, value))


def is_missing_place(place, page, path):
    """Whether a place is not on a page; docc's pages make theirs when they are shown."""
    return place and page and "/swift/" not in path and unquote(place) not in page.places


def check_links(site, pages):
    for path, page in pages.items():
        name = os.path.relpath(path, site)
        for tag, address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if tag in LOADED and parts.scheme != "data":
                    yield f"{name}: loads {address}"
                continue
            # 404.html is shown at any address, so that its own begin at the server's root.
            base = site if address.startswith("/") and name == "404.html" else os.path.dirname(path)
            target = os.path.normpath(os.path.join(base, unquote(parts.path).lstrip("/"))) if parts.path else path
            if address.startswith("/") and name != "404.html":
                yield f"{name}: {address} begins at the server's root"
            elif name == "404.html" and parts.path in ("/", "/."):
                continue
            elif not os.path.isfile(target):
                yield f"{name}: links to {address}, which is not there"
            elif is_missing_place(parts.fragment, pages.get(target), target):
                yield f"{name}: links to {address}: no such place"


def check_docc(site):
    """Pages that docc's pages speak of are there, as data and as what shows them."""
    found = glob.glob(f"{site}/swift/data/documentation/**/*.json", recursive=True)
    if not found:
        yield "swift: has no pages"
    for path in found:
        with open(path, encoding="utf-8") as file:
            references = json.load(file).get("references", {})
        for reference in references.values():
            address = reference.get("url", "")
            if not address.startswith("/documentation/"):
                continue
            page = address.partition("#")[0]
            for file in (f"{site}/swift/data{page}.json", f"{site}/swift{page}/index.html"):
                if not os.path.isfile(file):
                    yield f"{os.path.relpath(path, site)}: speaks of {address}; {os.path.relpath(file, site)} is missing"


def check_search(site):
    """The search's index has a place for each name that must be found."""
    with open(f"{site}/search/search_index.json", encoding="utf-8") as file:
        known = {unquote(entry["location"]).rpartition("#")[2] for entry in json.load(file)["docs"]}
    with open(os.path.join(ROOT, "include/scn.h"), encoding="utf-8") as file:
        wanted = set(parse(file.read()).functions)
    for package in ("scn", "scn.torch"):
        with open(os.path.join(ROOT, f"Tests/frozen/{package}.txt"), encoding="utf-8") as file:
            # Lines that begin with a name and a colon are of public names; those with a dot, of their members.
            wanted |= {f"{package}.{name}" for name in re.findall(r"^(\w+): (?:class|\()", file.read(), re.M)}
    for name in sorted(wanted - known):
        yield f"search: does not know {name}"
    if len(wanted) < 400:
        yield f"search: was asked for {len(wanted)} names alone"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_site.py FOLDER")
    site = os.path.abspath(sys.argv[1])
    pages = {path: Page(path) for path in glob.glob(f"{site}/**/*.html", recursive=True)}
    if not pages:
        sys.exit(f"check_site: {sys.argv[1]}: has no pages")
    problems = [*check_links(site, pages), *check_docc(site), *check_search(site)]
    for problem in problems:
        print(f"check_site: {problem}")
    if problems:
        sys.exit(1)
    count = sum(len(page.links) for page in pages.values())
    print(f"check_site: {len(pages)} pages, {count} links; begin at {os.path.relpath(site)}/index.html")


if __name__ == "__main__":
    main()
