"""The binary interface as a text: one line for each thing that a built program relies on, and the rule how it may change.

Within one ABI number nothing of that may go or become something else; what is new may come: functions, constants, types,
and members of size-led structs, behind all others or in the place of reserved ones. docs/versions.md says it to users.
"""

import re

import measure

PATH = "../include/tilecache.abi"
# They say which release this is, and rise with each.
VERSIONS = re.compile(r"TC_LIBRARY_VERSION")


def text(model, number):
    """The lines of include/tilecache.abi."""
    lines = [
        "# What programs built against libtilecache rely on, as an LP64 system has it: written by scripts/bindings from",
        "# include/tilecache.h. Sizes, offsets and alignments are in bytes. docs/versions.md says how it may change.",
        f"abi {number}",
    ]
    lines += [f"constant {constant['name']} {constant['value']}" for constant in measure.constants(model)
              if not VERSIONS.match(constant["name"])]
    lines += [f"opaque {opaque['name']}" for opaque in model["opaque"]]
    lines += [f"alias {alias['name']} {alias['type']}" for alias in model["aliases"]]
    for struct in model["structs"]:
        led = "size-led" if struct["members"][0]["name"] == "struct_size" else "frozen"
        lines.append(f"struct {struct['name']} {led} size {struct['size']} align {struct['align']}")
        for member in struct["members"]:
            count = f"[{member['count']}]" if member["array"] else ""
            lines.append(f"member {struct['name']}.{member['name']} at {member['offset']} size {member['size']} {member['type']}{count}")
    for kind in ("callbacks", "functions"):
        for function in model[kind]:
            params = ", ".join(param["type"] for param in function["params"]) or "void"
            lines.append(f"{kind[:-1]} {function['name']} {function['returns']} ({params})")
    return "\n".join(lines) + "\n"


def number(manifest):
    """The ABI number, from Cargo.toml: the first part of the library's own version."""
    found = re.search(r'^\[package\.metadata\.capi\.library\][^\[]*?^version = "(\d+)\.', manifest, re.M)
    if found is None:
        raise ValueError("Cargo.toml has no version in [package.metadata.capi.library]")
    return int(found[1])


def broken(before, after):
    """Where programs built against `before` would not run with `after`: a line for each. Nothing where the number rose."""
    old, new = _read(before), _read(after)
    if old["abi"] != new["abi"]:
        return []
    said = []
    for name, was in old.items():
        now = new.get(name)
        if was == now or (was.startswith("struct ") and now is not None and _grown(was, now)):
            continue
        if now is None and name.split(".")[-1].startswith("reserved") and name.startswith("member ") and _filled(was, new):
            continue
        said.append(f"{was!r} became {now!r}" if now else f"{was!r} is gone")
    for name, now in new.items():
        if name.startswith("member ") and name not in old and (problem := _misplaced(name, now, old, new)):
            said.append(f"{now!r} is new {problem}")
    return said


def _read(text):
    """The lines by what they speak of: `struct tc_error`, `member tc_error.status`; the number by `abi`."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    by_name = {" ".join(line.split()[:2]): line for line in lines if not line.startswith("abi ")}
    return by_name | {"abi": next((line for line in lines if line.startswith("abi ")), "")}


def _grown(was, now):
    """Whether a struct of this line is the same, longer, and may be."""
    form = r"(struct \w+ size-led) size (\d+) (align \d+)"
    old, new = re.fullmatch(form, was), re.fullmatch(form, now)
    return bool(old and new) and old[1] == new[1] and old[3] == new[3] and int(old[2]) <= int(new[2])


def _place(member):
    """Where a member begins and ends."""
    begin, size = (int(number) for number in re.search(r" at (\d+) size (\d+) ", member).groups())
    return begin, begin + size


def _filled(was, new):
    """Whether other members of the struct now take the place of this one, to its last byte."""
    begin, end = _place(was)
    struct = was.split()[1].split(".")[0]
    for low, high in sorted(_place(line) for name, line in new.items() if name.startswith(f"member {struct}.")):
        if low <= begin < high:
            begin = high
    return begin >= end


def _misplaced(name, now, old, new):
    """Why a new member may not be where it is, or None."""
    struct = name.split()[1].split(".")[0]
    was = old.get(f"struct {struct}")
    if was is None:
        return None
    if " frozen " in was:
        return f"in {struct}, which is frozen"
    begin, end = _place(now)
    if begin >= int(was.split()[4]):
        return None
    reserved = [_place(line) for key, line in old.items() if key.startswith(f"member {struct}.reserved")]
    if any(low <= begin and end <= high for low, high in reserved):
        return None
    return f"where programs built before have something else or nothing that is set to 0 ({struct})"
