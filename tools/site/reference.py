"""The reference: include/tilecache.h as pages, one for each of its sections, with all names linked. The header is read by
the reader that the bindings have of it."""

import html
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings/raw"))
import header as reader  # noqa: E402

TITLE = re.compile(r"^ \* ======== (.*) ========$", re.M)
NAME = re.compile(r"\b(?:tc_|provider_|TC_)\w+")
FUNCTION = re.compile(r"^(?:const )?(?:struct )?\w+ \*?((?:tc_|provider_)\w+)\([^;]*\);", re.M)


def pages(path):
    """The Markdown of each page by its name."""
    text = path.read_text()
    model = reader.read(text)
    sections = _sections(text)
    places = _places(model, sections)
    made = {"index.md": _manual(text, sections, places), "types.md": _types(model, places)}
    functions = {function["name"]: function for function in model["functions"]}
    for title, body in sections:
        parts = [f"# {_words(title)}\n"]
        parts += [_function(functions[found[1]], found[0], places) for found in FUNCTION.finditer(body)]
        made[_file(title)] = "\n".join(parts)
    return made


def order(path):
    return ["index.md", *(_file(title) for title, _ in _sections(path.read_text())), "types.md"]


def _sections(text):
    parts = TITLE.split(text)[1:]
    return list(zip(parts[::2], parts[1::2]))


def _file(title):
    return title.lower().replace(" ", "-") + ".md"


def _words(title):
    return title.capitalize()


def _places(model, sections):
    """The page and the heading of every name."""
    places = {}
    for title, body in sections:
        places |= {found[1]: f"{_file(title)}#{found[1]}" for found in FUNCTION.finditer(body)}
    for kind in ("structs", "enums", "opaque", "aliases"):
        for thing in model[kind]:
            places.setdefault(thing["name"], f"types.md#{thing['name']}")
    for callback in model["callbacks"]:
        if "." not in callback["name"]:
            places.setdefault(callback["name"], f"types.md#{callback['name']}")
    for enum in model["enums"]:
        places |= {value["name"]: f"types.md#{enum['name']}" for value in enum["values"]}
    return places


def _function(function, declared, places):
    return f"### `{function['name']}` {{: #{function['name']} .call}}\n\n```c\n{declared}\n```\n\n{_comment(function['doc'], places)}\n"


def _types(model, places):
    parts = ["# Types and constants\n"]
    for struct in model["structs"]:
        rows = []
        for member in struct["members"]:
            kind = member["type"] if "." not in member["type"] else "function, see the header"
            count = f"[{member['count']}]" if member["array"] else ""
            about = _linked(html.escape(member["doc"], quote=False), places).replace("\n\n", "<br>").replace("\n", " ").replace("|", "&#124;")
            rows.append(f"| `{member['name']}` | `{kind}{count}` | {about} |")
        parts.append(f"### `{struct['name']}` {{: #{struct['name']} .call}}\n\n{_comment(struct['doc'], places)}\n\n"
                     "| Member | Type | Is |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    for enum in model["enums"]:
        rows = []
        for value in enum["values"]:
            about = _linked(html.escape(value["doc"], quote=False), places).replace("\n", " ").replace("|", "&#124;")
            rows.append(f"| `{value['name']}` | {value['value']} | {about} |")
        parts.append(f"### `{enum['name']}` {{: #{enum['name']} .call}}\n\n{_comment(enum['doc'], places)}\n\n"
                     "| Name | Number | Means |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    for kind in ("opaque", "aliases", "callbacks"):
        for thing in model[kind]:
            if "." in thing["name"]:
                continue
            declared = ""
            if kind == "callbacks":
                params = ", ".join(f"{param['type']} {param['name']}" for param in thing["params"])
                declared = f"```c\ntypedef {thing['returns']} (*{thing['name']})({params});\n```\n\n"
            parts.append(f"### `{thing['name']}` {{: #{thing['name']} .call}}\n\n{declared}{_comment(thing['doc'], places)}\n")
    return "\n".join(parts)


def _manual(text, sections, places):
    """The comment at the head of the header: paragraphs under headings in capitals."""
    comment = re.match(r"/\*\n(.*?)\*/", text, re.S)[1]
    lines = [re.sub(r"^ \* ?", "", line) for line in comment.splitlines()]
    parts, block = ["# Reference\n", "[Types and constants](types.md), and by subject: "
                    + ", ".join(f"[{title.lower()}]({_file(title)})" for title, _ in sections) + ".\n"], []
    for line in [*lines, "END"]:
        if re.fullmatch(r"[A-Z][A-Z ]+", line):
            parts.append(_comment("\n".join(block), places) + "\n")
            block = []
            if line != "END":
                parts.append(f"## {_words(line)}\n")
        else:
            block.append(line.removeprefix("  "))
    return "\n".join(parts)


def _comment(text, places):
    """Plain text of a comment as Markdown: paragraphs, items of arguments, and code that stands two steps in."""
    made, in_code = [], False
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        is_code = line.strip() and indent >= 2 and (in_code or not made or not re.match(r"- ", _last_item(made)))
        if is_code and not in_code:
            made += ["", "```c"]
        elif in_code and not is_code and line.strip():
            made += ["```", ""]
        if line.strip():
            in_code = bool(is_code)
        if in_code:
            made.append(line[2:] if line.startswith("  ") else line)
            continue
        line = _linked(html.escape(line, quote=False).replace("*", r"\*").replace("[", r"\["), places)
        if line.startswith("- "):
            if made and made[-1] and not _last_item(made):
                made.append("")
        made.append(line)
    if in_code:
        made.append("```")
    return "\n".join(made)


def _last_item(made):
    """The item that the last lines belong to, if they are of a list."""
    for line in reversed(made):
        if line.startswith("- "):
            return line
        if not line:
            return ""
    return ""


def _linked(text, places):
    def one(found):
        name = found[0]
        return f"[`{name}`]({places[name]})" if name in places else f"`{name}`"

    # What stands in backquotes already stays as it is.
    return "".join(part if part.startswith("`") else NAME.sub(one, part) for part in re.split(r"(`[^`]*`)", text))
