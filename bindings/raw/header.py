"""Reads include/tilecache.h, which cbindgen writes in one fixed style, into a model of plain dictionaries.

Whatever is not of that style is refused with its line, so that nothing of the header can be passed over in silence.
"""

import re


class Refused(Exception):
    """Something in the header that is not understood."""


# What the header may be built of. Sizes are not told here: they are measured, see measure.py.
PRIMITIVES = {
    "void", "char", "int", "double", "size_t",
    "int32_t", "int64_t", "uint8_t", "uint32_t", "uint64_t",
}

# Text with no meaning for a binding: guards, and the linkage of C++.
PASSED_OVER = re.compile(
    r"#ifndef TILECACHE_H|#define TILECACHE_H|#endif.*|#include <std(def|int)\.h>|#ifdef __cplusplus"
    r'|extern "C" \{|\} *// extern "C"|/\*\n \* ======== [A-Z ]+ ========\n \*/'
)
NAME = r"[A-Za-z_]\w*"


def read(text):
    """The model of the header: defines, enums, opaque types, aliases, callbacks, structs and functions."""
    return _Reader(text).model()


class _Reader:
    def __init__(self, text):
        self.text = text
        self.at = 0
        self.made = {kind: [] for kind in ("defines", "enums", "opaque", "aliases", "callbacks", "structs", "functions")}
        self.types = set(PRIMITIVES)
        self.named = set()

    def model(self):
        if not self.text.startswith("/*\n"):
            self.refuse("a header that begins with its manual")
        self.take(r"/\*.*?\*/", re.S)
        doc = ""
        while self.skip_space() < len(self.text):
            if self.looking_at(r"/\*\*"):
                doc = self.doc()
            elif self.take(PASSED_OVER):
                pass
            else:
                self.declaration(doc)
                doc = ""
        self.check()
        return self.made

    # What stands at the top.

    def declaration(self, doc):
        if found := self.take(rf"#define (TC_\w+) (\d+|\(.*\))\n"):
            self.made["defines"].append({"name": found[1], "value": self.number(found[2]), "doc": doc})
        elif found := self.take(rf"typedef enum ({NAME}) \{{"):
            self.enum(found[1], doc)
        elif found := self.take(rf"typedef struct ({NAME}) \{{"):
            self.struct(found[1], doc)
        elif found := self.take(rf"typedef struct ({NAME}) \1;"):
            self.opaque(found[1], doc)
        elif found := self.take(rf"typedef ({NAME}) ({NAME});"):
            self.made["aliases"].append({"name": found[2], "type": self.type(found[1]), "doc": doc})
            self.types.add(found[2])
        elif found := self.take(rf"typedef ({NAME}(?: \*)?) ?\(\*({NAME})\)"):
            self.made["callbacks"].append(self.signature(found[2], found[1], doc))
            self.types.add(found[2])
            self.expect(";")
        elif found := self.take(rf"((?:const )?(?:struct )?{NAME} \*?)({NAME})(?=\()"):
            self.made["functions"].append(self.signature(found[2], found[1], doc))
            self.expect(";")
        else:
            self.refuse("a define, a typedef or a function")

    def enum(self, name, doc):
        values = []
        while not self.take(rf"\}} {name};"):
            about = self.doc()
            found = self.take(rf"({NAME}) = (-?\d+),") or self.refuse(f"a value of {name}")
            values.append({"name": found[1], "value": int(found[2]), "doc": about})
        self.made["enums"].append({"name": name, "values": values, "doc": doc})

    def opaque(self, name, doc):
        self.made["opaque"].append({"name": name, "doc": doc})
        self.types.add(name)

    def struct(self, name, doc):
        self.types.add(name)
        members = []
        while not self.take(rf"\}} {name};"):
            about = self.doc()
            if found := self.take(rf"({NAME}(?: \*)?) ?\(\*({NAME})\)"):
                callback = self.signature(f"{name}.{found[2]}", found[1], about)
                self.made["callbacks"].append(callback)
                member = {"name": found[2], "type": callback["name"], "count": 1}
                self.expect(";")
            elif found := self.take(rf"([\w *]*[ *])({NAME})(?:\[(\d+)\])?;"):
                member = {"name": found[2], "type": self.type(found[1]), "count": int(found[3] or 1)}
                member["array"] = found[3] is not None
            else:
                self.refuse(f"a member of {name}")
            members.append({"array": False, **member, "doc": about})
        self.made["structs"].append({"name": name, "members": members, "doc": doc})

    def signature(self, name, returns, doc):
        """Parameters in parentheses."""
        listed = (self.take(r"\(([^()]*)\)") or self.refuse(f"the parameters of {name}"))[1]
        params = []
        for param in [] if listed == "void" else listed.split(","):
            found = re.fullmatch(rf"\s*(.*[\s*])({NAME})\s*", param, re.S)
            if found is None:
                self.refuse(f"a parameter of {name}, not {param.strip()!r}")
            params.append({"name": found[2], "type": self.type(found[1])})
        return {"name": name, "returns": self.type(returns), "params": params, "doc": doc}

    # Types, in one spelling: `const tc_text *`, `tc_provider *const *`.

    def type(self, text):
        words = re.findall(r"\w+|\*", text)
        words = [word for word in words if word != "struct"]
        spelled = " ".join(words).replace("* const", "*const").replace("* *", "**")
        base = [word for word in words if word not in ("const", "*")]
        if len(base) != 1 or not re.fullmatch(rf"(const )?{NAME}( \*(const )?\*?)?", spelled):
            self.refuse(f"a type, not {text.strip()!r}")
        self.named.add(base[0])
        return spelled

    def check(self):
        """Structs may be named before they are declared, so this comes in the end."""
        unknown = sorted(self.named - self.types)
        if unknown:
            raise Refused(f"the header names types that it does not declare: {', '.join(unknown)}")
        for kind, things in self.made.items():
            names = [thing["name"] for thing in things]
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise Refused(f"the header declares twice: {', '.join(sorted(twice))}")

    # The text.

    def skip_space(self):
        self.at = re.compile(r"\s*").match(self.text, self.at).end()
        return self.at

    def looking_at(self, pattern):
        return re.compile(pattern).match(self.text, self.at)

    def take(self, pattern, flags=0):
        self.skip_space()
        found = re.compile(pattern, flags).match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def expect(self, text):
        self.take(re.escape(text)) or self.refuse(repr(text))

    def doc(self):
        """A comment `/** ... */` without its stars."""
        found = self.take(r"/\*\*(.*?)\*/", re.S) or self.refuse("a doc comment")
        lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in found[1].strip().splitlines()]
        return "\n".join(lines).strip()

    def number(self, text):
        """A number, or defines combined by shifts."""
        for define in self.made["defines"]:
            text = re.sub(rf"\b{define['name']}\b", str(define["value"]), text)
        if not re.fullmatch(r"[\d()<| ]+", text):
            self.refuse(f"a number, not {text!r}")
        return eval(text, {"__builtins__": {}})  # digits, shifts, bars and parentheses only

    def refuse(self, wanted):
        line = self.text.count("\n", 0, self.at) + 1
        found = self.text[self.at : self.at + 60].split("\n")[0]
        raise Refused(f"line {line}: {wanted} was expected, found {found!r}")
