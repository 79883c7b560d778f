"""From the header to the raw layers of all languages, and the list of its ABI: see scripts/bindings."""

import argparse
import difflib
import os
import pathlib
import re
import subprocess
import sys

import abi
import go
import header
import java
import julia
import measure
import python
import rust

LANGUAGES = [go, java, julia, python, rust]
BREAKS = """\
Programs built before would break. Keep what they rely on, or raise the ABI number in Cargo.toml, under
[package.metadata.capi.library]; docs/versions.md says when that may be. What no release has had yet may change: take its
lines out of include/tilecache.abi, and run scripts/bindings again."""


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    options = argparse.ArgumentParser(prog="scripts/bindings", description=__doc__)
    options.add_argument("--check", action="store_true", help="write nothing, fail where something has drifted")
    options.add_argument("--header", type=pathlib.Path, default=root / "include/tilecache.h", help="the header")
    options.add_argument("--library", type=pathlib.Path, help="also compare the functions with those of this library")
    options.add_argument("--into", type=pathlib.Path, default=root / "bindings", help="the folder of the bindings")
    options = options.parse_args()
    try:
        model = header.read(options.header.read_text())
        measure.measure(model, options.header)
        texts = generated(model) | {abi.PATH: abi.text(model, abi.number((root / "Cargo.toml").read_text()))}
        listed = options.into / abi.PATH
        breaks = abi.broken(listed.read_text(), texts[abi.PATH]) if listed.exists() else []
        if breaks:
            sys.exit("\n".join([*breaks, *check(texts, options.into), BREAKS]))
        drifted = check(texts, options.into) if options.check else write(texts, options.into)
        if options.library:
            drifted += missing(model, options.library)
    except (header.Refused, ValueError) as problem:
        sys.exit(f"scripts/bindings: {options.header}: {problem}")
    if drifted:
        sys.exit("\n".join(drifted) + "\nThe bindings have drifted from the header; scripts/bindings writes them anew.")


def generated(model):
    """All files, by their paths below bindings/."""
    texts = {}
    for language in LANGUAGES:
        texts |= language.files(model)
    return texts


def write(texts, into):
    for path, text in texts.items():
        path = into / path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    return []


def check(texts, into):
    """What differs, by file and line."""
    drifted = []
    for path, text in texts.items():
        found = (into / path).read_text() if (into / path).exists() else ""
        name = os.path.normpath(f"bindings/{path}")
        drifted += difflib.unified_diff(found.splitlines(), text.splitlines(), name, "as generated", "", "", 0, "")
    return drifted


def missing(model, library):
    """Functions that only one of library and header has."""
    told = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    exported = {name for name in re.findall(r" T (\w+)(?:@.*)?$", told, re.M)}
    declared = {function["name"] for function in model["functions"]}
    return [f"{library} does not export {name}" for name in sorted(declared - exported)] + [
        f"the header does not declare {name} of {library}" for name in sorted(exported - declared)
    ]


if __name__ == "__main__":
    main()
