"""Lays out the pages of the site: prepare.py FOLDER. Markdown of the repository, with its links turned to pages and files of
the site, and the reference that reference.py makes of the header."""

import pathlib
import re
import shutil
import sys

import reference

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROJECT_PAGES = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "tools/tilecache/README.md": "tool.md",
    "examples/tileserver/README.md": "tile-server-example.md",
    "benches/peers/README.md": "benchmarks.md",
} | {f"bindings/{name}/README.md": f"languages/{name}.md" for name in ("python", "go", "julia", "java")}


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    pages = folder / "pages"
    pages.mkdir(parents=True)
    places = {ROOT / path: place for path, place in PROJECT_PAGES.items()}
    places |= {path: str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    places |= {ROOT / "include/tilecache.h": "reference/index.md", ROOT / "docs": "index.md"}
    for path, place in places.items():
        if path.suffix == ".md":
            page = pages / place
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(Page(path, place, places, pages).text())
    for name, text in reference.pages(ROOT / "include/tilecache.h").items():
        page = pages / "reference" / name
        page.parent.mkdir(exist_ok=True)
        page.write_text(text)
    shutil.copy(HERE / "site.css", pages)
    listed = ["index.md", *(name for name in reference.order(ROOT / "include/tilecache.h") if name != "index.md")]
    entries = "".join(f"\n      - reference/{name}" for name in listed)
    settings = (HERE / "mkdocs.yml").read_text()
    (folder / "mkdocs.yml").write_text(settings.replace(" REFERENCE\n", entries + "\n"))


class Page:
    """A page of the repository, as it is on the site."""

    def __init__(self, path, place, places, pages):
        self.path, self.place, self.places, self.pages = path, place, places, pages

    def text(self):
        parts = re.split(r"(^```.*?^```$)", self.path.read_text(), flags=re.S | re.M)
        return "".join(part if part.startswith("```") else self.prose(part) for part in parts)

    def prose(self, text):
        text = re.sub(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)", self.link, text)
        # A bar in code in a table is written \| and is a bar.
        lines = [re.sub(r"`([^`]*\\\|[^`]*)`", bar, line) if line.startswith("|") else line for line in text.split("\n")]
        return "\n".join(lines)

    def link(self, found):
        is_picture, text, target = found.groups()
        if re.match(r"https?:|mailto:|#", target):
            return found[0]
        file, _, anchor = target.partition("#")
        path = (self.path.parent / file).resolve()
        if path.is_dir() and path not in self.places:
            path = path / "README.md"
        if path in self.places:
            place = self.places[path]
        elif path.is_file():
            place = f"files/{path.relative_to(ROOT)}"
            copy = self.pages / place
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        else:
            return text  # a folder without a page
        up = "../" * self.place.count("/")
        return f"{is_picture}[{text}]({up}{place}{'#' + anchor if anchor else ''})"


def bar(found):
    code = found[1].replace("\\|", "|").replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")
    return f"<code>{code}</code>"


if __name__ == "__main__":
    main()
