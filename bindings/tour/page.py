#!/usr/bin/env python3
"""Puts the tours of all languages into docs/bindings.md, step by step: page.py; page.py --check compares alone.

A step begins at a comment that says its name, as `// Open.`, and ends at the next one, or at `// End.`
"""

import pathlib
import re
import sys
import textwrap

LANGUAGES = {
    "C": ("c", "tour/tour.c"),
    "C++": ("cpp", "cpp/tour.cpp"),
    "Go": ("go", "go/tour/main.go"),
    "Python": ("python", "python/tests/tour.py"),
    "Julia": ("julia", "julia/test/tour.jl"),
    "Java": ("java", "java/tests/Tour.java"),
}
STEPS = ["Open", "Pyramid", "Display", "Three windows", "A provider of one's own", "An error", "A cancel"]
MARK = re.compile(rf"[ \t]*(?://|#|/\*) ({'|'.join(STEPS)}|End)\.(?: \*/)?\n")
BEGIN = "<!-- What follows is written by bindings/tour/page.py. -->\n"


def steps(source):
    """The text of each step; of one that is marked in several places, all of them in order."""
    parts = MARK.split(source)
    found = {}
    for name, text in zip(parts[1::2], parts[2::2]):
        text = textwrap.dedent(text).strip("\n")
        found[name] = found[name] + "\n\n" + text if name in found else text
    return found


def page(bindings):
    told = {}
    for language, (_, path) in LANGUAGES.items():
        if (bindings / path).exists():
            told[language] = steps((bindings / path).read_text())
    for step in STEPS:
        yield f"\n### {step}\n"
        for language, found in told.items():
            if step not in found:
                sys.exit(f"bindings/{LANGUAGES[language][1]} has no step {step!r}")
            yield f"\n{language}:\n\n```{LANGUAGES[language][0]}\n{found[step]}\n```\n"


def main():
    bindings = pathlib.Path(__file__).resolve().parents[1]
    document = bindings.parent / "docs/bindings.md"
    text = document.read_text()
    made = text.split(BEGIN)[0] + BEGIN + "".join(page(bindings))
    if "--check" not in sys.argv:
        document.write_text(made)
    elif made != text:
        sys.exit("docs/bindings.md does not show the programs as they are; bindings/tour/page.py writes them anew.")


main()
